"""The folder of a benchmark.

::

    DIR/engines.json            everything: raw samples, scores, the machine; written after every step
    DIR/engines.csv             a row per engine
    DIR/engines.md, figures/    for people
    DIR/logs/LABEL.log          what each engine's process wrote to stderr

A finished benchmark is replaced only by one of the same config; for another one, choose another folder with ``--out``.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import psutil

from bench.engines.config import BenchmarkPlan, load_benchmark
from bench.engines.export import csv_text, markdown
from bench.engines.figure import figures
from bench.engines.prepare import identity, prepare
from bench.engines.race import Tell, run_race
from bench.engines.results import FILE, Outcome, dump_outcome, read_outcome
from bench.store import slug
from bench.types import StoreError
from bench.whole import write_atomically


def run_benchmark(
    config: Path, overrides: list[str], out: Path | None, command: str, tell: Tell
) -> tuple[Outcome, Path]:
    """Run a config from its file to its report; returns the outcome and the report's path."""
    plan = load_benchmark(config, overrides)
    folder = out or Path("results") / slug(plan.benchmark.name)
    check_free(folder, plan)
    before = {
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "free_bytes": int(psutil.virtual_memory().available),
    }
    logs = folder / "logs"
    course, outcome = prepare(plan, logs, command)
    _make(logs)

    def keep(so_far: Outcome) -> None:
        _write(folder, FILE, dump_outcome(so_far))

    finished = run_race(course, replace(outcome, environment=before), tell, keep)
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
    outcome = read_outcome(folder)
    return None if outcome is None else (outcome, publish(folder, outcome))


def publish(folder: Path, outcome: Outcome) -> Path:
    """Write what a person reads; returns the report's path."""
    _make(folder / "figures")
    _write(folder, "engines.csv", csv_text(outcome).encode())
    for name, payload in figures(outcome).items():
        _write(folder, f"figures/{name}", payload)
    return _write(folder, "engines.md", markdown(outcome).encode())


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
