"""Ways of doing one job that take turns, so that a machine that slows down slows them all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do a job. ``items`` says how much of it one call does, in the unit of the contest."""

    run: Callable[[], object]
    items: int


@dataclass(frozen=True, slots=True)
class Contest:
    """Ways by name; ``reference`` is the one that the others are divided by. ``facts`` describe the job."""

    ways: Mapping[str, Way]
    reference: str
    unit: str
    facts: Mapping[str, Any]


def take_turns(
    ways: Mapping[str, Way],
    rounds: int,
    rest: Callable[[], None],
    clock: Callable[[], float] = time.perf_counter,
    seed: int = 0,
) -> dict[str, tuple[float, ...]]:
    """Seconds of each way in each round. ``rest`` waits for the device; it is called before the clock is read."""
    shuffled = random.Random(seed)
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name in shuffled.sample(list(ways), len(ways)):
            rest()
            start = clock()
            ways[name].run()
            rest()
            samples[name].append(clock() - start)
    return {name: tuple(seconds) for name, seconds in samples.items()}


def table(contest: Contest, samples: Mapping[str, Sequence[float]]) -> str:
    """One line per way, in the contest's order."""
    width = max(map(len, contest.ways)) + 2
    base = [second / contest.ways[contest.reference].items for second in samples[contest.reference]]
    lines = [f"{'':{width}} {'median s':>9} {'min':>8} {'max':>8} {contest.unit + '/s':>12} {'ratio':>7}"]
    for name, way in contest.ways.items():
        seconds = samples[name]
        ratio = median(second / way.items / other for second, other in zip(seconds, base, strict=True))
        mark = " *" if name == contest.reference else ""
        lines.append(
            f"{name + mark:{width}} {median(seconds):9.4f} {min(seconds):8.4f} {max(seconds):8.4f} "
            f"{way.items / median(seconds):12,.1f} {ratio:7.2f}"
        )
    return "\n".join(lines)
