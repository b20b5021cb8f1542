"""Scores in ten equal bins, each beside the share that is relevant: expected calibration error and Brier score.

The expected calibration error (ECE; Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017) is the mean over
pairs of the distance between their bin's mean score and its relevant share. It is biased upwards: chance alone moves
every bin's share away from the mean score, never nearer than 0. ``ece_floor`` says by how much, for scores like these.
A resample adds its own chance to that, so the bootstrap interval lies high too, and can lie above the figure itself.
The Brier score (1950), the mean squared error, has neither fault, but also counts how well scores tell pairs apart:
only against the base rate's does it say something.
"""

from __future__ import annotations

import numpy as np

from bench.calibration.pairs import Flags, Floats, Indices, Pairs
from bench.calibration.resample import intervals, shares
from bench.calibration.words import Bin, Reliability
from bench.types import Interval

BINS = 10
EDGES = np.arange(BINS + 1) / BINS
DRAWS = 200
_CHUNK = 4_000_000  # drawn labels held at once


def reliability(pairs: Pairs, seed: int = 0) -> Reliability:
    """All that is told of the scores on one side of a set; intervals over queries."""
    labels = pairs.labels.astype(np.float64)
    pairs_in, score_in, relevant_in = (
        per_query(pairs, weights) for weights in (np.ones_like(labels), pairs.scores, labels)
    )
    squares = np.bincount(pairs.query, (pairs.scores - labels) ** 2, pairs.queries)[:, None]
    rows = np.hstack([score_in - relevant_in, squares, pairs_in.sum(axis=1, keepdims=True)])
    errors = intervals(rows, _ece_and_brier, seed)
    relevant, n = int(pairs.labels.sum()), pairs.labels.size
    base = relevant / n
    return Reliability(
        pairs=n,
        queries=pairs.queries,
        relevant=relevant,
        unjudged_share=pairs.unjudged_share,
        ece=_there(errors[0]),
        ece_floor=ece_floor(pairs.scores, seed),
        brier=_there(errors[1]),
        brier_of_base_rate=base * (1 - base),
        bins=_bins(pairs_in.sum(axis=0), score_in.sum(axis=0), shares(relevant_in, pairs_in, seed)),
    )


def ece(scores: Floats, labels: Flags) -> float:
    """The expected calibration error of probabilities, shape (pairs,), against whether each pair is relevant."""
    gaps = np.bincount(bin_of(scores), scores - labels, BINS)
    return float(np.abs(gaps).sum() / scores.size)


def ece_floor(scores: Floats, seed: int = 0, draws: int = DRAWS) -> float:
    """The mean ECE of the same scores against labels drawn from them, each pair by itself: perfect calibration."""
    rng = np.random.default_rng(seed)
    order = np.sort(scores)
    starts = np.unique(bin_of(order), return_index=True)[1]
    expected = np.add.reduceat(order, starts)
    at_once = max(1, _CHUNK // order.size)
    total = 0.0
    for start in range(0, draws, at_once):
        labels = rng.random((min(at_once, draws - start), order.size)) < order
        relevant = np.add.reduceat(labels, starts, axis=1, dtype=np.int64)
        total += float(np.abs(expected - relevant).sum())
    return total / draws / order.size


def bin_of(scores: Floats) -> Indices:
    """The bin of each probability, 0 to 9. A bin has its lower edge; the last one has both."""
    return np.asarray(np.searchsorted(EDGES[1:-1], scores, side="right"), dtype=np.int64)


def per_query(pairs: Pairs, weights: Floats) -> Floats:
    """Sums of one weight per pair by query and bin, shape (queries, bins)."""
    place = pairs.query * BINS + bin_of(pairs.scores)
    sums = np.bincount(place, weights, pairs.queries * BINS)
    return np.asarray(sums.reshape(pairs.queries, BINS), dtype=np.float64)


def _ece_and_brier(sums: Floats) -> Floats:
    pairs = sums[:, -1]
    return np.stack([np.abs(sums[:, :BINS]).sum(axis=1) / pairs, sums[:, BINS] / pairs], axis=1)


def _bins(pairs: Floats, score: Floats, found: list[Interval | None]) -> tuple[Bin, ...]:
    bins = []
    for i, share in enumerate(found):
        low, high = float(EDGES[i]), float(EDGES[i + 1])
        if share is None:
            bins.append(Bin(low, high, 0, None, None, None, None))
        else:
            mean = min(max(float(score[i] / pairs[i]), low), high)  # a sum of equal scores rounds
            bins.append(Bin(low, high, int(pairs[i]), mean, share.mean, share.low, share.high))
    return tuple(bins)


def _there(found: Interval | None) -> Interval:
    assert found is not None  # every resample has pairs, as every query has
    return found
