"""Pure: what a measure could have been, had equal scores stood in another order. Exact: nothing is sampled.

A ranking says nothing about the order of equal scores; whoever breaks the tie, by id say, decides part of the figure.
Beside the value in the order at hand stand the smallest and the largest over all orders of tied documents, and the
mean over them, each order being as likely as another (McSherry & Najork, Computing Information Retrieval Performance
Measures Efficiently in the Presence of Tied Scores, ECIR 2008).

Smallest and largest: each group of tied documents with its worst, or its best, in front. One order serves every
measure, since all of them lose when a better document falls behind a worse one. Mean: for what adds up over ranks, each
document counts with its group's mean gain; for the first relevant document, the chance that it stands at a rank is
hypergeometric; for average precision, two documents of one group are both relevant with chance r(r-1) / n(n-1).

Ties are between scores as 32-bit floats, as ``rank`` has them. A ranking is cut at the trial's depth: documents beyond
the cut that tie with the last one are not seen, neither here nor by a reranker, so that what a tie there decides is not
in these figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.measures import cut_off, evaluate
from bench.types import Qrels, Ranking, Run, TieRange

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
MATTERS = 0.005
"""A mean that another order of ties could move by more than this is not to be quoted without its range."""


def tie_ranges(run: Run, qrels: Qrels, values: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, TieRange]]:
    """Measure -> query id -> range, given what ``evaluate`` made of the same run and judgements.

    Where no relevant document ties with one of another grade, all three figures are the value itself. Equal scores have
    to be neighbours, as in every ranking that ``rank`` makes.
    """
    ranges = {
        name: {query_id: TieRange(value, value, value) for query_id, value in of.items()} for name, of in values.items()
    }
    tied = {query_id: found for query_id in qrels if (found := _tied(run.get(query_id, ()), qrels[query_id]))}
    if not tied or not values:
        return ranges
    judged = {query_id: qrels[query_id] for query_id in tied}
    worst, best = (
        evaluate(
            {query_id: _reordered(run[query_id], found, sign) for query_id, found in tied.items()}, judged, [*values]
        )
        for sign in (1, -1)
    )
    for name, of in ranges.items():
        for query_id, found in tied.items():
            low, high = worst[name][query_id], best[name][query_id]
            of[query_id] = TieRange(low, min(max(expected(name, found), low), high), high)  # but for rounding
    return ranges


def mean_ranges(ranges: Mapping[str, Mapping[str, TieRange]]) -> dict[str, TieRange]:
    """Measure -> the range of its mean over the queries: ties of one query say nothing about those of another."""
    return {
        name: TieRange(*(float(np.mean([getattr(r, end) for r in of.values()])) for end in ("low", "expected", "high")))
        for name, of in ranges.items()
    }


def decided_by_ties(ranges: Mapping[str, TieRange]) -> dict[str, TieRange]:
    """Those whose mean another order of ties could move by more than ``MATTERS``, the widest first."""
    wide = {name: found for name, found in ranges.items() if found.high - found.low > MATTERS}
    return dict(sorted(wide.items(), key=lambda item: item[1].low - item[1].high))


@dataclass(frozen=True, slots=True)
class Tied:
    """A ranking in which ties matter. ``judged`` are all grades above 0, highest first; the rest is by place.

    ``grades`` of the documents in the order at hand, 0 for one that is not relevant; ``start`` and ``size`` of the
    group of equal scores that a place belongs to.
    """

    judged: Floats
    grades: Floats
    start: Places
    size: Places


def _tied(ranking: Ranking, judged: Mapping[str, int]) -> Tied | None:
    """None where no relevant document ties with one of another grade."""
    if not ranking:
        return None
    doc_ids, scores = zip(*ranking, strict=True)
    if len(set(scores)) == len(scores):
        return None
    grades = np.array([max(judged.get(doc_id, 0), 0) for doc_id in doc_ids], dtype=np.float64)
    starts = np.flatnonzero(np.diff(np.array(scores), prepend=np.nan))
    if np.array_equal(np.maximum.reduceat(grades, starts), np.minimum.reduceat(grades, starts)):
        return None
    sizes = np.diff(starts, append=len(scores))
    relevant = sorted((grade for grade in judged.values() if grade > 0), reverse=True)
    return Tied(np.array(relevant, dtype=np.float64), grades, np.repeat(starts, sizes), np.repeat(sizes, sizes))


def _reordered(ranking: Ranking, tied: Tied, sign: int) -> Ranking:
    """Each group from the lowest grade to the highest; with ``sign`` -1 the other way round."""
    return tuple(ranking[place] for place in np.lexsort((sign * tied.grades, tied.start)).tolist())


def expected(name: str, tied: Tied) -> float:
    """The mean of a measure over all orders of tied documents."""
    base, k = name.partition("@")[0], cut_off(name)
    return EXPECTED[base](tied, k or len(tied.grades))


def _group_means(tied: Tied, gains: Floats) -> Floats:
    """Per place, the mean gain of its group: what stands there on average."""
    means: Floats = _group_sums(tied, gains) / tied.size
    return means


def _group_sums(tied: Tied, gains: Floats) -> Floats:
    total = np.concatenate(([0.0], np.cumsum(gains)))
    return np.asarray(total[tied.start + tied.size] - total[tied.start])


def _relevant(tied: Tied) -> Floats:
    return (tied.grades > 0).astype(np.float64)


def _hits(tied: Tied, k: int) -> float:
    """Relevant documents among the first ``k``."""
    return float(_group_means(tied, _relevant(tied))[:k].sum())


def _dcg(gains: Floats, k: int) -> float:
    top = gains[:k]
    return float(top @ (1 / np.log2(np.arange(2, len(top) + 2))))


def _ndcg(tied: Tied, k: int, gain: Callable[[Floats], Floats]) -> float:
    return _dcg(_group_means(tied, gain(tied.grades)), k) / _dcg(gain(tied.judged), k)


def _first_relevant(tied: Tied, k: int) -> Floats:
    """Per place of the first ``k``, the chance that the first relevant document stands there.

    Given that none stood before, one of a group's r relevant documents is next with chance r / (places left of it).
    """
    within = np.arange(len(tied.grades)) - tied.start
    hazard = np.minimum(_group_sums(tied, _relevant(tied)) / (tied.size - within), 1.0)[:k]
    none_before = np.concatenate(([1.0], np.cumprod(1 - hazard)[:-1]))
    return none_before * hazard


def _reciprocal_rank(tied: Tied, k: int) -> float:
    chance = _first_relevant(tied, k)
    return float((chance / np.arange(1, len(chance) + 1)).sum())


def _average_precision(tied: Tied, k: int) -> float:
    """At rank p, place i of its group (from 0): P(relevant) × (1 + relevant before the group) + P(both) × i, over p."""
    relevant, rank = _relevant(tied), np.arange(1, len(tied.grades) + 1)
    n, r = tied.size, _group_sums(tied, relevant)
    before = np.concatenate(([0.0], np.cumsum(relevant)))[tied.start]
    both = r * (r - 1) / np.maximum(n * (n - 1), 1)
    within = rank - 1 - tied.start
    return float(((r / n * (1 + before) + both * within) / rank)[:k].sum()) / len(tied.judged)


EXPECTED: Mapping[str, Callable[[Tied, int], float]] = {
    "ndcg": lambda tied, k: _ndcg(tied, k, lambda grades: grades),
    "ndcg_burges": lambda tied, k: _ndcg(tied, k, lambda grades: 2**grades - 1),
    "precision": lambda tied, k: _hits(tied, k) / k,
    "recall": lambda tied, k: _hits(tied, k) / len(tied.judged),
    "f1": lambda tied, k: 2 * _hits(tied, k) / (k + len(tied.judged)),
    "r_precision": lambda tied, _: _hits(tied, len(tied.judged)) / len(tied.judged),
    "hit_rate": lambda tied, k: float(_first_relevant(tied, k).sum()),
    "mrr": _reciprocal_rank,
    "map": _average_precision,
}
"""Base name of a measure -> its mean, given the ranking and the cut-off. f1 = 2 hits / (k + R), so it adds up too."""
