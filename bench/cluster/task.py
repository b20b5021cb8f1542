"""What runs on a machine of a cluster: one job in a fresh interpreter there, told and answered item by item.

An item is ``("told", (stage, done, total))`` or, last of all, ``("returned", Returned)`` or ``("unusable", why)``.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter

from bench.job import Job
from bench.machine.device import package_versions
from bench.process import Returned, run_here

Item = tuple[str, Any]
TELL_EVERY_S = 0.5
"""The least time between two items about one stage; each crosses the network."""


def task(version: str) -> Callable[..., Iterator[Item]]:
    """The function to send to a machine. It travels by value, so that it can say there that this package is missing."""

    def run_trial(payload: bytes, name: str, software: dict[str, str], time_limit_s: float | None) -> Any:
        try:
            import bench

            found = bench.__version__
        except ImportError:
            found = None
        if found != version:
            there = "none is installed" if found is None else f"it has {found}"
            yield "unusable", f"{name} needs rerankbench {version} in the environment of `ray start`; {there}"
            return
        from bench.cluster.task import carry_out_here

        yield from carry_out_here(payload, name, software, time_limit_s)

    return run_trial


def carry_out_here(
    payload: bytes, name: str, software: Mapping[str, str], time_limit_s: float | None
) -> Iterator[Item]:
    """Run the job (JSON) on this machine, called ``name``; ``software`` are the package versions of who asks.

    Whoever stops this process stops the trial's as well, which ends when nobody listens to it any more.
    """
    job = TypeAdapter(Job).validate_json(payload)
    if not job.base.is_dir():
        yield "unusable", f"{name} has no folder {job.base}; the config's folder must be at one path on every machine"
        return
    if not job.cache.is_dir():
        job = replace(job, cache=_own_cache())
    _forget_ray_threads()
    items: queue.SimpleQueue[Item] = queue.SimpleQueue()
    yield "told", (f"start on {name}", 0, 0)
    threading.Thread(target=_run, args=(job, _Teller(items), time_limit_s, items), daemon=True).start()
    while True:
        kind, content = items.get()
        if kind == "raised":
            raise content
        if kind == "returned":
            yield kind, _signed(content, name, software)
            return
        yield kind, content


def _run(job: Job, tell: _Teller, time_limit_s: float | None, items: queue.SimpleQueue[Item]) -> None:
    try:
        # Who asked has stopped using its own machine before it sent the job: the trial may read the clock at once.
        items.put(("returned", run_here(job, tell, lambda: None, time_limit_s)))
    except BaseException as error:  # it belongs to the thread that waits
        items.put(("raised", error))


class _Teller:
    """Passes progress on, but not more of one stage than a person can read."""

    def __init__(self, items: queue.SimpleQueue[Item]) -> None:
        self._items = items
        self._stage, self._told_at = "", 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self._stage or now - self._told_at >= TELL_EVERY_S:
            self._stage, self._told_at = stage, now
            self._items.put(("told", (stage, done, total)))


def _signed(returned: Returned, name: str, software: Mapping[str, str]) -> Returned:
    """With the machine's name among the facts, and a note for every library that differs from the asker's."""
    here = package_versions()
    other = [f"{key} {here.get(key)} (not {theirs})" for key, theirs in software.items() if here.get(key) != theirs]
    report = returned.report
    notes = (*report.notes, f"{name} has {', '.join(other)}") if other else report.notes
    return replace(returned, report=replace(report, environment={**report.environment, "machine": name}, notes=notes))


def _own_cache() -> Path:
    """Document vectors of a machine that does not see the results folder; they stay there for its next trials."""
    folder = Path(os.environ.get("RERANKBENCH_CACHE", "~/.cache/rerankbench")).expanduser() / "vectors"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _forget_ray_threads() -> None:
    """Drop the thread count that Ray sets for its tasks: torch shall choose its own, as on a machine without Ray."""
    if "OMP_NUM_THREADS" not in psutil.Process().environ():  # the environment that this process was started with
        os.environ.pop("OMP_NUM_THREADS", None)
