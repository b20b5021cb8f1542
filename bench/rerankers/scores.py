"""Numbers out of an engine: checked, nested as the requests are, and as probabilities for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice

from bench.types import Request, ScoreError


def nest(values: Sequence[float], requests: Sequence[Request]) -> list[list[float]]:
    """One list per request from one value per pair. Raises ScoreError, naming the pair, for one that is not finite."""
    remaining = iter(values)
    rows = [list(islice(remaining, len(request.documents))) for request in requests]
    for number, (request, row) in enumerate(zip(requests, rows, strict=True)):
        for index, value in enumerate(row):
            if not math.isfinite(value):
                raise ScoreError(
                    f"request {number}, document {index}: the score for the query {request.query[:60]!r} is {value}; "
                    "half precision overflows in some models, so try dtype fp32 or bf16; otherwise check the weights"
                )
    return rows


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), for any float."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))
