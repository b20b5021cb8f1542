"""Figure: the main measure of each pipeline, as bars from 0 to 1 with their 95% intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import style
from bench.report.canvas import BAR_IN, Names, Row, rows_panel
from bench.report.groups import Group, full_label, judged_queries, same_quality_once, variants
from bench.report.words import measure_title, plural, score, shorten, span
from bench.types import Interval, TrialResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTION = "{measure} of each pipeline, mean over queries; the line across a bar's end is the bootstrap 95% interval."


def draws(group: Group, measure: str) -> bool:
    return bool(same_quality_once(group.finished, measure))


def draw(group: Group, measure: str, names: Names) -> Figure:
    shown = _shown(group, measure)
    said = variants([result for result, _ in shown])
    title = names.title(group, measure_title(measure))
    rows = [
        Row(
            shorten(names.pipelines[result.trial.pipeline], 32),
            f"{score(interval.mean)}  ({span(interval)})",
            names.variant(said[result.trial.id]),
        )
        for result, interval in shown
    ]
    figure, axes, places = rows_panel(rows, title)
    for y, (result, interval) in zip(places, shown, strict=True):
        colour = names.series(result.trial.pipeline).colour
        axes.barh(y, interval.mean, height=BAR_IN, color=colour, linewidth=0)
        axes.plot([interval.low, interval.high], [y, y], color=style.CARD, linewidth=2.9)
        axes.plot([interval.low, interval.high], [y, y], color=style.INK, linewidth=1.2)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"{measure_title(measure)}, 0 to 1, {_queries(group)}")
    return figure


def alt(group: Group, measure: str) -> str:
    shown = _shown(group, measure)
    said = variants([result for result, _ in shown])
    parts = [f"{full_label(result, said)} {score(mean.mean)} ({span(mean)})" for result, mean in shown]
    return f"Bar chart of {measure_title(measure)} with 95% intervals on {group.label}: {'; '.join(parts)}."


def _shown(group: Group, measure: str) -> list[tuple[TrialResult, Interval]]:
    results = same_quality_once(group.finished, measure)
    return [(result, result.quality.means[measure]) for result in results if result.quality]


def _queries(group: Group) -> str:
    return plural(max((judged_queries(result) or 0 for result in group.finished), default=0), "query")
