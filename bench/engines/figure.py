"""Figure: pairs per second of each engine as bars, the range over the rounds as a line.

A dashed mark stands where the engine would be if it did nothing but the products that cannot be avoided, at the peak.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from bench.engines.results import Outcome
from bench.engines.summary import Row, peak_pairs_per_s, rows
from bench.engines.tables import batch, difference
from bench.report import fonts, style
from bench.report.canvas import BAR_IN, rows_panel
from bench.report.canvas import Row as Words
from bench.report.words import figure3, plural, share, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["svg", "png"]


def figures(outcome: Outcome, formats: tuple[Format, ...] = ("svg", "png")) -> dict[str, bytes]:
    """File name -> bytes, the same for the same outcome; empty when no engine was timed."""
    import matplotlib

    if not any(row.pairs_per_s for row in rows(outcome)):
        return {}
    with matplotlib.rc_context(style.settings(fonts.families())):
        drawn = _draw(outcome)
        return {f"engines.{format_}": _bytes(drawn, format_) for format_ in formats}


def _draw(outcome: Outcome) -> Figure:
    timed = [row for row in rows(outcome) if row.pairs_per_s is not None]
    names = fonts.renditions([row.label for row in timed], "engine")
    labels = [Words(shorten(names[row.label], 30), _value(row), _told(row)) for row in timed]
    figure, axes, places = rows_panel(labels, f"Pairs per second, {shorten(str(outcome.model['name']), 28)}")
    highest = 0.0
    for place, (y, row) in enumerate(zip(places, timed, strict=True)):
        if row.pairs_per_s is not None:
            low, high = row.pairs_per_s.least, row.pairs_per_s.most
            axes.barh(y, row.pairs_per_s.median, height=BAR_IN, color=style.series(place).colour, linewidth=0)
            axes.plot([low, high], [y, y], color=style.CARD, linewidth=2.9)
            axes.plot([low, high], [y, y], color=style.INK, linewidth=1.2)
            highest = max(highest, high)
    for y, row in zip(places, timed, strict=True):
        rate = peak_pairs_per_s(outcome, row.dtype) if row.needed_share is not None else None
        if rate is not None:
            edge = [y - BAR_IN / 2 - 0.02, y + BAR_IN / 2 + 0.02]
            axes.plot([rate, rate], edge, color=style.INK, linewidth=1.2, linestyle=(0, (2, 1)))
            highest = max(highest, rate)
    axes.set_xlim(0, highest * 1.03)
    most = max(row.rounds for row in timed)
    axes.set_xlabel(f"line: range of {plural(most, 'round')}; dashed: at the peak of matmul")
    return figure


def _value(row: Row) -> str:
    if row.pairs_per_s is None:
        return ""
    of_peak = f"  ({share(row.needed_share.median)} of peak)" if row.needed_share else ""
    return f"{figure3(row.pairs_per_s.median)}{of_peak}"


def _told(row: Row) -> str:
    parts = [row.dtype, f"batch {batch(row)}"]
    if row.difference is not None:
        parts.append(f"Δp {difference(row.difference)}")
    return ", ".join(parts)


def _bytes(figure: Figure, format_: Format) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    out = io.BytesIO()
    FigureCanvasAgg(figure)
    if format_ == "svg":
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    else:
        figure.savefig(out, format="png", dpi=200, metadata={"Software": None})
    return out.getvalue()
