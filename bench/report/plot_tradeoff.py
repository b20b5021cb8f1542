"""Figure: quality against latency, one labelled point per trial."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from bench.report import style
from bench.report.canvas import Names, duration_ticks, panel
from bench.report.groups import Group, full_label, latency, variants
from bench.report.labels import Align, Anchor, Box, Label, place_labels
from bench.report.words import measure_title, score, seconds, shorten, span
from bench.types import Interval, TrialResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTION = (
    "{measure} against the 95th percentile of single-query latency (logarithmic); upright lines are 95% intervals. "
    "Up and to the left is better. Where there is no room for a label there is none; the table has every trial."
)
_CLOSE = 14  # pixels at 100 dpi


class Point(NamedTuple):
    result: TrialResult
    latency_s: float
    quality: Interval


def points(group: Group, measure: str) -> list[Point]:
    found = []
    for result in group.finished:
        p95 = latency(result, 95)
        if p95 and result.quality and measure in result.quality.means:
            found.append(Point(result, p95, result.quality.means[measure]))
    return found


def draws(group: Group, measure: str) -> bool:
    return bool(points(group, measure))


def draw(group: Group, measure: str, names: Names) -> Figure:
    shown = points(group, measure)
    title = f"{shorten(names.datasets[group.label], 30)}: {measure_title(measure)} against latency"
    figure, axes = panel(3.5, title)
    axes.set_position((0.1, 0.135, 0.87, 0.745))
    axes.set_xscale("log")
    for name in dict.fromkeys(point.result.trial.pipeline for point in shown):
        mine = sorted((p for p in shown if p.result.trial.pipeline == name), key=lambda p: p.latency_s)
        colour, marker = names.series(name)
        for point in mine:
            axes.plot([point.latency_s] * 2, [point.quality.low, point.quality.high], color=colour, linewidth=1.3)
        axes.plot([p.latency_s for p in mine], [p.quality.mean for p in mine], color=colour, marker=marker,
                  markersize=6.5, linestyle="none", markeredgecolor=style.CARD, markeredgewidth=0.8)  # fmt: skip
    for start, end in lines(shown):
        colour = names.series(start.result.trial.pipeline).colour
        axes.plot([start.latency_s, end.latency_s], [start.quality.mean, end.quality.mean], color=colour, linewidth=0.8)
    _limits(axes, shown)
    duration_ticks(axes)
    axes.grid(which="major")
    axes.tick_params(which="both", length=0, pad=4)
    axes.set_xlabel("Latency of a query, 95th percentile (logarithmic)")
    place_labels(figure, axes, _labels(axes, shown, names), _covered(axes, shown))
    return figure


def _limits(axes: Axes, shown: Sequence[Point]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    fastest, slowest = min(p.latency_s for p in shown), max(p.latency_s for p in shown)
    room = max(2.2, (slowest / fastest) ** 0.18)
    low, high = fastest / room, slowest * room
    subs = (1.0,) if high / low > 30 else (1.0, 2.0, 5.0)
    edge = (high / low) ** 0.07
    for tick in (sub * 10.0**power for power in range(-9, 7) for sub in subs):
        if high / edge < tick <= high:  # its label would be cut off at the figure's edge
            high = tick * edge
        elif low <= tick < low * edge:
            low = tick / edge
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = min(p.quality.low for p in shown), max(p.quality.high for p in shown)
    pad = max(0.02, 0.12 * (high - low))
    axes.set_ylim(max(-0.02, low - pad), min(1.02, high + pad))


def _labels(axes: Axes, shown: Sequence[Point], names: Names) -> list[Label]:
    """Each pipeline's name once, at its fastest trial; then, for each knot of its trials, what they have in common that
    sets them apart from its other trials."""
    said = variants([point.result for point in shown])
    found: list[Label] = []
    for name in dict.fromkeys(point.result.trial.pipeline for point in shown):
        mine = sorted((p for p in shown if p.result.trial.pipeline == name), key=lambda p: p.latency_s)
        colour = names.series(name).colour
        found.append(Label(shorten(names.pipelines[name], 30), _anchors(mine[:1], far=True), colour, needed=True))
        for knot in _knots(axes, mine):
            parts = [names.variant(said[point.result.trial.id]).split(" · ") for point in knot]
            text = " · ".join(part for part in parts[0] if all(part in other for other in parts))
            if text and len(mine) > 1:
                found.append(Label(shorten(text, 26), _anchors(knot, far=False), colour, needed=False))
    return sorted(found, key=lambda label: not label.needed)


def _knots(axes: Axes, mine: Sequence[Point]) -> list[list[Point]]:
    """Trials so close together that one label must do for them."""
    at = axes.transData.transform
    knots: list[list[Point]] = []
    for point in mine:
        x, y = at((point.latency_s, point.quality.mean))
        last = at((knots[-1][-1].latency_s, knots[-1][-1].quality.mean)) if knots else None
        if last is not None and abs(x - last[0]) < _CLOSE and abs(y - last[1]) < _CLOSE:
            knots[-1].append(point)
        else:
            knots.append([point])
    return knots


def _anchors(knot: Sequence[Point], *, far: bool) -> list[Anchor]:
    """Where a label may stand: beside the points, above or below their intervals, and, if ``far``, a little off."""
    left, right = knot[0], knot[-1]
    middle = (left.latency_s * right.latency_s) ** 0.5
    low, high = min(p.quality.low for p in knot), max(p.quality.high for p in knot)
    sides: tuple[tuple[Point, int, Align], ...] = ((right, 1, "left"), (left, -1, "right"))
    beside = [
        Anchor(point.latency_s, point.quality.mean, side * 7, up, align)
        for up in ((0, 9, -9, 18, -18) if far else (0,))
        for point, side, align in sides
    ]
    return [*beside[:2], Anchor(middle, low, 0, -8, "center"), Anchor(middle, high, 0, 8, "center"), *beside[2:]]


def _covered(axes: Axes, shown: Sequence[Point]) -> list[Box]:
    """Boxes, in pixels, over markers, intervals and the lines between points."""
    at = axes.transData.transform
    boxes: list[Box] = []
    for point in shown:
        (x, low), (_, high) = at((point.latency_s, point.quality.low)), at((point.latency_s, point.quality.high))
        y = at((point.latency_s, point.quality.mean))[1]
        boxes += [(x - 1, low, x + 1, high), (x - 5, y - 5, x + 5, y + 5)]
    for start, end in lines(shown):
        (x0, y0), (x1, y1) = at((start.latency_s, start.quality.mean)), at((end.latency_s, end.quality.mean))
        for i in range(20):
            x, y = x0 + (x1 - x0) * i / 20, y0 + (y1 - y0) * i / 20
            boxes.append((x - 1, y - 1, x + 1, y + 1))
    return boxes


def lines(shown: Sequence[Point]) -> list[tuple[Point, Point]]:
    """From each trial of a pipeline to its next slower one."""
    found = []
    for name in dict.fromkeys(point.result.trial.pipeline for point in shown):
        mine = sorted((p for p in shown if p.result.trial.pipeline == name), key=lambda p: p.latency_s)
        found += list(pairwise(mine))
    return found


def alt(group: Group, measure: str) -> str:
    shown = points(group, measure)
    said = variants([point.result for point in shown])
    parts = [
        f"{full_label(p.result, said)} {score(p.quality.mean)} ({span(p.quality)}) at {seconds(p.latency_s)}"
        for p in shown
    ]
    return (
        f"Scatter plot of {measure_title(measure)} with 95% intervals against p95 latency on {group.label}: "
        f"{'; '.join(parts)}."
    )
