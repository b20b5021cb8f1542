"""Rerankers: the second stage, which reads a query and a document together.

To add an engine: one file here with a class of ``Reranker``'s shape, and one line in ``ENGINES``. The conformance tests
run over that table.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import fields
from typing import Any

from bench.rerankers.base import Engine, Ranked, Reranker
from bench.rerankers.choice import choose_engine
from bench.types import ConfigError, Trial

__all__ = [
    "ENGINES",
    "Engine",
    "Ranked",
    "Reranker",
    "check_engine",
    "choose_engine",
    "engine_class",
    "extras",
    "load_reranker",
    "runs_code",
]

ENGINES: dict[str, str] = {
    "packed": "bench.rerankers.qwen3:Qwen3Reranker",
    "transformers": "bench.rerankers.padded:PaddedReranker",
    "reference": "bench.rerankers.reference:ReferenceReranker",
    "sentence-transformers": "bench.rerankers.cross_encoder:CrossEncoderReranker",
    "vllm": "bench.rerankers.vllm_engine:VllmReranker",
    "http": "bench.rerankers.remote:RemoteReranker",
}
"""Engine name -> module and class, imported when asked for."""

COMMON = ("batch_size", "max_length", "template", "hub")
OWN = (
    "token_budget",
    "deterministic",
    "quantisation",
    "attention",
    "url",
    "concurrency",
    "timeout_s",
    "trust_remote_code",
)
"""Trial fields that belong to some engines and not to others."""


def engine_class(name: str) -> type[Engine]:
    """The class behind an engine's name. Raises ConfigError listing the known ones and the nearest."""
    if name not in ENGINES:
        near = difflib.get_close_matches(name, ENGINES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"unknown engine {name!r}; known: auto, {', '.join(ENGINES)}{hint}")
    module, _, attribute = ENGINES[name].partition(":")
    found: type[Engine] = getattr(importlib.import_module(module), attribute)
    return found


def check_engine(trial: Trial) -> None:
    """Raises ConfigError for an unknown engine, or for a field set that the trial's engine does not take."""
    if trial.engine == "auto":
        return
    engine = engine_class(trial.engine)
    defaults = {field.name: field.default for field in fields(Trial)}
    for name in OWN:
        if name == "trust_remote_code" and trial.retriever == "dense":
            continue  # the embedder may have code of its own; the engine is not told
        if name not in engine.takes and getattr(trial, name) != defaults[name]:
            takers = [known for known in ENGINES if name in engine_class(known).takes]
            raise ConfigError(
                f"the engine {trial.engine!r} has no {name}, which is set to {getattr(trial, name)!r}; "
                f"it belongs to: {', '.join(takers) or 'no engine'}"
            )


def runs_code(engine: str) -> bool:
    """Whether code that comes with a model is run by this engine, for a trial that trusts it."""
    return "trust_remote_code" in engine_class(engine).takes


def extras(trial: Trial) -> list[str]:
    """The optional packages that make this trial's scores."""
    uses = {
        "vllm": trial.engine == "vllm",
        "torchao": trial.quantisation != "none",
        "flash-attn": trial.attention == "flash",
    }
    return [name for name, used in uses.items() if used]


def load_reranker(trial: Trial, device: str, dtype: str) -> Engine:
    """The trial's reranker, loaded. Raises ConfigError, ModelError or DeviceError."""
    if trial.reranker is None:
        raise ConfigError("the trial names no reranker, so there is none to load")
    trial, note = choose_engine(trial)
    check_engine(trial)
    engine: Any = engine_class(trial.engine)
    options = {name: getattr(trial, name) for name in (*COMMON, *engine.takes)}
    loaded: Engine = engine(trial.reranker, device=device, dtype=dtype, revision=trial.reranker_revision, **options)
    if note:
        loaded.notes = (note, *loaded.notes)
    return loaded
