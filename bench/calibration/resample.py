"""Bootstrap intervals over queries, of many figures at once: pairs of one query are not independent.

As ``bench.stats.bootstrap_sums``, which has one figure, but each resample serves all figures, so that a table of
thresholds costs as much as one of its rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.calibration.pairs import Floats
from bench.stats import wilson
from bench.types import Interval

RESAMPLES = 2_000
_CHUNK = 4_000_000  # counts held at once: 32 MB
_NO_WIDTH = 1e-12


def intervals(
    rows: Floats, statistic: Callable[[Floats], Floats], seed: int = 0, resamples: int = RESAMPLES
) -> list[Interval | None]:
    """Each figure with its percentile bootstrap 95% interval; None where the data themselves have no such figure.

    ``rows``, shape (queries, columns), are sums per query and are resampled whole. ``statistic`` maps their sums, shape
    (n, columns), to figures, shape (n, figures); a NaN, of a resample that has no such figure, is passed over.
    """
    rng, n = np.random.default_rng(seed), len(rows)
    at_once = max(1, _CHUNK // n)
    point = statistic(rows.sum(axis=0)[None])[0]
    known = np.flatnonzero(~np.isnan(point))
    resampled = np.concatenate(
        [
            statistic(rng.multinomial(n, np.full(n, 1 / n), min(at_once, resamples - start)) @ rows)[:, known]
            for start in range(0, resamples, at_once)
        ]
    )
    found: list[Interval | None] = [None] * len(point)
    if known.size:
        lows, highs = np.nanpercentile(resampled, [2.5, 97.5], axis=0)
        for place, low, high in zip(known, lows, highs, strict=True):
            found[place] = Interval(float(point[place]), float(low), float(high))
    return found


def shares(parts: Floats, wholes: Floats, seed: int = 0, resamples: int = RESAMPLES) -> list[Interval | None]:
    """The share of each column's parts in its wholes, both of shape (queries, columns), with its interval over queries.

    Where the bootstrap sees no spread, because one query has them all or all are alike, the interval is Wilson's with
    as many cases as there are queries in the column: wide rather than without width. None for a whole of 0.
    """
    columns = parts.shape[1]
    found = intervals(
        np.hstack([parts, wholes]), lambda sums: ratio(sums[:, :columns], sums[:, columns:]), seed, resamples
    )
    return [_with_width(share, int((wholes[:, i] > 0).sum())) for i, share in enumerate(found)]


def ratio(parts: Floats, wholes: Floats) -> Floats:
    """Parts over wholes, NaN where the whole is 0."""
    return np.divide(parts, wholes, out=np.full_like(parts, np.nan, dtype=np.float64), where=wholes > 0)


def _with_width(share: Interval | None, queries: int) -> Interval | None:
    if share is None or share.high - share.low > _NO_WIDTH:
        return share
    low, high = wilson(share.mean, queries)
    return Interval(share.mean, min(low, share.mean), max(high, share.mean))
