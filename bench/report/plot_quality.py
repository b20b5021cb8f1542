"""Figure: the main measure of each pipeline, as bars from 0 to 1 with their 95% intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.report import style
from bench.report.canvas import BAR_IN, Names, Row, keep_ticks_inside, rows_panel
from bench.report.groups import Group, in_common, judged_queries, same_quality, variants
from bench.report.say import t
from bench.report.words import clauses, clean, measure_title, plural, score, shorten, span
from bench.types import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def caption(measure: str) -> str:
    return t(
        "{measure} of each pipeline, mean over queries; the line across a bar's end is the bootstrap 95% interval.",
        measure=measure_title(measure),
    )


class Bar(NamedTuple):
    """The quality of trials that share it, and what sets them apart from the pipeline's others."""

    pipeline: str
    variant: str
    quality: Interval


def bars(group: Group, measure: str) -> list[Bar]:
    said = variants(group.finished)
    found = []
    for alike in same_quality(group.finished, measure):
        if alike[0].quality:
            variant = in_common([said[result.trial.id] for result in alike])
            found.append(Bar(alike[0].trial.pipeline, variant, alike[0].quality.means[measure]))
    return found


def draws(group: Group, measure: str) -> bool:
    return bool(bars(group, measure))


def draw(group: Group, measure: str, names: Names) -> Figure:
    shown = bars(group, measure)
    rows = [
        Row(
            shorten(names.pipelines[bar.pipeline], 32),
            f"{score(bar.quality.mean)}  ({span(bar.quality)})",
            names.variant(bar.variant),
        )
        for bar in shown
    ]
    figure, axes, places = rows_panel(rows, names.title(group, measure_title(measure)))
    for y, bar in zip(places, shown, strict=True):
        interval = bar.quality
        axes.barh(y, interval.mean, height=BAR_IN, color=names.series(bar.pipeline).colour, linewidth=0)
        axes.plot([interval.low, interval.high], [y, y], color=style.CARD, linewidth=2.9)
        axes.plot([interval.low, interval.high], [y, y], color=style.INK, linewidth=1.2)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"{measure_title(measure)}, 0 to 1, {_queries(group)}")
    keep_ticks_inside(figure, axes)
    return figure


def alt(group: Group, measure: str) -> str:
    parts = []
    for bar in bars(group, measure):
        name = " · ".join(part for part in (clean(bar.pipeline), bar.variant) if part)
        parts.append(
            t("{name} {mean} ({interval})", name=name, mean=score(bar.quality.mean), interval=span(bar.quality))
        )
    return t(
        "Bar chart of {measure} with 95% intervals on {where}: {bars}.",
        measure=measure_title(measure),
        where=group.label,
        bars=clauses(parts),
    )


def _queries(group: Group) -> str:
    return plural(max((judged_queries(result) or 0 for result in group.finished), default=0), "query")
