"""Figure: throughput by batch size and maximum length, one map per pipeline, device and number format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from bench.derived import device, pairs_per_second
from bench.report import style
from bench.report.canvas import WIDTH_IN, Names, legend, panel
from bench.report.groups import Group
from bench.report.say import t
from bench.report.sweep import swept
from bench.report.tables import status
from bench.report.words import clauses, count, figure3, series
from bench.types import TrialResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL_IN = 0.34
_UNDER_KEYS_IN = 0.06
_LOGARITHMIC_FROM = 10
_STEPS = 48
_KEYS = {
    "oom": "out of memory",
    "implied": "out of memory (implied)",
    "timeout": "over the time limit",
    "other": "failed or not supported",
}

Batch = int | str | None


def caption(measure: str) -> str:
    return t(
        "Pairs per second by batch size and maximum length, all timed queries offered at once. Hatched: no figure, for "
        "the reason given; implied: not tried, because a smaller cell ran out of memory. Blank: not asked for. Of "
        "cells that differ in something else, the fastest. Maps of one device share their colours, which go by ratio "
        "where the highest value is ten times the lowest or more."
    )


@dataclass(frozen=True, slots=True)
class Grid:
    """``cells`` is (batch size, maximum length) -> the fastest trial there, or one that gave no figure."""

    batches: tuple[Batch, ...]
    lengths: tuple[int, ...]
    cells: dict[tuple[Batch, int], TrialResult]

    @property
    def values(self) -> list[float]:
        return [value for result in self.cells.values() if (value := pairs_per_second(result))]


def grid(results: Sequence[TrialResult]) -> Grid:
    cells: dict[tuple[Batch, int], TrialResult] = {}
    for result in results:
        if result.trial.reranker is None:
            continue
        place = (result.trial.batch_size, result.trial.max_length)
        there = cells.get(place)
        if there is None or (pairs_per_second(result) or -1) > (pairs_per_second(there) or -1):
            cells[place] = result
    batches = sorted(
        {batch for batch, _ in cells},
        key=lambda b: (
            not isinstance(b, int),
            b if b is not None else "",
        ),
    )
    return Grid(tuple(batches), tuple(sorted({length for _, length in cells})), cells)


def draws(group: Group, measure: str) -> bool:
    """Both axes must have been swept, and one cell at least have a figure."""
    found = grid(group.results)
    return len(found.batches) > 1 and len(found.lengths) > 1 and bool(found.values)


def kind(result: TrialResult) -> str:
    """Which hatch a cell without a figure gets."""
    if result.status == "oom":
        return "implied" if result.implied_by else "oom"
    return "timeout" if result.status == "timeout" else "other"


def draw(group: Group, measure: str, names: Names) -> Figure:
    from matplotlib.patches import Patch

    found = grid(group.results)
    low, high = scale(group)
    kinds = {kind(result) for result in found.cells.values() if not pairs_per_second(result)}
    keys = [name for name in _KEYS if name in kinds]
    key_in = 0.22 * -(-len(keys) // 2)
    bottom_in, top_in = 0.98 + key_in + _UNDER_KEYS_IN * bool(keys), 0.58
    height_in = top_in + bottom_in + _CELL_IN * len(found.batches)
    title = names.title(group, "pairs per second")
    figure, axes = panel(height_in, title, names.part(group), top_in=top_in, bottom_in=bottom_in, left_in=0.72)
    for (batch, length), result in found.cells.items():
        x, y = found.lengths.index(length), found.batches.index(batch)
        value = pairs_per_second(result)
        if value:
            fill, ink = style.heat(_place(value, low, high))
            _box(axes, x, y, facecolor=fill, edgecolor=style.CARD, linewidth=1.2)
            axes.text(x + 0.5, y + 0.5, figure3(value), color=ink, ha="center", va="center", fontsize=8.5)
        else:
            hatch, colour = style.HATCHES[kind(result)]
            _box(axes, x, y, facecolor="none", edgecolor=colour, hatch=hatch, linewidth=0)
    axes.set_xlim(0, len(found.lengths))
    axes.set_ylim(len(found.batches), 0)
    axes.set_xticks([i + 0.5 for i in range(len(found.lengths))], [count(length) for length in found.lengths])
    axes.set_yticks([i + 0.5 for i in range(len(found.batches))], [_batch(batch) for batch in found.batches])
    axes.tick_params(length=0, pad=4)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel("Maximum length, tokens of a prompt")
    axes.set_ylabel("Batch size")
    _scale(figure, low, high, 0.3 + key_in + _UNDER_KEYS_IN * bool(keys))
    handles = [Patch(facecolor="none", edgecolor=colour, hatch=hatch, linewidth=0, label=_KEYS[name])
               for name in keys for hatch, colour in [style.HATCHES[name]]]  # fmt: skip
    if handles:
        legend(figure, handles, height_in - key_in - _UNDER_KEYS_IN - 0.02, columns=2, length=1.6)
    return figure


def scale(group: Group) -> tuple[float, float]:
    """The lowest and the highest value of all maps of the same device, so that their colours compare."""
    here = {(device(result), result.trial.node) for result in group.results}
    mine = [result for result in group.whole or group.results if (device(result), result.trial.node) in here]
    values = [value for result in swept(mine) if (value := pairs_per_second(result))]
    return min(values), max(values)


def _box(axes: Axes, x: float, y: float, **look: object) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), 1, 1, **look))  # type: ignore[arg-type]


def _place(value: float, low: float, high: float) -> float:
    """Between the lowest value (0) and the highest (1); by ratio where they are far apart."""
    if low == high:
        return 1.0
    if high / low >= _LOGARITHMIC_FROM:
        return log(value / low) / log(high / low)
    return (value - low) / (high - low)


def _scale(figure: Figure, low: float, high: float, bottom_in: float) -> None:
    """The colour bar, in flat steps: a picture in it would be a file of its own."""
    height_in = figure.get_figheight()
    axes = figure.add_axes((0.72 / WIDTH_IN, bottom_in / height_in, (WIDTH_IN - 0.82) / WIDTH_IN, 0.1 / height_in))
    for step in range(_STEPS):
        fill, _ = style.heat(step / (_STEPS - 1))
        axes.axvspan(step / _STEPS, (step + 1.3) / _STEPS, facecolor=fill, linewidth=0)
    axes.set_xlim(0, 1)
    axes.set_yticks([])
    logarithmic = high / low >= _LOGARITHMIC_FROM
    middle = (low * high) ** 0.5 if logarithmic else (low + high) / 2
    axes.set_xticks([0, 0.5, 1], [figure3(low), f"{figure3(middle)} pairs/s", figure3(high)])
    axes.tick_params(length=0, pad=3)
    axes.spines["bottom"].set_visible(False)
    first, _, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


def _batch(batch: Batch) -> str:
    return t("default") if batch is None else str(batch)


def alt(group: Group, measure: str) -> str:
    found = grid(group.results)
    rows = []
    for batch in found.batches:
        cells = [(length, found.cells[batch, length]) for length in found.lengths if (batch, length) in found.cells]
        said = (t("length {length} {value}", length=length, value=_said(cell)) for length, cell in cells)
        rows.append(t("batch {batch}: {cells}", batch=_batch(batch), cells=series(said)))
    return t("Heat map of pairs per second on {where}: {rows}.", where=group.full_label, rows=clauses(rows))


def _said(result: TrialResult) -> str:
    value = pairs_per_second(result)
    return figure3(value) if value else status(result)
