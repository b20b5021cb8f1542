"""What ``engine: auto`` means for a model: the packed engine where it can serve it, else transformers, said aloud."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.hub import locate_model, located, own_code
from bench.hub.modules import read_json
from bench.rerankers.qwen3.shape import unservable
from bench.types import ModelError, Trial


def choose_engine(trial: Trial, base: Path = Path()) -> tuple[Trial, str]:
    """The trial with ``auto`` replaced by an engine's name, and a note for the report when it is not the usual one.

    A trial with a ``url`` is meant for a server. A model's folder is written relative to ``base``. Code of the model's
    own, where it is trusted, is run by ``transformers``; where there is none, nothing is trusted for it.

    Raises ModelError for a model that cannot be found or has no readable ``config.json``.
    """
    if trial.engine != "auto" or trial.reranker is None:
        return trial, ""
    embeds = trial.retriever == "dense"
    if trial.url is not None:
        return replace(trial, engine="http", trust_remote_code=trial.trust_remote_code and embeds), ""
    name = located(trial.reranker, base)
    path, _ = locate_model(name, trial.reranker_revision, trial.hub, trusted=trial.trust_remote_code)
    try:
        config = read_json(path / "config.json")
    except ModelError as error:
        raise ModelError(f"the model {trial.reranker!r} has no readable config.json in {path}: {error}") from error
    reason = "it has code of its own, which is trusted" if trial.trust_remote_code and own_code(path) else None
    reason = reason or unservable(config)
    if reason is None:
        return replace(trial, engine="packed", trust_remote_code=trial.trust_remote_code and embeds), ""
    note = f"the packed engine cannot serve {trial.reranker}: {reason}; the engine transformers scored it instead"
    return replace(trial, engine="transformers"), note
