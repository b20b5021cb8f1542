"""Remarks that more than one section makes."""

from __future__ import annotations

from itertools import chain

from bench.report import words
from bench.report.blocks import Paragraph, Report
from bench.report.say import t


def tracer_note(report: Report) -> list[Paragraph]:
    """That the shipped models prove nothing about others, where they were used."""
    models = chain.from_iterable((result.trial.embedder, result.trial.reranker) for result in report.results)
    named = dict.fromkeys(words.clean(model) for model in models if model and model.startswith("asset:"))
    if not named:
        return []
    return [
        Paragraph(
            t(
                "Tracer models: {models}. They are small models that come with RerankBench to check the instrument: "
                "that each stage runs, is timed and is judged. Their figures prove nothing about Qwen3-Reranker-0.6B.",
                models=words.series(named),
            ),
            "note",
        )
    ]
