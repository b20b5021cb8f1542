"""The three forms in which servers are asked for scores and answer. Pure: values in, values out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.rerankers.scores import NotFiniteError
from bench.types import ModelError, ScoreError, ScoreUnit

if TYPE_CHECKING:
    from bench.rerankers.remote.address import Address


_SHOWN = 160
"""Characters of an answer that a message quotes."""
_MOST_TOKENS = 2**53
"""A larger count is none, and no number that can be reckoned with."""
Begin = Callable[[str, int], str]


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


class Answer(NamedTuple):
    """One score per document, in the order asked; ``tokens`` is the server's count, None where it gives none."""

    scores: tuple[float, ...]
    tokens: int | None


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


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def read_answer(address: Address, question: Question, value: Any, begin: Begin = cut) -> Answer:
    """One finite score for each document, or a ScoreError; ModelError where the answer has another form altogether.

    ``begin`` shortens what of an answer is quoted, and knows what in it is secret.
    """
    wire, wanted = address.wire, len(question.documents)
    asked = f"{address.shown} was asked for {wanted} scores of the model {question.model!r} in the form {wire.name!r}"
    rows = value if wire.rows is None else value.get(wire.rows) if isinstance(value, dict) else None
    if not isinstance(rows, list):
        expected = "a list" if wire.rows is None else f"an object with a list named {wire.rows!r}"
        said = begin(repr(value), _SHOWN)
        raise ModelError(
            f"{asked} ({address.reason}) and answered {said} where {expected} was expected; if the server "
            "speaks another form, say so at the end of the url: #rerank, #score or #tei"
        )
    scores: dict[int, float] = {}
    for row in rows:
        index, score = (row.get("index"), row.get(wire.score)) if isinstance(row, dict) else (None, None)
        if type(index) is not int or not 0 <= index < wanted:
            raise ScoreError(
                f"{asked} and one row of the answer, {begin(repr(row), _SHOWN)}, has no index from 0 to {wanted - 1}"
            )
        if index in scores:
            raise ScoreError(
                f"{asked} and the answer has the index {index} twice; the server may be mixing requests up"
            )
        if type(score) not in (int, float):
            said = begin(repr(row), _SHOWN)
            raise ScoreError(f"{asked} and the row of index {index}, {said}, has no number named {wire.score!r}")
        scores[index] = _as_float(score)
        if not math.isfinite(scores[index]):
            said = f"{asked} and the score of index {index} is {score}; look at the server's number format"
            raise NotFiniteError(said, document=index)
    if len(scores) != wanted:
        absent = next(index for index in range(wanted) if index not in scores)
        raise ScoreError(
            f"{asked} and answered with {len(scores)}; the first one missing is index {absent}. The server may have a "
            "limit of documents per request: set batch_size below it"
        )
    return Answer(tuple(scores[index] for index in range(wanted)), _tokens(value) if wire.counts else None)


def _as_float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _tokens(value: Any) -> int | None:
    usage = value.get("usage") if isinstance(value, dict) else None
    found = (usage.get("prompt_tokens") or usage.get("total_tokens")) if isinstance(usage, dict) else None
    return found if type(found) is int and 0 < found <= _MOST_TOKENS else None
