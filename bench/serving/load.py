"""The ``server`` scenario: queries arrive whether or not the last one is answered, as they do at a service.

MLPerf Inference's server scenario (Reddi et al., ISCA 2020): Poisson arrivals, an open loop, and a latency that counts
from the *scheduled* arrival, so that waiting counts and a slow server cannot slow its own clients down. Here there is
one server, which answers all that wait together, up to a batch.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

from bench.machine.meter import at_rest
from bench.stats import percentile
from bench.types import LoadPoint, Query

REACH = 16.0
"""How far from the offline throughput, up or down, a rate is looked for: beyond it the bound does not bind, or no rate
meets it."""
CLOSE = 1.05
"""The search ends once the lowest rate that failed is within 5% of the highest that did not: runs differ by as much."""


def arrivals(qps: float, count: int, seed: int) -> tuple[float, ...]:
    """When each of ``count`` queries arrives, in seconds from the start: a Poisson process of ``qps`` per second.

    Gaps are exponential. The same seed at twice the rate gives the same pattern in half the time.
    """
    if not qps > 0:
        raise ValueError(f"queries must arrive at a rate above 0; got {qps}")
    draw = random.Random(seed)
    return tuple(accumulate(draw.expovariate(1.0) / qps for _ in range(count)))


def serve_load(
    answer: Callable[[Sequence[Query]], object],
    queries: Sequence[Query],
    *,
    offered_qps: float,
    count: int,
    batch: int,
    seed: int,
    synchronise: Callable[[], None] = at_rest,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[int], None] | None = None,
    give_up_s: float | None = None,
) -> LoadPoint:
    """Offer ``count`` queries at ``offered_qps`` and answer them as they come, at most ``batch`` together.

    One server, no threads: it sleeps until the next scheduled arrival; once free it takes all that have arrived by
    then, in order. A latency is the finish less the scheduled arrival. What is asked is drawn from ``queries`` with
    replacement, the same for every rate with one seed; each arrival gets an id of its own, as one query may stand twice
    in a batch. ``progress`` is told how many are answered.

    When the oldest waiting query has waited longer than ``give_up_s`` the measurement ends: the point then holds the
    latencies so far, fewer than ``count``, and by that it is known (``meets``) not to have kept up.
    """
    if count < 1 or batch < 1 or not queries:
        raise ValueError(f"count, batch and queries must be at least 1; got {count}, {batch}, {len(queries)}")
    asked = [
        replace(query, id=f"{query.id}#{number}")
        for number, query in enumerate(random.Random(f"asked {seed}").choices(queries, k=count))
    ]
    synchronise()
    start = clock()
    due = [start + seconds for seconds in arrivals(offered_qps, count, seed)]
    latencies: list[float] = []
    batches: list[tuple[int, float]] = []
    finish = start
    while (first := len(latencies)) < count:
        now = clock()
        if now < due[first]:
            sleep(due[first] - now)
            continue
        if first and give_up_s is not None and now - due[first] > give_up_s:
            break
        last = first + 1
        while last < count and last - first < batch and due[last] <= now:
            last += 1
        answer(asked[first:last])
        synchronise()
        finish = clock()
        latencies.extend(finish - arrived for arrived in due[first:last])
        batches.append((last - first, finish - now))
        if progress:
            progress(last)
    return LoadPoint(offered_qps, tuple(latencies), tuple(batches), finish - due[0])


def meets(point: LoadPoint, p99_s: float, count: int) -> bool:
    """Whether all ``count`` queries were answered and 99% of them within ``p99_s``."""
    p99 = percentile(point.latency_s, 99)
    return len(point.latency_s) >= count and p99 is not None and p99 <= p99_s


def highest_rate(points: Sequence[LoadPoint], p99_s: float, count: int) -> float | None:
    """The highest rate that meets the bound, no lower one having failed; None where there is none."""
    failed = min((point.offered_qps for point in points if not meets(point, p99_s, count)), default=float("inf"))
    return max((point.offered_qps for point in points if point.offered_qps < failed), default=None)


def search_rate(
    measure: Callable[[float], LoadPoint], start_qps: float, p99_s: float, count: int, steps: int = 6
) -> tuple[LoadPoint, ...]:
    """Measure at rates that close in on the highest that meets the bound; all the points, by rising rate.

    From ``start_qps`` (the offline throughput) the rate is doubled or halved until one rate meets the bound and one
    does not, then bisected geometrically, at most ``steps`` times or until the two are within 5%. Where even a
    sixteenth of ``start_qps`` fails, no rate meets the bound, and where sixteen times as much still meets it, ``count``
    queries are too few to tell; the search ends there.
    """
    if not start_qps > 0:
        raise ValueError(f"the search needs a rate above 0 to start from; got {start_qps}")
    points: list[LoadPoint] = []

    def passes(qps: float) -> bool:
        points.append(measure(qps))
        return meets(points[-1], p99_s, count)

    low = high = start_qps
    if passes(start_qps):
        while (high := low * 2) <= start_qps * REACH and passes(high):
            low = high
        bracketed = high <= start_qps * REACH
    else:
        while (low := high / 2) >= start_qps / REACH and not passes(low):
            high = low
        bracketed = low >= start_qps / REACH
    for _ in range(steps if bracketed else 0):
        if high / low <= CLOSE:
            break
        middle = (low * high) ** 0.5
        if passes(middle):
            low = middle
        else:
            high = middle
    return tuple(sorted(points, key=lambda point: point.offered_qps))
