"""Pure: a queue before ``k`` equal servers that batch, simulated from measured service times (M/G/k).

Poisson arrivals wait in one line. A server that is free takes all that wait, up to its largest batch, as
``load`` does; an idle one takes a query the moment it arrives. No formula is known for this queue, but its
special cases have one (Pollaczek-Khinchine's mean for M/D/1, Erlang's C for M/M/k), and those are its tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapreplace
from math import ceil, isqrt

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

QUERIES = 200_000
"""Simulated queries: the p99 then rests on 2,000 of them, neighbours alike though they are."""
PER_SERVER, AT_MOST = 50, 1_000_000
"""More are simulated for many servers, so that each is seen at work often enough, but never more than this."""
FULLEST = 0.9
"""The share of the time that servers are planned to work, at full batches, at the most. Service times are measured to
within some percent; a fuller queue runs over where they are a little longer, nor would a simulation of this length see
its true p99."""
UNSETTLED = 0.2
"""The share of queries, from the start, that is not counted: the queue begins empty."""


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Measured seconds (at least one sample each) by how many queries were answered together; the largest batch."""

    seconds: Mapping[int, tuple[float, ...]]
    largest_batch: int = 1

    def of(self, size: int) -> tuple[float, ...]:
        """Times of a batch of that size: measured, or else never less than what the nearest sizes allow.

        A smaller batch takes no longer than the next larger one, and a larger no longer than its parts one after
        another, so the next smaller one is stretched in proportion; of these two bounds the lower is taken.
        """
        if size in self.seconds:
            return self.seconds[size]
        bounds = []
        if above := [known for known in self.seconds if known > size]:
            bounds.append(self.seconds[min(above)])
        if below := [known for known in self.seconds if known < size]:
            bounds.append(tuple(seconds * size / max(below) for seconds in self.seconds[max(below)]))
        return min(bounds, key=lambda samples: sum(samples) / len(samples))

    @property
    def idle_p99_s(self) -> float:
        """Seconds within which an idle server answers 99% of single queries: the least sample with 1% above it or less.

        Of fewer than 100 samples it is the slowest.
        """
        alone = sorted(self.of(1))
        return alone[-(-99 * len(alone) // 100) - 1]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What ``servers`` do with the load. Latency from arrival to answer, wait from arrival to the start of service.

    ``utilisation`` is the share of time that a server works, ``mean_batch`` how many queries it answers together.
    """

    servers: int
    p50_s: float
    p95_s: float
    p99_s: float
    mean_wait_s: float
    utilisation: float
    mean_batch: float


def simulate(
    service: ServiceTimes, qps: float, servers: int, seed: int = 0, queries: int = QUERIES, unsettled: float = UNSETTLED
) -> Prediction:
    """Simulate ``queries`` arrivals at ``qps`` per second; the first share of them, ``unsettled``, is not counted.

    The same seed gives the same arrivals whatever the number of servers, so that two numbers can be compared.
    """
    rng = np.random.default_rng(seed)
    arrived = np.cumsum(rng.exponential(1 / qps, queries))
    return _serve(service, qps, servers, arrived, rng, int(queries * unsettled))


def replay(service: ServiceTimes, arrived_s: Sequence[float], servers: int, seed: int = 0) -> Prediction:
    """Simulate these very arrivals, in seconds from the start and in order; all of them count."""
    qps = len(arrived_s) / arrived_s[-1]
    return _serve(service, qps, servers, np.asarray(arrived_s), np.random.default_rng(seed), 0)


def _serve(
    service: ServiceTimes, qps: float, servers: int, arrived: Array, rng: np.random.Generator, uncounted: int
) -> Prediction:
    queries = len(arrived)
    due, draws = arrived.tolist(), rng.random(queries).tolist()
    times = [(), *(service.of(size) for size in range(1, service.largest_batch + 1))]
    free = [0.0] * servers  # when each server is free again: a heap, as equal numbers are one
    starts, seconds, sizes = [], [], []
    first = 0
    while first < queries:
        start = max(free[0], due[first])
        last, most = first + 1, min(first + service.largest_batch, queries)
        while last < most and due[last] <= start:
            last += 1
        samples = times[last - first]
        took = samples[int(draws[first] * len(samples))]
        heapreplace(free, start + took)
        starts.append(start)
        seconds.append(took)
        sizes.append(last - first)
        first = last
    waits = (np.repeat(starts, sizes) - arrived)[uncounted:]
    latencies = waits + np.repeat(seconds, sizes)[uncounted:]
    p50, p95, p99 = (float(value) for value in np.percentile(latencies, [50, 95, 99]))
    busy = float(sum(seconds)) / queries * qps / servers
    return Prediction(servers, p50, p95, p99, float(waits.mean()), busy, queries / len(sizes))


def fewest_servers(service: ServiceTimes, qps: float, p99_s: float, seed: int = 0) -> Prediction | None:
    """The smallest number of servers that answers 99% of queries within ``p99_s``; None where no number does.

    The search begins with the fewest that the load, at full batches, keeps busy for nine tenths of the time. From there
    the number is raised until the bound is met, then bisected. Where an idle server misses the bound, so do any number.
    """
    if service.idle_p99_s > p99_s:
        return None
    full = service.of(service.largest_batch)
    least = ceil(qps * sum(full) / len(full) / service.largest_batch / FULLEST)
    queries = min(max(QUERIES, PER_SERVER * least), AT_MOST)
    best = simulate(service, qps, least, seed, queries)
    if best.p99_s <= p99_s:
        return best
    too_few, more = least, isqrt(least)
    while best.p99_s > p99_s:
        if best.mean_wait_s == 0:  # nobody waits: the draws of service times alone are just over the bound
            return None
        too_few, best, more = best.servers, simulate(service, qps, least + more, seed, queries), more * 2
    while best.servers - too_few > 1:
        tried = simulate(service, qps, (too_few + best.servers) // 2, seed, queries)
        if tried.p99_s <= p99_s:
            best = tried
        else:
            too_few = tried.servers
    return best
