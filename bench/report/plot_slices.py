"""Figure: the difference that an arm makes in each slice of the queries, with its interval, feature by feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report import style
from bench.report.canvas import panel
from bench.report.fonts import renditions
from bench.report.say import speaking, t
from bench.report.slice_names import feature_name, value_name
from bench.report.words import between, clauses, clean, measure_title, plural, shorten, signed
from bench.study.slices import Slice
from bench.types import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 40
"""A figure has as many whole features as fit; the table has every slice."""
_HEAD_IN, _SLICE_IN, _GAP_IN = 0.22, 0.36, 0.08
_MIDDLE_IN, _TICK_IN = 0.22, 0.055
_TOP_IN, _BOTTOM_IN = 0.42, 0.46
_TITLE_COLUMNS, _LABEL_COLUMNS = 52, 38


def caption(measure: str) -> str:
    return t(
        "Difference in {measure}, arm minus baseline, within each slice of the queries, with its paired 95% interval. "
        "The intervals are not adjusted: about one in twenty excludes 0 by chance where there is no effect. What is "
        "left out for want of queries or of room is in the table.",
        measure=measure_title(measure),
    )


def shown(slices: Sequence[Slice]) -> list[Slice]:
    """What the figure has room for, of the slices that have an interval. A feature needs two of them."""
    kept: list[Slice] = []
    for name in dict.fromkeys(each.feature for each in slices):
        rows = [each for each in slices if each.feature == name and each.difference is not None]
        if len(rows) > 1 and len(kept) + len(rows) <= MOST_ROWS:
            kept += rows
    return kept


def draws(slices: Sequence[Slice]) -> bool:
    return bool(shown(slices))


@speaking("en")
def draw(slices: Sequence[Slice], title: str, overall: float | None = None) -> Figure:
    """The slices of one arm, measure and side of one dataset; ``overall`` is the difference over all queries.

    Raises ValueError where ``draws`` is false.
    """
    rows = shown(slices)
    if not rows:
        raise ValueError("no feature has two slices with an interval; ask draws() first")
    names = renditions([each.feature for each in rows], "feature")
    values = renditions([each.value for each in rows], "value")
    written = next(iter(renditions([title], "dataset").values()))
    features = len(names)
    height = features * _HEAD_IN + (features - 1) * _GAP_IN + len(rows) * _SLICE_IN
    figure, axes = panel(_TOP_IN + height + _BOTTOM_IN, shorten(written, _TITLE_COLUMNS), top_in=_TOP_IN)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    _scale(axes, rows, overall)
    y, feature = -_GAP_IN, ""
    for place, each in enumerate(rows):
        if place == 0 or each.feature != feature:
            feature, y = each.feature, y + _GAP_IN
            _write(axes, y + 0.02, shorten(names[feature], _TITLE_COLUMNS), "", fontsize=8.5, color=style.MUTED)
            y += _HEAD_IN
        _row(axes, y, each, shorten(values[each.value], _LABEL_COLUMNS), overall)
        y += _SLICE_IN
    dotted = "" if overall is None else f"; dotted: all queries, {signed(overall)}"
    axes.set_xlabel(f"Difference in {measure_title(rows[0].measure)}{dotted}")
    return figure


def alt(slices: Sequence[Slice], title: str = "") -> str:
    """The figure in words, every slice of it; empty where there is none. Without a title it has the dataset's name."""
    rows = shown(slices)
    if not rows:
        return ""
    said = [
        t(
            "{feature} {value} {difference}, {queries}",
            feature=clean(feature_name(each.feature)),
            value=clean(value_name(each.feature, each.value)),
            difference=_interval(each.difference),
            queries=plural(each.queries, "query"),
        )
        for each in rows
        if each.difference
    ]
    return t(
        "Forest plot of the differences in {measure} by slices of the queries, {title}: {slices}.",
        measure=measure_title(rows[0].measure),
        title=clean(title or rows[0].dataset),
        slices=clauses(said),
    )


def _row(axes: Axes, y: float, each: Slice, label: str, overall: float | None) -> None:
    """Words above, the interval below them, and no line through words."""
    interval = each.difference
    if interval is None:
        return
    _write(axes, y, label, f"{signed(interval.mean)}, {plural(each.queries, 'query')}", fontsize=9, color=style.INK)
    colour, middle = style.series(0).colour, y + _MIDDLE_IN
    ends = [middle - _TICK_IN, middle + _TICK_IN]
    axes.plot([0, 0], ends, color=style.MUTED, linewidth=0.8, zorder=1)
    if overall is not None:
        axes.plot([overall] * 2, ends, color=style.MUTED, linewidth=0.8, linestyle=(0, (1.5, 1.5)), zorder=1)
    axes.plot([interval.low, interval.high], [middle] * 2, color=colour, linewidth=1.3)
    axes.plot([interval.mean], [middle], color=colour, marker="o", markersize=5, linestyle="none",
              markeredgecolor=style.CARD, markeredgewidth=0.6)  # fmt: skip


def _write(axes: Axes, y: float, left: str, right: str, *, fontsize: float, color: str) -> None:
    across = axes.get_yaxis_transform()
    axes.text(0, y, left, transform=across, va="top", ha="left", fontsize=fontsize, color=color)
    axes.text(1, y, right, transform=across, va="top", ha="right", fontsize=8.5, color=color)


def _scale(axes: Axes, rows: Sequence[Slice], overall: float | None) -> None:
    """0 and the whole of every interval are in sight, and a set without any change has a scale too."""
    intervals = [each.difference for each in rows if each.difference]
    middle = overall or 0.0
    low = min(0.0, middle, *(interval.low for interval in intervals))
    high = max(0.0, middle, *(interval.high for interval in intervals))
    pad = 0.05 * (high - low) or 0.05
    axes.set_xlim(low - pad, high + pad)
    axes.tick_params(axis="x", length=3, pad=3)


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ""
    span = between(signed(interval.low), signed(interval.high))
    return t("{mean} ({span})", mean=signed(interval.mean), span=span)
