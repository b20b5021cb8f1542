"""Texts whose scores were printed, scored by the code behind ``rerankbench score``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.claims.gather import brief
from bench.claims.words import Evidence, Example, Figure, Missing
from bench.config.fields import make_trial
from bench.types import RerankBenchError, Trial


def example_trial(example: Example, overrides: Mapping[str, Any], where: str) -> Trial:
    """The reranker's settings as a trial of nothing else. Raises ConfigError."""
    values = {**example.trial, **overrides, "dataset": "examples", "pipeline": "examples", "retriever": "given"}
    return make_trial(values, where)


def probabilities(example: Example, trial: Trial, base: Path) -> list[float] | Missing:
    """The probability of "yes" for each document, in the order given."""
    from bench.hub import located
    from bench.machine.device import resolve_device, resolve_dtype
    from bench.rerankers import choose_engine, load_reranker

    try:
        found, _ = choose_engine(trial, base)
        device = resolve_device(found.device)
        found = replace(found, reranker=located(str(found.reranker), base))
        reranker = load_reranker(found, device, resolve_dtype(found.dtype, device))
        if reranker.unit == "score":
            return Missing(f"the engine {found.engine} gives scores that are no probabilities")
        return reranker.score(example.query, example.documents, found.instruction)
    except RerankBenchError as error:
        return Missing(brief(error))


def evidence(figure: Figure, scores: list[float] | Missing) -> Evidence | Missing:
    """One document's probability. Nothing is sampled: the interval is the value."""
    if isinstance(scores, Missing):
        return scores
    value = scores[int(figure.options["document"]) - 1]
    return Evidence(value, value, value, 1, "same", "documents")
