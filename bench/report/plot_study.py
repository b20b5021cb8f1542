"""Figure: each arm's difference from the baseline with its 95% interval, on dev and, of the chosen arm, on test."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.report import style
from bench.report.canvas import WIDTH_IN, Row, legend, rows_panel
from bench.report.say import speaking, t
from bench.report.study_view import difference, direction, one, side_name
from bench.report.words import clauses, clean, measure_title, plural, shorten
from bench.study.words import Contrast, Side

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS: Mapping[Side, str] = {"dev": "o", "test": "D"}
_MARGIN_IN, _GAP_IN = 0.1, 0.15
_ABOVE_IN, _BELOW_IN = 0.08, 0.11
"""How far the line at 0 reaches from an interval: not into the words above."""
_ON_TEST = "    on test"


def caption(measure: str) -> str:
    return t(
        "Difference of each arm from the baseline in {measure}, mean over queries; the line is the paired bootstrap "
        "95% interval, not adjusted for the number of arms. Dev chooses, test judges.",
        measure=measure_title(measure),
    )


def shown(contrasts: Sequence[Contrast], arms: Sequence[str]) -> list[Contrast]:
    """Those with figures, in the order of the arms, each on dev before test."""
    places = {arm: place for place, arm in enumerate(arms)}
    drawable = [
        each
        for each in contrasts
        if all(map(math.isfinite, (each.difference.mean, each.difference.low, each.difference.high)))
    ]
    return sorted(drawable, key=lambda each: (places.get(each.arm, len(places)), each.side == "test"))


def draws(contrasts: Sequence[Contrast]) -> bool:
    return bool(shown(contrasts, ()))


@speaking("en")
def draw(contrasts: Sequence[Contrast], arms: Sequence[str], title: str, names: Mapping[str, str]) -> Figure:
    """The contrasts of one dataset by one measure, at least one of them with figures.

    ``arms`` are the study's names of arms in order, the baseline among them: an arm's place is its colour, on every
    dataset. ``names`` are arms as figures can write them.
    """
    found = shown(contrasts, arms)
    fit = _fitting()
    on_dev = {each.arm for each in found if each.side == "dev"}
    rows = []
    for each in found:
        mean, span = difference(each.difference, direction(each) != 0)
        value = f"{mean}  ({span})"
        if each.side == "test" and each.arm in on_dev:  # right below
            rows.append(Row(_ON_TEST, value, ""))
        else:
            rows.append(Row(fit(names[each.arm], 9, value), value, _ON_TEST.strip() if each.side == "test" else ""))
    under = fit(f"{measure_title(found[0].measure)} minus that of “{names[found[0].baseline]}”", 8, "")
    figure, axes, ys = rows_panel(rows, fit(title, 10.5, ""), under, top_in=0.86)
    for y, each in zip(ys, found, strict=True):
        axes.plot([0, 0], [y - _ABOVE_IN, y + _BELOW_IN], color=style.MUTED, linewidth=0.8)
        _interval(axes, y, each, arms)
    low = min(0.0, *(each.difference.low for each in found))
    high = max(0.0, *(each.difference.high for each in found))
    _across(axes, low, high)
    axes.set_xlabel("difference; right of 0 is better than the baseline")
    sides: tuple[Side, ...] = ("dev", "test")
    legend(figure, [_key(side, found) for side in sides if any(each.side == side for each in found)], 0.52)
    return figure


def alt(contrasts: Sequence[Contrast], arms: Sequence[str], dataset: str) -> str:
    """The figure in words."""
    found = shown(contrasts, arms)
    parts = []
    for each in found:
        mean, span = difference(each.difference, direction(each) != 0)
        side = side_name(each.side)
        parts.append(t("{arm} on {side} {mean} ({span})", arm=clean(each.arm), side=side, mean=mean, span=span))
    return t(
        "Forest plot of differences in {measure} against {baseline} on {dataset}, with 95% intervals: {arms}.",
        measure=measure_title(found[0].measure),
        baseline=clean(found[0].baseline),
        dataset=clean(dataset),
        arms=clauses(parts),
    )


def _interval(axes: Axes, y: float, each: Contrast, arms: Sequence[str]) -> None:
    place = arms.index(each.arm) if each.arm in arms else len(arms)
    colour = style.series(place).colour
    axes.plot([each.difference.low, each.difference.high], [y, y], color=colour, linewidth=1.6)
    axes.plot([each.difference.mean], [y], **_look(each.side, colour))


def _look(side: Side, colour: str) -> dict[str, Any]:
    """Dev is hollow, test is filled."""
    return {
        "marker": _MARKERS[side], "markersize": 6, "linestyle": "none", "markeredgecolor": colour,
        "markeredgewidth": 1.4, "markerfacecolor": style.CARD if side == "dev" else colour,
    }  # fmt: skip


def _key(side: Side, found: Sequence[Contrast]) -> Artist:
    from matplotlib.lines import Line2D

    queries = one(each.queries for each in found if each.side == side)
    label = side if queries is None else plural(queries, f"{side} query")
    return Line2D([], [], label=label, **_look(side, style.MUTED))


def _across(axes: Axes, low: float, high: float) -> None:
    """The x axis: room beside the outermost ends, and no tick so near the edge that its label would be cut."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    def written(value: float, _place: object) -> str:
        rounded = float(f"{value:.6g}")
        return f"{rounded:+g}".replace("-", "−") if rounded else "0"

    pad = 0.07 * (high - low) or 0.01
    edge = 0.05 * (high - low + 2 * pad)
    ticks = MaxNLocator(nbins=5).tick_values(low, high)
    kept = dict.fromkeys(0.0 if abs(tick) < 1e-3 * pad else float(tick) for tick in ticks)
    axes.set_xlim(low - pad, high + pad)
    axes.xaxis.set_major_locator(FixedLocator([t for t in kept if low - pad + edge <= t <= high + pad - edge]))
    axes.xaxis.set_major_formatter(FuncFormatter(written))


def _fitting() -> Callable[[str, float, str], str]:
    """A function that cuts a text of a size in points until it leaves room for another one at the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    ruler = figure.text(0, 0, "")

    def width_in(text: str, points: float) -> float:
        ruler.set_fontsize(points)
        ruler.set_text(text)
        return float(ruler.get_window_extent(renderer).width / figure.dpi)

    def fit(text: str, points: float, beside: str) -> str:
        room = WIDTH_IN - 2 * _MARGIN_IN - (width_in(beside, points) + _GAP_IN if beside else 0.0)
        return next(
            (cut for columns in range(64, 4, -2) if width_in(cut := shorten(text, columns), points) <= room),
            shorten(text, 4),
        )

    return fit
