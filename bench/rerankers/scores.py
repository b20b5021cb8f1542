"""Numbers out of an engine: checked, nested as the requests are, and as probabilities for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice

from bench.types import Request, ScoreError


class NotFiniteError(ScoreError):
    """A score that is no finite number. ``request`` and ``document`` are the pair's places, counted from 0.

    An engine knows no ids; whoever asked it does, and names the pair by them.
    """

    def __init__(self, message: str, request: int = 0, document: int = 0) -> None:
        super().__init__(message)
        self.request, self.document = request, document


def nest(values: Sequence[float], requests: Sequence[Request]) -> list[list[float]]:
    """One list per request from one value per pair. Raises NotFiniteError, naming the pair, for one that is not."""
    remaining = iter(values)
    rows = [list(islice(remaining, len(request.documents))) for request in requests]
    for number, (request, row) in enumerate(zip(requests, rows, strict=True)):
        for index, value in enumerate(row):
            if not math.isfinite(value):
                raise NotFiniteError(
                    f"request {number}, document {index}: the score for the query {request.query[:60]!r} is {value}; "
                    "half precision overflows in some models, so try dtype fp32 or bf16; otherwise check the weights",
                    number,
                    index,
                )
    return rows


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), for any float."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))
