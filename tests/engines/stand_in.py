"""A worker with engines that need no model, for tests of the race: ``python -P stand_in.py JOB.json``.

Loaded as a module it only defines them; run as a script it puts them into the table of engines and starts the worker.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.hub import ModelFiles
from bench.machine.meter import Stopwatch
from bench.rerankers import ENGINES
from bench.rerankers.base import Engine
from bench.types import ModelError, Request, Scored, Work

NAMES = ("instant", "dies", "hungry", "absent", "sleepy", "fickle", "broken")


class Instant(Engine):
    """The longer a document, the better, by the characters' count."""

    name = "instant"

    def __init__(self, model: str, *, batch_size: int | None = None, **options: Any) -> None:
        self.batch_size = batch_size or 1
        self.load_s, self.notes, self.calls = 0.0, (f"a note of {self.name}",), 0

    @property
    def files(self) -> ModelFiles | None:
        return None

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        self.calls += 1
        self.act()
        scores = [[len(text) / 1000 for text in request.documents] for request in requests]
        pairs = sum(map(len, scores))
        return Scored(scores, Work(pairs=pairs, tokens=pairs * 10, forward_tokens=pairs * 20, padding_tokens=pairs * 5))

    def act(self) -> None:
        time.sleep(0.001 * (2 if self.batch_size == 2 else 5))  # 2 is the best of its batch sizes


class Dies(Instant):
    def act(self) -> None:
        if self.batch_size >= 2:
            os._exit(9)


class Hungry(Instant):
    def act(self) -> None:
        if self.batch_size >= 2:
            raise MemoryError


class Absent(Instant):
    def __init__(self, model: str, **options: Any) -> None:
        raise ModelError("its package is not installed: pip install absent")


class Sleepy(Instant):
    """Wakes once, for the first call."""

    def act(self) -> None:
        if self.calls > 1:
            time.sleep(600)


class Broken(Instant):
    def act(self) -> None:
        raise ValueError("no such luck")


class Fickle(Instant):
    """Other scores at every call."""

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        scored = super().score_many(requests, stages, progress)
        return Scored([[-score - self.calls for score in row] for row in scored.scores], scored.work)


def register(module: str) -> None:
    for name in NAMES:
        ENGINES[name] = f"{module}:{name.title()}"


def stand_in_peak(shape: Any, dtype: str, device: str) -> list[Any]:
    from bench.machine.peak import PeakSample

    return [PeakSample("mm", dtype, 8, 10**9, 0.5), PeakSample("prepacked", dtype, 8, 10**9, 0.25)]


if __name__ == "__main__":
    import bench.machine.device
    import bench.machine.peak
    from bench.engines.worker import main

    register("__main__")
    ENGINES["transformers"] = "__main__:Instant"
    bench.machine.device.environment = lambda device, uses_torch: {"cpu": "a processor"}  # type: ignore[assignment]
    bench.machine.peak.measure_peak = stand_in_peak
    main(Path(sys.argv[1]))
