"""Measures against trec_eval, by its own published outputs and by its library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.measures import check_measure, evaluate, recall_ceiling, tied_share, unjudged_share
from bench.types import ConfigError, Qrels, Run, ScoredDoc, rank

OURS_AND_TREC_EVALS = {
    "ndcg@10": "ndcg_cut_10",
    "recall@100": "recall_100",
    "mrr": "recip_rank",
    "map": "map",
    "precision@10": "P_10",
}
OURS_AND_IR_MEASURES = {
    "ndcg@10": ir_measures.nDCG @ 10,
    "ndcg@3": ir_measures.nDCG @ 3,
    "recall@5": ir_measures.R @ 5,
    "mrr": ir_measures.RR,
    "map": ir_measures.AP,
    "precision@5": ir_measures.P @ 5,
    "hit_rate@3": ir_measures.Success @ 3,
}


def read_qrels(path: Path) -> Qrels:
    qrels: dict[str, dict[str, int]] = defaultdict(dict)
    for line in path.read_text().splitlines():
        query_id, _, doc_id, grade = line.split()
        qrels[query_id][doc_id] = int(grade)
    return qrels


def read_run(path: Path) -> Run:
    scored: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for line in path.read_text().splitlines():
        query_id, _, doc_id, _, score, _ = line.split()
        scored[query_id].append((doc_id, float(score)))
    return {query_id: rank(docs) for query_id, docs in scored.items()}


def test_trec_evals_own_regression_output(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("trec_eval_test") / "test"
    qrels, run = read_qrels(folder / "qrels.test"), read_run(folder / "results.test")
    qrels = {query_id: grades for query_id, grades in qrels.items() if query_id in run}
    expected: dict[tuple[str, str], float] = {}
    for line in (folder / "out.test.aq").read_text().splitlines():
        name, query_id, value = line.split()
        if name in OURS_AND_TREC_EVALS.values() and query_id in qrels:
            expected[name, query_id] = float(value)
    values = evaluate(run, qrels, list(OURS_AND_TREC_EVALS))
    compared = 0
    for ours, theirs in OURS_AND_TREC_EVALS.items():
        for query_id in qrels:
            assert values[ours][query_id] == pytest.approx(expected[theirs, query_id], abs=1e-4)
            compared += 1
    assert compared == 15


doc_ids = st.sampled_from([f"d{i}" for i in range(12)])
grades = st.dictionaries(doc_ids, st.integers(0, 3), min_size=1).filter(lambda judged: any(judged.values()))
rankings = st.dictionaries(doc_ids, st.integers(0, 4).map(float)).map(lambda scored: rank(scored.items()))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["q1", "q2", "q3"]), st.tuples(grades, rankings), min_size=1))
def test_ties_grades_and_empty_rankings_agree_with_trec_evals_library(
    cases: dict[str, tuple[dict[str, int], tuple[ScoredDoc, ...]]],
) -> None:
    """Scores are small whole numbers, so most rankings hold ties: the order must be trec_eval's all the same."""
    qrels = {query_id: judged for query_id, (judged, _) in cases.items()}
    run = {query_id: ranking for query_id, (_, ranking) in cases.items()}
    ours = evaluate(run, qrels, list(OURS_AND_IR_MEASURES))
    theirs = ir_measures.iter_calc(
        list(OURS_AND_IR_MEASURES.values()),
        [ir_measures.Qrel(q, d, grade) for q, judged in qrels.items() for d, grade in judged.items()],
        [ir_measures.ScoredDoc(q, doc.doc_id, doc.score) for q, ranking in run.items() for doc in ranking],
    )
    names = {measure: name for name, measure in OURS_AND_IR_MEASURES.items()}
    for metric in theirs:
        assert ours[names[metric.measure]][metric.query_id] == pytest.approx(metric.value, abs=1e-6)


def test_a_query_without_results_counts_zero() -> None:
    values = evaluate({"q1": rank([("d1", 1.0)]), "q2": ()}, {q: {"d1": 1} for q in ("q1", "q2", "q3")}, ["ndcg@10"])
    assert values["ndcg@10"] == {"q1": 1.0, "q2": 0.0, "q3": 0.0}
    assert evaluate({}, {"q1": {"d1": 1}}, ["map"]) == {"map": {"q1": 0.0}}


def test_gains_are_linear_and_the_exponential_form_is_a_name_of_its_own() -> None:
    run, qrels = {"q": rank([("good", 1.0), ("best", 0.5)])}, {"q": {"best": 3, "good": 1}}
    values = evaluate(run, qrels, ["ndcg@10", "ndcg_burges@10"])
    discount = 1 / 1.5849625007211562
    assert values["ndcg@10"]["q"] == pytest.approx((1 + 3 * discount) / (3 + discount))
    assert values["ndcg_burges@10"]["q"] == pytest.approx((1 + 7 * discount) / (7 + discount))


def test_names_are_checked_and_the_nearest_is_offered() -> None:
    for good in ("ndcg@10", "map", "map@100", "mrr@1", "hit_rate@5", "recall@1000"):
        assert check_measure(good) == good
    with pytest.raises(ConfigError, match=r"Did you mean 'ndcg'"):
        check_measure("ndgc@10")
    for bad in ("ndcg", "ndcg@0", "ndcg@x", "ndcg@", "", "recall@-1"):
        with pytest.raises(ConfigError, match="unknown measure"):
            check_measure(bad)


def test_the_ceiling_is_recall_among_the_candidates() -> None:
    run = {"q": rank([("a", 3.0), ("b", 2.0), ("c", 1.0)])}
    qrels = {"q": {"a": 1, "c": 2, "x": 1, "b": 0}}
    assert recall_ceiling(run, qrels, 2) == {"q": 1 / 3}
    assert recall_ceiling(run, qrels, 3) == {"q": 2 / 3}
    assert recall_ceiling({}, qrels, 3) == {"q": 0.0}


def test_ties_and_unjudged_documents_are_counted() -> None:
    run = {"q": rank([("a", 1.0), ("b", 1.0), ("c", 0.5)])}
    assert tied_share(run) == 1 / 2
    assert tied_share({"q": rank([("a", 1.0)])}) == 0.0
    assert unjudged_share(run, {"q": {"a": 1}}) == 2 / 3


def test_ids_of_another_width_compile_nothing_anew() -> None:
    from numba.core import event

    def once(width: int) -> None:
        doc_id = "d".rjust(width, "x")
        evaluate({"q": rank([(doc_id, 1.0)])}, {"q": {doc_id: 1, "other": 0}}, ["ndcg@10", "map"])

    once(3)
    with event.install_recorder("numba:compile") as recorder:
        once(9)
        once(40)
    assert recorder.buffer == []
