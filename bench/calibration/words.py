"""What was found about the probabilities of one arm, as frozen values that go to JSON and back.

What does not exist, such as the relevant share of an empty bin, is None. No value is NaN or infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.types import Interval

Treatment = Literal["left out", "not relevant"]
"""What becomes of candidates that nobody judged."""
Unjudged = Literal["left out", "not relevant", "auto"]


@dataclass(frozen=True, slots=True)
class Bin:
    """The pairs with ``low`` <= score < ``high`` (the last bin has 1 too). ``share_low`` and ``share_high`` bound the
    relevant share at 95%, other queries being drawn. All four are None in an empty bin."""

    low: float
    high: float
    pairs: int
    mean_score: float | None
    relevant_share: float | None
    share_low: float | None
    share_high: float | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """Scores against judgements on one side of a set. ``queries`` have at least one pair that counts.

    ``unjudged_share`` is that of all candidates, before any are left out. ``ece`` is the expected calibration error,
    ``ece_floor`` what perfectly calibrated scores like these would show of it by chance. ``brier_of_base_rate`` is the
    Brier score of giving every pair the relevant share of all.
    """

    pairs: int
    queries: int
    relevant: int
    unjudged_share: float
    ece: Interval
    ece_floor: float
    brier: Interval
    brier_of_base_rate: float
    bins: tuple[Bin, ...]

    @property
    def relevant_share(self) -> float:
        return self.relevant / self.pairs


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What keeping the candidates with a score of ``at`` or more gives.

    ``precision`` is None where none is kept, ``recall`` (of the relevant ones among the candidates) where none is
    relevant. ``pairs`` are kept, which is the share ``kept`` of all that count.
    """

    at: float
    precision: Interval | None
    recall: float | None
    kept: float
    pairs: int


@dataclass(frozen=True, slots=True)
class WantedPrecision:
    """The lowest threshold that reaches ``precision`` on dev, None where none does; and what it gave on test.

    ``said`` is a sentence or two for a person: what was found on dev, and whether it held on test.
    """

    precision: float
    threshold: float | None
    dev: ThresholdRow | None
    test: ThresholdRow | None
    said: str


@dataclass(frozen=True, slots=True)
class Temperature:
    """``value`` divides the logits; fitted on ``queries`` of dev. NLL is in nats per pair; test is None without one."""

    value: float
    queries: int
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float
    test_nll_before: float | None = None
    test_nll_after: float | None = None
    test_ece_before: float | None = None
    test_ece_after: float | None = None


@dataclass(frozen=True, slots=True)
class ArmCalibration:
    """All of one arm on one set. ``unit`` says how a score became a probability, ``note`` why something is missing.

    A candidate is relevant from a grade of ``relevant_from`` on; ``unjudged`` is what became of those that nobody
    judged, on both sides alike (None where nothing could be counted).
    """

    dataset: str
    arm: str
    unit: str
    relevant_from: int
    unjudged: Treatment | None
    dev: Reliability | None
    test: Reliability | None
    thresholds_dev: tuple[ThresholdRow, ...]
    thresholds_test: tuple[ThresholdRow, ...] | None
    wanted: WantedPrecision | None
    temperature: Temperature | None
    note: str
