"""Keeping what scores high enough: precision and recall at a score, and the score for a wanted precision."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.calibration.pairs import Floats, Pairs
from bench.calibration.resample import shares
from bench.calibration.words import ThresholdRow, WantedPrecision

TABLE = (*(round(0.05 * step, 2) for step in range(1, 19)), 0.94, 0.95, 0.99)
_LEAST_DECIMALS = 3
_MOST_DECIMALS = 17


def table(pairs: Pairs, at: Sequence[float] = TABLE, seed: int = 0) -> tuple[ThresholdRow, ...]:
    """A row per threshold, in the order given; a pair is kept at a score of the threshold or more."""
    ordered = np.unique(np.asarray(at, dtype=np.float64))
    kept = _kept(pairs, ordered, np.ones(pairs.labels.size))
    hits = _kept(pairs, ordered, pairs.labels.astype(np.float64))
    relevant, n = int(pairs.labels.sum()), pairs.labels.size
    rows = {}
    for i, precision in enumerate(shares(hits, kept, seed)):
        count, hit = int(kept[:, i].sum()), int(hits[:, i].sum())
        threshold = float(ordered[i])
        rows[threshold] = ThresholdRow(threshold, precision, hit / relevant if relevant else None, count / n, count)
    return tuple(rows[float(threshold)] for threshold in at)


def _kept(pairs: Pairs, at: Floats, weights: Floats) -> Floats:
    """Sums of a weight over the pairs at or above each threshold, in ascending order, shape (queries, thresholds)."""
    reached = np.searchsorted(at, pairs.scores, side="right")  # how many thresholds the pair reaches
    columns = at.size + 1
    counts = np.bincount(pairs.query * columns + reached, weights, pairs.queries * columns)
    from_above = np.cumsum(counts.reshape(pairs.queries, columns)[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(from_above[:, 1:], dtype=np.float64)


def threshold_for(pairs: Pairs, wanted: float) -> float | None:
    """The lowest score with a precision of ``wanted`` or more, so with the largest recall; None where none reaches it.

    Every distinct score is tried. The threshold is written with as few decimals, three or more, as cut these pairs
    exactly as the score itself does, so that it is what is printed. Raises ValueError unless 0 < ``wanted`` <= 1.
    """
    if not 0 < wanted <= 1:
        raise ValueError(f"a wanted precision is above 0 and at most 1; got {wanted}")
    order = np.argsort(-pairs.scores, kind="stable")
    scores, hits = pairs.scores[order], np.cumsum(pairs.labels[order])
    last = np.flatnonzero(np.append(scores[1:] < scores[:-1], True))  # the last pair of each distinct score
    reaches = np.flatnonzero(hits[last] / (last + 1) >= wanted)
    if not reaches.size:
        return None
    chosen = int(reaches[-1])
    below = float(scores[last[chosen + 1]]) if chosen + 1 < last.size else -1.0
    return _shortened(float(scores[last[chosen]]), below)


def _shortened(score: float, below: float) -> float:
    """The score, cut to the fewest decimals that leave it above ``below``."""
    for decimals in range(_LEAST_DECIMALS, _MOST_DECIMALS):
        for short in (round(score, decimals), math.floor(score * 10**decimals) / 10**decimals):
            if below < short <= score:
                return short
    return score


def wanted_precision(dev: Pairs, test: Pairs | None, wanted: float, seed: int = 0) -> WantedPrecision:
    """The threshold found on dev, and whether it keeps its word on test.

    The lowest of many thresholds is one that luck helped on dev, so that on test a little less is to be expected.
    """
    threshold = threshold_for(dev, wanted)
    if threshold is None:
        return WantedPrecision(wanted, None, None, None, f"On dev no threshold reaches a precision of {wanted:.1%}.")
    on_dev = table(dev, (threshold,), seed)[0]
    on_test = table(test, (threshold,), seed)[0] if test else None
    said = f"On dev a score of {threshold} or more keeps {_kept_said(on_dev)}. {_held(wanted, on_test)}"
    return WantedPrecision(wanted, threshold, on_dev, on_test, said)


def _held(wanted: float, row: ThresholdRow | None) -> str:
    if row is None:
        return "No test side was measured, so nothing shows whether it holds."
    if row.precision is None:
        return "On test no candidate scores as high, so nothing shows whether it holds."
    found = f"on test it keeps {_kept_said(row)}"
    if row.precision.mean >= wanted:
        sure = row.precision.low >= wanted
        return f"It held: {found}." if sure else f"It held, though the interval allows for less: {found}."
    sure = row.precision.high < wanted
    return f"It did not hold: {found}." if sure else f"It fell short, though the interval allows for as much: {found}."


def _kept_said(row: ThresholdRow) -> str:
    found, pairs = row.precision, f"{row.pairs:,} {'pair' if row.pairs == 1 else 'pairs'}"
    if found is None:
        return pairs
    return f"{pairs}, of which {found.mean:.1%} are relevant ({found.low:.1%} to {found.high:.1%})"
