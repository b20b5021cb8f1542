"""The three forms in which servers are asked for scores. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.types import ScoreUnit


class Question(NamedTuple):
    """One request: a query with documents, as they go over the wire. ``instruction`` None is the server's own.

    ``request`` and ``first``: which of the requests it is a part of, and the place there of its first document.
    """

    model: str
    query: str
    documents: tuple[str, ...]
    instruction: str | None = None
    request: int = 0
    first: int = 0


@dataclass(frozen=True, slots=True)
class Wire:
    """One form: the body of a request, and where the answer keeps its rows and their scores.

    ``wrapped``: the server scores texts as they are given, so our template goes around them. ``unit``: what the
    protocol promises of its numbers. ``counts``: its ``usage`` is in tokens; infinity's, for one, is in characters.
    """

    name: str
    wrapped: bool
    unit: ScoreUnit
    body: Callable[[Question], dict[str, Any]]
    rows: str | None
    score: str
    counts: bool = False


def _rerank_body(question: Question) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": question.model,
        "query": question.query,
        "documents": list(question.documents),
        "top_n": len(question.documents),
        "return_documents": False,
    }
    return body if question.instruction is None else body | {"instruction": question.instruction}


def _score_body(question: Question) -> dict[str, Any]:
    """``use_activation`` off: vLLM then answers with logits; its 32-bit probabilities near 1 are all alike.

    An older vLLM ignores the field and answers with probabilities, hence the unit ``score``: an order, no more.
    """
    return {
        "model": question.model,
        "text_1": question.query,
        "text_2": list(question.documents),
        "use_activation": False,
    }


def _tei_body(question: Question) -> dict[str, Any]:
    """``truncate`` off: TEI cuts a prompt at its end, and the answer's opening would be gone. Too long is an error."""
    return {
        "query": question.query,
        "texts": list(question.documents),
        "raw_scores": True,
        "return_text": False,
        "truncate": False,
    }


WIRES: Mapping[str, Wire] = {
    wire.name: wire
    for wire in (
        Wire("rerank", False, "score", _rerank_body, rows="results", score="relevance_score"),
        Wire("score", True, "score", _score_body, rows="data", score="score", counts=True),
        Wire("tei", True, "logit", _tei_body, rows=None, score="score"),
    )
}
