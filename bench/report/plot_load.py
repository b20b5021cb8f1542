"""Figure: latency under load, by the rate at which queries arrive; one per cell that was measured so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.derived import server_qps
from bench.report import style
from bench.report.beside import Named, name_lines
from bench.report.canvas import JOIN, Names, duration_ticks, legend, log_ticks, panel
from bench.report.groups import Group, slug_of, variants
from bench.report.labels import Align, Anchor, Label
from bench.report.say import speaking, t
from bench.report.words import clauses, figure3, seconds, series
from bench.stats import percentile
from bench.types import LoadPoint, TrialResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 6
_LINES = (50, 95, 99)
_DASHED = (0, (4, 3))


def caption(measure: str) -> str:
    return t(
        "Latency against the rate of arrivals, from a query's scheduled arrival to its answer, so that waiting counts; "
        "Poisson arrivals, open loop. Dashed: the bound on the 99th percentile, and the highest rate that meets it. "
        "Hollow: the measurement was given up because the queue only grew; true latencies are higher."
    )


def loaded(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Those with load points, the one that keeps up with most first; of equals, the order given."""
    known = [result for result in results if result.status == "ok" and _points(result)]
    return sorted(known, key=lambda result: -(server_qps(result) or 0.0))


def _points(result: TrialResult) -> list[LoadPoint]:
    return [point for point in result.cost.load_points if point.latency_s] if result.cost else []


def parts(group: Group) -> tuple[Group, ...]:
    """One for each of the cells that keep up with the highest rates. Files have English names in every language."""
    shown = loaded(group.results)
    said = variants(group.results)
    with speaking("en"):
        in_english = variants(group.results)
    several = len({result.trial.pipeline for result in shown}) > 1
    made = []
    for number, result in enumerate(shown[:MOST], 1):
        pipeline, text = result.trial.pipeline, said[result.trial.id]
        ascii_text = slug_of(in_english[result.trial.id].replace(JOIN, " "))
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
    if known <= MOST:
        return ""
    return t("Of {known} cells so measured, the {most} that keep up with the highest rates.", known=known, most=MOST)


def draws(group: Group, measure: str) -> bool:
    return bool(loaded(group.results))


def given_up(result: TrialResult, point: LoadPoint) -> bool:
    return len(point.latency_s) < result.trial.server_queries


def draw(group: Group, measure: str, names: Names) -> Figure:
    figure, fits = _draw(group, names, keyed=False)
    return figure if fits else _draw(group, names, keyed=True)[0]


def _draw(group: Group, names: Names, *, keyed: bool) -> tuple[Figure, bool]:
    """With a legend, if ``keyed``; else with the lines' names beside them, and whether there was room for those."""
    from matplotlib.lines import Line2D

    (result,) = group.results
    points = _points(result)
    bound, rate = result.trial.server_p99_s, server_qps(result)
    keys_in = 0.24 if keyed else 0.0
    title, under = names.title(group, "latency under load"), names.part(group)
    figure, axes = panel(2.96 + keys_in, title, under, top_in=0.58 + keys_in, left_in=0.78)
    colour = names.series(result.trial.pipeline).colour
    handles, named = [], []
    least, most = bound, bound
    for place, q in enumerate(_LINES):
        marker = style.MARKERS[place]
        values = [percentile(point.latency_s, q) or 0.0 for point in points]
        least, most = min([least, *values]), max([most, *values])
        rates = [point.offered_qps for point in points]
        axes.plot(rates, values, color=colour, linewidth=1.5)
        for point, value in zip(points, values, strict=True):
            fill = style.CARD if given_up(result, point) else colour
            axes.plot(point.offered_qps, value, color=colour, marker=marker, markersize=5.5, markerfacecolor=fill,
                      markeredgecolor=colour, markeredgewidth=1)  # fmt: skip
        named.append(Named(f"p{q}", sorted(zip(rates, values, strict=True)), colour))
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=5.5, label=f"p{q}"))
    fastest = max(point.offered_qps for point in points)
    axes.axhline(bound, color=style.INK, linewidth=1, linestyle=_DASHED, zorder=1.5)
    if rate is not None:
        axes.axvline(rate, color=style.INK, linewidth=1, linestyle=_DASHED, zorder=1.5)
    axes.set_xlim(0, 1.06 * fastest)
    if least > 0:
        axes.set_yscale("log")
        axes.set_ylim(least / 1.8, most * 1.8)
        log_ticks(axes.yaxis, least / 1.8, most * 1.8)
    duration_ticks(axes.yaxis)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel("Rate of arrivals, queries/s")
    axes.set_ylabel("Latency (logarithmic)" if least > 0 else "Latency")
    axes.tick_params(which="both", length=0, pad=4)
    axes.grid(which="major")
    handles.append(Line2D([], [], color=style.INK, linewidth=1, linestyle=_DASHED, label=bound_said(result)))
    if keyed:
        legend(figure, handles, 0.5, columns=4, length=1.6)
        return figure, True
    bottom, top = axes.get_ylim()
    dashed = [[(0.0, bound), (1.06 * fastest, bound)], *([[(rate, bottom), (rate, top)]] if rate is not None else [])]
    return figure, name_lines(figure, axes, named, _bound_labels(result, axes), dashed)


def _bound_labels(result: TrialResult, axes: Axes) -> list[Label]:
    """What the dashed lines are, at one of their ends."""
    bound, rate = result.trial.server_p99_s, server_qps(result)
    (_, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    ends: tuple[tuple[float, float, Align], ...] = ((right, -2, "right"), (0.0, 3, "left"))
    if rate is not None:
        ends = (*ends, (rate, 4, "left"), (rate, -4, "right"))
    where = [Anchor(x, bound, across, up, align) for up in (7, -8) for x, across, align in ends]
    said = "bound on p99" if rate is not None else "bound on p99, met at no rate"
    labels = [Label(f"{said}: {seconds(bound)}", where, style.INK, needed=False)]
    if rate is not None:
        sides: tuple[tuple[float, Align], ...] = ((4, "left"), (-4, "right"))
        beside = [Anchor(rate, y, across, up, align) for y, up in ((bottom, 8), (top, -8)) for across, align in sides]
        labels.append(Label(f"met up to {figure3(rate)}/s", beside, style.INK, needed=False))
    return labels


def bound_said(result: TrialResult) -> str:
    """The bound and what came of it, as ``p99 ≤ 500 ms: up to 4.20/s``."""
    rate = server_qps(result)
    bound = seconds(result.trial.server_p99_s)
    if rate is None:
        return t("p99 ≤ {bound}: at no rate", bound=bound)
    return t("p99 ≤ {bound}: up to {rate}/s", bound=bound, rate=figure3(rate))


def alt(group: Group, measure: str) -> str:
    (result,) = group.results
    parts = []
    for point in _points(result):
        values = series(f"p{q} {seconds(percentile(point.latency_s, q))}" for q in _LINES)
        rate = figure3(point.offered_qps)
        if given_up(result, point):
            parts.append(t("{rate} queries/s: {values} (given up)", rate=rate, values=values))
        else:
            parts.append(t("{rate} queries/s: {values}", rate=rate, values=values))
    return t(
        "Line chart of latency under load on {where}, {bound}. {rates}.",
        where=group.full_label,
        bound=bound_said(result),
        rates=clauses(parts),
    )
