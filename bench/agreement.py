"""Pure: whether scores depend on how pairs are batched, by comparing two passes over the same queries."""

from __future__ import annotations

from collections.abc import Iterable

from bench.rerankers.scores import sigmoid
from bench.types import Agreement, Ranking, Run, ScoreUnit, rank

TOP = 10


def agree(own: Iterable[Run], reference: Run, unit: ScoreUnit) -> Agreement | None:
    """How far each of a trial's own runs is from the reference, over the queries and documents of both.

    A logit is compared as the probability it stands for. None where they have no query in common.
    """
    queries: set[str] = set()
    changed: set[str] = set()
    largest = 0.0
    for run in own:
        for query_id, ranking in run.items():
            if query_id not in reference:
                continue
            queries.add(query_id)
            theirs = {doc.doc_id: doc.score for doc in reference[query_id]}
            ours = {doc.doc_id: doc.score for doc in ranking if doc.doc_id in theirs}
            largest = max([largest, *(_distance(score, theirs[doc_id], unit) for doc_id, score in ours.items())])
            same = rank(((doc_id, theirs[doc_id]) for doc_id in ours), TOP)
            if [doc.doc_id for doc in rank(ours.items(), TOP)] != [doc.doc_id for doc in same]:
                changed.add(query_id)
    return Agreement(len(queries), largest, len(changed)) if queries else None


def at_depth(run: Run, first_stage: Run, depth: int) -> dict[str, Ranking]:
    """The run that a pipeline of a smaller depth makes: the same scores, over the first ``depth`` candidates."""
    cut: dict[str, Ranking] = {}
    for query_id, ranking in run.items():
        kept = {doc.doc_id for doc in first_stage.get(query_id, ())[:depth]}
        cut[query_id] = rank((doc.doc_id, doc.score) for doc in ranking if doc.doc_id in kept)
    return cut


def _distance(a: float, b: float, unit: ScoreUnit) -> float:
    return abs(sigmoid(a) - sigmoid(b)) if unit == "logit" else abs(a - b)
