"""Whether an engine's scores are those of one pair at a time: how far they differ, and what that does to rankings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from bench.rerankers.scores import sigmoid
from bench.types import ScoreUnit, rank

Scores = Sequence[Sequence[float]]
"""Per query one score per document."""


@dataclass(frozen=True, slots=True)
class RankChanges:
    """Queries whose order differs, of ``queries``; and pairs of documents in the opposite order, of ``pairs``."""

    changed: int
    queries: int
    swapped: int
    pairs: int


def largest_difference(scores: Scores, unit: ScoreUnit, reference: Scores) -> float | None:
    """The largest difference in the probability of "yes". ``reference`` holds logits; None for a bare ``score``."""
    if unit == "score":
        return None
    return max(
        (
            abs((sigmoid(own) if unit == "logit" else own) - sigmoid(true))
            for row, true_row in zip(scores, reference, strict=True)
            for own, true in zip(row, true_row, strict=True)
        ),
        default=0.0,
    )


def rank_changes(scores: Scores, reference: Scores) -> RankChanges:
    """Rankings by ``rank()``, equal scores included, against those of the reference."""
    changed = swapped = pairs = 0
    for row, true_row in zip(scores, reference, strict=True):
        places, true_places = _places(row), _places(true_row)
        changed += places != true_places
        for a, b in combinations(range(len(row)), 2):
            pairs += 1
            swapped += (places[a] < places[b]) != (true_places[a] < true_places[b])
    return RankChanges(changed, len(scores), swapped, pairs)


def _places(row: Sequence[float]) -> list[int]:
    """The place of each document in the ranking, by its number in the row."""
    ranking = rank((f"{number:06}", score) for number, score in enumerate(row))
    places = [0] * len(row)
    for place, document in enumerate(ranking):
        places[int(document.doc_id)] = place
    return places
