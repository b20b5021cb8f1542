from dataclasses import replace

import pytest

from bench.report.groups import by_dataset
from bench.report.pairs import baseline, paired
from bench.report.verdict import verdicts

DENSE = {"retriever": "dense", "embedder": "org/e"}
RERANK = {**DENSE, "reranker": "org/r"}


def said(results):
    return dict(verdicts(by_dataset(results)))


def shifted(result, by):
    """The same result with every per-query nDCG@10 moved."""
    values = {query: value + by for query, value in result.quality.per_query["ndcg@10"].items()}
    return replace(result, quality=replace(result.quality, per_query={"ndcg@10": values}))


@pytest.fixture
def two(make):
    def build(by, queries=60, **cost):
        dense = make["result"](make["trial"]("dense", **DENSE), 0.5, 0.03, quality={"queries": queries}, cost=cost)
        reranked = make["result"](
            make["trial"]("reranked", **RERANK), 0.5, 1.5, quality={"queries": queries}, cost=cost
        )
        return [dense, replace(reranked, quality=shifted(dense, by).quality)]

    return build


def test_a_gain_is_stated_with_interval_p_value_and_cost(two):
    text = said(two(0.1))["SciFact"]
    for part in ("Reranking raises nDCG@10", "+0.100", "95% interval", "p < 0.0001", "60 queries", "times as long"):
        assert part in text


def test_a_loss_is_called_one(two):
    text = said(two(-0.1))["SciFact"]
    assert "Reranking lowers nDCG@10" in text and "−0.100" in text


def test_no_difference_is_not_a_gain(two):
    assert said(two(0.0))["SciFact"].startswith("No effect of reranking is shown")


def test_few_queries_are_pointed_out(two):
    assert "So few queries" in said(two(0.1, queries=8))["SciFact"]


def test_equal_memory_is_not_a_change_and_unmeasured_memory_is_said(two):
    assert "peak process memory stays at" in said(two(0.1))["SciFact"]
    assert "peak memory was not measured" in said(two(0.1, memory=None))["SciFact"]


def test_without_a_reranker_there_is_nothing_to_state(results):
    assert "No pipeline here has a reranker" in said(results[:2])["SciFact"]
    assert "without its reranker" in said(results[2:])["SciFact"]


def test_a_reranker_that_failed_is_named(results, make):
    lost = make["failed"](make["trial"]("reranked", **RERANK))
    assert "reranked did not finish" in said([*results[:2], lost])["SciFact"]
    assert "No trial finished" in said([lost])["SciFact"]


def test_each_dataset_has_its_own_sentence(results, chinese_results):
    assert list(said([*results, *chinese_results])) == ["SciFact", "中文问答"]


def test_the_baseline_is_the_same_first_stage_on_the_same_device(make):
    cpu, cuda = (make["result"](make["trial"]("dense", device=d, **DENSE), 0.5, 0.1) for d in ("cpu", "cuda"))
    other = make["result"](make["trial"]("other", retriever="dense", embedder="org/other"), 0.5, 0.1)
    reranked = make["trial"]("reranked", device="cuda", **RERANK)
    assert baseline(reranked, [other, cpu, cuda]) is cuda
    assert baseline(reranked, [other]) is None


def test_trials_that_differ_in_cost_alone_are_compared_once(results, make):
    again = replace(results[2], trial=replace(results[2].trial, batch_size=4))
    groups = by_dataset([*results, again])
    assert [len(pairs) for pairs in paired(groups, "ndcg@10").values()] == [1]


def test_only_shared_queries_are_paired(two):
    dense, reranked = two(0.1)
    fewer = {"ndcg@10": dict(list(reranked.quality.per_query["ndcg@10"].items())[:25])}
    reranked = replace(reranked, quality=replace(reranked.quality, per_query=fewer))
    (pair,) = paired(by_dataset([dense, reranked]), "ndcg@10")["scifact"]
    assert pair.queries == 25 and pair.difference.mean == pytest.approx(0.1)
