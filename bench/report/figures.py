"""The figures: one of each kind per dataset, as SVG and PNG bytes, the same bytes for the same results.

What is drawn is English, for one figure serves both languages; what is said of it is in the reader's.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from bench.report import (
    fonts,
    plot_heat,
    plot_latency,
    plot_load,
    plot_memory,
    plot_padding,
    plot_quality,
    plot_roofline,
    plot_stages,
    plot_tradeoff,
    study_figures,
    style,
    sweep,
)
from bench.report.blocks import Picture, Pictures
from bench.report.canvas import Names
from bench.report.groups import Group, by_dataset, primary
from bench.report.say import speaking, t
from bench.report.words import clauses, clean, listed, sentences
from bench.study.study import Study
from bench.types import TrialResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["svg", "png"]


@dataclass(frozen=True, slots=True)
class Plot:
    """``draws`` tells whether a group has what the figure shows; ``caption`` and ``alt`` say in words what it shows.

    ``parts`` divides a dataset where one figure cannot show it all. ``note`` says after the caption which cells of a
    dataset were left out, and the like. What is ``of_sweeps`` is drawn only where a pipeline has several cells, and
    what is ``of_quality`` not where there is none to be had.
    """

    title: Callable[[], str]
    caption: Callable[[str], str]
    draws: Callable[[Group, str], bool]
    draw: Callable[[Group, str, Names], Figure]
    alt: Callable[[Group, str], str]
    parts: Callable[[Group], Sequence[Group]] = lambda group: (group,)
    note: Callable[[Group, str], str] = lambda group, measure: ""
    of_sweeps: bool = False
    of_quality: bool = False

    def drawn(self, results: Sequence[TrialResult], measure: str) -> list[tuple[Group, list[Group]]]:
        """The datasets that the figure is drawn of, and for each the parts: one figure per part."""
        found = []
        for group in by_dataset(results):
            if sweep.is_sweep(group) or not self.of_sweeps:
                parts = [part for part in self.parts(group) if self.draws(part, measure)]
                if parts:
                    found.append((group, parts))
        return found


def _against(across: plot_tradeoff.Across, title: Callable[[], str], *, of_sweeps: bool) -> Plot:
    return Plot(
        title, partial(plot_tradeoff.caption, across), partial(plot_tradeoff.draws, across),
        partial(plot_tradeoff.draw, across), partial(plot_tradeoff.alt, across),
        note=partial(plot_tradeoff.note, across), of_sweeps=of_sweeps, of_quality=True,
    )  # fmt: skip


PLOTS: Mapping[str, Plot] = {
    "quality": Plot(
        lambda: t("Quality"), plot_quality.caption, plot_quality.draws, plot_quality.draw, plot_quality.alt,
        of_quality=True,
    ),
    "tradeoff": _against(plot_tradeoff.LATENCY, lambda: t("Quality against latency"), of_sweeps=False),
    "tradeoff-memory": _against(plot_tradeoff.MEMORY, lambda: t("Quality against memory"), of_sweeps=True),
    "heat": Plot(
        lambda: t("Throughput by batch size and length"), plot_heat.caption, plot_heat.draws, plot_heat.draw,
        plot_heat.alt, parts=sweep.parts, of_sweeps=True,
    ),
    "latency": Plot(
        lambda: t("Latency of single queries"), plot_latency.caption, plot_latency.draws, plot_latency.draw,
        plot_latency.alt, note=plot_latency.note, of_sweeps=True,
    ),
    "stages": Plot(
        lambda: t("Where a query's time goes"), plot_stages.caption, plot_stages.draws, plot_stages.draw,
        plot_stages.alt, parts=sweep.by_swept_device, note=plot_stages.note,
    ),
    "load": Plot(
        lambda: t("Latency under load"), plot_load.caption, plot_load.draws, plot_load.draw, plot_load.alt,
        parts=plot_load.parts, note=plot_load.note,
    ),
    "memory": Plot(
        lambda: t("Memory by batch size"), plot_memory.caption, plot_memory.draws, plot_memory.draw, plot_memory.alt,
        parts=sweep.parts, of_sweeps=True,
    ),
    "padding": Plot(
        lambda: t("Padding"), plot_padding.caption, plot_padding.draws, plot_padding.draw, plot_padding.alt,
        of_sweeps=True,
    ),
    "roofline": Plot(
        lambda: t("Share of the machine's peak"), plot_roofline.caption, plot_roofline.draws, plot_roofline.draw,
        plot_roofline.alt, parts=sweep.by_device, note=plot_roofline.note, of_sweeps=True,
    ),
}  # fmt: skip


def figures(
    results: Sequence[TrialResult], formats: Sequence[Format] = ("svg", "png"), study: Study | None = None
) -> dict[str, bytes]:
    """File name -> bytes, such as ``quality-scifact.svg``. Nothing of pyplot's global state is touched."""
    import matplotlib

    drawn: dict[str, bytes] = {}
    with speaking("en"), matplotlib.rc_context(style.settings(fonts.families())):
        names, measure = Names.of(results), primary(results)
        for kind, plot in PLOTS.items():
            for _, parts in plot.drawn(results, measure):
                for part in parts:
                    figure = plot.draw(part, measure, names)
                    for format_ in formats:
                        drawn[f"{kind}-{part.slug}.{format_}"] = _bytes(figure, format_)
        for name, make in study_figures.drawn(study).items() if study is not None else ():
            figure = make()
            for format_ in formats:
                drawn[f"{name}.{format_}"] = _bytes(figure, format_)
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
    drawn = plot.drawn(results, measure)
    items = tuple(
        Picture(f"{kind}-{part.slug}", part.full_label, plot.alt(part, measure)) for _, parts in drawn for part in parts
    )
    notes: dict[str, list[str]] = {}
    for group, _ in drawn:
        notes.setdefault(plot.note(group, measure), []).append(group.label)
    said = [
        note if len(notes) == 1 else t("{labels}: {said}", labels=listed(labels), said=note)
        for note, labels in notes.items()
        if note
    ]
    return Pictures(sentences([plot.caption(measure), *said]), items) if items else None


def font_warnings(results: Sequence[TrialResult]) -> list[str]:
    """What the figures could not write in its own characters, and what they write in its place."""
    with speaking("en"):
        names = Names.of(results)
    replaced = [(clean(raw), text) for raw, text in names.all().items() if clean(raw) != text]
    if not replaced:
        return []
    written = clauses(t("“{written}” for {name}", written=text, name=raw) for raw, text in replaced)
    return [
        t(
            "No installed font has all characters of some names, so the figures write {written}. To have the names "
            "themselves, install a font that has them, such as Noto Sans CJK.",
            written=written,
        )
    ]
