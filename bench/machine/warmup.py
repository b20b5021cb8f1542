"""Repeats a piece of work until its time has settled, so that what is measured next is not the first of anything.

The first passes pay for memory that is taken for the first time, kernels that are chosen or compiled, a processor that
has yet to raise its clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

LAST = 3
WITHIN = 0.10
"""Settled: the last three times lie within this share of their median."""


def warm_up(
    call: Callable[[], None], at_most: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[tuple[float, ...], bool]:
    """Seconds of each call, and whether they settled, after at most ``at_most`` calls of the same work.

    ``call`` returns when the device has finished. With fewer than three calls allowed nobody can see whether anything
    has settled, so the answer is that it did not; 0 makes no call.
    """
    seconds: list[float] = []
    while len(seconds) < at_most and not _settled(seconds):
        start = clock()
        call()
        seconds.append(clock() - start)
    return tuple(seconds), _settled(seconds)


def _settled(seconds: list[float]) -> bool:
    last = seconds[-LAST:]
    middle = median(last) if last else 0.0
    return len(last) == LAST and all(abs(took - middle) <= WITHIN * middle for took in last)
