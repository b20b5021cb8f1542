"""Clocks and memory meters. A stage is timed with the device brought to rest on both sides of it."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def at_rest() -> None:
    """What a device that works synchronously needs before its clock is read: nothing."""


class Stopwatch:
    """Adds up the seconds spent in named stages.

    ``synchronise`` waits for the device to finish what it was given; it is called before each reading of the clock,
    so a stage owns the work it started and no other.
    """

    def __init__(self, synchronise: Callable[[], None] = at_rest) -> None:
        self._synchronise = synchronise
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        self._synchronise()
        start = time.perf_counter()
        try:
            yield
        finally:
            self._synchronise()
            self.seconds[stage] += time.perf_counter() - start


def rss_bytes() -> int:
    """Resident memory of this process now."""
    return int(psutil.Process().memory_info().rss)


def peak_rss_bytes() -> int | None:
    """The most resident memory this process has held since it started; None where the system keeps no such mark.

    Linux's VmHWM belongs to the program that runs now, whereas ru_maxrss may still hold the mark of the process that
    started it; so VmHWM comes first.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
