"""Figure: quality against latency or against memory, one point per trial, with the Pareto front."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log
from typing import TYPE_CHECKING, NamedTuple

from bench.derived import latency, memory_bytes
from bench.report import style
from bench.report.canvas import Names, duration_ticks, log_subs, log_ticks, panel
from bench.report.groups import Group, full_label, in_common, variants
from bench.report.labels import Align, Anchor, Box, Label, place_labels
from bench.report.say import t
from bench.report.sweep import is_sweep
from bench.report.words import clauses, listed, measure_title, score, seconds, sentences, shorten, size, span
from bench.types import Interval, TrialResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLOSE = 14  # pixels at 100 dpi
_PALE, _PALE_ALONE = 0.35, 0.55
"""Of what is behind the front: a crowd of cells, and pipelines of one trial each."""


@dataclass(frozen=True, slots=True)
class Across:
    """What quality is held against: less of it is better."""

    value: Callable[[TrialResult], float | None]
    write: Callable[[float | None], str]
    title: str
    label: str
    binary: bool


LATENCY = Across(
    lambda result: latency(result, 95), seconds, "latency", "Latency of a query, 95th percentile (logarithmic)", False
)
MEMORY = Across(memory_bytes, size, "memory", "Peak memory (logarithmic)", True)


Place = tuple[float, float]


def caption(across: Across, measure: str) -> str:
    if across is MEMORY:
        return t(
            "{measure} against peak memory (logarithmic): that of the whole process and, on a device, what its "
            "allocator kept there besides. Up and to the left is better.",
            measure=measure_title(measure),
        )
    return t(
        "{measure} against the 95th percentile of single-query latency (logarithmic); upright lines are 95% intervals. "
        "Up and to the left is better. Where there is no room for a label there is none; the table has every trial.",
        measure=measure_title(measure),
    )


class Point(NamedTuple):
    result: TrialResult
    x: float
    quality: Interval


def points(group: Group, measure: str, across: Across = LATENCY) -> list[Point]:
    found = []
    for result in group.finished:
        x = across.value(result)
        if x and result.quality and measure in result.quality.means:
            found.append(Point(result, x, result.quality.means[measure]))
    return found


def front(shown: Sequence[Point]) -> list[Point]:
    """Points than which none is better in one of quality and cost and as good in the other; by rising cost."""
    kept = [
        p
        for p in shown
        if not any(
            q.x <= p.x and q.quality.mean >= p.quality.mean and (q.x, q.quality.mean) != (p.x, p.quality.mean)
            for q in shown
        )
    ]
    return sorted(kept, key=lambda point: point.x)


def draws(across: Across, group: Group, measure: str) -> bool:
    return bool(points(group, measure, across))


def note(across: Across, group: Group, measure: str) -> str:
    if is_sweep(group):
        return t(
            "The line is the Pareto front: no cell is better in one of the two without being worse in the other; cells "
            "behind it are pale and have no interval. The front goes by means, so neighbours on it may not differ in "
            "truth."
        )
    if len(points(group, measure, across)) < 2:
        return ""
    return t(
        "The line is the Pareto front: no pipeline is better in one of the two without being worse in the other; "
        "pipelines behind it are pale. The front goes by means, so neighbours on it may not differ in truth."
    )


def draw(across: Across, group: Group, measure: str, names: Names) -> Figure:
    shown = points(group, measure, across)
    best = front(shown)
    told = best if is_sweep(group) else shown
    pale = _PALE if is_sweep(group) else _PALE_ALONE
    figure, axes = panel(3.5, names.title(group, f"{measure_title(measure)} against {across.title}"))
    axes.set_position((0.16, 0.135, 0.81, 0.745))
    axes.set_xscale("log")
    for (x0, y0), (x1, y1) in steps(best):
        axes.plot([x0, x1], [y0, y1], color=style.MUTED, linewidth=1, zorder=1.5)
    for name in dict.fromkeys(point.result.trial.pipeline for point in shown):
        mine = sorted((p for p in shown if p.result.trial.pipeline == name), key=lambda p: p.x)
        look = names.series(name)
        for point in (p for p in mine if p in told):
            axes.plot([point.x] * 2, [point.quality.low, point.quality.high], color=look.colour, linewidth=1.3,
                      alpha=1 if point in best else pale)  # fmt: skip
        for marked, size_pt, alpha in (
            ([p for p in mine if p not in best], 5, pale),
            ([p for p in mine if p in best], 6.5, 1),
        ):
            if marked:
                _mark(axes, marked, look, size_pt, alpha)
    _limits(axes, shown, told, across)
    axes.grid(which="major")
    axes.tick_params(which="both", length=0, pad=4)
    axes.set_xlabel(across.label)
    axes.set_ylabel(measure_title(measure))
    place_labels(figure, axes, _labels(axes, shown, best, names), _covered(axes, shown, told, steps(best)))
    return figure


def _mark(axes: Axes, mine: Sequence[Point], look: style.Series, size_pt: float, alpha: float) -> None:
    axes.plot([p.x for p in mine], [p.quality.mean for p in mine], color=look.colour, marker=look.marker, alpha=alpha,
              markersize=size_pt, linestyle="none", markeredgecolor=style.CARD, markeredgewidth=0.5)  # fmt: skip


def _limits(axes: Axes, shown: Sequence[Point], best: Sequence[Point], across: Across) -> None:
    least, most = min(p.x for p in shown), max(p.x for p in shown)
    room = max(2.2, (most / least) ** 0.18) if not across.binary else max(1.5, (most / least) ** 0.18)
    low, high = least / room, most * room
    ticks = _sizes(low, high) if across.binary else _decades(low, high)
    edge = (high / low) ** 0.07
    for tick in ticks:
        if high / edge < tick <= high:  # its label would be cut off at the figure's edge
            high = tick * edge
        elif low <= tick < low * edge:
            low = tick / edge
    axes.set_xlim(low, high)
    if across.binary:
        _size_ticks(axes, ticks)
    else:
        log_ticks(axes.xaxis, low, high)
        duration_ticks(axes.xaxis)
    low = min(*(p.quality.low for p in best), *(p.quality.mean for p in shown))
    high = max(*(p.quality.high for p in best), *(p.quality.mean for p in shown))
    pad = max(0.02, 0.12 * (high - low))
    axes.set_ylim(max(-0.02, low - pad), min(1.02, high + pad))


def _decades(low: float, high: float) -> list[float]:
    return [sub * 10.0**power for power in range(-9, 7) for sub in log_subs(low, high)]


def _sizes(low: float, high: float) -> list[float]:
    """At most five powers of two that are evenly spaced between the two."""
    first, last = ceil(log(low, 2)), floor(log(high, 2))
    return [2.0**power for power in range(first, last + 1, max(1, -(-(last - first + 1) // 5)))]


def _size_ticks(axes: Axes, ticks: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: re.sub(r"\.0+ ", " ", size(value))))


def _labels(axes: Axes, shown: Sequence[Point], best: Sequence[Point], names: Names) -> list[Label]:
    """Each pipeline's name once, at its cheapest trial; then, for each knot of those of its trials that are on the
    front, what they have in common that sets them apart from its other trials."""
    said = variants([point.result for point in shown])
    found: list[Label] = []
    for name in dict.fromkeys(point.result.trial.pipeline for point in shown):
        mine = sorted((p for p in shown if p.result.trial.pipeline == name), key=lambda p: p.x)
        colour = names.series(name).colour
        found.append(Label(shorten(names.pipelines[name], 30), _anchors(mine[:1], far=True), colour, needed=True))
        for knot in _knots(axes, [point for point in mine if point in best]):
            text = in_common([names.variant(said[point.result.trial.id]) for point in knot])
            if text and len(mine) > 1:
                found.append(Label(shorten(text, 44), _anchors(knot, far=False), colour, needed=False))
    return sorted(found, key=lambda label: not label.needed)


def _knots(axes: Axes, mine: Sequence[Point]) -> list[list[Point]]:
    """Trials so close together that one label must do for them."""
    at = axes.transData.transform
    knots: list[list[Point]] = []
    for point in mine:
        x, y = at((point.x, point.quality.mean))
        last = at((knots[-1][-1].x, knots[-1][-1].quality.mean)) if knots else None
        if last is not None and abs(x - last[0]) < _CLOSE and abs(y - last[1]) < _CLOSE:
            knots[-1].append(point)
        else:
            knots.append([point])
    return knots


def _anchors(knot: Sequence[Point], *, far: bool) -> list[Anchor]:
    """Where a label may stand: beside the points, above or below their intervals, and, if ``far``, a little off."""
    left, right = knot[0], knot[-1]
    middle = (left.x * right.x) ** 0.5
    low, high = min(p.quality.low for p in knot), max(p.quality.high for p in knot)
    sides: tuple[tuple[Point, int, Align], ...] = ((right, 1, "left"), (left, -1, "right"))
    beside = [
        Anchor(point.x, point.quality.mean, side * 7, up, align)
        for up in ((0, 9, -9, 18, -18, 27, -27, 36, -36) if far else (0,))
        for point, side, align in sides
    ]
    close = [Anchor(middle, low, 0, -8, "center"), Anchor(middle, high, 0, 8, "center")]
    to: tuple[tuple[int, Align], ...] = ((-3, "left"), (3, "right"))
    at_ends = [Anchor(middle, end, right, up, align) for end, up in ((low, -8), (high, 8)) for right, align in to]
    return [*beside[:2], *close, *at_ends, *beside[2:]] if far else [*beside, *close, *at_ends]


def _at(point: Point) -> Place:
    return point.x, point.quality.mean


def steps(best: Sequence[Point]) -> list[tuple[Place, Place]]:
    """The strokes of a front: along, then up."""
    found = []
    for start, end in pairwise(best):
        corner = (end.x, start.quality.mean)
        found += [(_at(start), corner), (corner, _at(end))]
    return found


def _covered(
    axes: Axes, shown: Sequence[Point], best: Sequence[Point], drawn: Sequence[tuple[Place, Place]]
) -> list[Box]:
    """Boxes, in pixels, over markers, intervals and the lines between points."""
    at = axes.transData.transform
    boxes: list[Box] = []
    for point in shown:
        (x, low), (_, high) = at((point.x, point.quality.low)), at((point.x, point.quality.high))
        y = at((point.x, point.quality.mean))[1]
        boxes.append((x - 5, y - 5, x + 5, y + 5))
        if point in best:
            boxes.append((x - 1, low, x + 1, high))
    for start, end in drawn:
        (x0, y0), (x1, y1) = at(start), at(end)
        for i in range(20):
            x, y = x0 + (x1 - x0) * i / 20, y0 + (y1 - y0) * i / 20
            boxes.append((x - 1, y - 1, x + 1, y + 1))
    return boxes


def alt(across: Across, group: Group, measure: str) -> str:
    shown = points(group, measure, across)
    said = variants([point.result for point in shown])
    best = front(shown)
    parts = [
        t(
            "{name} {mean} ({interval}) at {cost}",
            name=full_label(p.result, said),
            mean=score(p.quality.mean),
            interval=span(p.quality),
            cost=across.write(p.x),
        )
        for p in (best if is_sweep(group) else shown)
    ]
    against = t("p95 latency") if across is LATENCY else t("peak memory")
    if is_sweep(group):
        return t(
            "Scatter plot of {measure} with 95% intervals against {cost} on {where}, {cells} cells, of which these are "
            "on the Pareto front: {points}.",
            measure=measure_title(measure),
            cost=against,
            where=group.label,
            cells=len(shown),
            points=clauses(parts),
        )
    whole = t(
        "Scatter plot of {measure} with 95% intervals against {cost} on {where}: {points}.",
        measure=measure_title(measure),
        cost=against,
        where=group.label,
        points=clauses(parts),
    )
    if len(shown) < 2:
        return whole
    if len(best) == len(shown):
        return sentences([whole, t("All are on the Pareto front.")])
    names = listed([full_label(point.result, said) for point in best])
    return sentences([whole, t("On the Pareto front: {names}.", names=names)])
