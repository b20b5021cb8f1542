"""Figure: the share of tokens in a forward pass that are padding, by batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.derived import offline_work, padding_share
from bench.report import style
from bench.report.beside import Named, name_lines
from bench.report.canvas import Names, batch_axis, legend, line, panel
from bench.report.groups import Group
from bench.report.say import t
from bench.report.sweep import swept
from bench.report.words import clauses, clean, count, listed, series, share, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LINES = len(style.SERIES)


def caption(measure: str) -> str:
    return t(
        "Of the tokens that went through the layers in one round of all timed queries, the share that only filled rows "
        "up. Maximum lengths with the same shares have one line."
    )


class Curve(NamedTuple):
    """Shares by batch size, rising, of one pipeline at the maximum lengths that have these very shares (or, where not
    every batch size finished, none other)."""

    pipeline: str
    lengths: tuple[int, ...]
    points: tuple[tuple[int, float], ...]


def curves(group: Group) -> list[Curve]:
    """Those of two batch sizes or more. Padding depends on neither device nor number format: one cell stands for all.

    Where an engine setting changes it too, the first cell of a place does.
    """
    found: dict[tuple[str, int], dict[int, float]] = {}
    for result in swept(group.finished):
        trial, part = result.trial, padding_share(offline_work(result))
        if part is not None and isinstance(trial.batch_size, int):
            found.setdefault((trial.pipeline, trial.max_length), {}).setdefault(trial.batch_size, part)
    drawn: list[Curve] = []
    for (pipeline, length), shares in sorted(found.items(), key=lambda item: (-len(item[1]), item[0][1])):
        points = tuple(sorted(shares.items()))
        alike = [i for i, curve in enumerate(drawn) if curve.pipeline == pipeline and set(points) <= set(curve.points)]
        if alike:
            drawn[alike[0]] = drawn[alike[0]]._replace(lengths=(*drawn[alike[0]].lengths, length))
        elif len(points) > 1:
            drawn.append(Curve(pipeline, (length,), points))
    return sorted(drawn[:_MOST_LINES], key=lambda curve: curve.lengths)


def draws(group: Group, measure: str) -> bool:
    return bool(curves(group))


def draw(group: Group, measure: str, names: Names) -> Figure:
    figure, fits = _draw(group, names, keyed=False)
    return figure if fits else _draw(group, names, keyed=True)[0]


def _draw(group: Group, names: Names, *, keyed: bool) -> tuple[Figure, bool]:
    """With a legend, if ``keyed``; else with the lines' names beside them, and whether there was room for those."""
    from matplotlib.ticker import PercentFormatter

    drawn = curves(group)
    several = len({curve.pipeline for curve in drawn}) > 1
    labels = [
        f"{shorten(names.pipelines[curve.pipeline], 24)}, {_lengths(curve)}" if several else _lengths(curve)
        for curve in drawn
    ]
    columns = 1 if several or max(map(len, labels)) > 18 else 3
    keys_in = 0.2 * -(-len(drawn) // columns) if keyed else 0.0
    title = names.title(group, "padding, share of all tokens")
    figure, axes = panel(2.6 + keys_in, title, top_in=0.44 + keys_in, left_in=0.5)
    colours = [names.series(curve.pipeline).colour for curve in drawn]
    handles = [
        line(axes, curve.points, colour, place, label)
        for place, (curve, colour, label) in enumerate(zip(drawn, colours, labels, strict=True))
    ]
    most = max(part for curve in drawn for _, part in curve.points)
    axes.set_ylim(0, max(0.05, 1.15 * most))
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0 if most > 0.05 else 1))
    batch_axis(axes, [batch for curve in drawn for batch, _ in curve.points])
    if keyed:
        legend(figure, handles, 0.34, columns=columns, length=2.2)
        return figure, True
    named = [
        Named(label, [(float(batch), part) for batch, part in curve.points], colour)
        for curve, colour, label in zip(drawn, colours, labels, strict=True)
    ]
    return figure, name_lines(figure, axes, named)


def _lengths(curve: Curve) -> str:
    return t("length {length}", length=listed([count(length) for length in curve.lengths]))


def alt(group: Group, measure: str) -> str:
    parts = [
        t(
            "{pipeline}, {lengths}: {points}",
            pipeline=clean(curve.pipeline),
            lengths=_lengths(curve),
            points=series(t("batch {batch} {value}", batch=batch, value=share(part)) for batch, part in curve.points),
        )
        for curve in curves(group)
    ]
    return t(
        "Line chart of the share of padding by batch size on {where}: {lines}.",
        where=group.label,
        lines=clauses(parts),
    )
