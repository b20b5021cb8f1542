"""What a server has answered: one finite score for each document, or an error that says what is wrong with it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.rerankers.remote.address import Address
from bench.rerankers.remote.wire import Question
from bench.rerankers.scores import NotFiniteError
from bench.types import ModelError, ScoreError

_SHOWN = 160
"""Characters of an answer that a message quotes."""
_MOST_TOKENS = 2**53
"""A larger count is none, and no number that can be reckoned with."""
Begin = Callable[[str, int], str]


class Answer(NamedTuple):
    """One score per document, in the order asked; ``tokens`` is the server's count, None where it gives none."""

    scores: tuple[float, ...]
    tokens: int | None


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
