"""Pure: an arm against the baseline within each slice of the queries, that is, those that share a feature's value.

Slices are for finding out where an effect comes from, not for proving one: many are looked at, and nobody planned them.
So there are no p-values, and intervals are not adjusted: of twenty where there is no effect about one excludes 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.stats import paired_bootstrap
from bench.study.examples import Compared
from bench.study.features import Features, in_order
from bench.study.words import Side
from bench.types import Interval

FEWEST = 5
"""A slice of fewer queries has no interval: resampling so few says little of any others."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Means over the queries that have this value. ``difference`` is arm minus baseline with its paired bootstrap 95%
    interval; None where the queries are fewer than ``FEWEST``."""

    dataset: str
    side: Side
    measure: str
    arm: str
    feature: str
    value: str
    queries: int
    before_mean: float
    after_mean: float
    difference: Interval | None


def slices(compared: Compared, features: Features, seed: int = 0) -> tuple[Slice, ...]:
    """One slice per feature and value, the slices of a feature together: each query is in exactly one of them.

    A value that no compared query has is left out. Raises KeyError for a query without features.
    """
    known = {query_id: features[query_id] for query_id in compared.before}
    names = dict.fromkeys(name for values in known.values() for name in values)
    return tuple(
        _slice(compared, name, value, [query_id for query_id, values in known.items() if values[name] == value], seed)
        for name in names
        for value in in_order(values[name] for values in known.values())
    )


def _slice(compared: Compared, feature: str, value: str, queries: list[str], seed: int) -> Slice:
    before = [compared.before[query_id] for query_id in queries]
    after = [compared.after[query_id] for query_id in queries]
    return Slice(
        compared.dataset,
        compared.side,
        compared.measure,
        compared.arm,
        feature,
        value,
        len(queries),
        sum(before) / len(before),
        sum(after) / len(after),
        paired_bootstrap(before, after, seed) if len(queries) >= FEWEST else None,
    )
