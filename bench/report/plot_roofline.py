"""Figure: the operations per second that a cell's prompts needed, beside the device's measured peak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.derived import model_flops_per_s, share_of_peak
from bench.report import style
from bench.report.canvas import BAR_IN, Names, Row, keep_ticks_inside, rows_panel
from bench.report.groups import Group, full_label, variants
from bench.report.say import t
from bench.report.sweep import MANY_DRAWN, Choice, by_device, choose, sentence_of_parts
from bench.report.words import clauses, flops, shorten
from bench.types import TrialResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SCALES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"), (1.0, ""))


def caption(measure: str) -> str:
    return t(
        "Model FLOP/s: the operations that a round's prompts need, each prompt counted whole, over the time it took. "
        "Grey: the peak, which is the matrix product's rate measured on the same device in the same number format. An "
        "engine that computes a prefix shared by several prompts once does less than is counted here, and can exceed "
        "100%."
    )


def draws(group: Group, measure: str) -> bool:
    return bool(chosen(group, measure).results)


def chosen(group: Group, measure: str) -> Choice:
    known = [result for result in group.finished if model_flops_per_s(result) is not None]
    return choose(known, measure, MANY_DRAWN)


def note(group: Group, measure: str) -> str:
    return sentence_of_parts(by_device(group), chosen, measure)


def draw(group: Group, measure: str, names: Names) -> Figure:
    results = chosen(group, measure).results
    said = variants(results)
    rows = [
        Row(shorten(names.pipelines[result.trial.pipeline], 24), value(result), names.variant(said[result.trial.id]))
        for result in results
    ]
    title = names.title(group, "share of the measured peak")
    figure, axes, places = rows_panel(rows, title, names.part(group), top_in=0.6, bottom_in=0.6)
    most = max(max(model_flops_per_s(result) or 0.0, _peak(result) or 0.0) for result in results)
    scale, prefix = next((s, p) for s, p in _SCALES if most >= s or s == 1.0)
    for y, result in zip(places, results, strict=True):
        peak, achieved = _peak(result), model_flops_per_s(result) or 0.0
        if peak is not None:
            axes.barh(y, peak / scale, height=BAR_IN, color=style.RULE, linewidth=0)
        colour = names.series(result.trial.pipeline).colour
        axes.barh(y, achieved / scale, height=0.6 * BAR_IN, color=colour, linewidth=0)
        if peak is not None:
            axes.plot([peak / scale] * 2, [y - 0.55 * BAR_IN, y + 0.55 * BAR_IN], color=style.INK, linewidth=1.2)
    axes.set_xlim(0, 1.02 * most / scale)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(f"Model {prefix}FLOP/s\n(each prompt counted whole: sharing prefixes can exceed the peak)")
    keep_ticks_inside(figure, axes)
    return figure


def _peak(result: TrialResult) -> float | None:
    return result.cost.peak_flops_per_s if result.cost else None


def value(result: TrialResult) -> str:
    """As ``412 GFLOP/s, 63% of 650 GFLOP/s``."""
    achieved, part = flops(model_flops_per_s(result)), share_of_peak(result)
    if part is None:
        return t("{rate}, peak not measured", rate=achieved)
    return t("{rate}, {share} of {peak}", rate=achieved, share=f"{part:.0%}", peak=flops(_peak(result)))


def alt(group: Group, measure: str) -> str:
    results = chosen(group, measure).results
    said = variants(results)
    parts = [t("{name} {value}", name=full_label(result, said), value=value(result)) for result in results]
    return t(
        "Bar chart of model FLOP/s against the measured peak on {where}: {bars}.",
        where=group.full_label,
        bars=clauses(parts),
    )
