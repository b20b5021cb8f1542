"""The blocks of one comparison query by query, and the figure of its slices."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import pytest

from bench.report import fonts, plot_slices, style
from bench.report.blocks import Cell, Paragraph, Section, Table
from bench.report.figures import _bytes
from bench.report.html import _section as html_section
from bench.report.markdown import document
from bench.report.study_queries import blocks, caution, outcomes, reading
from bench.study.examples import Example, ExampleDocument
from bench.study.slices import Slice
from bench.study.words import Contrast
from bench.types import Interval

CONTRAST = Contrast(
    "设备", "ndcg@10", "solve", "official", "test", "test", 120, 0.61, 0.55, Interval(0.06, 0.02, 0.10), 0.01, 0.02,
    0.3, 0.05, 50, 69, 1,
)  # fmt: skip

GAIN = Interval(0.05, 0.01, 0.09)


def piece(value: str, difference: Interval | None = GAIN, feature: str = "language") -> Slice:
    return Slice("设备", "test", "ndcg@10", "solve", feature, value, 60 if difference else 3, 0.5, 0.55, difference)


def example(query_id: str = "q1", before: float = 0.2, after: float = 0.9) -> Example:
    documents = (
        ExampleDocument("d1", "the answer", 2, 7, 1, 0.4, 0.99996),
        ExampleDocument("d2", "the trap", 0, 1, 2, 0.0002, 0.5),
        ExampleDocument("d3", "unknown", None, None, 3, None, 0.25),
        ExampleDocument("d4", "right too", 1, 2, 9, 0.0, 1.0),
        ExampleDocument("d5", "pooled", -1, 3, None, 0.5, None),
    )
    return Example(
        "设备", "test", "ndcg@10", "solve", "official", query_id, "how?", before, after, "probability", documents
    )


def tables(found: tuple[object, ...]) -> list[Table]:
    return [each for each in found if isinstance(each, Table)]


# ----------------------------------------------------------------------------------------------------------- blocks


def test_the_sentence_counts_queries_in_good_english() -> None:
    assert (
        outcomes(CONTRAST)
        == "nDCG@10 of “solve” against “official” on the 120 queries of test: 50 wins, 69 ties, 1 loss."
    )
    one = replace(CONTRAST, queries=1, wins=0, ties=1, losses=0)
    assert outcomes(one).endswith("on the 1 query of test: 0 wins, 1 tie, 0 losses.")


def test_each_feature_is_a_table_with_its_intervals() -> None:
    parts = [piece("en"), piece("zh", None), piece("short", Interval(0.0, 0.0, 0.0), "document length")]
    found = blocks(CONTRAST, (), parts)
    language, length = tables(found)
    assert language.caption == "nDCG@10 by language, 设备"
    assert language.columns == ("language", "Queries", "official", "solve", "Difference")
    assert language.rows[0] == (
        Cell("en"), Cell("60"), Cell("0.500"), Cell("0.550"), Cell("+0.050", "+0.010 to +0.090")
    )  # fmt: skip
    assert language.rows[1][-1] == Cell("–", "too few")
    assert length.rows[0][-1] == Cell("+0.000", "all alike")
    assert Paragraph(caution(parts)) in found


def test_the_caution_counts_the_intervals_and_names_what_has_none() -> None:
    assert "(2 here): about one in twenty excludes 0 by chance" in caution([piece("en"), piece("zh")])
    assert "fewer than 5" not in caution([piece("en"), piece("zh")])
    assert caution([piece("en"), piece("zh", None)]).endswith("A slice of fewer than 5 queries has none.")


def test_an_example_shows_labels_ranks_and_scores_with_the_better_rank_of_relevant_ones_bold() -> None:
    (table,) = tables(blocks(CONTRAST, [example()], ()))
    assert table.caption == "Gain: nDCG@10 0.200 → 0.900, “how?” (q1)"
    assert table.columns == ("Judged", "Document", "Rank before", "Rank after", "P(yes) before", "P(yes) after")
    answer, trap, unknown, other, pooled = table.rows
    assert answer == (
        Cell("relevant, 2", "d1"), Cell("the answer"), Cell("7"), Cell("1", best=True), Cell("0.400"),
        Cell("over 0.999"),
    )  # fmt: skip
    assert trap == (
        Cell("not relevant", "d2"), Cell("the trap"), Cell("1"), Cell("2"), Cell("under 0.001"), Cell("0.500")
    )  # fmt: skip
    assert (unknown[0].text, unknown[2].text, unknown[4].text) == ("not judged", "–", "–")
    assert (other[2].best, other[3].best, other[4].text, other[5].text) == (True, False, "0.000", "1.000")
    assert pooled[0].text == "not judged"


def test_at_most_three_gains_and_three_losses_are_shown_numbered() -> None:
    gains = [example(f"g{n}") for n in range(7)]
    losses = [example(f"l{n}", 0.9, 0.1) for n in range(6)]
    found = tables(blocks(CONTRAST, [*gains, *losses], ()))
    assert len(found) == 6
    assert found[0].caption.startswith("Gain 1 of 3: ")
    assert found[-1].caption.startswith("Loss 3 of 3: ")


def test_what_belongs_to_another_comparison_is_left_out() -> None:
    others = [replace(example(), arm="x"), replace(example(), side="dev"), replace(example(), baseline="y")]
    found = blocks(CONTRAST, others, [replace(piece("en"), dataset="x"), replace(piece("en"), measure="map")])
    assert found == (Paragraph(outcomes(CONTRAST), label="设备"),)


def test_no_queries_say_nothing() -> None:
    assert blocks(replace(CONTRAST, queries=0, wins=0, ties=0, losses=0), (), ()) == ()


def test_other_scores_are_not_taken_for_probabilities() -> None:
    plain = replace(example(), unit="score", documents=(ExampleDocument("d", "t", 1, 1, 1, -12.5, 1234.0),))
    (table,) = tables(blocks(CONTRAST, [plain], ()))
    assert table.columns[4:] == ("Score before", "Score after")
    assert [cell.text for cell in table.rows[0][4:]] == ["−12.5", "1,234"]


def test_hostile_text_stays_text() -> None:
    bad = "<script>alert(1)</script>\n| *x* \x1b[31m"
    document_ = ExampleDocument(bad, bad, 1, 2, 1, 0.1, 0.2)
    odd = replace(example(), query=bad, query_id=bad, documents=(document_,))
    section = Section("queries", "Queries", blocks(CONTRAST, [odd], [piece(bad, feature=bad)]))
    page = html_section(section, {})
    assert "<script>" not in page
    assert "\x1b" not in page
    lines = document("t", "l", [section]).splitlines()
    assert "| *x*" not in "\n".join(lines)
    assert {line.count("|") - line.count("\\|") for line in lines if line.startswith("| relevant")} == {7}


def test_the_reading_is_said_once_before_the_first_example() -> None:
    found = blocks(CONTRAST, [example(), example("q2", 0.9, 0.1)], ())
    assert [each.text for each in found if isinstance(each, Paragraph)].count(reading()) == 1
    assert [type(each) for each in found] == [Paragraph, Paragraph, Table, Table]


# ----------------------------------------------------------------------------------------------------------- figure


def drawn(parts: list[Slice], title: str = "设备: nDCG@10, test", overall: float | None = 0.06) -> bytes:
    with matplotlib.rc_context(style.settings(fonts.families())):
        return _bytes(plot_slices.draw(parts, title, overall), "svg")


def test_a_figure_has_the_slices_with_an_interval_of_features_that_have_two() -> None:
    parts = [piece("en"), piece("zh"), piece("fr", None), piece("a", feature="form"), piece("b", None, "form")]
    assert plot_slices.shown(parts) == parts[:2]
    assert plot_slices.draws(parts)
    assert not plot_slices.draws(parts[3:])
    assert not plot_slices.draws([])
    with pytest.raises(ValueError, match="draws"):
        plot_slices.draw(parts[3:], "t")


def test_a_figure_takes_whole_features_as_far_as_there_is_room() -> None:
    parts = [piece(f"v{n}", feature=f"f{n // 30}") for n in range(60)] + [piece(value, feature="x") for value in "ab"]
    assert [each.feature for each in plot_slices.shown(parts)] == ["f0"] * 30 + ["x"] * 2


def test_the_same_slices_give_the_same_bytes() -> None:
    assert drawn([piece("en"), piece("zh")]) == drawn([piece("en"), piece("zh")])


@pytest.mark.parametrize("name", ["$x_1$ and 5 $", "长" * 80, "a" * 200, "emoji 🙂", "עברית", "%d {}", " "])
def test_odd_names_draw_without_a_warning(name: str) -> None:
    assert drawn([piece(name, feature=name), piece("zh", feature=name)], name, None)


def test_slices_without_any_change_have_a_scale() -> None:
    none = Interval(0.0, 0.0, 0.0)
    with matplotlib.rc_context(style.settings(fonts.families())):
        figure = plot_slices.draw([piece("en", none), piece("zh", none)], "t", 0.0)
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < high


def test_zero_every_interval_and_the_overall_difference_are_in_sight() -> None:
    with matplotlib.rc_context(style.settings(fonts.families())):
        figure = plot_slices.draw(
            [piece("en", Interval(0.3, 0.2, 0.4)), piece("zh", Interval(0.2, 0.1, 0.5))], "t", 0.6
        )
    low, high = figure.axes[0].get_xlim()
    assert low < 0
    assert high > 0.6


def test_no_words_lie_on_each_other_or_outside_the_figure() -> None:
    long = [piece("这是一个非常非常长的中文标签" * 4), piece("a wrong document shares more words than the right one")]
    with matplotlib.rc_context(style.settings(fonts.families())):
        figure = plot_slices.draw(long, "一个非常长的数据集名称" * 5, 0.06)
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
        texts = [*figure.axes[0].texts, *figure.texts, figure.axes[0].xaxis.label]
        boxes = [text.get_window_extent(renderer) for text in texts if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_the_text_alternative_has_every_slice() -> None:
    said = plot_slices.alt([piece("en"), piece("zh", Interval(-0.05, -0.09, -0.01))])
    assert said == (
        "Forest plot of the differences in nDCG@10 by slices of the queries, 设备: language en +0.050 "
        "(+0.010 to +0.090), 60 queries; language zh −0.050 (−0.090 to −0.010), 60 queries."
    )
    assert plot_slices.alt([piece("en")]) == ""
