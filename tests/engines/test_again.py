"""A benchmark run again, killed on the way, or beside another: what was finished stays, and no two run at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.engines import publish
from bench.engines.config import load_benchmark
from bench.engines.prepare import identity
from bench.engines.publish import RUNNING, republish, run_benchmark
from bench.engines.results import FILE, EngineOutcome, Outcome, read_outcome
from bench.types import StoreError
from bench.whole import UNFINISHED, Presence

CONFIG = {
    "name": "again",
    "model": "asset:tracer-reranker",
    "workload": {"queries": 2, "documents": 4},
    "engines": {"one": {"engine": "reference"}},
}
KILLED = """
import os, signal, sys
from pathlib import Path
from bench.engines import publish
sys.path.insert(0, str(Path(sys.argv[1]).parent))
from test_again import nothing_to_prepare
def race(course, outcome, tell, keep):
    keep(outcome)
    Path(sys.argv[3], ".writing-by-one-that-is-killed").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
publish.prepare, publish.run_race = nothing_to_prepare, race
publish.run_benchmark(Path(sys.argv[2]), [], Path(sys.argv[3]), "rerankbench run", print)
"""


def nothing_to_prepare(plan: Any, logs: Path, command: str) -> tuple[None, Outcome]:
    outcome = Outcome(plan.benchmark.name, "", identity(plan), plan.text, command, "now", False, "cpu", {}, {})
    return None, outcome


def engine(label: str) -> tuple[EngineOutcome, ...]:
    return (EngineOutcome(label, {}, fate="unavailable"),)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def run(config: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Outcome]]:
    """Run the config with nothing to measure: what is kept first, what happens then, and what is kept at the end."""
    monkeypatch.setattr(publish, "prepare", nothing_to_prepare)
    monkeypatch.setattr(publish, "figures", lambda outcome: {})
    for name in ("csv_text", "markdown"):
        monkeypatch.setattr(publish, name, lambda outcome: "what a person reads")

    def run(label: str, meanwhile: Callable[[], None] = lambda: None, *overrides: str) -> Outcome:
        def race(course: None, outcome: Outcome, tell: object, keep: Callable[[Outcome], None]) -> Outcome:
            keep(outcome)
            keep(replace(outcome, engines=engine(label)))
            meanwhile()
            finished = replace(outcome, engines=engine(label), finished=True)
            keep(finished)
            return finished

        with monkeypatch.context() as patch:
            patch.setattr(publish, "run_race", race)
            return run_benchmark(config, list(overrides), out, "rerankbench run", lambda line: None)[0]

    return run


def stop() -> None:
    raise KeyboardInterrupt


def labels(folder: Path) -> list[str]:
    outcome = read_outcome(folder)
    assert outcome is not None
    return [each.label for each in outcome.engines]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(f"{UNFINISHED}*"))


def test_a_finished_one_stays_until_the_next_one_is_finished(run: Callable[..., Outcome], out: Path) -> None:
    run("first")
    finished = (out / FILE).read_bytes()

    def look() -> None:
        assert (out / FILE).read_bytes() == finished
        assert (out / RUNNING).exists()

    run("second", look)
    assert labels(out) == ["second"]
    assert not (out / RUNNING).exists()


def test_a_finished_one_stays_when_the_next_one_is_stopped(run: Callable[..., Outcome], out: Path) -> None:
    run("first")
    finished = (out / FILE).read_bytes()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run("second", stop)
        assert (out / FILE).read_bytes() == finished
        with pytest.raises(StoreError, match="of another config"):
            run("another", stop, "rounds=9")
    report = republish(out)
    assert report is not None
    assert report[0].finished
    run("third")
    assert labels(out) == ["third"]
    assert not (out / RUNNING).exists()


def test_one_that_never_finished_is_reported_and_gives_way(run: Callable[..., Outcome], out: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("first", stop)
    assert labels(out) == ["first"]
    report = republish(out)
    assert report is not None
    assert not report[0].finished
    assert run("another", lambda: None, "rounds=9").finished
    assert labels(out) == ["another"]


def test_a_finished_one_outlives_a_kill_at_the_first_write(
    run: Callable[..., Outcome], config: Path, out: Path
) -> None:
    run("first")
    finished = (out / FILE).read_bytes()
    command = [sys.executable, "-P", "-c", KILLED, __file__, str(config), str(out)]
    root = Path(publish.__file__).parents[2]
    killed = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": "."}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (out / FILE).read_bytes() == finished
    assert left(out) == [".writing-by-one-that-is-killed"]
    with pytest.raises(StoreError, match="of another config"):
        run("another", lambda: None, "rounds=9")
    run("second")  # no lock of the dead one's is in its way
    assert labels(out) == ["second"]
    assert left(out) == []


def test_what_the_dead_left_is_removed_unless_somebody_else_writes_there(
    run: Callable[..., Outcome], out: Path
) -> None:
    (out / "locks").mkdir(parents=True)
    (out / "figures").mkdir()
    for folder in (out, out / "figures"):
        (folder / ".writing-x").write_bytes(b"half")
    other = Presence(out.parent / "nothing", out / "locks" / "writers.lock")
    run("first")
    assert left(out) == [".writing-x", ".writing-x"]
    other.leave()
    (out / ".writing-y").write_bytes(b"half")
    gone: list[list[str]] = []
    run("second", lambda: gone.append(left(out)))
    assert gone == [[]]


def test_one_beside_another_keeps_what_the_other_is_writing(run: Callable[..., Outcome], out: Path) -> None:
    def meanwhile() -> None:
        (out / ".writing-mine").write_bytes(b"half")
        republish(out)
        Presence(out, out / "locks" / "writers.lock").leave()
        assert left(out) == [".writing-mine"]

    run("first", meanwhile)


def test_a_second_one_in_the_same_folder_is_refused_before_it_loads_anything(
    run: Callable[..., Outcome], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def beside() -> None:
        kept = (out / FILE).read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(publish, "prepare", lambda *arguments: pytest.fail("it has begun"))
            with pytest.raises(StoreError) as caught:
                run("second")
        refused.append(str(caught.value))
        assert (out / FILE).read_bytes() == kept

    run("first", beside)
    assert len(refused) == 1
    assert refused[0].startswith(f"another engine benchmark is running in {out}")
    assert "\n" not in refused[0]
    assert labels(out) == ["first"]
    run("third")
    assert labels(out) == ["third"]


def test_one_that_begins_while_another_prepares_is_refused(
    run: Callable[..., Outcome], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has taken the folder since it was looked at."""
    run("first")

    def prepare(plan: Any, logs: Path, command: str) -> tuple[None, Outcome]:
        lock.acquire()
        return nothing_to_prepare(plan, logs, command)

    lock = publish.FileLock(out / "locks" / "engines.lock")
    monkeypatch.setattr(publish, "prepare", prepare)
    with pytest.raises(StoreError, match="another engine benchmark is running"):
        run("second")
    lock.release()
    assert labels(out) == ["first"]


def test_one_that_was_finished_meanwhile_is_not_replaced_by_another(
    run: Callable[..., Outcome], config: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(plan: Any, logs: Path, command: str) -> tuple[None, Outcome]:
        with monkeypatch.context() as patch:
            patch.setattr(publish, "prepare", nothing_to_prepare)
            run("first")
        return nothing_to_prepare(plan, logs, command)

    monkeypatch.setattr(publish, "prepare", prepare)
    with pytest.raises(StoreError, match="of another config"):
        run("another", lambda: None, "rounds=9")
    assert labels(out) == ["first"]
    kept = read_outcome(out)
    assert kept is not None
    assert dict(kept.config) == identity(load_benchmark(config, []))


def test_a_folder_that_cannot_be_locked_is_said(run: Callable[..., Outcome], out: Path) -> None:
    (out / "locks" / "engines.lock").mkdir(parents=True)
    with pytest.raises(StoreError, match="--out"):
        run("first")
