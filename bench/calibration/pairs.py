"""The pairs of query and candidate that count, as arrays: how they were scored, and whether they are relevant.

Only candidates that were scored are pairs. A relevant document that the first stage did not find is none, so every
share here depends on the candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.calibration.words import Treatment, Unjudged
from bench.claims.words import Missing
from bench.types import Qrels, Run, ScoreUnit

CLIP = 2.0**-25
"""Probabilities are held this far from 0 and 1, for a logit of at most 17.3: a run keeps 32-bit floats, and what is
nearer to 1 than this was rounded to 1."""
JUDGES_OTHERS_FROM = 0.5
UNITS = {
    "logit": "scores are logits of yes over no; their sigmoid is the probability",
    "probability": "scores are probabilities of yes; logits are taken from them, held 3e-8 from 0 and 1",
    "score": "scores are in a unit of the engine's own",
}

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Four arrays of one value per pair. ``query`` counts from 0 to ``queries`` - 1, each of which has a pair.

    ``scores`` are probabilities: those given, or the sigmoid of the logits. ``candidates`` and the ``unjudged`` among
    them are of all judged queries, before any were left out by ``treatment``.
    """

    logits: Floats
    scores: Floats
    labels: Flags
    query: Indices
    queries: int
    candidates: int
    unjudged: int
    treatment: Treatment

    @property
    def unjudged_share(self) -> float:
        return self.unjudged / self.candidates


def pairs_of(
    run: Run, qrels: Qrels, unit: ScoreUnit, relevant_from: int = 1, unjudged: Unjudged = "auto"
) -> Pairs | Missing:
    """The candidates of ``run`` for the queries of ``qrels``; Missing where none counts or has a probability.

    A candidate is relevant from a grade of ``relevant_from`` on, and unjudged without a grade or with one below 0.
    Raises ValueError for ``relevant_from`` below 1.
    """
    if relevant_from < 1:
        raise ValueError(f"a relevant document has a grade of 1 or more; got relevant_from {relevant_from}")
    if unit == "score":
        return Missing("the engine gives a score in a unit of its own, which is no probability of being relevant")
    treatment = treatment_of(qrels, relevant_from) if unjudged == "auto" else unjudged
    found = [
        (number, doc.score, judged.get(doc.doc_id, -1))
        for number, (query_id, judged) in enumerate(qrels.items())
        for doc in run.get(query_id, ())
    ]
    if not found:
        return Missing("no judged query has candidates")
    numbers, given, grades = (np.array(column) for column in zip(*found, strict=True))
    counts = (grades >= 0) | (treatment == "not relevant")
    if not counts.any():
        return Missing("no candidate is judged")
    values = given[counts].astype(np.float64)
    if not np.isfinite(values).all():
        return Missing("a score is not a finite number")
    if unit == "probability" and not ((values >= 0) & (values <= 1)).all():
        return Missing(f"scores from {values.min():g} to {values.max():g} are no probabilities")
    scores = _as_written(values) if unit == "probability" else probabilities(values)
    kept, query = np.unique(numbers[counts], return_inverse=True)
    return Pairs(
        logits=logits_of(scores) if unit == "probability" else values,
        scores=scores,
        labels=grades[counts] >= relevant_from,
        query=query.astype(np.int64),
        queries=kept.size,
        candidates=grades.size,
        unjudged=int((grades < 0).sum()),
        treatment=treatment,
    )


def treatment_of(qrels: Qrels, relevant_from: int = 1) -> Treatment:
    """Left out where at least half of the queries have judged documents that are not relevant; else not relevant.

    A set that judges none but relevant documents would otherwise leave only these, and every score would be too low.
    """
    with_others = sum(any(0 <= grade < relevant_from for grade in judged.values()) for judged in qrels.values())
    return "left out" if qrels and with_others >= JUDGES_OTHERS_FROM * len(qrels) else "not relevant"


def probabilities(logits: Floats) -> Floats:
    """1 / (1 + exp(-logit)), without overflow."""
    from scipy.special import expit

    return np.asarray(expit(logits), dtype=np.float64)


def logits_of(scores: Floats) -> Floats:
    """log(p / (1 - p)), p being held ``CLIP`` from 0 and 1."""
    held = np.clip(scores, CLIP, 1 - CLIP)
    return np.asarray(np.log(held) - np.log1p(-held), dtype=np.float64)


def _as_written(values: Floats) -> Floats:
    """32-bit floats as the decimals that they stand for, so that a probability given as 0.9 is not below 0.9."""
    short = values.astype(np.float32)
    return np.where(short == values, short.astype(np.str_).astype(np.float64), values)
