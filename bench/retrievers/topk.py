"""The best k of many scores, with ties at the k-th place decided by ``rank`` and not by the order of a partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.types import DataError, Document, Ranking, rank


def best(scores: NDArray[np.floating[Any]], positions: NDArray[np.integer[Any]], ids: Sequence[str], k: int) -> Ranking:
    """``rank`` over the documents ``ids[positions[i]]`` with ``scores[i]``, without sorting all of them.

    Every document that ties with the k-th as a 32-bit float goes to ``rank`` too, so the result is that of a full sort,
    and so does every score that is no number, for ``rank`` to refuse.
    """
    if len(scores) > k:
        single = scores.astype(np.float32)
        keep = ~(single < np.partition(single, len(single) - k)[len(single) - k])
        scores, positions = scores[keep], positions[keep]
    return rank(((ids[i], score) for i, score in zip(positions.tolist(), scores.tolist(), strict=True)), k)


def check_corpus(corpus: Sequence[Document]) -> None:
    if not corpus:
        raise DataError("the corpus has no documents; there is nothing to index")


def check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k is {k}; a ranking holds at least one document")
