"""What measures mean where nothing else says so; test_metric_parity.py holds them against trec_eval."""

from __future__ import annotations

import pytest

from bench.measures import (
    CUT_OFF_MEASURES,
    WHOLE_MEASURES,
    check_measure,
    evaluate,
    recall_ceiling,
    tied_share,
    unjudged,
    unjudged_share,
)
from bench.types import ConfigError, rank


def test_a_query_without_results_counts_zero() -> None:
    values = evaluate({"q1": rank([("d1", 1.0)]), "q2": ()}, {q: {"d1": 1} for q in ("q1", "q2", "q3")}, ["ndcg@10"])
    assert values["ndcg@10"] == {"q1": 1.0, "q2": 0.0, "q3": 0.0}
    assert evaluate({}, {"q1": {"d1": 1}}, ["map"]) == {"map": {"q1": 0.0}}


def test_every_name_that_is_taken_is_computed() -> None:
    names = [f"{base}@2" for base in CUT_OFF_MEASURES] + list(WHOLE_MEASURES)
    for name in names:
        assert evaluate({"q": rank([("d1", 1.0)])}, {"q": {"d1": 1}}, [check_measure(name)])[name]["q"] > 0
    assert [*evaluate({"q": rank([("d1", 1.0)])}, {"q": {"d1": 1}}, names)] == names


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


def test_the_unjudged_share_is_of_what_was_found_query_by_query() -> None:
    run = {
        "q1": rank([("a", 3.0), ("b", 2.0), ("c", 1.0)]),
        "q2": rank([("a", 1.0)]),
        "q3": (),
        "other": rank([("x", 1)]),
    }
    qrels = {"q1": {"a": 0, "b": -1, "z": 1}, "q2": {"b": 1}, "q3": {"a": 1}, "q4": {"a": 1}}
    assert unjudged(run, qrels, 2) == {"q1": 1 / 2, "q2": 1.0}
    assert unjudged_share(run, qrels, 2) == 3 / 4
    assert unjudged_share(run, qrels, 10) == pytest.approx((2 / 3 + 1) / 2)
    assert unjudged_share({}, qrels) == 0.0


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
