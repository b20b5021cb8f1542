"""Figure: every timed query of a cell as a stroke, with the 50th, 95th and 99th percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.derived import latency
from bench.report import style
from bench.report.canvas import Names, Row, duration_ticks, keep_ticks_inside, log_ticks, rows_panel
from bench.report.groups import Group, full_label, variants
from bench.report.say import t
from bench.report.sweep import MANY_DRAWN, Choice, choose, sentence
from bench.report.words import clauses, seconds, series, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS = ((50, 2.4), (95, 1.6), (99, 1.0))
"""Percentiles and how thick their marks are."""
_LOGARITHMIC_FROM = 12
_STROKES = 300


def caption(measure: str) -> str:
    return t(
        "Latency of single queries, offered one at a time: a pale stroke per query; the tall marks are the 50th, 95th "
        "and 99th percentiles, from left to right, and the figures at the right in the same order."
    )


def draws(group: Group, measure: str) -> bool:
    return bool(chosen(group, measure).results)


def chosen(group: Group, measure: str) -> Choice:
    timed = [result for result in group.finished if result.cost and result.cost.latency_s]
    return choose(timed, measure, MANY_DRAWN)


def note(group: Group, measure: str) -> str:
    return sentence(chosen(group, measure))


def draw(group: Group, measure: str, names: Names) -> Figure:
    results = chosen(group, measure).results
    said = variants(results)
    rows = [
        Row(
            shorten(names.pipelines[result.trial.pipeline], 28),
            " / ".join(seconds(latency(result, q)) for q, _ in MARKS),
            names.variant(said[result.trial.id]),
        )
        for result in results
    ]
    figure, axes, places = rows_panel(rows, names.title(group, "latency of single queries"))
    least, most = 1e9, 0.0
    for y, result in zip(places, results, strict=True):
        samples = result.cost.latency_s if result.cost else ()
        least, most = min(least, *samples), max(most, *samples)
        colour = names.series(result.trial.pipeline).colour
        axes.vlines(strokes(samples), y - 0.05, y + 0.05, color=colour, linewidth=0.8, alpha=0.4)
        for q, thick in MARKS:
            at = latency(result, q) or 0.0
            axes.plot([at, at], [y - 0.09, y + 0.09], color=style.INK, linewidth=thick)
    if least > 0 and most / least >= _LOGARITHMIC_FROM:
        axes.set_xscale("log")
        axes.set_xlim(least / 1.15, most * 1.15)
        log_ticks(axes.xaxis, least, most)
        axes.set_xlabel("Latency of a query (logarithmic)")
    else:
        axes.set_xlim(0, 1.04 * most)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel("Latency of a query")
    duration_ticks(axes.xaxis)
    keep_ticks_inside(figure, axes)
    return figure


def strokes(samples: Sequence[float]) -> list[float]:
    """All samples, or of very many an even share of them in order, with the first and the last."""
    ordered = sorted(samples)
    if len(ordered) <= _STROKES:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (_STROKES - 1))] for i in range(_STROKES)]


def alt(group: Group, measure: str) -> str:
    results = chosen(group, measure).results
    said = variants(results)
    parts = [
        t(
            "{name} {value}",
            name=full_label(result, said),
            value=series(t("{time} at the {q}th percentile", time=seconds(latency(result, q)), q=q) for q, _ in MARKS),
        )
        for result in results
    ]
    return t("Strip chart of single-query latency on {where}: {strips}.", where=group.label, strips=clauses(parts))
