from dataclasses import replace

from bench.report.blocks import Paragraph, Report, Table
from bench.report.markdown import render_markdown
from bench.report.rows import summary_rows
from bench.report.sections import audit
from bench.types import TieRange

TIES = {
    "ndcg@10": TieRange(0.520, 0.540, 0.560),
    "recall@10": TieRange(0.590, 0.590, 0.590),
    "recall@100": TieRange(0.630, 0.631, 0.634),
    "mrr@10": TieRange(0.600, 0.670, 0.700),
}


def with_ties(result, ties=TIES, **unjudged):
    return replace(result, quality=replace(result.quality, ties=ties, unjudged=unjudged))


def column(results, name):
    found = next(block for block in audit(Report(results)).blocks if isinstance(block, Table))
    return [row[found.columns.index(name)] for row in found.rows]


def warnings(results):
    return [b for b in audit(Report(results)).blocks if isinstance(b, Paragraph) and b.label]


def test_a_range_that_matters_is_warned_of_by_measure(results):
    (warning,) = warnings([with_ties(results[0])])
    assert warning.label == "Decided by the order of equal scores"
    mean = results[0].quality.means["mrr@10"].mean
    assert warning.text.startswith(
        f"BM25 on SciFact: MRR@10 is {mean:.3f}, and could be 0.600 to 0.700, 0.670 on average"
    )
    assert "nDCG@10" in warning.text and "Recall" not in warning.text
    assert "could be 0.600 to 0.700" in render_markdown([with_ties(results[0])])


def test_trials_of_one_range_are_warned_of_once(results):
    same = with_ties(results[0])
    other = replace(same, trial=replace(same.trial, pipeline="BM25 again"))
    assert [w.text.partition(":")[0] for w in warnings([same, other])] == ["BM25 on SciFact and 1 other trial"]


def test_small_ranges_are_shown_without_a_warning(results):
    small = with_ties(results[0], {"map": TieRange(0.5, 0.502, 0.504), "mrr": TieRange(0.5, 0.5, 0.5)})
    assert warnings([small]) == []
    (cell,) = column([small], "Order of ties")
    assert (cell.text, cell.note) == ("0.004", "MAP 0.500–0.504")


def test_the_widest_range_and_the_unjudged_share_stand_in_the_table(results):
    none = {"map": TieRange(0.5, 0.5, 0.5)}
    three = [with_ties(results[0], **{"unjudged@10": 0.25}), with_ties(results[1], none), results[2]]
    assert [cell.text for cell in column(three, "Order of ties")] == ["0.100", "0", "–"]
    assert [cell.text for cell in column(three, "Unjudged@10")] == ["25.0%", "–", "–"]
    (tiny,) = column([with_ties(results[0], {"map": TieRange(0.5, 0.5, 0.5001)})], "Order of ties")
    assert (tiny.text, tiny.note) == ("under 0.001", "MAP")


def test_the_table_of_rows_has_them_too(results):
    found = with_ties(results[0], **{"unjudged@10": 0.25, "unjudged@100": 0.5})
    first, older = summary_rows([found, results[1]])
    assert [*first][-3:] == ["widest_tie_range", "unjudged@10", "unjudged@100"]
    assert round(first["widest_tie_range"], 9) == 0.1 and first["unjudged@100"] == 0.5
    assert older["widest_tie_range"] is None and older["unjudged@10"] is None
