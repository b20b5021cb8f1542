"""What a reranker is to the rest of the harness, and the two questions that people ask one by hand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from bench.hub import ModelFiles
from bench.machine.meter import Stopwatch
from bench.rerankers.scores import sigmoid
from bench.rerankers.template import Template
from bench.types import ConfigError, Request, Scored, ScoreUnit


class Reranker(Protocol):
    """A loaded model that scores texts. It neither sorts nor sees ids.

    ``name`` is the engine's; ``unit`` says what its numbers are. ``load_s``: seconds from files found to weights on the
    device, 0 for a server. ``notes``: what was assumed, for the report. ``files`` is None where the weights are not
    on this machine.
    """

    name: ClassVar[str]
    unit: ScoreUnit
    device: str
    dtype: str
    load_s: float
    notes: tuple[str, ...]

    @property
    def files(self) -> ModelFiles | None: ...

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


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document with its place in the list given and its score: the probability of "yes", 0 to 1.

    An engine whose ``unit`` is ``score`` has no probability to give; its own number stands there.
    """

    index: int
    document: str
    score: float


class Engine(ABC):
    """What every engine has beside ``score_many``. A class attribute names what sets it apart in the table.

    ``takes``: the Trial fields that are its own. ``own_batch_size``: its documents per forward pass when nobody says;
    None where it fills a pass by tokens. ``local``: its weights are files on this machine.
    """

    name: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ()
    own_batch_size: ClassVar[int | None] = 16
    local: ClassVar[bool] = True
    unit: ScoreUnit = "logit"
    template: Template
    device: str
    dtype: str
    load_s: float
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def files(self) -> ModelFiles | None:
        """The weights on this machine, fingerprinted; None where they are elsewhere."""

    @abstractmethod
    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        """See ``Reranker``."""

    def keep_documents(self) -> None:
        """Keep documents as tokens from one call to the next, for whoever scores them under several instructions.

        An engine whose tokenizer is out of reach does nothing.
        """
        builder = getattr(self, "_builder", None)
        if builder is not None:
            builder.keep_documents()

    def score(self, query: str, documents: Sequence[str], instruction: str | None = None) -> list[float]:
        """The probability of "yes" for each document, 0 to 1, in the order given. None is the template's instruction.

        Rank by ``rerank`` or ``score_many``, not by these: beyond a difference of about 37 a float64 probability is 1.
        """
        return [self._shown(value) for value in self._own_scores(query, documents, instruction)]

    def rerank(
        self, query: str, documents: Sequence[str], instruction: str | None = None, top_k: int | None = None
    ) -> list[Ranked]:
        """The documents by score, highest first, equal ones in the order given; the first ``top_k``."""
        if top_k is not None and top_k < 0:
            raise ConfigError(f"top_k is {top_k}; give 0 or more, or None for every document")
        scores = self._own_scores(query, documents, instruction)
        order = sorted(range(len(documents)), key=lambda index: (-scores[index], index))
        return [Ranked(index, documents[index], self._shown(scores[index])) for index in order[:top_k]]

    def _own_scores(self, query: str, documents: Sequence[str], instruction: str | None) -> list[float]:
        if isinstance(documents, str):
            raise ConfigError("documents is one string; give a list of strings")
        chosen = self.template.default_instruction if instruction is None else instruction
        return self.score_many([Request(query, tuple(documents), chosen)]).scores[0]

    def _shown(self, score: float) -> float:
        return sigmoid(score) if self.unit == "logit" else score
