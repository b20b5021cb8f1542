"""The figures: one of each kind per dataset, as SVG and PNG bytes, the same bytes for the same results."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.report import fonts, plot_quality, plot_stages, plot_tradeoff, style
from bench.report.blocks import Picture, Pictures
from bench.report.canvas import Names
from bench.report.groups import Group, by_dataset, primary
from bench.report.words import clean, measure_title
from bench.types import TrialResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["svg", "png"]


@dataclass(frozen=True, slots=True)
class Plot:
    """``draws`` tells whether a group has what the figure shows; ``alt`` says in words what it shows."""

    title: str
    caption: str
    draws: Callable[[Group, str], bool]
    draw: Callable[[Group, str, Names], Figure]
    alt: Callable[[Group, str], str]


PLOTS: Mapping[str, Plot] = {
    "quality": Plot("Quality", plot_quality.CAPTION, plot_quality.draws, plot_quality.draw, plot_quality.alt),
    "tradeoff": Plot(
        "Quality against latency", plot_tradeoff.CAPTION, plot_tradeoff.draws, plot_tradeoff.draw, plot_tradeoff.alt
    ),
    "stages": Plot(
        "Where a query's time goes", plot_stages.CAPTION, plot_stages.draws, plot_stages.draw, plot_stages.alt
    ),
}


def figures(results: Sequence[TrialResult], formats: Sequence[Format] = ("svg", "png")) -> dict[str, bytes]:
    """File name -> bytes, such as ``quality-scifact.svg``. Nothing of pyplot's global state is touched."""
    import matplotlib

    names, measure = Names.of(results), primary(results)
    drawn: dict[str, bytes] = {}
    with matplotlib.rc_context(style.settings(fonts.families())):
        for kind, plot in PLOTS.items():
            for group in by_dataset(results):
                if plot.draws(group, measure):
                    figure = plot.draw(group, measure, names)
                    for format_ in formats:
                        drawn[f"{kind}-{group.slug}.{format_}"] = _bytes(figure, format_)
    return drawn


def _bytes(figure: Figure, format_: Format) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    out = io.BytesIO()
    FigureCanvasAgg(figure)
    if format_ == "svg":
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    else:
        figure.savefig(out, format="png", dpi=200, metadata={"Software": None})
    return out.getvalue()


def pictures(results: Sequence[TrialResult], kind: str) -> Pictures | None:
    """The figures of a kind with caption and text alternative; None if no dataset has one."""
    plot, measure = PLOTS[kind], primary(results)
    items = tuple(
        Picture(f"{kind}-{group.slug}", group.label, plot.alt(group, measure))
        for group in by_dataset(results)
        if plot.draws(group, measure)
    )
    return Pictures(plot.caption.format(measure=measure_title(measure)), items) if items else None


def font_warnings(results: Sequence[TrialResult]) -> list[str]:
    """What the figures could not write in its own characters, and what they write in its place."""
    names = Names.of(results)
    replaced = [(clean(raw), text) for raw, text in names.all().items() if clean(raw) != text]
    if not replaced:
        return []
    listed = "; ".join(f"“{text}” for {raw}" for raw, text in replaced)
    return [
        "No installed font has all characters of some names, so the figures write "
        f"{listed}. To have the names themselves, install a font that has them, such as Noto Sans CJK."
    ]
