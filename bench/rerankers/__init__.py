"""Rerankers: the second stage, which reads a query and a document together.

To add an engine: one file here with a class of ``Reranker``'s shape and ``Qwen3Reranker``'s parameters, and one line in
``ENGINES``. The conformance tests run over that table.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bench.hub import ModelFiles
from bench.meter import Stopwatch
from bench.types import ConfigError, Request, Scored, Trial


class Reranker(Protocol):
    """A loaded model that scores texts. It neither sorts nor sees ids.

    ``load_s``: seconds from files found to weights on the device. ``notes``: what was assumed, for the report.
    """

    device: str
    dtype: str
    load_s: float
    notes: tuple[str, ...]

    @property
    def files(self) -> ModelFiles: ...

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        """Per request one finite float per document, in the order given, higher is better; and the work it took.

        Times the stages ``tokenise`` and ``rerank``; tells ``progress`` the pairs done so far. Raises ScoreError for a
        score that is not finite, DataError or ConfigError for a text that cannot be a prompt.
        """
        ...


ENGINES: dict[str, str] = {
    "transformers": "bench.rerankers.qwen3:Qwen3Reranker",
    "reference": "bench.rerankers.reference:ReferenceReranker",
}
"""Engine name -> module and class, imported when asked for."""


def engine_class(name: str) -> Any:
    """The class behind an engine's name. Raises ConfigError listing the known ones and the nearest."""
    if name not in ENGINES:
        near = difflib.get_close_matches(name, ENGINES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"unknown engine {name!r}; known: {', '.join(ENGINES)}{hint}")
    module, _, attribute = ENGINES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def load_reranker(trial: Trial, device: str, dtype: str) -> Reranker:
    """The trial's reranker, loaded. Raises ConfigError, ModelError or DeviceError."""
    if trial.reranker is None:
        raise ConfigError("the trial names no reranker, so there is none to load")
    loaded: Reranker = engine_class(trial.engine)(
        trial.reranker,
        device=device,
        dtype=dtype,
        batch_size=trial.batch_size,
        max_length=trial.max_length,
        template=trial.template,
        revision=trial.reranker_revision,
        hub=trial.hub,
    )
    return loaded
