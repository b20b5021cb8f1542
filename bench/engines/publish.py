"""The folder of a benchmark.

::

    DIR/engines.json            everything: raw samples, scores, the machine; written after every step
    DIR/engines.running.json    the same of one that runs, while engines.json is a finished one
    DIR/engines.csv             a row per engine
    DIR/engines.md, figures/    for people
    DIR/logs/LABEL.log          what each engine's process wrote to stderr
    DIR/locks/                  held while a benchmark runs: another one beside it would spoil the figures of both

A finished benchmark is replaced only by one of the same config, and only when that is finished; for another one, choose
another folder with ``--out``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from bench.engines.config import BenchmarkPlan, load_benchmark
from bench.engines.export import csv_text, markdown
from bench.engines.figure import figures
from bench.engines.prepare import identity, prepare
from bench.engines.race import Keep, Tell, run_race
from bench.engines.results import FILE, Outcome, dump_outcome, read_outcome
from bench.store import slug
from bench.types import StoreError
from bench.whole import Presence, write_atomically

RUNNING = "engines.running.json"
_LOCK = Path("locks") / "engines.lock"


def run_benchmark(
    config: Path, overrides: list[str], out: Path | None, command: str, tell: Tell
) -> tuple[Outcome, Path]:
    """Run a config from its file to its report; returns the outcome and the report's path."""
    plan = load_benchmark(config, overrides)
    folder = out or Path("results") / slug(plan.benchmark.name)
    check_free(folder, plan)
    if (folder / _LOCK).exists():  # said before anything is loaded beside the one that runs
        with _alone(folder):
            pass
    before = {
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "free_bytes": int(psutil.virtual_memory().available),
    }
    logs = folder / "logs"
    course, outcome = prepare(plan, logs, command)
    with _alone(folder), _present(folder):
        check_free(folder, plan)  # somebody else may have finished one since
        _make(logs)
        finished = run_race(course, replace(outcome, environment=before), tell, _keeper(folder))
        return finished, publish(folder, finished)


def check_free(folder: Path, plan: BenchmarkPlan) -> None:
    """Raises StoreError when the folder holds a finished benchmark of another config."""
    old = read_outcome(folder)
    if old is not None and old.finished and dict(old.config) != identity(plan):
        raise StoreError(
            f"{folder} holds the finished benchmark {old.name!r} of another config, which is not overwritten; give "
            "another folder with --out, or move it away"
        )


def republish(folder: Path) -> tuple[Outcome, Path] | None:
    """Write the report of a benchmark's folder anew; None for a folder that holds no benchmark."""
    if read_outcome(folder) is None:
        return None
    with _present(folder):
        outcome = read_outcome(folder)
        return None if outcome is None else (outcome, publish(folder, outcome))


def publish(folder: Path, outcome: Outcome) -> Path:
    """Write what a person reads; returns the report's path."""
    _make(folder / "figures")
    _write(folder, "engines.csv", csv_text(outcome).encode())
    for name, payload in figures(outcome).items():
        _write(folder, f"figures/{name}", payload)
    return _write(folder, "engines.md", markdown(outcome).encode())


def _keeper(folder: Path) -> Keep:
    """Writes an outcome down: what is finished stays as it is until the next one is finished too."""
    old = read_outcome(folder)
    meanwhile = FILE if old is None or not old.finished else RUNNING

    def keep(so_far: Outcome) -> None:
        _write(folder, FILE if so_far.finished else meanwhile, dump_outcome(so_far))
        if so_far.finished:
            with suppress(OSError):
                (folder / RUNNING).unlink(missing_ok=True)

    return keep


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other benchmark runs in that folder. Raises StoreError where one does."""
    lock = FileLock(folder / _LOCK, timeout=0)
    _make(folder / "locks")
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreError(
            f"another engine benchmark is running in {folder}, and each would spoil the other's figures; wait for its "
            "end, then run this one again"
        ) from error
    except OSError as error:
        raise _unusable(folder / "locks", error) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _present(folder: Path) -> Iterator[None]:
    """As one of those who write in that folder: what the dead have left unfinished there is removed."""
    _make(folder / "locks")
    try:
        presence = Presence(folder, folder / "locks" / "writers.lock")  # that of bench.store.Store
    except OSError as error:
        raise _unusable(folder / "locks", error) from error
    try:
        yield
    finally:
        presence.leave()


def _unusable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"{folder} cannot be used: {error.strerror or error}. Choose another place with --out")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error}. Choose another place with --out") from error


def _write(folder: Path, name: str, payload: bytes) -> Path:
    path = folder / name
    try:
        write_atomically(path, payload)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}. Nothing was left half-written"
        ) from error
    return path
