"""What a reranker adds: each reranking trial against the same first stage alone, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from bench.report.groups import Group
from bench.stats import holm, paired_bootstrap, paired_randomisation
from bench.types import Interval, Trial, TrialResult

ALPHA = 0.05
_FIRST_STAGE = (
    "dataset", "split", "retriever", "embedder", "embedder_revision", "embedder_max_length", "query_prompt",
    "document_prompt",
)  # fmt: skip
_PREFERRED = ("device", "dtype", "threads", "depth", "embedder_batch_size", "seed")


@dataclass(frozen=True, slots=True)
class Pair:
    """``after`` reranks what ``before`` retrieves. Means and difference are over the queries that both have."""

    before: TrialResult
    after: TrialResult
    measure: str
    queries: int
    before_mean: float
    after_mean: float
    difference: Interval
    p: float
    adjusted_p: float

    @property
    def direction(self) -> int:
        """1 a gain, -1 a loss, 0 where the queries do not carry either: interval and adjusted p must agree."""
        if self.adjusted_p >= ALPHA or self.difference.low <= 0 <= self.difference.high:
            return 0
        return 1 if self.difference.mean > 0 else -1


def baseline(trial: Trial, results: Sequence[TrialResult]) -> TrialResult | None:
    """The finished trial of the same first stage alone, on the same device and settings where there is one."""
    if trial.reranker is None:
        return None
    alike = [
        result
        for result in results
        if result.status == "ok"
        and result.trial.reranker is None
        and all(getattr(result.trial, name) == getattr(trial, name) for name in _FIRST_STAGE)
    ]
    if not alike:
        return None
    return max(alike, key=lambda result: sum(getattr(result.trial, n) == getattr(trial, n) for n in _PREFERRED))


def paired(groups: Sequence[Group], measure: str) -> dict[str, list[Pair]]:
    """Group slug -> its pairs, in the order given; trials with equal values for every query give one pair.

    p-values are adjusted (Holm) over all pairs of the report, since all are read together.
    """
    found = {group.slug: _of_group(group, measure) for group in groups}
    flat = [pair for pairs in found.values() for pair in pairs]
    adjusted = iter(holm([pair.p for pair in flat]))
    return {slug: [replace(pair, adjusted_p=next(adjusted)) for pair in pairs] for slug, pairs in found.items()}


def pair_of(result: TrialResult, results: Sequence[TrialResult], pairs: Sequence[Pair]) -> Pair | None:
    """The pair that speaks of this trial: its own, or that of a trial with the same values behind the same ones."""
    before = baseline(result.trial, results)
    if before is None:
        return None
    return next((pair for pair in pairs if _key(pair.before, pair.after, pair.measure)
                 == _key(before, result, pair.measure)), None)  # fmt: skip


def directions(results: Sequence[TrialResult], pairs: Sequence[Pair]) -> dict[str, int]:
    """Trial id -> ``Pair.direction``, for all of a dataset's trials that a pair speaks of."""
    found = {result.trial.id: pair_of(result, results, pairs) for result in results}
    return {id_: pair.direction for id_, pair in found.items() if pair is not None}


def _of_group(group: Group, measure: str) -> list[Pair]:
    pairs: list[Pair] = []
    seen: set[Key] = set()
    for after in group.finished:
        before = baseline(after.trial, group.finished)
        key = _key(before, after, measure) if before is not None else None
        if before is None or key is None or key in seen:
            continue
        seen.add(key)
        _, old, new = key
        p, difference = _tested(old, new, after.trial.seed)
        n = len(old)
        pairs.append(Pair(before, after, measure, n, sum(old) / n, sum(new) / n, difference, p, p))
    return pairs


Values = tuple[float, ...]
Key = tuple[str, Values, Values]


def _key(before: TrialResult, after: TrialResult, measure: str) -> Key | None:
    """The pipeline, and the values of the queries that both trials have; None where there are none."""
    if before.quality is None or after.quality is None:
        return None
    a, b = before.quality.per_query.get(measure, {}), after.quality.per_query.get(measure, {})
    shared = sorted(a.keys() & b.keys())
    if not shared:
        return None
    return after.trial.pipeline, tuple(a[query] for query in shared), tuple(b[query] for query in shared)


@lru_cache(maxsize=128)
def _tested(old: Values, new: Values, seed: int) -> tuple[float, Interval]:
    """Kept, because a report asks more than once: for each language, and for each section that speaks of a pair."""
    return paired_randomisation(old, new, seed), paired_bootstrap(old, new, seed)
