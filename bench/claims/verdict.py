"""Pure: what a measurement says of a printed figure.

Two questions are kept apart. *Would other queries give another figure?* is what the interval answers. *Do these very
queries give the printed figure?* has an answer without an interval, for scoring is not random: where the very set was
run that the figure was printed for, only a figure within the printed precision (or the stated tolerance) is
``reproduced``. An interval alone would call any system reproduced that comes within four points on 300 queries.

=================  ==========================================================================================
refuted            the interval excludes the figure; or the very same queries are off by over half of ``resolution``
reproduced         the very same queries give the figure, within its printed precision or the stated tolerance
consistent         the interval covers the figure and could have told it from one that is off by ``resolution``
underpowered       the interval covers the figure, and would have covered one that is off by that much as well
not testable here  measured on other hardware, or on other data that disagrees: neither refutes anything
=================  ==========================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.claims.words import WEAKEST_FIRST, Evidence, Figure, Finding, Missing, Verdict

POWER = 0.8
LEVEL = 0.97
"""Of the intervals. A bootstrap interval of skewed values covers a little less than it says; at a nominal 97% a true
claim is refuted in fewer than 5 of 100 repetitions all the same (simulated in the tests)."""
_Z_INTERVAL, _Z_POWER = 2.170090, 0.841621  # LEVEL, two-sided; POWER
DETECTABLE = (_Z_INTERVAL + _Z_POWER) / _Z_INTERVAL
"""A difference of so many half widths of an interval is found in 80% of repetitions (normal approximation)."""
_ROUNDING = 1e-9
_WEAKER = {"subset": "some of the data", "proxy": "other data"}
_SHARES = ("", "%", "points")


def decide(
    figure: Figure, found: Evidence | Missing, tolerance: float | None = None, resolution: float | None = None
) -> Finding:
    """The verdict on one figure, all in units of measurement.

    ``tolerance`` None is half a step of the last printed digit. ``resolution`` None is 5 points of a share, and a
    tenth of any other figure.
    """
    if isinstance(found, Missing):
        return Finding(figure, "not testable here", found.reason)
    if found.elsewhere:
        return Finding(figure, "not testable here", found.elsewhere, found)
    low, high = band(figure, tolerance)
    if resolution is None:
        resolution = 0.05 if figure.printed.unit in _SHARES else abs(figure.printed.value) / 10
    if figure.printed.relation == "=":
        verdict, reason = _equality(figure, found, low, high, resolution)
    else:
        verdict, reason = _bound(figure, found, low, high)
    return Finding(figure, verdict, reason + _out_of_reach(figure, found, low), found)


def band(figure: Figure, tolerance: float | None) -> tuple[float, float]:
    """The values that are the printed figure: its rounding or the tolerance, whichever is wider; or a half line."""
    printed = figure.printed
    slack = max(printed.half_step, tolerance or 0.0) if printed.relation == "=" else tolerance or 0.0
    slack += _ROUNDING * max(1.0, abs(printed.value))
    low = -math.inf if printed.relation == "<" else printed.value - slack
    high = math.inf if printed.relation == ">" else printed.value + slack
    return low, high


def weakest(findings: Sequence[Finding]) -> Finding:
    """The finding that a claim of several figures stands or falls with."""
    return min(findings, key=lambda finding: WEAKEST_FIRST.index(finding.verdict))


def queries_needed(samples: int, half_width: float, resolution: float) -> int:
    """How many queries would tell a difference of ``resolution`` in 80% of repetitions, given this spread."""
    return math.ceil(samples * (DETECTABLE * half_width / resolution) ** 2)


def _equality(figure: Figure, found: Evidence, low: float, high: float, resolution: float) -> tuple[Verdict, str]:
    excluded = found.high < low or found.low > high
    if found.population == "same":
        return _same_queries(figure, found, low, high, resolution, excluded)
    if excluded and found.population == "proxy":
        return _other_data(figure, found)
    apart = figure.printed.apart
    if excluded:
        return "refuted", _excluded(figure, found)
    half_width = (found.high - found.low) / 2
    if half_width * DETECTABLE > resolution:
        needed = queries_needed(found.samples, half_width, resolution)
        return "underpowered", (
            f"{found.samples:,} {found.counted} cannot tell it from a figure that is {apart(resolution)} off; about "
            f"{needed:,} would do"
        )
    return "consistent", f"the interval covers it, measured on {_WEAKER[found.population]}"


def _same_queries(
    figure: Figure, found: Evidence, low: float, high: float, resolution: float, excluded: bool
) -> tuple[Verdict, str]:
    apart, off = figure.printed.apart, figure.printed.distance(found.value)
    if low <= found.value <= high:
        return "reproduced", f"the very same data give it, within {_slack(figure, high)}"
    if excluded:
        return "refuted", _excluded(figure, found)
    if abs(found.value - figure.printed.value) > resolution / 2 + (high - figure.printed.value):
        return "refuted", f"the very same data are off by {off}, nearer to {apart(resolution)} than to nothing"
    return "consistent", (
        f"the interval covers it, but the very same data are off by {off}, more than {_slack(figure, high)}"
    )


def _bound(figure: Figure, found: Evidence, low: float, high: float) -> tuple[Verdict, str]:
    if found.high < low or found.low > high:
        if found.population == "proxy":
            return _other_data(figure, found)
        return "refuted", "the whole interval lies on the other side of the bound"
    if found.low < low or found.high > high:
        return (
            "underpowered",
            f"the interval lies on both sides of the bound; {found.samples:,} {found.counted} are too few",
        )
    if found.population == "same":
        return "reproduced", "the whole interval keeps the bound"
    return "consistent", f"the whole interval keeps the bound, measured on {_WEAKER[found.population]}"


def _other_data(figure: Figure, found: Evidence) -> tuple[Verdict, str]:
    return "not testable here", (
        f"the data that it was printed for is not here; other data gives "
        f"{figure.printed.shown(found.value)}, which excludes it and refutes nothing"
    )


def _excluded(figure: Figure, found: Evidence) -> str:
    off = f"off by {figure.printed.distance(found.value)}"
    return off if found.low == found.high else f"{off}, and the interval excludes it"


def _out_of_reach(figure: Figure, found: Evidence, low: float) -> str:
    """That the first stage had not found enough for the figure, whatever a reranker makes of it."""
    reach = found.reach
    if reach is None or reach.ceiling >= low:
        return ""
    cure = "raise depth, or take a better first stage" if reach.enough is None else f"depth {reach.enough} would do"
    return (
        f"; no reranker could reach it, as the best order of the first stage's {reach.depth} candidates gives "
        f"{figure.printed.shown(reach.ceiling)}; {cure}"
    )


def _slack(figure: Figure, high: float) -> str:
    slack = high - figure.printed.value
    wider = slack > figure.printed.half_step * 1.01
    return f"the stated tolerance of {figure.printed.apart(slack)}" if wider else "its printed precision"
