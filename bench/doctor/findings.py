"""What a check finds, and how a difference between scores becomes a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.rerankers.scores import sigmoid
from bench.types import ScoreUnit

Status = Literal["pass", "fail", "skip"]

AGAINST_FP32 = {"fp32": 1e-4, "fp16": 0.05, "bf16": 0.15}
AGAINST_ITSELF = {"fp32": 1e-4, "fp16": 0.01, "bf16": 0.05}
QUANTISED = {"int8": 0.2, "int8-dynamic": 0.2, "int4": 0.4}
"""Allowed differences of a probability. fp32 differs by the order of summation alone; the half formats by what was
measured on small checkpoints, with room; quantised weights are other weights, so only a gross fault shows there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome. ``measured`` and ``allowed`` are for people, ``value`` and ``limit`` for scripts.

    For a check that does not apply, ``measured`` is the reason; ``advice`` says what to do about a failure.
    """

    name: str
    status: Status
    measured: str
    allowed: str = ""
    advice: str = ""
    value: float | None = None
    limit: float | None = None


class NotApplicableError(Exception):
    """A check has nothing to look at here; the message is the reason."""


def found(name: str, ok: bool, measured: str, advice: str, allowed: str = "") -> Finding:
    """A finding without a figure to compare."""
    return Finding(name, "pass" if ok else "fail", measured, allowed, "" if ok else advice)


@dataclass(frozen=True, slots=True)
class Scale:
    """In which numbers an engine's scores are compared, and how far apart they may be.

    Logits are compared as logits: a probability near 0 or 1 hides a difference. A logit may differ by four times as
    much as a probability, because no slope of the sigmoid is above a quarter. A ``score`` without a unit is compared
    in parts of the range of the scores at hand.
    """

    unit: ScoreUnit
    dtype: str
    quantisation: str

    def against_fp32(self) -> float:
        """The allowed difference from the oracle, in this scale's unit."""
        return self._factor * QUANTISED.get(self.quantisation, AGAINST_FP32.get(self.dtype, AGAINST_FP32["bf16"]))

    def against_itself(self) -> float:
        """The allowed difference between two batches of the same engine, in this scale's unit."""
        return self._factor * QUANTISED.get(self.quantisation, AGAINST_ITSELF.get(self.dtype, AGAINST_ITSELF["bf16"]))

    @property
    def _factor(self) -> float:
        return 4.0 if self.unit == "logit" else 1.0

    def from_logit(self, logit: float) -> float:
        """The oracle's logit in this scale's unit."""
        return logit if self.unit == "logit" else sigmoid(logit)

    def gap(self, a: Sequence[float], b: Sequence[float]) -> float:
        """The largest difference between two lists of scores of the same documents."""
        largest = max((abs(x - y) for x, y in zip(a, b, strict=True)), default=0.0)
        if self.unit != "score":
            return largest
        return largest / ((max(*a, *b) - min(*a, *b)) or 1.0)

    def tell(self, a: Sequence[float], b: Sequence[float]) -> str:
        """The largest difference for people: of the logit and of the probability where there are both."""
        if self.unit == "probability":
            return f"Δp {short(self.gap(a, b))}"
        if self.unit == "score":
            return f"Δ {short(self.gap(a, b))} of the range"
        probabilities = max((abs(sigmoid(x) - sigmoid(y)) for x, y in zip(a, b, strict=True)), default=0.0)
        return f"Δlogit {short(self.gap(a, b))}, Δp {short(probabilities)}"


def short(x: float) -> str:
    """A figure in as few characters as tell its size."""
    return "0" if x == 0 else f"{x:.0e}".replace("e-0", "e-") if abs(x) < 1e-3 else f"{x:.2g}"


def compared(
    name: str,
    scale: Scale,
    a: Sequence[float],
    b: Sequence[float],
    allowed: float,
    advice: str,
    more: str = "",
) -> Finding:
    """Passes when no score of ``a`` is further than ``allowed`` from the same document's in ``b``; ``more`` is told."""
    gap = scale.gap(a, b)
    ok = gap <= allowed  # false for a NaN
    measured = scale.tell(a, b) + (f"; {more}" if more else "")
    return Finding(
        name, "pass" if ok else "fail", measured, f"≤ {short(allowed)}", "" if ok else advice, value=gap, limit=allowed
    )


def swapped(a: Sequence[float], b: Sequence[float]) -> int:
    """Pairs of documents that the two scorings put in opposite orders."""
    places = range(len(a))
    return sum((a[i] - a[j]) * (b[i] - b[j]) < 0 for i in places for j in places if i < j)
