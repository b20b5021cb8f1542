"""How load is offered. Each scenario is a measurement of its own; none is computed from another's figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.machine.meter import Stopwatch, at_rest
from bench.pipeline import Answer
from bench.types import Query, Ranking, Run, Work

Serve = Callable[[Sequence[Query], Stopwatch], Answer]
"""Answers the queries it is given, timing its stages."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """One raw sample per query, in seconds, the part of it that each stage took, and the answers."""

    total_s: tuple[float, ...]
    stages_s: dict[str, tuple[float, ...]]
    run: Run


def single_stream(
    serve: Serve,
    queries: Sequence[Query],
    synchronise: Callable[[], None] = at_rest,
    progress: Callable[[int], None] | None = None,
) -> Latencies:
    """One query at a time, the next when the last is answered."""
    totals: list[float] = []
    stages: list[dict[str, float]] = []
    run: dict[str, Ranking] = {}
    for query in queries:
        watch = Stopwatch(synchronise)
        synchronise()
        start = time.perf_counter()
        answer = serve([query], watch)
        synchronise()
        totals.append(time.perf_counter() - start)
        run |= answer.run
        stages.append(dict(watch.seconds))
        if progress:
            progress(len(totals))
    names = list(dict.fromkeys(name for sample in stages for name in sample))
    parts = {name: tuple(sample.get(name, 0.0) for sample in stages) for name in names}
    return Latencies(tuple(totals), parts, run)


@dataclass(frozen=True, slots=True)
class Throughput:
    """How long the queries took together, one raw sample per round, what one round did, and the last one's answers."""

    rounds_s: tuple[float, ...]
    queries: int
    work: Work
    run: Run


def offline(
    serve: Serve,
    queries: Sequence[Query],
    synchronise: Callable[[], None] = at_rest,
    rounds: int = 1,
    enough_s: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Throughput:
    """All queries at once, until the last is answered; ``rounds`` times, or until ``enough_s`` have been spent."""
    taken: list[float] = []
    while True:
        synchronise()
        start = clock()
        answer = serve(queries, Stopwatch(synchronise))
        synchronise()
        taken.append(clock() - start)
        if len(taken) >= rounds or sum(taken) >= enough_s:
            return Throughput(tuple(taken), len(queries), answer.work, answer.run)
