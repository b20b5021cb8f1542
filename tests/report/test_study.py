"""The report of an instruction study: what is said never outruns the figures, and odd names break nothing."""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import matplotlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.console import Console

from bench.report import fonts, html, plot_study, style, words
from bench.report.blocks import Bullets, Paragraph, Picture, Pictures, Section, Table
from bench.report.markdown import document
from bench.report.study import blocks, drawn, font_warnings, pictures
from bench.report.study_terminal import print_study
from bench.report.study_verdict import verdicts
from bench.report.study_view import difference, signed, small
from bench.study.words import Across, Arm, ArmCost, Conclusion, Contrast, Ending, Planned, Side
from bench.types import Interval

HOSTILE = '<script>alert("1")</script> | a\n\n# b `c` \ud800 \x1b[31m 中文指令 **d**'
LONG_CHINESE = "根据用户的问题检索能够回答该问题的百科段落并按相关程度排序的很长的中文指令"


@dataclass(frozen=True)
class Made:
    name: str = "made"
    baseline: str = "official"
    measures: tuple[str, ...] = ("ndcg@10", "recall@10")
    arms: tuple[Arm, ...] = (Arm("official"), Arm("mine", "Find it"))
    contrasts: tuple[Contrast, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    planned: tuple[Planned, ...] = ()
    across: tuple[Across, ...] = ()
    costs: tuple[ArmCost, ...] = ()
    notes: tuple[str, ...] = ()


def contrast(mean: float, half: float = 0.01, p: float = 0.004, side: Side = "dev", **more: Any) -> Contrast:
    n = more.pop("queries", 160 if side == "dev" else 240)
    fields = {
        "dataset": "general", "measure": "ndcg@10", "arm": "mine", "baseline": "official", "side": side,
        "split": {"dev": "train", "test": "test"}[side], "queries": n, "mean": 0.6 + mean, "baseline_mean": 0.6,
        "difference": Interval(mean, mean - half, mean + half), "p": p / 3, "p_holm": p, "effect": 0.31,
        "detectable": 0.022, "wins": n // 3, "ties": n - 2 * (n // 3), "losses": n // 3, **more,
    }  # fmt: skip
    return Contrast(**fields)


def concluded(ending: Ending = "better", **more: Any) -> Conclusion:
    fields = {
        "dataset": "general", "measure": "ndcg@10", "chosen": "mine", "ending": ending, "reason": "it says why",
        "dev_split": "train", "test_split": "test", "dev_queries": 160, "test_queries": 240, "looks": 1,
        "planned_looks": 1, **more,
    }  # fmt: skip
    return Conclusion(**fields)


def judged(mean: float, half: float, p: float, ending: Ending = "better", **more: Any) -> Made:
    test = contrast(mean, half, p, "test", **more)
    return Made(contrasts=(contrast(0.012), test), conclusions=(concluded(ending),))


def said(study: Made) -> str:
    ((_, text),) = verdicts(study)
    return text


def full() -> Made:
    """Three datasets with twelve arms and two measures, all kinds of ending, and everything else."""
    rng = random.Random(1)
    names = ["mine", LONG_CHINESE, "W" * 90, "short", "", "query's own", "法律条文检索", "a b", "code", "$x_1$", "last"]
    found = [
        contrast(
            rng.gauss(0.01, 0.02), rng.uniform(0.005, 0.03), rng.random(), arm=arm, dataset=dataset, measure=measure
        )
        for dataset in ("general", "中文问答", "scifact")
        for measure in ("ndcg@10", "recall@10")
        for arm in names
    ]
    found += [contrast(0.031, 0.016, 0.0004, "test"), contrast(0.02, 0.03, 0.2, "test", measure="recall@10")]
    found += [contrast(0.003, 0.0135, 0.61, "test", dataset="中文问答", queries=120)]
    return Made(
        arms=(Arm("official", known_as="official"), *(Arm(name, f"Find {name}") for name in names)),
        contrasts=tuple(found),
        conclusions=(
            concluded(),
            concluded("not shown", dataset="中文问答", looks=3),
            concluded("not tested", dataset="scifact", looks=1),
        ),
        planned=(
            Planned("general", "ndcg@10", "dev", 160, 22, 0.2, "assumed", 0.054, 0.02, 1190),
            Planned("general", "ndcg@10", "test", 240, 2, 0.15, "measured on dev", 0.03, 0.05, 100),
        ),
        across=(Across("ndcg@10", "mine", "dev", 3, Interval(0.04, -0.01, 0.09), 0.012, 0.07, 0.3),),
        costs=(
            ArmCost("general", "dev", "official", 16_000, 2_400_000, 2_500_000, 812.3),
            ArmCost("general", "dev", "mine", 16_000, None, None, None),
        ),
        notes=("5 queries have no relevant document.",),
    )


def table(study: Made, start: str) -> Table:
    return next(each for each in blocks(study) if isinstance(each, Table) and each.caption.startswith(start))


def rendered(study: Made) -> tuple[str, str]:
    section = Section("study", "Study", blocks(study))
    svgs = dict.fromkeys(drawn(study), '<svg viewBox="0 0 1 1"></svg>')
    return html._section(section, svgs), document("Report", "lead", [section])


def printed(study: Made, columns: int) -> str:
    out = io.StringIO()
    print_study(study, Console(file=out, width=columns, color_system=None))
    return out.getvalue()


# --------------------------------------------------------------------------------------------------- what is said


def test_a_gain_is_told_with_its_interval_and_its_sides() -> None:
    assert said(judged(0.047, 0.0164, 0.0004)) == (
        "“mine” is better than “official”: nDCG@10 +0.047 (+0.031 to +0.063) on 240 test queries, p = 0.0004 adjusted. "
        "It was chosen on 160 dev queries (2 arms)."
    )


def test_a_loss_is_told() -> None:
    text = said(judged(-0.02, 0.01, 0.01, "worse"))
    assert text.startswith("“mine” is worse than “official”: nDCG@10 −0.020 (−0.030 to −0.010) on 240 test queries")


def test_where_nothing_is_shown_it_says_what_could_have_been() -> None:
    assert said(judged(0.003, 0.0134, 0.61, "not shown", queries=120)) == (
        "No instruction was shown to help: “mine”, the best on 160 dev queries (+0.012), changes nDCG@10 by +0.003 "
        "(−0.010 to +0.016) on 120 test queries against “official”, p = 0.61 adjusted; a true difference of 0.022 "
        "would have been found in 80% of studies."
    )


def test_where_no_query_differs_there_is_no_test_to_tell_of() -> None:
    text = said(judged(0.0, 0.0, 1.0, "not shown", effect=None, detectable=None, wins=0, ties=240, losses=0))
    assert text.endswith("has the same nDCG@10 as “official” on each of 240 test queries.")


def test_the_baseline_may_be_the_best() -> None:
    study = Made(contrasts=(contrast(-0.01),), conclusions=(concluded("baseline", chosen="official"),))
    assert said(study) == (
        "No instruction was better than “official” on 160 dev queries (2 arms), so there was nothing to test."
    )


def test_a_study_of_one_arm_compares_nothing() -> None:
    study = Made(arms=(Arm("official"),), conclusions=(concluded("baseline", chosen="official"),))
    assert said(study) == "There is no other arm than “official”, so there was nothing to compare."
    assert pictures(study) is None and not drawn(study) and rendered(study) and printed(study, 80)


def test_what_was_not_tested_claims_nothing_and_says_why() -> None:
    study = Made(contrasts=(contrast(0.012),), conclusions=(concluded("not tested"),))
    assert said(study) == (
        "“mine” was the best on 160 dev queries (2 arms), nDCG@10 +0.012 (+0.002 to +0.022), and was not compared on "
        "test. Nothing is claimed: it says why."
    )


def test_an_ending_without_its_test_contrast_claims_nothing() -> None:
    text = said(Made(contrasts=(contrast(0.012),), conclusions=(concluded("better"),)))
    assert "is better" not in text and "Nothing is claimed" in text


def test_few_queries_are_named_as_few() -> None:
    assert said(judged(0.3, 0.1, 0.01, queries=19)).endswith("So few queries bear no general claim.")
    assert "So few" not in said(judged(0.3, 0.1, 0.01, queries=20))


def test_a_dataset_without_a_conclusion_is_named() -> None:
    assert said(Made(contrasts=(contrast(0.012),))).startswith("Nothing was concluded here")


values = st.floats(-1, 1) | st.sampled_from([0.0, -0.0, math.nan, 1e-5, -1e-5])
shares = st.floats(0, 1) | st.sampled_from([0.05, math.nan])


@settings(max_examples=300)
@given(
    mean=values, low=values, high=values, p=shares, queries=st.integers(1, 400), detectable=st.none() | values,
    ending=st.sampled_from(["better", "worse", "not shown"]),
)  # fmt: skip
def test_what_is_said_is_what_the_test_side_carries(
    mean: float, low: float, high: float, p: float, queries: int, detectable: float | None, ending: Ending
) -> None:
    test = contrast(0.0, side="test", queries=queries, detectable=detectable, difference=Interval(mean, low, high))
    test = replace(test, p_holm=p)
    text = said(Made(contrasts=(contrast(0.012), test), conclusions=(concluded(ending),)))
    known = all(map(math.isfinite, (mean, low, high, p)))
    claims = ("No instruction was shown to help", "is better than", "is worse than")
    assert [claim in text for claim in claims] == [claim == claims[test.direction * known] for claim in claims]
    assert "nan" not in text


def test_a_figure_that_is_not_a_number_claims_nothing() -> None:
    assert "No instruction was shown" in said(judged(math.nan, math.nan, 0.001))
    assert "without a p-value" in said(judged(0.1, 0.01, math.nan))


# ------------------------------------------------------------------------------------------------------- the rest


def test_the_order_of_reading() -> None:
    found = blocks(full())
    assert [block.kind for block in found[:4]] == ["verdict", "verdict", "verdict", "note"]  # type: ignore[union-attr]
    captions = [block.caption for block in found if isinstance(block, Table)]
    assert captions[:3] == [
        "general, dev: nDCG@10, 160 queries (split train)",
        "general, dev: Recall@10, 160 queries (split train)",
        "general, test: against “official”, 240 queries (split test)",
    ]
    assert captions[-4:] == [
        "Over all datasets, against “official”", "What these numbers of queries can show", "The instructions",
        "What each arm took to score",
    ]  # fmt: skip
    assert isinstance(found[-1], Bullets) and "5 queries have no relevant document." in found[-1].items


def test_looks_beyond_the_plan_are_a_warning() -> None:
    (within,) = [b for b in blocks(judged(0.1, 0.01, 0.01)) if isinstance(b, Paragraph) and b.label == "Looks at test"]
    assert (within.kind, "1 time, of 1 planned" in within.text) == ("plain", True)
    (beyond,) = [b for b in blocks(full()) if isinstance(b, Paragraph) and b.label == "Looks at test"]
    assert beyond.kind == "note" and "3 times, of 1 planned, in this results folder: more often" in beyond.text


def test_a_dev_table_begins_with_the_baseline_and_marks_the_chosen_arm() -> None:
    rows = table(full(), "general, dev").rows
    assert [(rows[0][0].text, rows[0][0].note), (rows[1][0].text, rows[1][0].note)] == [
        ("official", "baseline"),
        ("mine", "chosen"),
    ]
    assert len(rows) == 12 and all(cell.missing for cell in rows[0][2:])
    assert [row[0].text for row in rows] == [words.clean(arm.name) for arm in full().arms]


def test_bold_is_what_interval_and_adjusted_p_carry() -> None:
    study = full()
    assert len({each.direction for each in study.contrasts}) > 1
    for dataset in ("general", "中文问答", "scifact"):
        rows = table(study, f"{dataset}, dev: nDCG").rows[1:]
        in_order = [arm.name for arm in study.arms[1:]]
        on_dev = [each for each in study.contrasts if (each.dataset, each.side) == (dataset, "dev")]
        carried = {each.arm: each.direction != 0 for each in on_dev if each.measure == "ndcg@10"}
        assert [row[2].best for row in rows] == [carried[name] for name in in_order]


def test_texts_are_told_from_what_is_no_text() -> None:
    arms = (
        Arm("official"),
        Arm("two lines", "Find\nit"),
        Arm("empty", ""),
        Arm("named default", "template default"),
        Arm("by query", query_field="asks"),
        Arm("by set", by_dataset={"general": "Find x"}, template="other"),
        Arm("known", "Find y", known_as="library name"),
    )
    rows = [
        (row[0].text, row[0].note, *(cell.text for cell in row[1:])) for row in table(Made(arms=arms), "The instr").rows
    ]
    assert rows == [
        ("official", "", "template default", "the study's", "–"),
        ("two lines", "", "“Find ⏎ it”", "the study's", "–"),
        ("empty", "", "“”", "the study's", "–"),
        ("named default", "", "“template default”", "the study's", "–"),
        ("by query", "", "from the queries' field “asks”; without it: template default", "the study's", "–"),
        ("by set", "on general", "“Find x”", "other", "–"),
        ("known", "", "“Find y”", "the study's", "library name"),
    ]


def test_the_plan_names_the_sides_that_are_too_small() -> None:
    texts = [block.text for block in blocks(full()) if isinstance(block, Paragraph)]
    (text,) = [text for text in texts if text.startswith("Detectable")]
    assert text.endswith("Too few for the difference wanted: general on dev by nDCG@10 (160 of 1,190).")


def test_a_summary_over_datasets_says_how_it_was_pooled() -> None:
    row = table(full(), "Over all").rows[0]
    assert (row[3].text, row[4].text, row[4].note, row[4].best) == ("3", "+0.040", "−0.010 to +0.090", False)
    assert any(isinstance(b, Paragraph) and "one observation" in b.text and "Hartung" in b.text for b in blocks(full()))


def test_an_empty_study_says_so() -> None:
    study = Made(arms=(), measures=())
    assert blocks(study) == (Paragraph("Nothing was compared in this study."),)
    assert (pictures(study), dict(drawn(study)), font_warnings(study)) == (None, {}, [])
    assert "Nothing was compared" in printed(study, 80) and rendered(study)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0004, "0.000"), (-0.0004, "0.000"), (-0.0, "0.000"), (-0.012, "−0.012"), (math.nan, "–")]
)
def test_zero_has_no_sign(value: float, text: str) -> None:
    assert signed(value) == text


def test_what_is_shown_is_never_printed_as_reaching_zero() -> None:
    tiny = Interval(0.0004, 0.00003, 0.0008)
    assert difference(tiny, shown=True) == ("+0.00040", "+0.00003 to +0.00080")
    assert difference(tiny, shown=False) == ("0.000", "0.000 to +0.001")
    assert [small(v) for v in (None, math.inf, 0.0, 0.00012, 0.25)] == ["–", "–", "0.000", "0.00012", "0.250"]


# ---------------------------------------------------------------------------------------------------- hostile text


@pytest.fixture
def hostile() -> Made:
    n = HOSTILE
    named: dict[str, Any] = {"dataset": n, "arm": n, "baseline": n}
    return Made(
        name=n, baseline=n, arms=(Arm(n), Arm(n + "2", n, n, n, {n: n}, n)),
        contrasts=(
            contrast(0.1, **{**named, "arm": n + "2", "split": n}),
            contrast(0.1, side="test", **{**named, "arm": n + "2", "split": n}),
        ),
        conclusions=(concluded(dataset=n, chosen=n + "2", reason=n, test_split=n),
                     concluded("not tested", dataset=n + "3", chosen=n, reason=n)),
        planned=(Planned(n, "ndcg@10", "dev", 1, 1, 0.1, n, 0.1, 0.1, 9),),
        across=(Across("ndcg@10", n, "dev", 2, Interval(0.1, 0.0, 0.2), 0.0, 0.1, 0.1),),
        costs=(ArmCost(n, "dev", n, 1, None, None, None),), notes=(n,),
    )  # fmt: skip


def test_hostile_text_is_only_text(hostile: Made) -> None:
    page, marked = rendered(hostile)
    for text in (page, marked, printed(hostile, 80)):
        assert text.encode("utf-8") and "\x1b" not in text
    assert "<script>" not in page and "&lt;script&gt;" in page
    lines = marked.splitlines()
    assert "<script>" not in marked.replace("\\<script\\>", "") and not any(line.startswith("# b") for line in lines)
    for block in marked.split("\n\n"):
        bars = {line.replace("\\|", "").count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(bars) <= 1  # no cell has been split


def test_names_of_figures_are_safe_and_their_own(hostile: Made) -> None:
    two = replace(
        hostile, contrasts=tuple(replace(c, dataset=d) for c in hostile.contrasts for d in ("A b", "a-b", "中"))
    )
    names = list(drawn(two))
    assert len(names) == 3 and all(
        name.isascii() and set(name) <= set("abcdefghijklmnopqrstuvwxyz-0123456789") for name in names
    )
    assert [figure_of(two, name) for name in names]
    found = pictures(two)
    assert found is not None and [item.name for item in found.items] == names


# ------------------------------------------------------------------------------------------------------ terminal


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_the_terminal_holds_every_line(columns: int) -> None:
    text = printed(full(), columns)
    assert max(map(words.width, text.splitlines())) <= columns
    assert "+0.015 to +0.047" in text and "0.0004" in text and "* mine" in text
    table_lines = [line for line in text.splitlines() if " dev " in line and "to" in line and line.startswith("  ")]
    assert len(table_lines) >= 30 and "…" in text


# -------------------------------------------------------------------------------------------------------- figure


def figure_of(study: Made, name: str) -> Figure:
    with matplotlib.rc_context(style.settings(fonts.families())):
        figure = drawn(study)[name]()
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure


def boxes(figure: Figure) -> dict[Text, Any]:
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return {text: text.get_window_extent(renderer) for text in shown}


@pytest.mark.parametrize("name", ["study-general", "study-dataset-2", "study-scifact"])
def test_no_text_of_a_figure_covers_another_or_leaves_it(name: str) -> None:
    figure = figure_of(full(), name)
    found = boxes(figure)
    assert not [(a.get_text(), b.get_text()) for a, b in combinations(found, 2) if found[a].overlaps(found[b])]
    wide, high = figure.get_size_inches() * figure.dpi
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= wide + 1 and b.y1 <= high for b in found.values())


def test_dev_is_hollow_and_test_is_filled_in_the_arms_colour() -> None:
    (axes,) = figure_of(full(), "study-general").axes
    marked = [line for line in axes.lines if line.get_marker() in ("o", "D")]
    assert [line.get_marker() for line in marked].count("D") == 1 and len(marked) == 12
    test = next(line for line in marked if line.get_marker() == "D")
    assert test.get_markerfacecolor() == style.series(1).colour  # the baseline is the first arm
    assert {line.get_markerfacecolor() for line in marked if line.get_marker() == "o"} == {style.CARD}


def test_a_figure_of_no_difference_at_all_draws() -> None:
    study = Made(contrasts=(contrast(0.0, 0.0, 1.0, queries=1),))
    (axes,) = figure_of(study, "study-general").axes
    assert axes.get_xlim()[0] < 0 < axes.get_xlim()[1]


def test_what_is_not_a_number_is_not_drawn() -> None:
    lost = contrast(math.nan, math.nan)
    assert not plot_study.draws([lost]) and pictures(Made(contrasts=(lost,))) is None
    assert plot_study.shown([lost, contrast(0.1)], ["mine"]) == [contrast(0.1)]


def test_the_text_alternative_names_every_arm_and_side() -> None:
    found = pictures(full())
    assert isinstance(found, Pictures) and isinstance(found.items[0], Picture)
    alt = found.items[0].alt
    assert "mine on test +0.031 (+0.015 to +0.047)" in alt and alt.count(" on dev ") == 11


def test_without_a_chinese_font_names_become_ascii_and_the_notes_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "families", lambda: (fonts.LATIN,))
    figure_of(full(), "study-dataset-2")  # a missing glyph would be a warning, and a warning an error
    notes = blocks(full())[-1]
    assert isinstance(notes, Bullets)
    assert "“arm 3” for 根据用户" in notes.items[-1] and "“dataset 2” for 中文问答" in notes.items[-1]
