"""Figure: latency under load, by the rate at which queries arrive; one per cell that was measured so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.derived import server_qps
from bench.report import style
from bench.report.canvas import JOIN, Names, duration_ticks, legend, log_ticks, panel
from bench.report.groups import Group, slug_of, variants
from bench.report.words import figure3, seconds
from bench.stats import percentile
from bench.types import LoadPoint, TrialResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTION = (
    "Latency against the rate of arrivals, from a query's scheduled arrival to its answer, so that waiting counts; "
    "Poisson arrivals, open loop. Dashed: the bound on the 99th percentile, and the highest rate that meets it. "
    "Hollow: the measurement was given up because the queue only grew; true latencies are higher."
)
MOST = 6
_LINES = ((50, 0), (95, 4), (99, 1))
"""Percentiles, and the colours they have."""


def loaded(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Those with load points, the one that keeps up with most first; of equals, the order given."""
    known = [result for result in results if result.status == "ok" and _points(result)]
    return sorted(known, key=lambda result: -(server_qps(result) or 0.0))


def _points(result: TrialResult) -> list[LoadPoint]:
    return [point for point in result.cost.load_points if point.latency_s] if result.cost else []


def parts(group: Group) -> tuple[Group, ...]:
    """One for each of the cells that keep up with the highest rates."""
    shown = loaded(group.results)
    said = variants(group.results)
    several = len({result.trial.pipeline for result in shown}) > 1
    made = []
    for number, result in enumerate(shown[:MOST], 1):
        pipeline, text = result.trial.pipeline, said[result.trial.id]
        ascii_text = slug_of(text.replace(JOIN, " "))
        made.append(
            replace(
                group,
                slug=f"{group.slug}--{ascii_text}-{number}" if ascii_text else f"{group.slug}--{number}",
                results=(result,),
                pipeline=pipeline if several or not text else "",
                part=tuple(text.split(JOIN)) if text else (),
            )
        )
    return tuple(made)


def note(group: Group, measure: str) -> str:
    known = len(loaded(group.results))
    return f"Of {known} cells so measured, the {MOST} that keep up with the highest rates." if known > MOST else ""


def draws(group: Group, measure: str) -> bool:
    return bool(loaded(group.results))


def given_up(result: TrialResult, point: LoadPoint) -> bool:
    return len(point.latency_s) < result.trial.server_queries


def draw(group: Group, measure: str, names: Names) -> Figure:
    from matplotlib.lines import Line2D

    (result,) = group.results
    points = _points(result)
    bound, rate = result.trial.server_p99_s, server_qps(result)
    under = names.part(group)
    figure, axes = panel(3.2, names.title(group, "latency under load"), under, top_in=0.82, left_in=0.6)
    handles = []
    least, most = bound, bound
    for q, place in _LINES:
        colour, marker = style.series(place)
        values = [percentile(point.latency_s, q) or 0.0 for point in points]
        least, most = min([least, *values]), max([most, *values])
        axes.plot([p.offered_qps for p in points], values, color=colour, linewidth=1.5)
        for point, value in zip(points, values, strict=True):
            fill = style.CARD if given_up(result, point) else colour
            axes.plot(point.offered_qps, value, color=colour, marker=marker, markersize=5.5, markerfacecolor=fill,
                      markeredgecolor=colour, markeredgewidth=1)  # fmt: skip
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=5.5, label=f"p{q}"))
    fastest = max(point.offered_qps for point in points)
    axes.axhline(bound, color=style.INK, linewidth=1, linestyle=(0, (4, 3)))
    if rate is not None:
        axes.axvline(rate, color=style.INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlim(0, 1.06 * fastest)
    if least > 0:
        axes.set_yscale("log")
        axes.set_ylim(least / 1.5, most * 1.5)
        log_ticks(axes.yaxis, least / 1.5, most * 1.5)
    duration_ticks(axes.yaxis)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel("Rate of arrivals, queries/s")
    axes.tick_params(which="both", length=0, pad=4)
    axes.grid(which="major")
    handles.append(Line2D([], [], color=style.INK, linewidth=1, linestyle=(0, (4, 3)), label=bound_said(result)))
    legend(figure, handles, 0.5, columns=4, length=1.6)
    return figure


def bound_said(result: TrialResult) -> str:
    """The bound and what came of it, as ``p99 ≤ 500 ms: up to 4.20/s``."""
    rate = server_qps(result)
    met = f"up to {figure3(rate)}/s" if rate is not None else "at no rate"
    return f"p99 ≤ {seconds(result.trial.server_p99_s)}: {met}"


def alt(group: Group, measure: str) -> str:
    (result,) = group.results
    parts = []
    for point in _points(result):
        values = ", ".join(f"p{q} {seconds(percentile(point.latency_s, q))}" for q, _ in _LINES)
        ended = " (given up)" if given_up(result, point) else ""
        parts.append(f"{figure3(point.offered_qps)} queries/s: {values}{ended}")
    return f"Line chart of latency under load on {group.full_label}, {bound_said(result)}. {'; '.join(parts)}."
