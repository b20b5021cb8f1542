"""Pure statistics over per-query values: percentiles, bootstrap intervals, a paired test, Holm. Seeded: repeatable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bench.types import Interval

RESAMPLES = 10_000
EXACT_UP_TO = 16  # 2**16 sign patterns are enumerated; beyond, they are sampled
_CHUNK = 4_000_000  # values held at once while resampling: 32 MB

Values = Sequence[float] | npt.NDArray[np.float64]


def percentile(samples: Sequence[float], q: float) -> float | None:
    """The q-th percentile (0 to 100) with linear interpolation between samples; None of no samples."""
    return float(np.percentile(np.asarray(samples, dtype=np.float64), q)) if len(samples) else None


def bootstrap_mean(values: Values, seed: int = 0, level: float = 0.95, resamples: int = RESAMPLES) -> Interval:
    """The mean and its percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13), queries being resampled.

    One value tells nothing about spread: its interval is the value itself.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        raise ValueError("a mean needs at least one value")
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(_resampled_means(data, seed, resamples), [tail, 100 - tail])
    return Interval(float(data.mean()), float(low), float(high))


def _resampled_means(values: Values, seed: int, resamples: int) -> npt.NDArray[np.float64]:
    data = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // data.size)
    return np.concatenate(
        [
            data[rng.integers(0, data.size, (min(rows, resamples - start), data.size))].mean(axis=1)
            for start in range(0, resamples, rows)
        ]
    )


def bootstrap_means(
    groups: Sequence[Values],
    seed: int = 0,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    weights: Sequence[float] | None = None,
) -> Interval:
    """The mean of the groups' means and its percentile bootstrap interval, values being resampled within each group.

    One group is ``bootstrap_mean``. Several are sets whose figures are averaged, alike or by ``weights``.
    """
    if not groups:
        raise ValueError("a mean needs at least one group of values")
    tail = 100 * (1 - level) / 2
    resampled = np.average(
        [_resampled_means(group, seed + place, resamples) for place, group in enumerate(groups)], 0, weights
    )
    low, high = np.percentile(resampled, [tail, 100 - tail])
    mean = np.average([np.mean(group) for group in groups], weights=weights)
    return Interval(float(mean), float(low), float(high))


def bootstrap_sums(
    rows: Sequence[Sequence[float]] | npt.NDArray[np.float64],
    statistic: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    seed: int = 0,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """A statistic of the columns' sums and its percentile bootstrap interval; rows are resampled whole.

    For what comes in groups, such as documents of queries: those of one query are not independent, so that a query is
    a row. ``statistic`` maps sums, shape (n, columns), to n values; a NaN, of a resample that has none, is passed over.
    """
    data = np.asarray(rows, dtype=np.float64)
    if data.size == 0:
        raise ValueError("a statistic needs at least one row")
    rng, n = np.random.default_rng(seed), len(data)
    at_once = max(1, _CHUNK // n)
    resampled = np.concatenate(
        [
            statistic(rng.multinomial(n, np.full(n, 1 / n), min(at_once, resamples - start)) @ data)
            for start in range(0, resamples, at_once)
        ]
    )
    tail = 100 * (1 - level) / 2
    low, high = np.nanpercentile(resampled, [tail, 100 - tail])
    return Interval(float(statistic(data.sum(axis=0)[None])[0]), float(low), float(high))


def wilson(share: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) for a share seen in ``n`` independent cases; it has a width at 0 and at 1 too."""
    from scipy.special import ndtri

    z = float(ndtri(0.5 + level / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5 / (1 + z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def paired_bootstrap(a: Values, b: Values, seed: int = 0) -> Interval:
    """The mean of ``b - a`` over the same queries in the same order, with its bootstrap interval."""
    return bootstrap_mean(_differences(a, b), seed)


def paired_randomisation(a: Values, b: Values, seed: int = 0, samples: int = 100_000) -> float:
    """Two-sided p-value of the paired randomisation (sign-flip) test for a difference of means.

    Exact for at most 16 queries that differ; otherwise Monte Carlo with the +1 correction, so never 0 (Smucker, Allan
    and Carterette, CIKM 2007, find it and the bootstrap the tests to trust for retrieval).
    """
    return _sign_flips([_differences(a, b)], seed, samples)[0]


def paired_randomisations(
    baseline: Values, arms: Sequence[Values], seed: int = 0, samples: int = 100_000
) -> list[float]:
    """The p-value of ``paired_randomisation`` for each of several arms, over the same queries in the same order.

    Signs are drawn once for all arms, for the queries where any arm that needs sampling differs. One such arm gets the
    very p-value of ``paired_randomisation``; of several, each gets it within the error of sampling. Raises ValueError
    for lengths that differ, and for a value that is no finite number.
    """
    rows = [_differences(baseline, arm) for arm in arms]
    for place, row in enumerate(rows):
        if not np.isfinite(row).all():
            raise ValueError(f"paired values need to be finite numbers; those of arm {place} are not")
    return _sign_flips(rows, seed, samples)


def _sign_flips(rows: Sequence[npt.NDArray[np.float64]], seed: int, samples: int) -> list[float]:
    found = [1.0] * len(rows)
    sampled = []
    for place, row in enumerate(rows):
        differences = row[row != 0]
        if differences.size > EXACT_UP_TO:
            sampled.append(place)
        elif differences.size:
            found[place] = _all_sign_flips(differences)
    if not sampled:
        return found
    table = np.stack([rows[place] for place in sampled], axis=1)
    table = table[(table != 0).any(axis=1)]
    observed = _observed(table)
    rng = np.random.default_rng(seed)
    n = len(table)
    at_once = max(1, _CHUNK // n)
    extreme = np.zeros(len(sampled), dtype=np.int64)
    for start in range(0, samples, at_once):
        signs = rng.integers(0, 2, (min(at_once, samples - start), n), dtype=np.int8) * 2.0 - 1.0
        extreme += (np.abs(signs @ table) >= observed).sum(axis=0)
    for place, count in zip(sampled, extreme, strict=True):
        found[place] = (int(count) + 1) / (samples + 1)
    return found


def _all_sign_flips(differences: npt.NDArray[np.float64]) -> float:
    n = differences.size
    patterns = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return float((np.abs((2 * patterns - 1) @ differences) >= _observed(differences)).mean())


def _observed(differences: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The size of the sums as they were seen; rounding must not make the observed pattern look rarer than it is."""
    return np.asarray(np.abs(differences.sum(axis=0)) * (1 - 1e-12))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - place)))
        adjusted[i] = largest
    return adjusted


def _differences(a: Values, b: Values) -> npt.NDArray[np.float64]:
    if len(a) != len(b):
        raise ValueError(f"paired values need equal lengths; got {len(a)} and {len(b)}")
    return np.asarray(b, dtype=np.float64) - np.asarray(a, dtype=np.float64)


def percentile_interval(samples: Sequence[float], q: float, level: float = 0.95) -> Interval | None:
    """The q-th percentile with a distribution-free interval; ``mean`` holds the percentile itself.

    The ends are two of the samples, chosen by the binomial distribution of how many lie below the true percentile, at
    most ``(1 - level) / 2`` being left out on either side (Hahn & Meeker, Statistical Intervals, 1991, section 5.2). It
    holds for any continuous distribution of independent samples. None where the samples are too few to bound it on both
    sides: at 95% a median needs 6, a p95 72, a p99 368.
    """
    point = percentile(samples, q)
    if point is None:
        return None
    from scipy.special import bdtr

    ordered, n, tail = sorted(samples), len(samples), (1 - level) / 2
    at_most = bdtr(np.arange(n), n, q / 100)  # at_most[k]: the chance that k samples or fewer lie below
    low = int(np.searchsorted(at_most, tail, side="right"))
    high = int(np.searchsorted(at_most, 1 - tail, side="left")) + 1
    if low < 1 or high > n:
        return None
    return Interval(point, float(ordered[low - 1]), float(ordered[high - 1]))
