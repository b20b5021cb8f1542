"""What the report reads of an instruction study, and its figures as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from bench.report import words
from bench.report.say import t
from bench.report.words import MISSING
from bench.study.words import ALPHA, Across, Arm, ArmCost, Conclusion, Contrast, Planned, Side
from bench.types import Interval

T = TypeVar("T")
_NAME_COLUMNS = 60
_PLACES, _MOST_PLACES = 3, 6
_SIDES: tuple[Side, ...] = ("dev", "test")


class StudyView(Protocol):
    """``measures``: the first one chooses. ``arms`` stand in the study's own order, which gives each its colour."""

    @property
    def name(self) -> str: ...
    @property
    def baseline(self) -> str: ...
    @property
    def measures(self) -> tuple[str, ...]: ...
    @property
    def arms(self) -> tuple[Arm, ...]: ...
    @property
    def contrasts(self) -> Sequence[Contrast]: ...
    @property
    def conclusions(self) -> Sequence[Conclusion]: ...
    @property
    def planned(self) -> Sequence[Planned]: ...
    @property
    def across(self) -> Sequence[Across]: ...
    @property
    def costs(self) -> Sequence[ArmCost]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


def datasets(study: StudyView) -> tuple[str, ...]:
    """Every set that something was concluded of or measured on, in that order."""
    concluded = [each.dataset for each in study.conclusions]
    return tuple(dict.fromkeys([*concluded, *(each.dataset for each in study.contrasts)]))


def primary(study: StudyView) -> str:
    """The measure that chooses; empty where a study has none."""
    return study.measures[0] if study.measures else ""


def of(study: StudyView, dataset: str, measure: str, side: Side | None = None) -> list[Contrast]:
    """The contrasts of a set by a measure, dev before test, arms in the order of the study."""
    places = {arm.name: place for place, arm in enumerate(study.arms)}
    found = [
        each
        for each in study.contrasts
        if each.dataset == dataset and each.measure == measure and side in (None, each.side)
    ]
    return sorted(found, key=lambda each: (_SIDES.index(each.side), places.get(each.arm, len(places))))


def direction(contrast: Contrast) -> int:
    """``Contrast.direction``, and 0 where a figure of it is not a number, which would show nothing."""
    interval = contrast.difference
    known = all(map(math.isfinite, (contrast.p_holm, interval.mean, interval.low, interval.high)))
    return contrast.direction if known else 0


def chosen(study: StudyView, dataset: str) -> str | None:
    """The arm that was chosen on a set; None where nothing was concluded."""
    return next((each.chosen for each in study.conclusions if each.dataset == dataset), None)


def name(text: str) -> str:
    """An arm's name in a sentence."""
    return f"“{words.shorten(words.clean(text), _NAME_COLUMNS)}”"


def signed(value: float, places: int = _PLACES) -> str:
    """With its sign and a true minus; 0 has none."""
    if not math.isfinite(value):
        return MISSING
    text = f"{value:+.{places}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def places(interval: Interval, shown: bool) -> int:
    """Decimals: three, and more where an interval that is ``shown`` to exclude 0 would be printed as reaching it."""
    nearest = min(abs(interval.low), abs(interval.high))
    if not shown or not math.isfinite(nearest):
        return _PLACES
    return next((n for n in range(_PLACES, _MOST_PLACES) if round(nearest, n) > 0), _MOST_PLACES)


def difference(interval: Interval, shown: bool) -> tuple[str, str]:
    """A difference and its interval: ``+0.047``, ``+0.031 to +0.064``."""
    n = places(interval, shown)
    low, high = signed(interval.low, n), signed(interval.high, n)
    return signed(interval.mean, n), MISSING if MISSING in (low, high) else words.between(low, high)


def carried(interval: Interval, p: float) -> bool:
    """Whether interval and adjusted p agree that there is a difference."""
    known = all(map(math.isfinite, (p, interval.mean, interval.low, interval.high)))
    return known and p < ALPHA and not interval.low <= 0 <= interval.high


def p_value(p: float) -> str:
    """As a table has it: ``0.012``, ``< 0.0001``."""
    return words.p_value(p).removeprefix("p ").removeprefix("= ") if math.isfinite(p) else MISSING


def side_name(side: Side) -> str:
    return t("dev") if side == "dev" else t("test")


def queries_of(n: int, side: Side) -> str:
    """``160 dev queries``."""
    if n == 1:
        return t("1 {side} query", side=side_name(side))
    return t("{n} {side} queries", n=words.count(n), side=side_name(side))


def small(value: float | None) -> str:
    """A size without sign: three decimals, or two figures below 0.001."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.2g}"


def score(value: float | None) -> str:
    return words.score(value) if value is not None and math.isfinite(value) else MISSING


def one(values: Iterable[T]) -> T | None:
    """The value that all have in common, if there is one."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
