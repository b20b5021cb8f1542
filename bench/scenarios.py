"""How load is offered. Each scenario is a measurement of its own; none is computed from another's figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.meter import Stopwatch, at_rest
from bench.pipeline import Answer
from bench.types import Query

Serve = Callable[[Sequence[Query], Stopwatch], Answer]
"""Answers the queries it is given, timing its stages."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """One raw sample per query, in seconds, and the part of it that each stage took."""

    total_s: tuple[float, ...]
    stages_s: dict[str, tuple[float, ...]]


def single_stream(
    serve: Serve,
    queries: Sequence[Query],
    synchronise: Callable[[], None] = at_rest,
    progress: Callable[[int], None] | None = None,
) -> Latencies:
    """One query at a time, the next when the last is answered."""
    totals: list[float] = []
    stages: list[dict[str, float]] = []
    for query in queries:
        watch = Stopwatch(synchronise)
        synchronise()
        start = time.perf_counter()
        serve([query], watch)
        synchronise()
        totals.append(time.perf_counter() - start)
        stages.append(dict(watch.seconds))
        if progress:
            progress(len(totals))
    names = list(dict.fromkeys(name for sample in stages for name in sample))
    return Latencies(tuple(totals), {name: tuple(sample.get(name, 0.0) for sample in stages) for name in names})


@dataclass(frozen=True, slots=True)
class Throughput:
    """How long a number of queries took together, and how many (query, document) pairs were scored for them."""

    seconds: float
    queries: int
    pairs: int


def offline(serve: Serve, queries: Sequence[Query], synchronise: Callable[[], None] = at_rest) -> Throughput:
    """All queries at once, until the last is answered."""
    watch = Stopwatch(synchronise)
    synchronise()
    start = time.perf_counter()
    answer = serve(queries, watch)
    synchronise()
    return Throughput(time.perf_counter() - start, len(queries), answer.work.pairs)
