"""What the figures share: names that can be drawn, panels, legends, lines, axes of durations and of batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bench.report import style
from bench.report.fonts import drawable, renditions
from bench.report.groups import Group, by_dataset, pipelines, variants
from bench.report.words import shorten
from bench.types import TrialResult

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

JOIN = " · "
WIDTH_IN = 4.2
BAR_IN = 0.16
UNDER_IN = 0.34
_MARGIN_IN = 0.1
_ROW_IN = 0.45
_LINE_IN = 0.16
_OVER_PX = 4


@dataclass(frozen=True, slots=True)
class Names:
    """Every name of a report as figures write it, and each pipeline's place (its colour)."""

    datasets: dict[str, str]
    pipelines: dict[str, str]
    variants: dict[str, str]

    @staticmethod
    def of(results: Sequence[TrialResult]) -> Names:
        return Names(
            renditions([group.label for group in by_dataset(results)], "dataset"),
            renditions(pipelines(results), "pipeline"),
            renditions([part for text in variants(results).values() for part in text.split(JOIN) if part], "variant"),
        )

    def all(self) -> dict[str, str]:
        return {**self.datasets, **self.pipelines, **self.variants}

    def series(self, pipeline: str) -> style.Series:
        return style.series(list(self.pipelines).index(pipeline))

    def variant(self, text: str, columns: int = 56) -> str:
        return shorten(JOIN.join(self._piece(part) for part in text.split(JOIN)), columns)

    def _piece(self, part: str) -> str:
        return self.variants.get(part, part if drawable(part) else "variant")

    def title(self, group: Group, text: str) -> str:
        return f"{shorten(self.datasets[group.label], 30)}: {text}"

    def part(self, group: Group) -> str:
        """What the trials of a part of a dataset have in common."""
        named = [shorten(self.pipelines[group.pipeline], 30)] if group.pipeline else []
        return self.variant(JOIN.join([*named, *group.part]), 60)


def panel(
    height_in: float,
    title: str,
    under: str = "",
    *,
    top_in: float = 0.42,
    bottom_in: float = 0.46,
    left_in: float = _MARGIN_IN,
) -> tuple[Figure, Axes]:
    """A figure of the common width with one pair of axes and a title at the top left, a muted line under it; margins in
    inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, height_in))
    margin, left = _MARGIN_IN / WIDTH_IN, left_in / WIDTH_IN
    axes = figure.add_axes((left, bottom_in / height_in, 1 - left - margin, 1 - (top_in + bottom_in) / height_in))
    figure.text(margin, 1 - 0.12 / height_in, title, va="top", ha="left", fontsize=10.5, color=style.INK)
    if under:
        figure.text(margin, 1 - UNDER_IN / height_in, under, va="top", ha="left", fontsize=8, color=style.MUTED)
    return figure, axes


def legend(figure: Figure, handles: Sequence[Artist], top_in: float, columns: int = 6, length: float = 0.9) -> None:
    """A row of keys, its top ``top_in`` inches below the figure's."""
    place = (0.01, 1 - top_in / figure.get_figheight())
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=place, ncols=columns, frameon=False, fontsize=8.5,
                  handlelength=length, handleheight=0.9, handletextpad=0.4, columnspacing=1.1)  # fmt: skip


class Row(NamedTuple):
    """The words of one bar: the name and its value on one line, what sets the trial apart on the next."""

    name: str
    value: str
    variant: str


def rows_panel(
    rows: Sequence[Row], title: str, under: str = "", *, top_in: float = 0.4, bottom_in: float = 0.46
) -> tuple[Figure, Axes, list[float]]:
    """A panel of labelled bars, the first at the top, and the y at which to draw each: all words stand above the bars,
    so that nothing is ever written on a bar or an interval. y is in inches."""
    height_in = sum(_ROW_IN + _LINE_IN * bool(row.variant) for row in rows)
    figure, axes = panel(top_in + bottom_in + height_in, title, under, top_in=top_in, bottom_in=bottom_in)
    axes.set_ylim(height_in, 0)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=3, pad=3)
    across = axes.get_yaxis_transform()
    places, y = [], 0.0
    for row in rows:
        axes.text(0, y + 0.06, row.name, transform=across, va="top", ha="left", fontsize=9)
        axes.text(1, y + 0.06, row.value, transform=across, va="top", ha="right", fontsize=9)
        if row.variant:
            y += _LINE_IN
            axes.text(0, y + 0.06, row.variant, transform=across, va="top", ha="left", fontsize=8, color=style.MUTED)
        places.append(y + 0.3)
        y += _ROW_IN
    return figure, axes, places


def keep_ticks_inside(figure: Figure, axes: Axes) -> None:
    """Where a tick's words on the x axis would pass the end of the axes, let them end (or begin) at the tick."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= high])
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    frame = axes.get_window_extent(renderer)
    for words in axes.get_xticklabels():
        extent = words.get_window_extent(renderer)
        if extent.x0 < frame.x0 - _OVER_PX:
            words.set_horizontalalignment("left")
        elif extent.x1 > frame.x1 + _OVER_PX:
            words.set_horizontalalignment("right")


def duration_ticks(axis: Axis) -> None:
    """Ticks as 10 ms or 1 s."""
    from matplotlib.ticker import FuncFormatter

    def written(value: float, _place: object) -> str:
        scale, unit = (1, "s") if value >= 1 or value == 0 else (1e3, "ms") if value >= 1e-3 else (1e6, "µs")
        return f"{round(value * scale, 6):g} {unit}"

    axis.set_major_formatter(FuncFormatter(written))


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Decades on a logarithmic axis, with some of what is between them where it spans few."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    axis.set_major_locator(LogLocator(subs=log_subs(low, high)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def log_subs(low: float, high: float) -> tuple[float, ...]:
    return (1.0, 2.0, 5.0) if high / low <= 30 else (1.0, 3.0) if high / low <= 1000 else (1.0,)


def line(axes: Axes, points: Sequence[tuple[float, float]], colour: str, place: int, label: str) -> Artist:
    """A line in its pipeline's colour, told from that pipeline's others by markers and dashes; what is returned is its
    key for a legend."""
    (drawn,) = axes.plot([x for x, _ in points], [y for _, y in points], color=colour, label=label, clip_on=False,
                         marker=style.MARKERS[place % len(style.MARKERS)], linestyle=style.dashes(place), linewidth=1.5,
                         markersize=5, markeredgecolor=style.CARD, markeredgewidth=0.6,
                         )  # fmt: skip
    return drawn


def batch_axis(axes: Axes, sizes: Sequence[int]) -> None:
    """Batch sizes on a logarithmic x axis, each as its number."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log", base=2)
    axes.set_xlim(min(sizes) / 1.2, max(sizes) * 1.2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(sizes))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.set_xlabel("Batch size, documents per forward pass (logarithmic)")
    axes.tick_params(which="both", length=0, pad=4)
    axes.grid(which="major", axis="y")
