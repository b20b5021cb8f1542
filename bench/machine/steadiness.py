"""Pure: whether a trial's times can be trusted, and if not, what to do about it.

Single queries differ because their documents differ, so their spread says nothing about the machine. Noise is judged on
repetitions of the same work: the offline rounds, and the one query of the warm-up. Drift is judged on the order of the
samples, which their differences blur but do not bend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from bench.machine.throttling import doubts_of_throttling
from bench.types import Cost, TrialResult

NOISY_FROM = 0.10
"""Coefficient of variation from which repetitions of one piece of work are called noisy: where pyperf, too, calls a
benchmark unstable. Two settings that differ by less than 10% could then change places in another run."""
SPREAD_OF = 3
"""Repetitions below which nothing is said of their spread."""
DRIFT_P = 0.01
"""How unlikely a trend must be by chance: of 100 steady cells one at most is flagged, and the next rule spares most."""
DRIFT_FROM = 0.10
"""How much the last third must differ from the first. Less is found in long series, but would mislead nobody."""
BUSY_PER_CORE = 0.5
"""Load average for each core above which others are at work that times would be shared with."""
TREND_OF = 9
"""Samples below which nothing is said of a trend: thirds of three."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The median of the last third over that of the first, less 1 (0.14: 14% slower), and the trend's p-value."""

    change: float
    p: float


def coefficient_of_variation(samples: Sequence[float]) -> float | None:
    """Standard deviation over mean; None of fewer than two samples, or where the mean is 0."""
    if len(samples) < 2 or (mean := fmean(samples)) == 0:
        return None
    return stdev(samples) / mean


def noisy(samples: Sequence[float]) -> bool:
    """Whether repetitions of the same work vary too much; never said of fewer than three."""
    spread = coefficient_of_variation(samples)
    return len(samples) >= SPREAD_OF and spread is not None and spread >= NOISY_FROM


def drift(samples: Sequence[float]) -> Drift | None:
    """The trend in samples that are in the order of their measurement; None where there is none to speak of.

    Mann-Kendall's test (Mann 1945; Kendall's tau against time), which asks neither for normal samples nor for a
    straight line, and an effect that is large enough to matter.
    """
    third = len(samples) // 3
    if len(samples) < TREND_OF or (first := median(samples[:third])) <= 0:
        return None
    change = median(samples[-third:]) / first - 1
    if abs(change) < DRIFT_FROM:
        return None
    from scipy.stats import kendalltau

    trend = kendalltau(range(len(samples)), samples)
    same_way = (trend.statistic > 0) == (change > 0)
    return Drift(change, float(trend.pvalue)) if trend.pvalue < DRIFT_P and same_way else None


def drifts(samples: Sequence[float]) -> bool:
    """Whether there is a trend in samples that are in the order of their measurement."""
    return drift(samples) is not None


def doubts_of_time(cost: Cost) -> tuple[str, ...]:
    """Why a trial's times should be doubted, each reason with what to do; empty where there is none.

    Of the warm-up its second half is judged: the first passes are slow by nature.
    """
    settled = cost.warmup_s[len(cost.warmup_s) // 2 :]
    said = []
    if not cost.warmed_up:
        said.append(
            f"not warmed up: after {_passes(len(cost.warmup_s))} the times still changed; raise warmup_queries, "
            "or leave the machine alone while it measures"
        )
    elif noisy(settled):
        said.append(_noise("the same query, asked again and again", settled))
    if noisy(cost.offline_s):
        said.append(_noise("rounds of the same queries", cost.offline_s))
    for name, samples in (("single queries", cost.latency_s), ("rounds", cost.offline_s)):
        found = drift(samples)
        if found:
            said.append(_drifting(name, found))
    return (*said, *doubts_of_throttling(cost.throttled))


def doubt_of_load(result: TrialResult) -> str | None:
    """Why times should be doubted that were taken on a machine which others were using when the run began."""
    load, cores = result.environment.get("load_before"), result.environment.get("cores_logical")
    if not (result.trial.scenarios and load and cores) or load <= BUSY_PER_CORE * cores:
        return None
    return f"the machine was busy before the run (load {load} on {cores} cores); measure times on an idle one"


def times_are_doubted(result: TrialResult) -> bool:
    """Whether a trial's times were taken unsteadily, or beside other work."""
    return doubt_of_load(result) is not None or (result.cost is not None and bool(doubts_of_time(result.cost)))


def _passes(n: int) -> str:
    return "1 pass" if n == 1 else f"{n} passes"


def _noise(what: str, samples: Sequence[float]) -> str:
    spread = coefficient_of_variation(samples) or 0.0
    return (
        f"noisy: {what} vary by {spread:.0%} (standard deviation over mean, {len(samples)} times); stop what else runs "
        f"on this machine and measure again, and until then trust no difference below {2 * spread:.0%}"
    )


def _drifting(name: str, found: Drift) -> str:
    way = "slower" if found.change > 0 else "faster"
    cure = (
        "the machine may be throttling: let it cool, fix its clock speed, and measure again"
        if found.change > 0
        else "it was not warm when timing began: raise warmup_queries and measure again"
    )
    return f"drifts: the last third of the {name} is {abs(found.change):.0%} {way} than the first; {cure}"
