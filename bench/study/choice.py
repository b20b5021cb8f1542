"""Pure: the arm that dev speaks for, and what a side of a set can show before its arms are compared."""

from __future__ import annotations

import math

from bench.study.contrasts import SideScores, differences
from bench.study.power import detectable, queries_needed
from bench.study.words import ALPHA, Planned, Side

_EQUAL = 1e-12


def choose(side: SideScores, measure: str, baseline: str) -> str:
    """The arm with the highest mean; of equal ones the baseline, or else the first in the order of ``side``.

    Ties go to the baseline because a change that gains nothing is not worth making. Raises ValueError as
    ``differences`` does: arms are compared over the same queries, or not at all.
    """
    arms = dict.fromkeys((baseline, *side.per_query))
    gains = {arm: float(differences(side, arm, baseline, measure).mean()) for arm in arms}
    best = max(gains.values())
    return next(arm for arm, gain in gains.items() if gain >= best - _EQUAL)


def planned(
    dataset: str,
    measure: str,
    side: Side,
    queries: int,
    comparisons: int,
    sd: float,
    sd_from: str,
    wanted: float,
) -> Planned:
    """What ``queries`` can show when ``comparisons`` (contrasts times planned looks) share the level of 5%.

    ``detectable`` is None where the queries are too few to show anything. Raises ValueError for fewer than one
    comparison, for a negative ``sd`` and for a ``wanted`` of 0.
    """
    if comparisons < 1:
        raise ValueError(f"a plan is for one comparison or more; got {comparisons}")
    alpha = ALPHA / comparisons
    smallest = detectable(sd, queries, alpha)
    return Planned(
        dataset=dataset,
        measure=measure,
        side=side,
        queries=queries,
        comparisons=comparisons,
        sd=sd,
        sd_from=sd_from,
        detectable=smallest if math.isfinite(smallest) else None,
        wanted=wanted,
        needed=queries_needed(wanted, sd, alpha),
    )
