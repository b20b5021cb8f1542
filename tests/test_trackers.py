"""Results in a tracker: what is told of a trial, that no fault of it harms a run, and MLflow where it is here."""

from __future__ import annotations

import json
import os
import posixpath
import re
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bench.secrets import shown_address
from bench.stats import bootstrap_mean
from bench.store import Store
from bench.study.study import Study
from bench.study.words import Arm, Contrast
from bench.trackers import Tracking, What, check_target, open_tracking, said_command, without_secrets
from bench.trackers.content import LONGEST, measures, metric_name, milliseconds, overall, parameters, published, tags
from bench.trackers.mlflow import MLflow, tracking_uri, without_credentials
from bench.types import ConfigError, Cost, Interval, Quality, Trial, TrialResult, Work

Command = Callable[..., tuple[int, str, str]]


def made(pipeline: str = "reranked", status: str = "ok", **fields: Any) -> TrialResult:
    trial = Trial("datasets/small", pipeline, reranker="org/reranker", measures=("ndcg@10", "map"), **fields)
    values = {"ndcg@10": {"q1": 0.5, "q2": 1.0}, "map": {"q1": 0.25, "q2": 0.5}}
    means = {name: bootstrap_mean(list(of.values())) for name, of in values.items()}
    cost = Cost(
        load_s=1.5, index_s=None, latency_s=(0.1, 0.2, 0.3), stages_s={}, offline_s=(2.0,), offline_queries=4,
        offline_pairs=40, baseline_rss_bytes=None, peak_rss_bytes=2**30, peak_device_bytes=None,
        reserved_device_bytes=None, work=Work(40, 5, 400, 480, 80),
    )  # fmt: skip
    return TrialResult(
        trial, status, dataset={"name": "small", "split": "test", "checksum": "sha256:00ff"},  # type: ignore[arg-type]
        quality=Quality(means, values, Interval(0.9, 0.8, 1.0), 0.0), cost=cost, run_file="runs/one.trec",
        started_at="2026-03-02T09:15:00+00:00", wall_s=31.5,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ what is told


def test_parameters_are_the_fields_that_decide_something() -> None:
    said = parameters(made(batch_size=8, instruction="Find the\nanswer", url="http://u:secret@host/score?key=1"))
    assert said["reranker"] == "org/reranker" and said["batch_size"] == "8" and said["depth"] == "100"
    assert said["measures"] == '["ndcg@10", "map"]' and said["instruction"] == "Find the answer"
    assert said["url"] == "http://host/score"
    assert "embedder" not in said and "token_budget" not in said and "server_qps" not in said
    assert len(parameters(made(instruction="x" * 9000))["instruction"]) == LONGEST


def test_measures_are_the_figures_of_the_row_and_no_settings() -> None:
    said = measures(made())
    assert said["ndcg_at_10"] == 0.75 and said["map"] == 0.375
    assert said["ndcg_at_10_low"] <= 0.75 <= said["ndcg_at_10_high"]
    assert said["latency_p50_s"] == pytest.approx(0.2) and said["throughput_pps"] == 20.0
    assert said["peak_rss_bytes"] == 2**30 and said["wall_s"] == 31.5 and said["queries"] == 2.0
    assert not {"index_s", "depth", "max_length", "status", "trial", "energy_j_per_query"} & said.keys()
    assert all(isinstance(value, float) for value in said.values())


def test_tags_say_what_it_was_about_and_what_became_of_it() -> None:
    said = tags(made(status="oom"))
    assert said["dataset"] == "small" and said["checksum"] == "sha256:00ff" and said["status"] == "oom"
    assert said["trial"] == made().trial.id and "message" not in said
    assert milliseconds(made()) == (1772442900000, 1772442931500)
    assert milliseconds(TrialResult(Trial("d", "p"), "failed")) is None


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_every_name_of_a_figure_is_one_that_trackers_take(parts: list[str]) -> None:
    name = metric_name(*parts)
    assert re.fullmatch(r"[/\w.\- :]+", name) and len(name) <= 250
    assert posixpath.normpath(name) == name and not name.startswith(("/", "..")) and name.count("/") == len(parts) - 1


def test_sets_of_another_script_keep_their_names_apart() -> None:
    assert metric_name("商品问答", "ndcg@10", "a/b") == "商品问答/ndcg_at_10/a_b"


def test_the_run_as_a_whole_counts_its_trials_and_holds_what_a_study_found_on_test() -> None:
    assert overall([made(), made(status="oom"), made("x")]) == {"trials_ok": 2.0, "trials_oom": 1.0}
    found = Contrast("small", "ndcg@10", "b", "a", "test", "test", 9, 0.7, 0.6, Interval(0.1, 0.0, 0.2), 0.1, 0.2,
                     None, None, 3, 3, 3)  # fmt: skip
    study = Study("s", "a", ("ndcg@10",), (Arm("a"), Arm("b")), (found, replace(found, side="dev")))
    assert overall([], (), study) == {
        "small/ndcg_at_10/b/mean": 0.1, "small/ndcg_at_10/b/low": 0.0, "small/ndcg_at_10/b/high": 0.2,
        "small/ndcg_at_10/b/p_holm": 0.2,
    }  # fmt: skip


# ----------------------------------------------------------------------------------------------------- secrets

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://me:hunter2@host:5000/x", "http://host:5000/x"),
        ("see http://me:hunter2@host, or https://hunter2@host.", "see http://host, or https://host."),
        ("postgresql+psycopg://me:hu@hunter2@host/db", "postgresql+psycopg://host/db"),
        ("mail me@host, or http://host/a@b", "mail me@host, or http://host/a@b"),
        ("http://host/score?key=me@host", "http://host/score?key=me@host"),
    ],
)
def test_addresses_are_shown_without_user_and_password(text: str, said: str) -> None:
    assert without_secrets(text) == said


def test_an_address_that_is_known_goes_without_its_query_in_whatever_it_is_written() -> None:
    url = "http://my_host/score?key=hunter2&x=1"
    texts = {
        json.dumps({"config": f"url: {url}\ndepth: 5"}): json.dumps({"config": "url: http://my_host/score\ndepth: 5"}),
        "<code>http://my_host/score?key=hunter2&amp;x=1</code>": "<code>http://my_host/score</code>",
        "| http://my\\_host/score?key=hunter2\\&x=1 | 3 |": "| http://my_host/score | 3 |",
        "http://other/score?key=mine": "http://other/score?key=mine",
    }
    for text, said in texts.items():
        assert without_secrets(text, [url]) == said
    assert json.loads(next(iter(texts.values())))


@pytest.mark.parametrize("given_as", [["--track", "mlflow:http://me:hunter2@host:5000?token=hunter2"],
                                      ["--track=mlflow:http://me:hunter2@host:5000#hunter2"]])  # fmt: skip
def test_the_command_is_kept_without_them(given_as: list[str]) -> None:
    said = said_command(["run", "a b.yaml", *given_as, "--quiet"])
    assert said.startswith("rerankbench run 'a b.yaml' --track")
    assert said.endswith("mlflow:http://host:5000 --quiet") and SECRET not in said


def test_a_server_gets_its_password_apart_from_its_address() -> None:
    assert without_credentials("https://me%40x:hunter2@host:5000/a?b=c") == (
        "https://host:5000/a?b=c", {"MLFLOW_TRACKING_USERNAME": "me@x", "MLFLOW_TRACKING_PASSWORD": "hunter2"},
    )  # fmt: skip
    assert without_credentials("sqlite:///here.db") == ("sqlite:///here.db", {})
    assert shown_address("mlflow:sqlite:///here.db") == "mlflow:sqlite:///here.db"


def test_what_is_no_uri_is_a_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    assert tracking_uri("") == (tmp_path / "mlruns").as_uri()
    assert tracking_uri("a b/c") == (tmp_path / "a b" / "c").as_uri()
    assert tracking_uri("http://host:5000") == "http://host:5000"


# ----------------------------------------------------------------------------------------------------- faults


class Told:
    """A tracker that notes what it is told, and fails where it is asked to."""

    where = "told"

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.heard: list[str] = []

    def _hear(self, what: str) -> None:
        self.heard.append(what)
        if what == self.fails_at:
            raise OSError(f"no way to http://me:{SECRET}@host:5000\nat all")

    def begin(self, what: What) -> None:
        self._hear("begin")

    def trial(self, result: TrialResult) -> None:
        self._hear(result.trial.pipeline)

    def end(self, how: str, sentences: Sequence[str], measures: Mapping[str, float], files: Sequence[Path]) -> None:
        self._hear(how)


def what(folder: Path) -> What:
    return What("study", "trials", "rerankbench run study.yaml", folder)


@pytest.mark.parametrize(
    ("fails_at", "heard"),
    [
        ("", ["begin", "a", "b", "finished"]),
        ("begin", ["begin"]),
        ("a", ["begin", "a"]),
        ("finished", ["begin", "a", "b", "finished"]),
    ],
)
def test_a_tracker_that_fails_is_one_warning_and_asked_nothing_more(
    tmp_path: Path, fails_at: str, heard: list[str]
) -> None:
    told, warnings = Told(fails_at), list[str]()
    tracking = Tracking(told, "told:http://host:5000", warnings.append)
    tracking.begin(what(tmp_path))
    done = tracking.done(lambda result, found: None)
    for name in ("a", "b", "b"):
        done(made(name), False)
    tracking.end("finished")
    assert told.heard == heard
    assert len(warnings) == bool(fails_at)
    assert (tracking.where == "") == bool(fails_at)
    if fails_at:
        assert warnings[0].startswith("tracking to told:http://host:5000 has failed")
        assert SECRET not in warnings[0] and "\n" not in warnings[0]


@pytest.mark.parametrize(("error", "how"), [(KeyboardInterrupt(), "stopped"), (ConfigError("no"), "failed")])
def test_an_error_ends_what_was_begun(tmp_path: Path, error: BaseException, how: str) -> None:
    told = Told()
    with pytest.raises(type(error)), Tracking(told, "told", print) as tracking:
        tracking.begin(what(tmp_path))
        raise error
    assert told.heard == ["begin", how]
    with pytest.raises(type(error)), Tracking(told, "told", print):
        raise error
    assert len(told.heard) == 2


def test_without_a_tracker_nothing_happens(tmp_path: Path) -> None:
    with open_tracking(None, print) as tracking:
        tracking.begin(what(tmp_path))
        tracking.trial(made())
        tracking.end("finished")
    assert tracking.where == ""


def test_a_tracker_that_is_unknown_or_not_installed_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="mlflow or mlflow:ADDRESS"):
        check_target("wandb:http://me:hunter2@host")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match=r"rerankbench\[mlflow\]"):
        open_tracking("mlflow", print)


# ----------------------------------------------------------------------------------------------------- MLflow


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow's client at a folder of its own."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    pytest.importorskip("mlflow", reason="mlflow is an optional package; `make test-extras` has it")
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=(tmp_path / "tracked").as_uri())


def runs(mlflow: Any) -> tuple[Any, dict[str, Any]]:
    """The last run of a config, and by pipeline the trials below it."""
    experiment = mlflow.get_experiment_by_name("rerankbench")
    found = mlflow.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    parent = max(parents, key=lambda run: run.info.start_time)
    below = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return parent, {run.info.run_name: run for run in below}


def artifacts(mlflow: Any, run: Any) -> dict[str, bytes]:
    folder = Path(mlflow.download_artifacts(run.info.run_id, ""))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_mlflow_gets_a_run_for_the_config_and_one_for_each_trial(mlflow: Any, tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    url = "http://host/score?key=hunter2"
    results = [made(url=url), made("lost", status="oom")]
    for each in results:
        store.write_result(each)
    store.write("runs/one.trec", b"q1 Q0 d1 1 0.5 x\n")
    store.write("report.md", f"from http://me:{SECRET}@host and {url}".encode())
    store.write("figures/one.png", b"\x89PNG")
    warnings: list[str] = []
    before = dict(os.environ)
    tracking = open_tracking(f"mlflow:{tmp_path / 'tracked'}", warnings.append)
    tracking.begin(What("study", "trials", "rerankbench run study.yaml", store.folder))
    for each in results:
        tracking.trial(each)
    tracking.end("failed", ["**small:** nothing is shown."], overall(results))
    assert warnings == [] and tracking.where == f"mlflow:{tmp_path / 'tracked'}"
    assert dict(os.environ) == before

    parent, below = runs(mlflow)
    assert parent.info.run_name == "study" and parent.info.status == "FAILED"
    assert parent.data.metrics == {"trials_ok": 1.0, "trials_oom": 1.0}
    assert parent.data.tags["rerankbench.command"] == "rerankbench run study.yaml"
    assert parent.data.tags["mlflow.note.content"] == "**small:** nothing is shown."
    assert artifacts(mlflow, parent) == {"report.md": b"from http://host and http://host/score",
                                         "figures/one.png": b"\x89PNG"}  # fmt: skip
    assert set(below) == {"reranked", "lost"}
    trial = below["reranked"]
    assert trial.data.params == parameters(results[0]) and trial.data.metrics == pytest.approx(measures(results[0]))
    assert trial.data.tags["rerankbench.checksum"] == "sha256:00ff"
    assert (trial.info.status, below["lost"].info.status) == ("FINISHED", "FAILED")
    assert (trial.info.start_time, trial.info.end_time) == milliseconds(results[0])
    kept = artifacts(mlflow, trial)
    assert set(kept) == {f"trials/{results[0].trial.id}.json", "runs/one.trec"}
    everything = b"".join(path.read_bytes() for path in (tmp_path / "tracked").rglob("*") if path.is_file())
    assert SECRET.encode() not in everything


def config(tmp_path: Path, small_set: Path) -> Path:
    path = tmp_path / "study.yaml"
    tree = {
        "name": "study", "datasets": [str(small_set)],
        "trial": {"depth": 5, "timed_queries": 2, "warmup_queries": 1, "measures": ["ndcg@10"]},
        "pipelines": {"BM25": {"retriever": "bm25"}, "BM25s": {"retriever": "bm25s"}},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


def test_run_and_report_track_what_they_write(mlflow: Any, tmp_path: Path, small_set: Path, command: Command) -> None:
    out, target = tmp_path / "out", f"mlflow:{tmp_path / 'tracked'}"
    code, said, wrong = command("run", config(tmp_path, small_set), "--out", out, "--track", target)
    assert (code, wrong) == (0, "") and said.splitlines()[-1] == f"Tracked: {target}"
    for again in (False, True):
        if again:
            code, said, wrong = command("report", out, f"--track={target}", "--json")
            assert code == 0 and json.loads(said)["kind"] == "trials" and wrong == f"Tracked: {target}\n"
        parent, below = runs(mlflow)
        assert parent.info.status == "FINISHED" and parent.data.metrics == {"trials_ok": 2.0}
        assert set(below) == {"BM25", "BM25s"}
        assert all(0.6 < run.data.metrics["ndcg_at_10"] <= 1 for run in below.values())
        assert {path.relative_to(out).as_posix() for path in published(out)} == set(artifacts(mlflow, parent))
        assert any(name.endswith(".trec") for name in artifacts(mlflow, below["BM25"]))


def test_a_folder_that_cannot_be_written_loses_no_run(
    mlflow: Any, tmp_path: Path, small_set: Path, command: Command
) -> None:
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "out"
    code, _, wrong = command("run", config(tmp_path, small_set), "--out", out, "--track", f"mlflow:{tmp_path}/file/x")
    assert code == 0 and wrong.startswith("warning: tracking to mlflow:") and len(wrong.splitlines()) == 1
    assert (out / "report.html").exists()


def test_a_server_that_is_not_there_is_a_warning_within_seconds(
    mlflow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    warnings: list[str] = []
    tracking = open_tracking(f"mlflow:http://me:{SECRET}@127.0.0.1:9", warnings.append)
    tracking.begin(what(tmp_path))
    assert len(warnings) == 1 and SECRET not in warnings[0] and "mlflow:http://127.0.0.1:9" in warnings[0]


def test_a_server_is_given_user_and_password_in_the_header_alone(
    mlflow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody else")
    asked: list[tuple[str, str | None]] = []

    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:
            pass

    warnings: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tracking = open_tracking(f"mlflow:http://me:{SECRET}@127.0.0.1:{server.server_port}", warnings.append)
        tracking.begin(what(tmp_path))
        server.shutdown()
    assert len(asked) == len(warnings) == 1
    assert asked[0][1] == f"Basic {b64encode(f'me:{SECRET}'.encode()).decode()}"
    assert SECRET not in warnings[0] + asked[0][0]
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "somebody else"


def test_nothing_is_sent_to_the_makers_of_mlflow(mlflow: Any, tmp_path: Path) -> None:
    """In a process of its own, with no sign of a test about it: every connection is refused, and none is tried."""
    code = f"""
import socket, sys, threading
tried = []
def refuse(self, *args): tried.append(args); raise OSError("no network here")
socket.socket.connect = refuse
socket.getaddrinfo = lambda *args, **more: refuse(None, *args)
from pathlib import Path
from bench.trackers import What, open_tracking
tracking = open_tracking("mlflow:{tmp_path / "tracked"}", print)
tracking.begin(What("x", "trials", "", Path(".")))
tracking.end("finished")
print(tracking.where, tried, [thread.name for thread in threading.enumerate()])
"""
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name and "MLFLOW" not in name}
    environment.pop("CI", None)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"mlflow:{tmp_path / 'tracked'} [] ['MainThread']\n"
    assert isinstance(MLflow(str(tmp_path)), MLflow)
