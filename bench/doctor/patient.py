"""One set-up under examination: its engine, the same engine set up otherwise, the oracle, and scores so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.doctor.eyes import tokens_seen
from bench.doctor.findings import NotApplicableError, Scale
from bench.doctor.oracle import Oracle
from bench.hub import locate_model
from bench.rerankers import Engine, load_reranker
from bench.rerankers.template import find_template
from bench.types import ModelError, Request, Scored, Trial

Load = Callable[[Trial, str, str], Engine]


class Patient:
    """A trial's reranker, its engine named and its device and dtype resolved. Loads things when they are asked for.

    At most three copies of the model are held: the engine, the engine set up otherwise, and the oracle in fp32.
    ``load`` is how an engine comes to be: ``load_reranker``, or a test's own.
    """

    def __init__(self, trial: Trial, load: Load = load_reranker) -> None:
        self.trial = trial
        self._load = load
        self._engine: Engine | None = None
        self._other: tuple[Trial, Engine] | None = None
        self._oracle: Oracle | NotApplicableError | None = None
        self._scored: dict[tuple[Trial, tuple[Request, ...]], Scored] = {}

    @property
    def instruction(self) -> str:
        return find_template(self.trial.template).default_instruction

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = self.fresh()
        return self._engine

    @property
    def scale(self) -> Scale:
        return Scale(self.engine.unit, self.engine.dtype, self.trial.quantisation)

    def fresh(self, **changes: Any) -> Engine:
        """The engine loaded anew, with other trial fields; the one that was set up otherwise is let go for it."""
        self._other = None
        trial = replace(self.trial, **changes)
        return self._load(trial, trial.device, trial.dtype)

    def scored(self, *requests: Request, **changes: Any) -> Scored:
        """The engine's answer to one call with these requests; with ``changes``, that of an engine set up so."""
        trial = replace(self.trial, **changes)
        key = (trial, requests)
        if key not in self._scored:
            self._scored[key] = self._set_up(trial).score_many(requests)
        return self._scored[key]

    def request(self, query: str, *documents: str) -> Request:
        """A query's documents under the template's own instruction."""
        return Request(query, documents, self.instruction)

    def scores(self, query: str, documents: Sequence[str], **changes: Any) -> list[float]:
        """Scores under the template's own instruction, of a request by itself."""
        return list(self.scored(self.request(query, *documents), **changes).scores[0])

    def expected(self, query: str, documents: Sequence[str], instruction: str | None = None) -> list[float]:
        """The oracle's scores in the engine's unit. Raises NotApplicableError where there is no oracle."""
        said = self.instruction if instruction is None else instruction
        if self.engine.unit == "score":
            raise NotApplicableError("the engine's scores have no unit, so there is no figure to expect")
        oracle, room = self.oracle, self.trial.max_length
        prompts = [oracle.tokens(said, query, document, room) for document in documents]
        return [self.scale.from_logit(oracle.logit(tokens)) for tokens in prompts]

    def seen(self, query: str, document: str, **changes: Any) -> list[int]:
        """The token ids that went into the model for one pair, on an engine that has kept nothing from before.

        Raises NotApplicableError where the model is out of sight.
        """
        if not self.engine.local:
            raise NotApplicableError("the model is on a server; its input cannot be seen")
        table = self.oracle.table
        engine = self.fresh(**changes)
        ids = tokens_seen(lambda: engine.score_many([self.request(query, document)]), table)
        if not ids:
            raise NotApplicableError("the model runs out of sight (another process, or compiled)")
        return ids

    @property
    def oracle(self) -> Oracle:
        """Raises NotApplicableError with the reason where there can be none."""
        if self._oracle is None:
            try:
                device = self.trial.device if self.trial.url is None else "cpu"
                self._oracle = Oracle(self.folder(), self.trial.template, device)
            except NotApplicableError as error:
                self._oracle = error
            except (OSError, ValueError, RuntimeError) as error:
                first = (str(error).strip() or type(error).__name__).splitlines()[0]
                self._oracle = NotApplicableError(f"no oracle: plain transformers cannot load it: {first}")
        if isinstance(self._oracle, NotApplicableError):
            raise self._oracle
        return self._oracle

    def ignores_max_length(self, cut: Sequence[float], request: Request) -> bool:
        """Whether a server gave a long document the same score under a small max_length: it decides by itself."""
        return not self.engine.local and list(cut) == self.scored(request).scores[0]

    def folder(self) -> Path:
        """Where the checkpoint lies. Raises ModelError; NotApplicableError where only a server has it."""
        name = self.trial.reranker or ""
        try:
            return locate_model(name, self.trial.reranker_revision, self.trial.hub)[0]
        except ModelError as error:
            if self.trial.url is None:
                raise
            raise NotApplicableError(f"the weights of {name} are on a server, and not here as well") from error

    def _set_up(self, trial: Trial) -> Engine:
        if trial == self.trial:
            return self.engine
        if self._other is None or self._other[0] != trial:
            self._other = None  # let go before the next is loaded
            self._other = (trial, self._load(trial, trial.device, trial.dtype))
        return self._other[1]
