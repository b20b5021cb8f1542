"""What the figures share: names that can be drawn, a panel of labelled rows, an axis of durations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bench.report import style
from bench.report.fonts import renditions
from bench.report.groups import by_dataset, pipelines, variants
from bench.report.words import shorten
from bench.types import TrialResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN = 4.2
BAR_IN = 0.16
_MARGIN_IN = 0.1
_ROW_IN = 0.45
_LINE_IN = 0.16


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
            renditions([text for text in variants(results).values() if text], "variant"),
        )

    def all(self) -> dict[str, str]:
        return {**self.datasets, **self.pipelines, **self.variants}

    def series(self, pipeline: str) -> style.Series:
        return style.series(list(self.pipelines).index(pipeline))

    def variant(self, text: str, columns: int = 56) -> str:
        return shorten(self.variants.get(text, text), columns)


def panel(height_in: float, title: str, *, top_in: float = 0.42, bottom_in: float = 0.46) -> tuple[Figure, Axes]:
    """A figure of the common width with one pair of axes and a title at the top left; margins in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, height_in))
    margin = _MARGIN_IN / WIDTH_IN
    axes = figure.add_axes((margin, bottom_in / height_in, 1 - 2 * margin, 1 - (top_in + bottom_in) / height_in))
    figure.text(margin, 1 - 0.12 / height_in, title, va="top", ha="left", fontsize=10.5, color=style.INK)
    return figure, axes


class Row(NamedTuple):
    """The words of one bar: the name and its value on one line, what sets the trial apart on the next."""

    name: str
    value: str
    variant: str


def rows_panel(rows: Sequence[Row], title: str, *, top_in: float = 0.4) -> tuple[Figure, Axes, list[float]]:
    """A panel of labelled bars, the first at the top, and the y at which to draw each: all words stand above the bars,
    so that nothing is ever written on a bar or an interval. y is in inches."""
    bottom_in = 0.46
    height_in = sum(_ROW_IN + _LINE_IN * bool(row.variant) for row in rows)
    figure, axes = panel(top_in + bottom_in + height_in, title, top_in=top_in, bottom_in=bottom_in)
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


def duration_ticks(axes: Axes) -> None:
    """Ticks on the x axis as 10 ms or 1 s."""
    from matplotlib.ticker import FuncFormatter

    def written(value: float, _place: object) -> str:
        scale, unit = (1, "s") if value >= 1 or value == 0 else (1e3, "ms") if value >= 1e-3 else (1e6, "µs")
        return f"{round(value * scale, 6):g} {unit}"

    axes.xaxis.set_major_formatter(FuncFormatter(written))
