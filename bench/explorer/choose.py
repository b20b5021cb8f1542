"""Pure: which documents of a query are shown, and where each stands in every pipeline's ranking."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.rerankers.scores import sigmoid
from bench.types import Qrels, Ranking, Run, ScoreUnit

FIRST = 10
"""So many of every ranking are looked at, at most; see ``budget``."""
_ALWAYS = 3
"""Where there is no room for all, the first three of every ranking come before relevant documents farther down."""
_MISSED = 3
"""So many relevant documents that no ranking holds are shown, at most."""


class Place(NamedTuple):
    rank: int
    score: float


@dataclass(slots=True)
class Found:
    """What the rankings say of one query: document -> pipeline -> place, for all that may be shown.

    ``traps`` has bit *i* set where, in pipeline *i*, a document judged 0 stands above every relevant one.
    """

    places: dict[str, dict[int, Place]] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    traps: int = 0


def look(runs: Sequence[Callable[[], Run]], units: Sequence[ScoreUnit], qrels: Qrels) -> dict[str, Found]:
    """Go through the rankings, one at a time, for they are large: once for what to show, once for where it stands."""
    found = {query_id: Found() for query_id in qrels}
    for number, read in enumerate(runs):
        run = read()
        for query_id, one in found.items():
            _note(one, number, run.get(query_id, ()), qrels[query_id])
    for query_id, one in found.items():
        lacking = sorted(doc_id for doc_id, grade in qrels[query_id].items() if grade > 0 and doc_id not in one.best)
        one.best |= dict.fromkeys(lacking[:_MISSED], math.inf)
        one.places = {doc_id: {} for doc_id in one.best}
    for number, (read, unit) in enumerate(zip(runs, units, strict=True)):
        run = read()
        for query_id, one in found.items():
            for rank, (doc_id, score) in enumerate(run.get(query_id, ()), start=1):
                if doc_id in one.places:
                    one.places[doc_id][number] = Place(rank, shown_score(score, unit))
    return found


def shown(found: Found, grades: Mapping[str, int], first: int, most: int) -> list[str]:
    """At most ``most`` documents, by their best rank: the first of every ranking, and the relevant ones."""

    def importance(doc_id: str) -> tuple[int, float, str]:
        best = found.best[doc_id]
        return 0 if best <= _ALWAYS else 1 if grades.get(doc_id, 0) > 0 else 2, best, doc_id

    wanted = [doc_id for doc_id, best in found.best.items() if best <= first or grades.get(doc_id, 0) > 0]
    return sorted(sorted(wanted, key=importance)[:most], key=lambda doc_id: (found.best[doc_id], doc_id))


def shown_score(score: float, unit: ScoreUnit) -> float:
    """A logit as its probability; four digits, and no probability is rounded to 0 or 1 that is neither."""
    if unit == "score":
        return float(f"{score:.4g}")
    if unit == "probability" and score in (0, 1):
        return score
    return min(0.9999, max(0.0001, round(sigmoid(score) if unit == "logit" else score, 4)))


def _note(one: Found, number: int, ranking: Ranking, grades: Mapping[str, int]) -> None:
    relevant = wrong = math.inf
    for rank, (doc_id, _) in enumerate(ranking, start=1):
        grade = grades.get(doc_id)
        if grade is not None and grade > 0:
            relevant = min(relevant, rank)
        elif grade == 0:
            wrong = min(wrong, rank)
        if rank <= FIRST or (grade is not None and grade > 0):
            one.best[doc_id] = min(rank, one.best.get(doc_id, math.inf))
    if wrong < relevant and any(grade > 0 for grade in grades.values()):
        one.traps |= 1 << number
