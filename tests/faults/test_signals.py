"""Being asked to stop, and being killed: no process stays, no folder, and one line says what is kept."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.engines.link import Link, Lost
from bench.engines.worker import Job as EngineJob
from bench.job import Job
from bench.machine.work_folder import PREFIX, remove_abandoned, work_folder
from bench.process import run_here
from bench.types import Request, Trial

SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}

CONFIG = """
name: still
datasets: [small]
trial: {depth: 5, timed_queries: 2, warmup_queries: 1, measures: [ndcg@10]}
pipelines: {BM25: {}, bm25s: {retriever: bm25s}}
"""
STUDY = """
name: still-study
datasets: [small]
trial: {reranker: asset:tracer-reranker, depth: 4, device: cpu, dtype: fp32}
baseline: official
instructions: [official, tutorial-zh]
study: {split: {dev_share: 0.6, seed: 2}}
"""
CLAIMS = """
name: still-claims
source: {title: A paper, date: "2025"}
experiments:
  small:
    datasets: [small]
    trial: {depth: 5, measures: [recall@5], timed_queries: 2, warmup_queries: 1, scenarios: [single_stream]}
    pipelines: {BM25: {retriever: bm25}}
claims:
  - id: recall
    statement: All relevant documents are among the first five.
    experiment: small
    figures: [{name: recall, measure: recall@5, pipeline: BM25, expected: "100%"}]
"""
ENGINES = """
name: still-engines
model: asset:tracer-reranker
threads: 1
rounds: 2
search_pairs: 4
warmup_pairs: 1
workload: {queries: 2, documents: 3, median_tokens: 30, max_tokens: 60}
engines:
  tutorial: {engine: reference}
"""
RUNS = {"run": CONFIG, "study": STUDY, "claims": CLAIMS, "engines": ENGINES}
KEPT = {
    "run": "finished trials are kept, and the same command goes on from there",
    "study": "finished arms are kept, and the same command goes on from there",
    "claims": "finished trials are kept, and the same command goes on from there",
    "engines": "what was measured so far is kept in the results folder",
}


def gone(processes: Iterable[psutil.Process]) -> bool:
    return not psutil.wait_procs(list(processes), timeout=10)[1]


# ------------------------------------------------------------------------------- a trial's process and those below it


@pytest.fixture
def still(runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, psutil.Process]]:
    """Trials and engines that this process starts stand still, with processes of their own; which, when they do."""
    for name, value in runs.surroundings(tmp_path / "tmp", **runs.stands_still(tmp_path)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)

    def found() -> dict[str, psutil.Process]:
        runs.until((tmp_path / "numbers").exists)
        processes: dict[str, psutil.Process] = runs.numbered(tmp_path)
        return processes

    return found


def still_job(folder: Path) -> Job:
    return Job(Trial(str(folder), "BM25", depth=5), folder.parent, folder.parent / "cache", depth=5)


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def test_the_time_limit_ends_what_a_trial_has_started(
    small_set: Path, still: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, psutil.Process] = {}

    def let_time_pass(stage: str, done: int, total: int) -> None:
        found.update(still())
        monkeypatch.setattr("bench.machine.processes.time", SimpleNamespace(monotonic=lambda: time.monotonic() + 100))

    returned = run_here(still_job(small_set), let_time_pass, lambda: None, 90.0)
    assert returned.report.status == "timeout"
    assert len(found) == 4
    assert gone(found.values())
    assert b"a library says hello" in returned.log
    assert b"and so does C" in returned.log
    assert not list((tmp_path / "tmp").iterdir())


def test_an_interrupt_ends_what_a_trial_has_started(small_set: Path, still: Any, tmp_path: Path) -> None:
    found: dict[str, psutil.Process] = {}

    def interrupt(stage: str, done: int, total: int) -> None:
        found.update(still())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_here(still_job(small_set), interrupt, lambda: None)
    assert len(found) == 4
    assert gone(found.values())
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize(
    ("then", "said"), [("die", "exit code 9"), ("killed", "SIGKILL"), ("raise", "ValueError: no such luck")]
)
def test_a_trial_that_ends_by_itself_takes_its_group_along(
    small_set: Path, still: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, said: str
) -> None:
    """A forked process holds the line on which the trial has told its progress; it is not waited for."""
    monkeypatch.setenv("THEN", then)
    returned = run_here(still_job(small_set), quiet, lambda: None, 60.0)
    assert said in returned.report.message
    found = still()
    found.pop("away").kill()  # it has left the group, and nobody knows any more who began it
    assert gone(found.values())
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"])
def test_a_trial_that_is_ended_by_a_signal_says_which(small_set: Path, still: Any, name: str) -> None:
    found: dict[str, psutil.Process] = {}
    if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        pytest.skip(f"{name} is ignored by whoever began the tests, and then by all that they begin")

    def hurt(stage: str, done: int, total: int) -> None:
        found.update(still())
        found.pop("away").kill()
        found["itself"].send_signal(getattr(signal, name))

    returned = run_here(still_job(small_set), hurt, lambda: None, 60.0)
    assert returned.report.status == "failed"
    assert f"the trial's process ended with {name} and left no result" in returned.report.message
    assert gone(found.values())


ASKS = """
import sys
from pathlib import Path
from bench.job import Job
from bench.process import run_here
from bench.types import Trial
folder = Path(sys.argv[1])
job = Job(Trial(str(folder), "BM25", depth=5), folder.parent, folder.parent / "cache", depth=5)
run_here(job, lambda *told: None, lambda: None)
"""


def test_a_killed_runner_leaves_no_process_and_no_folder(small_set: Path, still: Any, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-P", "-c", ASKS, str(small_set)]) as runner:
        processes = still()
        runner.kill()
    assert gone(processes.values())
    assert not list((tmp_path / "tmp").iterdir())


REQUESTS = (Request("q", ("one", "two"), ""),)
ENTRANT = Trial("workload", "x", reranker="m", engine="instant", device="cpu", dtype="fp32")


def test_the_time_limit_ends_what_an_engine_has_started(still: Any, tmp_path: Path) -> None:
    with Link(EngineJob(ENTRANT, REQUESTS), tmp_path, tmp_path / "engine.log", 60.0) as link:
        link._worker.say('{"do": "load", "setting": {}}')
        processes = still()
        link.time_limit_s = 0.1
        with pytest.raises(Lost, match="`score` took over") as lost:
            link.ask("score", part=None)
        assert lost.value.fate == "timeout"
        assert gone(processes.values())


ASKS_AN_ENGINE = """
import sys
from pathlib import Path
from bench.engines.link import Link
from bench.engines.worker import Job
from bench.machine.work_folder import work_folder
from bench.types import Request, Trial
trial = Trial("workload", "x", reranker="m", engine="instant", device="cpu", dtype="fp32")
with work_folder() as folder, Link(Job(trial, (Request("q", ("one",), ""),)), folder, Path(sys.argv[1]), 600.0) as link:
    link.ask("load", setting={})
"""


def test_a_killed_benchmark_leaves_no_busy_engine_and_no_folder(still: Any, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-P", "-c", ASKS_AN_ENGINE, str(tmp_path / "engine.log")]) as runner:
        processes = still()
        runner.kill()
    assert gone(processes.values())
    assert not list((tmp_path / "tmp").iterdir())


# ------------------------------------------------------------------------------------------- folders of the dead


def test_a_folder_whose_process_is_gone_is_removed_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    abandoned = tmp_path / f"{PREFIX}dead"
    abandoned.mkdir()
    (abandoned / "job.json").write_text("{}")
    (tmp_path / f"{PREFIX}file").write_text("no folder")
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path)
    (tmp_path / "of-somebody-else").mkdir()
    with work_folder() as mine:
        assert not abandoned.exists()
        remove_abandoned()
        assert mine.is_dir()
        with work_folder() as second:
            assert mine.is_dir()
            assert second != mine
    assert sorted(path.name for path in tmp_path.iterdir()) == ["of-somebody-else", f"{PREFIX}file", f"{PREFIX}link"]


# ------------------------------------------------------------------------------------------------------- signals


STOPPABLE = """
import os, signal, sys, time
from bench.cli.stopping import Stopped, keeping, say_stopped, stoppable
class Deaf:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
with stoppable():
    try:
        with keeping("this"):
            print("ready", flush=True)
            if "deaf" in sys.argv:
                Deaf()
            time.sleep(20)
    except Stopped as error:
        code = say_stopped(error)
    print("asked", flush=True)
    time.sleep(0 if "stubborn" not in sys.argv else 20)
sys.exit(code)
"""


def stoppable(runs: Any, *arguments: str, before: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", runs.ALIKE, sys.executable, "-P", "-c", before + STOPPABLE, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_signals_close_together_are_one_and_a_later_one_kills(runs: Any) -> None:
    with stoppable(runs, "stubborn") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.7)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGTERM
    assert said == "stopped; this\n"


def test_a_signal_that_a_finaliser_swallows_is_asked_again(runs: Any) -> None:
    with stoppable(runs, "deaf") as process:
        out, said = process.communicate(timeout=10)
    assert (process.returncode, out, said) == (143, "ready\nasked\n", "stopped; this\n")


def test_a_signal_that_is_ignored_stays_ignored(runs: Any) -> None:
    """As under nohup."""
    with stoppable(runs, before="import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (130, "stopped; this\n")


def stopped(
    runs: Any, tmp_path: Path, arguments: list[object], env: dict[str, str], ready: Callable[[], object],
    name: str, whom: str,
) -> str:  # fmt: skip
    """Ask a command to stop once it is ready; what it says then. Its exit code is checked, and that nothing is left."""
    with runs.begin(arguments, env, cwd=tmp_path) as process:
        try:
            runs.until(ready, process)
            below = psutil.Process(process.pid).children(recursive=True)
            runs.send(process, getattr(signal, name), whom)
            out, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == SIGNALS[name], (out, said)
    assert gone(below)
    assert not [path for path in Path(env["TMPDIR"]).iterdir() if path.name.startswith("rerankbench")]
    return str(said)


def _how_long(kind: str, name: str) -> Any:
    return pytest.mark.soak if kind == "engines" and name != "SIGTERM" else pytest.mark.long


@pytest.mark.parametrize(
    ("kind", "name", "whom"),
    [
        ("run", "SIGTERM", "group"),
        *(
            pytest.param(kind, name, whom, marks=_how_long(kind, name))
            for kind in RUNS
            for name in SIGNALS
            for whom in ("group", "alone")
            if (kind, name, whom) != ("run", "SIGTERM", "group")
        ),
    ],
)
def test_a_run_that_is_asked_to_stop_stops(
    runs: Any, small_set: Path, tmp_path: Path, kind: str, name: str, whom: str
) -> None:
    (tmp_path / "config.yaml").write_text(RUNS[kind], encoding="utf-8")
    env = runs.surroundings(tmp_path / "tmp", **runs.stands_still(tmp_path))
    ready = (tmp_path / "numbers").exists
    said = stopped(runs, tmp_path, ["run", "config.yaml", "--out", "out", "--quiet"], env, ready, name, whom)
    assert said == f"stopped; {KEPT[kind]}\n"
    assert gone(runs.numbered(tmp_path).values())
    assert not list((tmp_path / "out").rglob(".writing-*"))


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.long if name == "SIGTERM" else pytest.mark.soak) for name in SIGNALS
])  # fmt: skip
def test_the_served_report_ends_when_it_is_asked_to(runs: Any, small_set: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    env = runs.surroundings(tmp_path / "tmp")
    with runs.begin(["run", "config.yaml", "--out", "out", "--quiet"], env, cwd=tmp_path) as process:
        assert process.wait(120) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    with runs.begin(["report", "out", "--serve", "--port", "0"], env, cwd=tmp_path) as process:
        assert "http://127.0.0.1" in process.stdout.readline()
        runs.send(process, getattr(signal, name), "group")
        out, said = process.communicate(timeout=20)
    # Ctrl-C is how it is meant to end, and nothing was interrupted
    expected = (0, "") if name == "SIGINT" else (SIGNALS[name], "stopped; no file was left half-written\n")
    assert (process.returncode, said) == expected, out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


WHEN_IMPORTED = """
import os, sys, threading, time
def look():
    while "bench.doctor.run" not in sys.modules:
        time.sleep(0.01)
    open(os.environ["NUMBERS"], "w").close()
if "doctor" in sys.argv:
    threading.Thread(target=look, daemon=True).start()
"""


@pytest.mark.long
@pytest.mark.parametrize("name", SIGNALS)
def test_doctor_ends_when_it_is_asked_to(runs: Any, tmp_path: Path, name: str) -> None:
    more = runs.stands_still(tmp_path)
    (tmp_path / "site" / "sitecustomize.py").write_text(
        WHEN_IMPORTED.replace('"doctor" in sys.argv', '"doctor" in sys.orig_argv')
    )
    env = runs.surroundings(tmp_path / "tmp", **more)
    arguments = ["doctor", "--model", "asset:tracer-reranker", "--device", "cpu"]
    said = stopped(runs, tmp_path, arguments, env, (tmp_path / "numbers").exists, name, "group")
    assert said.strip().splitlines()[-1] == "stopped; no file was left half-written"
    assert "Traceback" not in said


@pytest.mark.long
@pytest.mark.parametrize("name", SIGNALS)
def test_fetching_ends_when_it_is_asked_to(runs: Any, root: Path, tmp_path: Path, name: str) -> None:
    """In the middle of a download whose host has fallen silent."""
    spec = importlib.util.spec_from_file_location("rerankbench_faults_kit", root / "tests" / "fetch" / "kit.py")
    assert spec is not None and spec.loader is not None
    kit = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = kit
    spec.loader.exec_module(kit)
    silent, asked = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 1000)
            asked.set()
            silent.wait(60)

        def log_message(self, format: str, *rest: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "cards").mkdir()
        origin = {"kind": "url", "place": f"http://127.0.0.1:{server.server_port}/tiny.zip", "layout": "beir",
                  "sha256": "0" * 64, "size_bytes": 1_000_000}  # fmt: skip
        kit.write_card(tmp_path, "tiny", [origin])
        env = runs.surroundings(tmp_path / "tmp", RERANKBENCH_CACHE=str(tmp_path / "cache"),
                                RERANKBENCH_CARDS=str(tmp_path / "cards"), no_proxy="127.0.0.1")  # fmt: skip
        said = stopped(runs, tmp_path, ["datasets", "get", "tiny"], env, asked.is_set, name, "group")
        silent.set()
        server.shutdown()
    assert said.strip().splitlines()[-1] == (
        "stopped; what was downloaded is kept, and the same command goes on from there"
    )
    assert "Traceback" not in said
