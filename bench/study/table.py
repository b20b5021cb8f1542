"""Pure: ``ab.csv``, one row per contrast of a study, each group of them under a row of its baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.spreadsheet import csv_text
from bench.study.words import Arm, Contrast

COLUMNS = (
    "dataset", "measure", "arm", "baseline", "split", "mean", "difference", "low", "high", "p", "p_holm", "effect",
    "detectable", "wins", "ties", "losses",
)  # fmt: skip
_AFTER_MEAN = len(COLUMNS) - COLUMNS.index("mean") - 1
_SIDES = ("dev", "test")


def ab_csv(contrasts: Sequence[Contrast], arms: Sequence[Arm]) -> str:
    """Dataset by dataset, dev before test, measure by measure: the baseline's row, then the arms in the order given.

    ``split`` is the split's own name. Floats are written in full (``repr``); what is missing or not finite is empty,
    and so is all of the baseline's row behind its mean. Datasets and measures stand in the order of first appearance;
    an arm that is not among ``arms`` comes last. Lone surrogates, which no file can hold, become question marks.
    """
    rows: list[list[object]] = []
    for group in _groups(contrasts, arms):
        first = group[0]
        own = first.baseline_mean if all(_same(each.baseline_mean, first.baseline_mean) for each in group) else None
        names = (_text(first.dataset), _text(first.measure), *[_text(first.baseline)] * 2, _text(first.split))
        rows.append([*names, _number(own), *[""] * _AFTER_MEAN])
        for each in group:
            names = (each.dataset, each.measure, each.arm, each.baseline, each.split)
            interval = each.difference
            numbers = (each.mean, interval.mean, interval.low, interval.high, each.p, each.p_holm, each.effect,
                       each.detectable)  # fmt: skip
            rows.append([*map(_text, names), *map(_number, numbers), each.wins, each.ties, each.losses])
    return csv_text(COLUMNS, rows)


def _groups(contrasts: Sequence[Contrast], arms: Sequence[Arm]) -> list[list[Contrast]]:
    """Contrasts of one dataset, side, split, measure and baseline, in the order of the table."""
    datasets = list(dict.fromkeys(each.dataset for each in contrasts))
    measures = list(dict.fromkeys(each.measure for each in contrasts))
    places = {arm.name: place for place, arm in enumerate(arms)}
    found: dict[tuple[int, int, int, str, str], list[Contrast]] = {}
    for each in contrasts:
        place = (datasets.index(each.dataset), _SIDES.index(each.side), measures.index(each.measure))
        found.setdefault((*place, each.split, each.baseline), []).append(each)
    in_order = sorted(found.items(), key=lambda item: item[0][:3])
    return [sorted(group, key=lambda each: places.get(each.arm, len(places))) for _, group in in_order]


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def _number(value: float | None) -> str:
    return repr(float(value)) if value is not None and math.isfinite(value) else ""


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
