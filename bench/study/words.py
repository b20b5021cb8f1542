"""The frozen values of an instruction study, from what is varied to what was found.

An *arm* is one way to ask the same reranker; the *baseline* is the arm that the others are compared with. The queries
of a set have two *sides*: on dev every arm is measured and the best is chosen, on test the chosen one is compared with
the baseline, once. A *contrast* is one arm against the baseline by one measure on one side of one set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.types import Interval

Side = Literal["dev", "test"]
Ending = Literal["better", "worse", "not shown", "baseline", "not tested"]
"""Of a set's study: the chosen arm is better or worse than the baseline on test, or neither is shown; the baseline was
the best on dev, so that there was nothing to test; or the test set must not be looked at again."""
ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Arm:
    """``text`` None is the template's own default. ``by_dataset`` holds other texts for some sets, by their label.

    ``query_field`` names the queries' field that holds each query's own instruction; queries without it get ``text``.
    ``template`` None is the trial's. ``known_as`` is the name in the library of a text that comes from there.
    """

    name: str
    text: str | None = None
    template: str | None = None
    query_field: str | None = None
    by_dataset: Mapping[str, str] = field(default_factory=dict)
    known_as: str = ""


@dataclass(frozen=True, slots=True)
class Contrast:
    """``difference`` is the mean over queries of arm minus baseline, with its paired bootstrap 95% interval.

    ``p`` is the paired randomisation test's, two-sided; ``p_holm`` the same adjusted over all contrasts of its side (on
    test also for the planned number of looks). ``effect`` is the mean difference in units of the differences' standard
    deviation; None where all are equal. ``detectable`` is the smallest true difference that these queries would show in
    80% of studies, at the level that the adjustment leaves to one contrast; None where the differences do not spread.
    """

    dataset: str
    measure: str
    arm: str
    baseline: str
    side: Side
    split: str
    queries: int
    mean: float
    baseline_mean: float
    difference: Interval
    p: float
    p_holm: float
    effect: float | None
    detectable: float | None
    wins: int
    ties: int
    losses: int

    @property
    def direction(self) -> int:
        """1 a gain, -1 a loss, 0 where the queries carry neither: interval and adjusted p must agree."""
        if self.p_holm < ALPHA and self.difference.low > 0:
            return 1
        return -1 if self.p_holm < ALPHA and self.difference.high < 0 else 0


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What was chosen on one set, and what became of it. ``reason`` is one sentence for a person.

    ``looks`` counts how often this test set has been looked at in this results folder, this time included;
    ``planned_looks`` is how many the study allowed itself beforehand.
    """

    dataset: str
    measure: str
    chosen: str
    ending: Ending
    reason: str
    dev_split: str
    test_split: str
    dev_queries: int
    test_queries: int
    looks: int
    planned_looks: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What a side of a set can show, told before its arms are compared.

    ``sd`` is the standard deviation of the per-query differences: assumed, or measured on dev (``sd_from``).
    ``comparisons`` share the level of 5%. ``detectable`` is found with a power of 80%, None where so few queries show
    nothing; ``needed`` queries would be enough for a true difference of ``wanted``.
    """

    dataset: str
    measure: str
    side: Side
    queries: int
    comparisons: int
    sd: float
    sd_from: str
    detectable: float | None
    wanted: float
    needed: int


@dataclass(frozen=True, slots=True)
class Across:
    """An arm's difference from the baseline over several sets: each set one observation, sets differing at random.

    ``difference`` has the Hartung-Knapp interval, ``between_sd`` is the spread of the true differences between sets,
    ``p`` is two-sided and ``p_holm`` adjusted over the arms and measures of the summary.
    """

    measure: str
    arm: str
    side: Side
    sets: int
    difference: Interval
    between_sd: float
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class ArmCost:
    """What scoring one arm took, perhaps in an earlier run; ``seconds`` is None where nobody counted."""

    dataset: str
    side: Side
    arm: str
    pairs: int
    tokens: int | None
    forward_tokens: int | None
    seconds: float | None
