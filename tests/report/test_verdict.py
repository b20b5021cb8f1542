from dataclasses import replace

import pytest

from bench.report import tables
from bench.report.blocks import Paragraph, Report, Table
from bench.report.groups import by_dataset
from bench.report.pairs import baseline, directions, pair_of, paired
from bench.report.sections import build, main
from bench.report.tiers import recommended
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


def test_times_that_were_taken_unsteadily_or_beside_other_work_are_doubted_where_they_are_quoted(two):
    told = "These times are in doubt: see the warnings."
    dense, reranked = two(0.1)
    assert told not in said([dense, reranked])["SciFact"]
    unsteady = replace(reranked, cost=replace(reranked.cost, offline_s=(0.1, 0.2, 0.4)))
    assert told in said([dense, unsteady])["SciFact"]
    beside = replace(dense, environment={**dense.environment, "load_before": 3.0, "cores_logical": 2})
    assert told in said([beside, reranked])["SciFact"]


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


# ------------------------------------------------------------------------------------------------ settings and signs


def test_a_gain_has_its_settings_and_without_one_none_are_recommended(two):
    assert said(two(0.1))["SciFact"].endswith("Its settings: cpu, auto, default batch size, length 8192.")
    for by in (0.0, -0.1):
        text = said(two(by))["SciFact"]
        assert text.endswith("No settings are recommended, since no gain is shown.") and "Its settings" not in text


def test_a_gain_of_another_pipeline_than_the_one_spoken_of_is_named(two, make):
    dense, reranked = two(0.0)
    better = replace(shifted(reranked, 0.1), trial=make["trial"]("better", **{**RERANK, "reranker": "org/b"}))
    text = said([dense, reranked, better])["SciFact"]
    assert text.startswith("No effect of reranking is shown")
    assert text.endswith("A gain is shown with “better” (cpu, auto, default batch size, length 8192).")


def test_of_a_sweep_the_best_of_each_tier_is_recommended_among_cells_with_a_gain(swept):
    text = said(swept)["SciFact"]
    assert "Recommended settings, of the cells with a gain that is shown (4 of 19):" in text
    assert "development: “embedding + reranker” (cpu, fp32, batch 4, length 8192), nDCG@10 +0.057 (" in text
    assert "length 512), nDCG@10" not in text  # the fastest cells, of which no gain is shown
    every = said([r for r in swept if not r.trial.reranker or r.trial.max_length == 8192])["SciFact"]
    assert "Recommended settings: development" in every


def test_what_is_recommended_is_what_the_tiers_name(swept, swept_cuda):
    named = {tier: cell.trial for tier, cell in recommended([*swept, *swept_cuda])}
    assert [*named] == ["Development", "Production", "Edge"]
    assert (named["Production"].device, named["Production"].batch_size) == ("cuda:0", 16)
    assert [tier for tier, _ in recommended(swept)] == ["Development", "Edge"]


def test_a_sweep_without_any_gain_recommends_nothing(swept):
    short = [r for r in swept if not r.trial.reranker or r.trial.max_length == 512]
    assert said(short)["SciFact"].endswith("No settings are recommended, since no gain is shown.")


def test_memory_of_a_device_is_told_beside_that_of_the_process(two):
    dense, reranked = two(0.1)
    on_device = replace(reranked, cost=replace(reranked.cost, peak_device_bytes=3 * 2**30))
    assert "peak process memory stays at 400 MiB, with 3.00 GiB of device memory on top" in said([dense, on_device])[
        "SciFact"
    ]  # fmt: skip
    both = replace(dense, cost=replace(dense.cost, peak_device_bytes=2**30))
    assert "peak device memory is 3.00 GiB instead of 1.00 GiB." in said([both, on_device])["SciFact"]


@pytest.mark.parametrize(("by", "sign"), [(0.1, "▲"), (-0.1, "▼"), (0.0, "")])
def test_a_sign_stands_where_the_statistics_carry_it_and_is_told_in_words(two, by, sign):
    dense, reranked = two(by)
    same = replace(reranked, quality=replace(reranked.quality, means=dense.quality.means))
    section = main(Report([dense, same]))
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    notes = [[cell.note for cell in row] for row in table.rows]
    assert not notes[0][1].startswith(("▲", "▼"))
    assert notes[1][1].startswith(sign + " " if sign else "0.")
    assert sum(note.startswith(("▲", "▼")) for row in notes for note in row) == (1 if sign else 0)
    legend = section.blocks[1].text
    word = {"▲": "▲ higher: “reranked”", "▼": "▼ lower: “reranked”"}.get(sign, "does not show that they are equal")
    assert word in legend and "nDCG@10" in legend


def test_signs_are_counted_where_a_pipeline_has_them_in_some_of_its_cells(swept):
    (group,) = by_dataset(swept)
    found = directions(group.finished, paired([group], "ndcg@10")["scifact"])
    assert sorted(found.values()) == [0] * 15 + [1] * 4
    text = tables.signs_in_words(group, found, "ndcg@10")
    assert "▲ higher: 4 of 19 cells of “embedding + reranker”" in text and "▼ lower" not in text


def test_without_a_comparison_there_is_no_sign_and_no_word_of_one(results):
    for some in (results[:2], results[2:]):
        assert not any("▲" in block.text for block in main(Report(some)).blocks if isinstance(block, Paragraph))


def test_cells_that_share_a_quality_pass_share_their_pair(results):
    again = replace(results[2], trial=replace(results[2].trial, batch_size=4))
    (group,) = by_dataset([*results, again])
    pairs = paired([group], "ndcg@10")["scifact"]
    assert pair_of(again, group.finished, pairs) is pair_of(results[2], group.finished, pairs) is pairs[0]
    assert pair_of(results[0], group.finished, pairs) is None
    assert directions(group.finished, pairs) == {results[2].trial.id: 1, again.trial.id: 1}


def test_the_answer_comes_first_then_the_table_then_the_tests_behind_it(results, chinese_results, swept):
    ids = [section.id for section in build(Report([*results, *chinese_results]))]
    assert ids[:3] == ["verdict", "results", "comparisons"]
    assert [section.id for section in build(Report(swept))][:4] == ["verdict", "results", "tiers", "comparisons"]
    assert "comparisons" not in [section.id for section in build(Report(results))]
