"""What a reranker adds: each reranking trial against the same first stage alone, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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


def _of_group(group: Group, measure: str) -> list[Pair]:
    pairs: list[Pair] = []
    seen: set[tuple[object, ...]] = set()
    for after in group.finished:
        before = baseline(after.trial, group.finished)
        if before is None or before.quality is None or after.quality is None:
            continue
        a, b = before.quality.per_query.get(measure, {}), after.quality.per_query.get(measure, {})
        shared = sorted(a.keys() & b.keys())
        old, new = [a[query] for query in shared], [b[query] for query in shared]
        key = (after.trial.pipeline, tuple(old), tuple(new))
        if not shared or key in seen:
            continue
        seen.add(key)
        seed = after.trial.seed
        p = paired_randomisation(old, new, seed)
        difference = paired_bootstrap(old, new, seed)
        n = len(shared)
        pairs.append(Pair(before, after, measure, n, sum(old) / n, sum(new) / n, difference, p, p))
    return pairs
