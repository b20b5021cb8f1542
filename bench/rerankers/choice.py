"""What ``engine: auto`` means for a model: the packed engine where it can serve it, else transformers, said aloud."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from bench.hub import locate_model, located
from bench.rerankers.qwen3.shape import unservable
from bench.types import ModelError, Trial


def choose_engine(trial: Trial, base: Path = Path()) -> tuple[Trial, str]:
    """The trial with ``auto`` replaced by an engine's name, and a note for the report when it is not the usual one.

    A trial with a ``url`` is meant for a server. A model's folder is written relative to ``base``.

    Raises ModelError for a model that cannot be found or has no readable ``config.json``.
    """
    if trial.engine != "auto" or trial.reranker is None:
        return trial, ""
    if trial.url is not None:
        return replace(trial, engine="http"), ""
    path, _ = locate_model(located(trial.reranker, base), trial.reranker_revision, trial.hub)
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"the model {trial.reranker!r} has no readable config.json in {path}: {error}") from error
    reason = unservable(config)
    if reason is None:
        return replace(trial, engine="packed"), ""
    note = f"the packed engine cannot serve {trial.reranker}: {reason}; the engine transformers scored it instead"
    return replace(trial, engine="transformers"), note
