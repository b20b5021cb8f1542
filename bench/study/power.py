"""Pure: what so many queries can show. Effects and ``sd`` in units of the measure, ``sd`` of the per-query differences.

The power of a two-sided paired t test at level ``alpha``, by the noncentral t distribution (Cohen, Statistical Power
Analysis for the Behavioral Sciences, 1988, ch. 2). The randomisation test that studies use has nearly the same power,
save on a handful of queries: of ``2**queries`` sign patterns at least two are as extreme as what was seen, so that
fewer than ``fewest(alpha)`` queries never reach the level, whatever the difference.
"""

from __future__ import annotations

import math
from functools import cache

from bench.study.words import POWER

_ROUNDING = 1e-9  # of a power: what was solved for counts as reached


def power_of(effect: float, sd: float, queries: int, alpha: float) -> float:
    """The chance that ``queries`` show a true mean difference of ``effect``, in either direction.

    0 where the queries are fewer than ``fewest(alpha)``. Differences that do not spread show any effect but 0.
    """
    _check(sd, alpha)
    if queries < fewest(alpha):
        return 0.0
    if sd == 0:
        return float(effect != 0)
    return _power(abs(effect) / sd * math.sqrt(queries), queries - 1, alpha)


def detectable(sd: float, queries: int, alpha: float, power: float = POWER) -> float:
    """The smallest true mean difference that ``queries`` show with this power.

    Infinite where the queries are fewer than ``fewest(alpha)``: they show nothing. 0 where differences do not spread.
    """
    _check(sd, alpha, power)
    if queries < fewest(alpha):
        return math.inf
    return sd * _noncentrality(queries - 1, alpha, power) / math.sqrt(queries)


def queries_needed(effect: float, sd: float, alpha: float, power: float = POWER) -> int:
    """The fewest queries that show a true mean difference of ``effect`` with this power; ValueError for no effect."""
    _check(sd, alpha, power)
    if effect == 0 or not math.isfinite(effect):
        raise ValueError(f"no number of queries shows a difference of {effect:g}; give the smallest one that matters")
    least = fewest(alpha)
    few, enough = least - 1, least
    while power_of(effect, sd, enough, alpha) < power - _ROUNDING:
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        if power_of(effect, sd, middle, alpha) < power - _ROUNDING:
            few = middle
        else:
            enough = middle
    return enough


def fewest(alpha: float) -> int:
    """The fewest queries on which a two-sided sign-flip test can say p < ``alpha``: at 5% it is 6."""
    queries = 2
    while 2.0 ** (1 - queries) >= alpha:
        queries += 1
    return queries


def _power(noncentrality: float, freedom: int, alpha: float) -> float:
    from scipy.special import stdtrit

    critical = float(stdtrit(freedom, 1 - alpha / 2))
    return 1 - _below(critical, noncentrality, freedom) + _below(-critical, noncentrality, freedom)


def _below(t: float, noncentrality: float, freedom: int) -> float:
    from scipy.special import nctdtr

    share = float(nctdtr(freedom, noncentrality, t))
    return 0.0 if math.isnan(share) else share  # scipy's answer where the share is below 1e-12 or so


@cache
def _noncentrality(freedom: int, alpha: float, power: float) -> float:
    from scipy.optimize import brentq

    high = 1.0
    while _power(high, freedom, alpha) < power:
        high *= 2
    return float(brentq(lambda at: _power(at, freedom, alpha) - power, 0.0, high, xtol=1e-12))


def _check(sd: float, alpha: float, power: float = POWER) -> None:
    if not 0 <= sd < math.inf:
        raise ValueError(f"a standard deviation is a number from 0; got {sd:g}")
    if not 0 < alpha < power < 1:
        raise ValueError(f"a power lies between the level and 1; got a level of {alpha:g} and a power of {power:g}")
