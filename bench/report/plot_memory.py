"""Figure: peak memory against batch size, one per pipeline, device and number format."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bench.derived import rss_growth_bytes
from bench.report import style
from bench.report.beside import Named, name_lines
from bench.report.canvas import Names, batch_axis, legend, line, panel
from bench.report.groups import Group
from bench.report.say import t
from bench.report.words import clauses, count, series, size
from bench.types import TrialResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LINES = len(style.SERIES)
GiB = 2.0**30


def caption(measure: str) -> str:
    return t(
        "Peak memory by batch size. Process: its peak above what was resident before anything was loaded. Where a "
        "device counts memory of its own, each figure has a line, for the maximum length with the most batch sizes "
        "that finished (of equals, the longest): what its allocator gave out, what it kept, and what the driver says "
        "is in use on the whole device, by whomever. Otherwise there is a line per maximum length."
    )


class Curve(NamedTuple):
    """Bytes by batch size, rising."""

    label: str
    points: tuple[tuple[int, int], ...]


def _device(name: str) -> Callable[[TrialResult], int | None]:
    return lambda result: getattr(result.cost, name) if result.cost else None


def _kinds() -> tuple[tuple[str, Callable[[TrialResult], int | None]], ...]:
    """The process's own memory first, then the device's."""
    return (
        (t("process"), rss_growth_bytes),
        (t("allocated"), _device("peak_device_bytes")),
        (t("reserved"), _device("reserved_device_bytes")),
        (t("driver"), _device("driver_device_bytes")),
    )


def curves(group: Group) -> tuple[list[Curve], int | None]:
    """The lines to draw, of two batch sizes or more, and the maximum length that they share, if they share one."""
    by_length: dict[int, list[TrialResult]] = {}
    for result in group.finished:
        if result.trial.reranker is not None and isinstance(result.trial.batch_size, int):
            by_length.setdefault(result.trial.max_length, []).append(result)
    if not by_length:
        return [], None
    fullest = max(by_length, key=lambda length: (len({r.trial.batch_size for r in by_length[length]}), length))
    kinds = [Curve(label, _points(by_length[fullest], value)) for label, value in _kinds()]
    if any(len(curve.points) > 1 for curve in kinds[1:]):
        return [curve for curve in kinds if len(curve.points) > 1], fullest
    lengths = [
        Curve(t("length {length}", length=count(n)), _points(by_length[n], rss_growth_bytes)) for n in sorted(by_length)
    ]
    return [curve for curve in lengths if len(curve.points) > 1][-_MOST_LINES:], None


def _points(results: list[TrialResult], value: Callable[[TrialResult], int | None]) -> tuple[tuple[int, int], ...]:
    """Of trials with one batch size (they differ in something else) the one that needs most."""
    found: dict[int, int] = {}
    for result in results:
        needed, batch = value(result), result.trial.batch_size
        if needed is not None and isinstance(batch, int):
            found[batch] = max(needed, found.get(batch, needed))
    return tuple(sorted(found.items()))


def draws(group: Group, measure: str) -> bool:
    return bool(curves(group)[0])


def draw(group: Group, measure: str, names: Names) -> Figure:
    figure, fits = _draw(group, names, keyed=False)
    return figure if fits else _draw(group, names, keyed=True)[0]


def _draw(group: Group, names: Names, *, keyed: bool) -> tuple[Figure, bool]:
    """With a legend, if ``keyed``; else with the lines' names beside them, and whether there was room for those."""
    from matplotlib.ticker import FuncFormatter

    drawn, length = curves(group)
    most = max([1, *(needed for curve in drawn for _, needed in curve.points)])
    unit, scale = ("GiB", GiB) if most >= GiB else ("MiB", 2.0**20)
    what = "peak memory" if length is not None else "memory of the process, at its peak"
    under = names.part(group) + (f" · length {count(length)}" if length is not None else "")
    columns = 4 if length is not None else 3
    keys_in = 0.2 * -(-len(drawn) // columns) if keyed else 0.0
    figure, axes = panel(2.75 + keys_in, names.title(group, what), under, top_in=0.62 + keys_in, left_in=0.62)
    colour = names.series(group.results[0].trial.pipeline).colour
    scaled = [[(float(batch), needed / scale) for batch, needed in curve.points] for curve in drawn]
    handles = [
        line(axes, points, colour, place, curve.label)
        for place, (curve, points) in enumerate(zip(drawn, scaled, strict=True))
    ]
    axes.set_ylim(0, 1.15 * most / scale)
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g} {unit}"))
    batch_axis(axes, [batch for curve in drawn for batch, _ in curve.points])
    if keyed:
        legend(figure, handles, 0.52, columns=columns, length=2.2)
        return figure, True
    named = [Named(curve.label, points, colour) for curve, points in zip(drawn, scaled, strict=True)]
    return figure, name_lines(figure, axes, named)


def alt(group: Group, measure: str) -> str:
    drawn, length = curves(group)
    parts = [
        t(
            "{line}: {points}",
            line=curve.label,
            points=series(
                t("batch {batch} {value}", batch=batch, value=size(needed)) for batch, needed in curve.points
            ),
        )
        for curve in drawn
    ]
    lines = clauses(parts)
    if length is None:
        return t(
            "Line chart of peak memory by batch size on {where}, process above its baseline: {lines}.",
            where=group.full_label,
            lines=lines,
        )
    return t(
        "Line chart of peak memory by batch size on {where} at length {length}: {lines}.",
        where=group.full_label,
        length=length,
        lines=lines,
    )
