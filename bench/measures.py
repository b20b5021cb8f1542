"""Pure: (Run, Qrels) -> one value per query, by ranx, plus what ranx has no word for.

ranx gets our order, not our scores: positions stand in for scores, so that a tie means the same here as in the run
file that is written. ``ndcg`` is the linear-gain form that trec_eval computes; ``ndcg_burges`` has gains 2^grade - 1.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Sequence
from itertools import pairwise

from bench.types import ConfigError, Qrels, Run, ScoredDoc

CUT_OFF_MEASURES = ("ndcg", "ndcg_burges", "recall", "precision", "hit_rate", "mrr", "map", "f1")
WHOLE_MEASURES = ("mrr", "map", "r_precision")
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
    aliases = {_alias(number): query_id for number, query_id in enumerate(answered)}
    judged, ranked = {}, {}
    for alias, query_id in aliases.items():
        grades, ranking = qrels[query_id], run[query_id]
        doc_ids = dict.fromkeys([*grades, *(doc.doc_id for doc in ranking)])
        short = {doc_id: _alias(number) for number, doc_id in enumerate(doc_ids)}
        judged[alias] = {short[doc_id]: grade for doc_id, grade in grades.items()}
        ranked[alias] = {short[doc.doc_id]: float(len(ranking) - place) for place, doc in enumerate(ranking)}
    ranx_run = ranx.Run(ranked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba tells of integer casts inside ranx
        ranx.evaluate(ranx.Qrels(judged), ranx_run, list(names), make_comparable=False, save_results_in_run=True)
    for name in names:
        values[name].update({aliases[alias]: float(value) for alias, value in ranx_run.scores[name].items()})
    return values


def _alias(number: int) -> str:
    """An id of fixed width: ranx compiles its kernels anew, for some 15 s, for each width of id that it meets."""
    return f"{number:08d}"


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
