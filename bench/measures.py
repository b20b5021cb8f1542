"""Pure: (Run, Qrels) -> one value per query, by ranx, plus what ranx has no word for.

ranx gets our order, not our scores: positions stand in for scores, so that a tie means the same here as in the run
file that is written. Every name that trec_eval has too gives trec_eval's figure; where they could have differed:

=================  ==================================================================================================
a query that ...   has no results: 0, and it counts in the mean (trec_eval -c; without -c it leaves such queries out,
                   ranx refuses them). Has nothing relevant: 0, and it counts (trec_eval and ranx alike).
                   Is not judged at all: left out, by all three
equal scores       by document id, highest first, scores being 32-bit floats: trec_eval 9 and pytrec_eval. A tool that
                   compares 64 bits reads the same order from the run files written here, whose scores are 32-bit
                   floats; ranx leaves the order to its sort
relevant           grade 1 or more (trec_eval -l1). A grade below 0 is none: pooled and not judged, as trec_eval has it
ndcg@k             gain = grade, discount log2(rank + 1), ideal over all that is judged, cut at k: ndcg_cut_k
ndcg_burges@k      gain = 2^grade - 1 (gdeval's). trec_eval has no name for it: its ndcg_cut_k over such grades
precision@k        divided by k, however few were found: P_k
recall@k           divided by all that is relevant, not by at most k: recall_k
f1@k               harmonic mean of precision@k and recall@k. trec_eval has only set_F, over everything found: the same
                   where k documents were found
hit_rate@k         1 if one of the first k is relevant: success_k
mrr, mrr@k         reciprocal rank of the first relevant one: recip_rank. trec_eval cuts it with -M k alone; ranx's
                   documentation says that its k is ignored, which it is not
map, map@k         sum of precisions divided by all that is relevant, not by at most k: map, map_cut_k
r_precision        among the first R, divided by R, where R documents are relevant: Rprec
unjudged@k         among those found in the first k, as ir_measures' 1 - Judged@k; trec_eval's unj_k divides by k, which
                   differs where fewer are found
=================  ==================================================================================================
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
_IN_RANX = {"r_precision": "r-precision"}
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
    theirs = {name: _IN_RANX.get(name, name) for name in names}
    asked = [*theirs.values(), theirs[names[0]]]  # one name alone it trips over
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba tells of integer casts inside ranx
        scores = ranx.evaluate(judged, ranked, asked, return_mean=False)
    for name in names:
        values[name].update(zip(answered, scores[theirs[name]].tolist(), strict=True))
    return values


def _tables(run: Run, qrels: Qrels, answered: Sequence[str]) -> tuple[Table, Table]:
    """Judgements and rankings as ranx's kernels read them: (query, document, [number, value]), best value first.

    Numbers stand for judged documents, each query counting its own, because ranx's own containers of ids take half a
    minute to compile, and again for each width of id. A negative number matches nothing: an unjudged document, or a
    place that fills the table up.
    """
    import numpy as np

    judged = np.full((len(answered), max(len(qrels[query_id]) for query_id in answered), 2), (-1.0, 0.0))
    ranked = np.full((len(answered), max(len(run[query_id]) for query_id in answered), 2), (-2.0, 0.0))
    for row, query_id in enumerate(answered):
        grades = dict(sorted(qrels[query_id].items(), key=lambda item: -item[1]))
        numbers = {doc_id: number for number, doc_id in enumerate(grades)}
        judged[row, : len(grades), 0] = range(len(grades))
        judged[row, : len(grades), 1] = list(grades.values())
        found = [numbers.get(doc.doc_id, -2) for doc in run[query_id]]
        ranked[row, : len(found), 0] = found
        ranked[row, : len(found), 1] = range(len(found), 0, -1)
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


def unjudged(run: Run, qrels: Qrels, k: int = 10) -> dict[str, float]:
    """Query id -> share of its first ``k`` documents that nobody has judged; measures count them as not relevant.

    Queries without results have no such share. A grade below 0 is trec_eval's way to say pooled and not judged.
    """
    shares = {}
    for query_id, grades in qrels.items():
        if top := run.get(query_id, ())[:k]:
            shares[query_id] = sum(grades.get(doc.doc_id, -1) < 0 for doc in top) / len(top)
    return shares


def unjudged_share(run: Run, qrels: Qrels, k: int = 10) -> float:
    """The mean of ``unjudged`` over the queries that have results; 0 where none has."""
    shares = unjudged(run, qrels, k).values()
    return sum(shares) / len(shares) if shares else 0.0
