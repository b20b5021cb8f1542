"""Pure: an arm's difference over several sets, each set one observation and the true differences varying between sets.

A random-effects summary: between-set variance by DerSimonian & Laird (Controlled Clinical Trials 1986), the interval
by Hartung & Knapp (Hartung, Biometrical Journal 1999; Sidik & Jonkman, Statistics in Medicine 2002): Student's t with
one degree of freedom fewer than sets. It speaks of sets like these, so that more queries of few sets help little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.stats import holm
from bench.study.words import Across, Side
from bench.types import Interval

LEVEL = 0.95
_EQUAL = 1e-12  # a spread below it is rounding

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pooled:
    """``interval`` is the mean with its Hartung-Knapp interval, ``standard_error`` that interval's, ``p`` two-sided.

    ``between_variance`` is that of the true values, ``heterogeneity`` Cochran's Q; None where sets count alike.
    """

    interval: Interval
    between_variance: float
    standard_error: float
    heterogeneity: float | None
    p: float


def across(differences: Mapping[tuple[str, str], Mapping[str, Array]], side: Side) -> tuple[Across, ...]:
    """The summary of each (measure, arm) from its per-query differences by dataset, p-values adjusted over all of them.

    A row is left out where the arm lacks one of the sets that any row has, where there is one set alone, and where
    nothing varies, neither within sets nor between them. Order is that of ``differences``.
    """
    sets = {dataset for by_dataset in differences.values() for dataset, found in by_dataset.items() if len(found)}
    pooled: dict[tuple[str, str], Pooled] = {}
    for key, by_dataset in differences.items():
        found = [np.asarray(by_dataset[dataset], dtype=np.float64) for dataset in by_dataset if dataset in sets]
        if len(sets) < 2 or len(found) < len(sets) or not all(values.size for values in found):
            continue
        means = [float(values.mean()) for values in found]
        variances = [_variance_of_mean(values) for values in found]
        if any(variances) or np.ptp(means) > _EQUAL:
            pooled[key] = random_effects(means, variances)
    adjusted = holm([one.p for one in pooled.values()])
    return tuple(
        Across(measure, arm, side, len(sets), one.interval, math.sqrt(one.between_variance), one.p, p_holm)
        for ((measure, arm), one), p_holm in zip(pooled.items(), adjusted, strict=True)
    )


def random_effects(means: Sequence[float], variances: Sequence[float], level: float = LEVEL) -> Pooled:
    """The mean over sets, from each set's mean and the variance of that mean; 0 is a variance that is not known.

    Never narrower than without Hartung and Knapp's factor (their ad hoc floor of 1): two or three sets agree by chance
    often enough that the factor, left alone, makes intervals of next to no width (Röver, Knapp & Friede, BMC Medical
    Research Methodology 2015).

    A set without a known variance, such as one whose queries all tie, has no weight of its own. Then all sets count
    alike: the plain t interval of the means, never narrower than the known variances alone would make it, and the
    between-set variance is that of the means less the mean of the known ones (Hedges 1983). Raises ValueError for
    fewer than two sets, for values that are not finite, and where nothing varies.
    """
    y, v = np.asarray(means, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if y.size < 2 or y.shape != v.shape:
        raise ValueError(f"a summary over sets needs two of them or more; got {y.size} means, {v.size} variances")
    if not (np.isfinite(y).all() and np.isfinite(v).all() and (v >= 0).all()):
        raise ValueError("means and variances need to be finite, and variances not negative")
    if (v > 0).all():
        between, heterogeneity = _dersimonian_laird(y, v)
    else:
        within = float(v[v > 0].mean()) if (v > 0).any() else 0.0
        between, heterogeneity = max(0.0, float(y.var(ddof=1)) - within), None
        v = np.full_like(y, within)
    if not (v + between > 0).all():
        raise ValueError(
            "nothing varies, neither within sets nor between them: there is nothing to estimate an error by"
        )
    weights = 1 / (v + between)
    mean = float(weights @ y / weights.sum())
    factor = float(weights @ (y - mean) ** 2) / (y.size - 1)
    error = math.sqrt(max(1.0, factor) / float(weights.sum()))
    return _pooled(mean, error, between, heterogeneity, y.size - 1, level)


def _dersimonian_laird(y: Array, v: Array) -> tuple[float, float]:
    weights = 1 / v
    total = float(weights.sum())
    q = float(weights @ (y - weights @ y / total) ** 2)
    scale = total - float(weights @ weights) / total
    return max(0.0, (q - (y.size - 1)) / scale), q


def _pooled(
    mean: float, error: float, between: float, heterogeneity: float | None, freedom: int, level: float
) -> Pooled:
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(freedom, 0.5 + level / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(mean) / error))
    return Pooled(Interval(mean, mean - half, mean + half), between, error, heterogeneity, p)


def _variance_of_mean(values: Array) -> float:
    """0 where it is not known: of one query, or where all differences are equal."""
    if values.size < 2 or np.ptp(values) <= _EQUAL:
        return 0.0
    return float(values.var(ddof=1)) / values.size
