"""Pure: (Run, Qrels) -> one value per query, by ranx, plus what ranx has no word for.

ranx gets our order, not our scores: positions stand in for scores, so that a tie means the same here as in the run
file that is written. ``ndcg`` is the linear-gain form that trec_eval computes; ``ndcg_burges`` has gains 2^grade - 1.
"""

from __future__ import annotations

import difflib
import re
import threading
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bench.types import ConfigError, Qrels, Run, ScoredDoc

Table = Any

CUT_OFF_MEASURES = ("ndcg", "ndcg_burges", "recall", "precision", "hit_rate", "mrr", "map", "f1")
WHOLE_MEASURES = ("mrr", "map", "r_precision")
_ONE_AT_A_TIME = threading.Lock()
"""Held around ranx, whose kernels end the process when two threads are in them."""
_NAME = re.compile(r"(?P<base>[a-z_0-9]+?)(?:@(?P<k>[1-9][0-9]*))?")


def check_measure(name: str) -> str:
    """The name itself if it is one we compute, such as ``ndcg@10`` or ``map``; ConfigError otherwise."""
    match = _NAME.fullmatch(name)
    if match and match["base"] in (CUT_OFF_MEASURES if match["k"] else WHOLE_MEASURES):
        return name
    known = [f"{base}@K" for base in CUT_OFF_MEASURES] + list(WHOLE_MEASURES)
    near = difflib.get_close_matches(name.partition("@")[0], [*CUT_OFF_MEASURES, *WHOLE_MEASURES], 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"unknown measure {name!r}.{hint} Known: {', '.join(known)} (K a whole number, as in ndcg@10)")


def cut_off(name: str) -> int | None:
    """The K of ``name@K``."""
    _, _, k = name.partition("@")
    return int(k) if k else None


def evaluate(run: Run, qrels: Qrels, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Measure -> query id -> value, over the queries of ``qrels``. A query without results counts 0."""
    import ranx

    values = {name: dict.fromkeys(qrels, 0.0) for name in names}
    answered = [query_id for query_id in qrels if run.get(query_id)]
    if not answered:
        return values
    judged, ranked = _tables(run, qrels, answered)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba tells of integer casts inside ranx
        scores = ranx.evaluate(judged, ranked, [*names, names[0]], return_mean=False)  # one name alone it trips over
    for name in names:
        values[name].update(zip(answered, scores[name].tolist(), strict=True))
    return values


def _tables(run: Run, qrels: Qrels, answered: Sequence[str]) -> tuple[Table, Table]:
    """Judgements and rankings as ranx's kernels read them: (query, document, [number, value]), best value first.

    Numbers stand for document ids, each query counting its own, because ranx's own containers of ids take half a minute
    to compile, and again for each width of id. Rows that fill a table up have a number that matches nothing.
    """
    import numpy as np

    judged = np.full((len(answered), max(len(qrels[query_id]) for query_id in answered), 2), (-1.0, 0.0))
    ranked = np.full((len(answered), max(len(run[query_id]) for query_id in answered), 2), (-2.0, 0.0))
    for row, query_id in enumerate(answered):
        grades = sorted(qrels[query_id].items(), key=lambda item: -item[1])
        numbers = {doc_id: number for number, (doc_id, _) in enumerate(grades)}
        for place, (doc_id, grade) in enumerate(grades):
            judged[row, place] = numbers[doc_id], grade
        for place, doc in enumerate(run[query_id]):
            number = numbers.setdefault(doc.doc_id, len(numbers))
            ranked[row, place] = number, len(run[query_id]) - place
    return judged, ranked


def warm_up(names: Sequence[str]) -> None:
    """Have ranx compile its kernels: about 20 s the first time on a machine, seconds after."""
    evaluate({"q": (ScoredDoc("a", 2.0), ScoredDoc("b", 1.0))}, {"q": {"a": 1, "b": 0}}, names)


def recall_ceiling(first_stage: Run, qrels: Qrels, depth: int) -> dict[str, float]:
    """Recall among the first ``depth`` candidates: no reranker of these candidates can do better."""
    ceiling = {}
    for query_id, grades in qrels.items():
        relevant = {doc_id for doc_id, grade in grades.items() if grade > 0}
        found = sum(doc.doc_id in relevant for doc in first_stage.get(query_id, ())[:depth])
        ceiling[query_id] = found / len(relevant) if relevant else 0.0
    return ceiling


def tied_share(run: Run, k: int = 10) -> float:
    """Share of neighbours among the first ``k`` that have equal scores: their order is the ids', not the model's."""
    neighbours = ties = 0
    for ranking in run.values():
        top = ranking[: k + 1]
        neighbours += max(0, len(top) - 1)
        ties += sum(a.score == b.score for a, b in pairwise(top))
    return ties / neighbours if neighbours else 0.0


def unjudged_share(run: Run, qrels: Qrels, k: int = 10) -> float:
    """Share of the first ``k`` documents that nobody has judged; measures count them as not relevant."""
    top = [(query_id, doc.doc_id) for query_id in qrels for doc in run.get(query_id, ())[:k]]
    return sum(doc_id not in qrels[query_id] for query_id, doc_id in top) / len(top) if top else 0.0
