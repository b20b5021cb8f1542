"""Pure: a pair's figures side by side. Quality query by query, with paired tests; cost with its relative change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.compare.match import Pair
from bench.derived import latency_interval
from bench.report.rows import summary_rows
from bench.stats import holm, paired_bootstrap, paired_randomisation
from bench.types import Interval, TrialResult

COSTS = (
    "latency_p50_s", "latency_p95_s", "latency_p99_s", "throughput_qps", "throughput_pps", "server_qps_at_p99",
    "peak_rss_bytes", "rss_growth_bytes", "peak_device_bytes", "reserved_device_bytes", "driver_device_bytes",
    "load_s", "cold_load_s", "index_s", "energy_j_per_query", "mean_power_w", "forward_calls", "tokens_per_call",
    "padding_share", "model_tflops_per_s",
)  # fmt: skip
"""The columns of summary.csv that say what a trial cost."""
_PERCENTILES = {"latency_p50_s": 50, "latency_p95_s": 95, "latency_p99_s": 99}
_DECIMALS = 12
"""Values are rounded to so many before they are compared: what differs by less is the order of additions."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure in both, over the queries that both have. ``wins`` are the queries on which B is better."""

    measure: str
    queries: int
    mean_a: float
    mean_b: float
    difference: Interval
    p: float
    adjusted_p: float
    wins: int
    ties: int
    losses: int

    @property
    def same(self) -> bool:
        """Whether no query differs."""
        return self.wins == self.losses == 0


@dataclass(frozen=True, slots=True)
class CostChange:
    """A cost in both; None is what was not measured. ``change`` is (B − A) / A, infinite where A is 0.

    ``a_interval`` and ``b_interval`` are of 95%, where the samples are enough for one.
    """

    column: str
    a: float | None
    b: float | None
    change: float | None
    a_interval: Interval | None = None
    b_interval: Interval | None = None

    @property
    def overlap(self) -> bool:
        """Whether the intervals of the two have values in common."""
        a, b = self.a_interval, self.b_interval
        return a is not None and b is not None and a.low <= b.high and b.low <= a.high


def differences(pairs: Sequence[Pair]) -> tuple[dict[str, tuple[Difference, ...]], int]:
    """For each pair, by its id, the measures that both have, in A's order; and over how many tests the p-values are
    adjusted (Holm).

    Pairs with the very same values, as cells that differ in speed alone have them, are one test. Where no query
    differs there is nothing to test: what was left as it was does not make a change elsewhere harder to see.
    """
    keys = {pair.id: [(name, *_values(pair, name)) for name in _shared(pair)] for pair in pairs}
    seeds = {key: pair.a.trial.seed for pair in reversed(pairs) for key in keys[pair.id]}
    found = {key: _difference(*key, seed) for key, seed in seeds.items()}
    tested = [key for key, each in found.items() if not each.same]
    for key, p in zip(tested, holm([found[key].p for key in tested]), strict=True):
        found[key] = replace(found[key], adjusted_p=p)
    return {id_: tuple(found[key] for key in of_pair) for id_, of_pair in keys.items()}, len(tested)


def _shared(pair: Pair) -> list[str]:
    a, b = pair.a.quality, pair.b.quality
    if a is None or b is None:
        return []
    return [name for name in a.per_query if a.per_query[name].keys() & b.per_query.get(name, {}).keys()]


def _values(pair: Pair, measure: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    a, b = (result.quality.per_query[measure] if result.quality else {} for result in (pair.a, pair.b))
    shared = sorted(a.keys() & b.keys())
    return tuple(round(a[query], _DECIMALS) for query in shared), tuple(round(b[query], _DECIMALS) for query in shared)


def _difference(name: str, a: Sequence[float], b: Sequence[float], seed: int) -> Difference:
    n, p = len(a), paired_randomisation(a, b, seed)
    wins, losses = sum(y > x for x, y in zip(a, b, strict=True)), sum(y < x for x, y in zip(a, b, strict=True))
    found = paired_bootstrap(a, b, seed)
    return Difference(name, n, sum(a) / n, sum(b) / n, found, p, p, wins, n - wins - losses, losses)


def costs(pair: Pair) -> tuple[CostChange, ...]:
    """Every cost that one of the two has."""
    a, b = summary_rows([pair.a, pair.b])
    found = (_change(name, a[name], b[name], pair) for name in COSTS)
    return tuple(change for change in found if change.a is not None or change.b is not None)


def _change(name: str, a: float | None, b: float | None, pair: Pair) -> CostChange:
    change = None
    if a is not None and b is not None:
        change = (b - a) / a if a else 0.0 if b == a else float("inf")
    return CostChange(name, a, b, change, _interval(name, pair.a), _interval(name, pair.b))


def _interval(name: str, result: TrialResult) -> Interval | None:
    return latency_interval(result, _PERCENTILES[name]) if name in _PERCENTILES else None
