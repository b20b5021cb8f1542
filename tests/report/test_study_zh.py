"""A study in Chinese: the same report as in English, sentence by sentence, and no English but data and symbols."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.calibration import calibrate
from bench.calibration.pairs import pairs_of
from bench.calibration.temperature import fit
from bench.calibration.words import ArmCalibration
from bench.claims.printed import parse_printed
from bench.claims.verdict import decide
from bench.claims.words import WEAKEST_FIRST, Claim, Evidence, Figure, Finding, Missing, Population, Ruling, Source
from bench.report import fonts, retold, study_figures, study_sections, style, words
from bench.report.blocks import Block, Bullets, Code, Paragraph, Pictures, Report, Section, Table
from bench.report.claims import claims
from bench.report.figures import _bytes
from bench.report.say import speaking
from bench.report.slice_names import feature_name, value_name
from bench.report.study_terminal import print_study
from bench.report.wanted import came_of
from bench.study.examples import Example, ExampleDocument
from bench.study.outcome import EACH_CHOSEN, _ending, _notes
from bench.study.slices import Slice
from bench.study.study import Study
from bench.study.words import Across, Arm, ArmCost, Conclusion, Contrast, Ending, Planned, Side
from bench.types import Interval, Qrels, Query, Run, ScoredDoc, ScoreUnit, rank

SYMBOLS = {
    "nDCG", "Recall", "Precision", "MRR", "ECE", "Brier", "NLL", "Holm", "Hartung", "Knapp", "logit", "nat", "yes",
}  # fmt: skip
DATA = {"official", "mine", "general", "scifact", "legal", "train", "qwen3", "other", "asks", "q1", "q2", "domain"}

# ------------------------------------------------------------------------------------------------------------ by hand


def contrast(arm: str, mean: float, half: float, p: float, side: Side = "dev", **more: Any) -> Contrast:
    n = 160 if side == "dev" else 240
    fields = {
        "dataset": "设备", "measure": "ndcg@10", "arm": arm, "baseline": "official", "side": side, "split": "train",
        "queries": n, "mean": 0.6 + mean, "baseline_mean": 0.6, "difference": Interval(mean, mean - half, mean + half),
        "p": p / 3, "p_holm": p, "effect": 0.31, "detectable": 0.022, "wins": 50, "ties": n - 51, "losses": 1, **more,
    }  # fmt: skip
    return Contrast(**fields)


def concluded(dataset: str, ending: Ending, chosen: str = "mine", **more: Any) -> Conclusion:
    reason = "mine could not be measured on test; see the failed trials"
    fields = {
        "measure": "ndcg@10", "reason": reason, "dev_split": "train", "test_split": "train", "dev_queries": 160,
        "test_queries": 240, "looks": 1, "planned_looks": 1, **more,
    }  # fmt: skip
    return Conclusion(dataset, chosen=chosen, ending=ending, **fields)


def example(query_id: str, before: float, after: float) -> Example:
    documents = (
        ExampleDocument("q1", "正文", 2, 7, 1, 0.4, 0.99996),
        ExampleDocument("q2", "正文", 0, 1, 2, 0.0002, 0.5),
        ExampleDocument("q2", "正文", None, None, 3, None, 0.25),
    )
    return Example(
        "设备", "dev", "ndcg@10", "mine", "official", query_id, "怎么办", before, after, "probability", documents
    )


def piece(feature: str, value: str, shown: bool = True) -> Slice:
    difference = Interval(0.05, 0.01, 0.09) if shown else None
    return Slice("设备", "dev", "ndcg@10", "mine", feature, value, 60 if shown else 3, 0.5, 0.55, difference)


def drawn_run(seed: int, slope: float, judged: float = 1.0) -> tuple[Run, Qrels]:
    rng = np.random.default_rng(seed)
    run, qrels = {}, {}
    for q in range(12):
        logits = rng.normal(-1.0, 2.5, 8)
        labels = rng.random(8) < 1 / (1 + np.exp(-slope * logits))
        run[f"q{q}"] = rank((f"d{i}", float(logit)) for i, logit in enumerate(logits))
        qrels[f"q{q}"] = {f"d{i}": int(label) for i, label in enumerate(labels) if rng.random() < judged}
    return run, qrels


@cache
def calibrations() -> tuple[ArmCalibration, ...]:
    dev, test = drawn_run(1, 1.0), drawn_run(2, 1.0)
    return (
        calibrate("设备", "official", *dev, *test, "logit", wanted_precision=1.0),
        calibrate("设备", "mine", *drawn_run(3, 0.3, 0.5), None, None, "logit", unjudged="not relevant"),
        calibrate("scifact", "mine", *dev, *test, "score"),
        calibrate("scifact", "official", *dev, *test, "logit", relevant_from=2),
    )


@cache
def study() -> Study:
    """Sets with every kind of ending, and something in every table."""
    pairs = [("设备", "better"), ("general", "worse"), ("scifact", "not shown")]
    tested = {"better": (0.05, 0.01, 0.001), "worse": (-0.05, 0.01, 0.001), "not shown": (0.01, 0.02, 0.5)}
    dev = [contrast("mine", 0.012, 0.03, 0.3, dataset=dataset) for dataset, _ in pairs]
    dev += [contrast("other", 0.05, 0.01, 0.01, dataset=d, measure=m) for d, _ in pairs for m in ("ndcg@10", "mrr")]
    test = [contrast("mine", *tested[ending], "test", dataset=dataset) for dataset, ending in pairs]
    alike = contrast("mine", 0, 0, 1, "test", dataset="q1", wins=0, losses=0, ties=19, queries=19, effect=None)
    return Study(
        name="研究",
        baseline="official",
        measures=("ndcg@10", "mrr"),
        arms=(
            Arm("official"),
            Arm("mine", "找答案", known_as="general", query_field="asks"),
            Arm("other", None, "qwen3", by_dataset={"设备": "找"}),
        ),
        contrasts=(*dev, *test, contrast("mine", 0.1, 0.2, 0.3, dataset="q1"), alike),
        conclusions=(
            *(concluded(dataset, ending) for dataset, ending in pairs),  # type: ignore[arg-type]
            concluded("q1", "not shown", looks=3),
            concluded("legal", "not tested"),
            concluded("q2", "baseline", "official", looks=0),
        ),
        planned=(
            Planned("设备", "ndcg@10", "dev", 160, 22, 0.2, "assumed", 0.054, 0.02, 1190),
            Planned("设备", "ndcg@10", "test", 240, 2, 0.15, "measured on dev", 0.03, 0.05, 100),
        ),
        across=(
            Across("ndcg@10", "mine", "dev", 3, Interval(0.04, -0.01, 0.09), 0.012, 0.07, 0.3),
            Across("ndcg@10", EACH_CHOSEN, "test", 3, Interval(0.04, 0.01, 0.09), 0.012, 0.01, 0.02),
        ),
        examples=(example("q1", 0.2, 0.9), example("q2", 0.3, 0.9), example("q1", 0.9, 0.1)),
        slices=tuple(
            piece(feature, value, shown)
            for feature, value, shown in [
                ("domain", "legal", True), ("domain", "not stated", True), ("script", "Chinese characters", True),
                ("script", "Latin letters", False), ("document length", "short (39–47.5 characters)", True),
                ("document length", "long (155 characters)", True), ("lexical overlap", "low (18%–38%)", True),
                ("lexical overlap", "not known", True), ("trap overlap", "a wrong document shares more words", True),
                ("trap overlap", "no wrong document shares more words", True), ("truncated", "yes", True),
                ("trap overlap", "no candidate judged wrong", False), ("truncated", "no", True),
            ]
        ),
        calibrations=calibrations(),
        costs=(ArmCost("设备", "dev", "mine", 16_000, 2_400_000, None, 812.3),),
        notes=(
            "Sets are compared one by one; only the summary over sets speaks of several, and says how.",
            "other: no text is given for general",
        ),
    )  # fmt: skip


def rulings() -> tuple[Ruling, ...]:
    """One of each verdict, and one whose figures differ."""
    findings = [Finding(FIGURE, verdict, "off by 0.3 points") for verdict in WEAKEST_FIRST]
    claim = Claim("说法", "重排有用", Source("教程", "2025", "第三页"), (FIGURE,))
    return (
        *(Ruling(claim, each.verdict, each.reason, (each,), ("数据不同",)) for each in findings),
        Ruling(replace(claim, source=Source("")), "refuted", "", tuple(findings)),
    )


FIGURE = Figure("f", "ndcg@10", parse_printed("66.5%"))


def sections(language: Any) -> list[Section]:
    report = Report((), rulings=rulings(), study=study())
    with speaking(language):
        made = [study_sections.instructions, study_sections.queries, study_sections.scores, claims]
        return [found for make in made if (found := make(report))]


def texts(block: Block) -> Iterator[str]:
    match block:
        case Table():
            yield from (block.caption, *block.columns)
            yield from (text for row in block.rows for cell in row for text in (cell.text, cell.note))
        case Paragraph():
            yield from (block.label, block.text)
        case Bullets():
            yield from block.items
        case Pictures():
            yield block.caption
            yield from (text for item in block.items for text in (item.caption, item.alt))
        case Code():
            raise AssertionError("a study shows no code")


def shape(block: Block) -> tuple[object, ...]:
    match block:
        case Table():
            cells = tuple(tuple((c.best, c.code, c.missing, bool(c.note)) for c in row) for row in block.rows)
            return Table, len(block.columns), block.text_columns, cells
        case Paragraph():
            return Paragraph, block.kind, bool(block.label)
        case Bullets():
            return Bullets, len(block.items)
        case Pictures():
            return Pictures, tuple(item.name for item in block.items)
        case Code():
            raise AssertionError("a study shows no code")


def english(text: str) -> set[str]:
    """Its words of Latin letters that are neither data nor symbols."""
    return set(re.findall(r"[A-Za-z][A-Za-z0-9]{2,}", text)) - SYMBOLS - DATA


# ------------------------------------------------------------------------------------------------------------ the tests


def test_both_languages_give_the_same_structure() -> None:
    first, second = sections("en"), sections("zh")
    assert [each.id for each in first] == [each.id for each in second] == [
        "instructions", "queries", "calibration", "claims",
    ]  # fmt: skip
    for one, other in zip(first, second, strict=True):
        assert list(map(shape, one.blocks)) == list(map(shape, other.blocks))


def test_no_english_is_left_but_data_and_symbols() -> None:
    found = [text for section in sections("zh") for block in section.blocks for text in (section.title, *texts(block))]
    assert {text: left for text in found if (left := english(text))} == {}
    assert len(found) > 500


def test_chinese_has_no_space_between_sentences_and_its_own_marks() -> None:
    for section in sections("zh"):
        for text in (text for block in section.blocks for text in texts(block)):
            assert not re.search(r"[。，；：] |[\u4e00-\u9fff][,;:!?]", text), text
            assert "{" not in text and "  " not in text


def test_what_is_said_in_chinese() -> None:
    first = sections("zh")[0].blocks
    said = {block.label: block.text for block in first if isinstance(block, Paragraph)}
    assert said["设备"] == (
        "“mine”优于“official”：在 240 个测试集查询上，nDCG@10 相差 +0.050（+0.040 至 +0.060），校正后 p = 0.001。"
        "它是在 160 个开发集查询（共 3 个方案）上选出的。"
    )
    assert said["scifact"] == (
        "未能证明换指令有用：“mine”在 160 个开发集查询上最好（+0.012），在 240 个测试集查询上与“official”相比，"
        "nDCG@10 相差 +0.010（−0.010 至 +0.030），校正后 p = 0.50；假如真实差异有 0.022，同样的实验有 80% 能检出它。"
    )
    assert said["legal"].endswith("因此不下结论：“mine”在测试集上没能测量，见失败的试验。")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_terminal_holds_every_line_in_either_language(language: Any) -> None:
    out = io.StringIO()
    with speaking(language):
        print_study(study(), Console(file=out, width=80, color_system=None))
    assert max(map(words.width, out.getvalue().splitlines())) <= 80
    assert language == "en" or english(out.getvalue()) == set()


def test_figures_are_drawn_in_english_whatever_is_spoken() -> None:
    names = ("study-general", "slices-1", "reliability-1-official")
    with matplotlib.rc_context(style.settings(fonts.families())):
        for name in names:
            spoken = []
            for language in ("en", "zh"):
                with speaking(language):
                    spoken.append(_bytes(study_figures.drawn(study())[name](), "svg"))
            assert spoken[0] == spoken[1]


# ----------------------------------------------------------------------------------------------------- names of slices


@given(st.text(), st.text())
def test_in_english_a_name_is_what_it_is(feature: str, value: str) -> None:
    assert (feature_name(feature), value_name(feature, value)) == (feature, value)


@pytest.mark.parametrize(
    ("feature", "value", "shown"),
    [
        ("language", "no", ("语言", "no")),  # Norwegian
        ("steered", "yes", ("steered", "yes")),
        ("domain", "other", ("domain", "other")),
        ("domain", "not stated", ("domain", "未注明")),
        ("truncated", "no", ("候选被截断", "否")),
        ("document length", "short (39–47.5 characters)", ("文档长度", "短（39–47.5 字符）")),
        ("document length", "1,200 characters", ("文档长度", "1,200 字符")),
        ("lexical overlap", "high (65%–88%)", ("词汇重合度", "高（65%–88%）")),
        ("lexical overlap", "50%", ("词汇重合度", "50%")),
        ("lexical overlap", "not known", ("词汇重合度", "未知")),
    ],
)
def test_names_of_ours_are_translated_and_no_others(feature: str, value: str, shown: tuple[str, str]) -> None:
    with speaking("zh"):
        assert (feature_name(feature), value_name(feature, value)) == shown


# ------------------------------------------------------------------------------------------- sentences that were stored


def chinese(tell: Any, stored: Sequence[str]) -> None:
    """Each is told again in Chinese, values and all, and in English stands as it was stored."""
    assert stored
    for text in stored:
        assert tell(text) == text
        with speaking("zh"):
            told = tell(text)
        assert not english(told), (text, told)
        assert re.findall(r"\d[\d.,%]*(?<![.,])", text) == re.findall(r"\d[\d.,%]*(?<![.,])", told) or "looked" in text


def test_why_nothing_was_tested_is_told_again() -> None:
    file: Any = SimpleNamespace(baseline="official")
    judged: Any = [SimpleNamespace(chosen="mine", refused=refused, planned=2) for refused in [(), ("other", "q1")]]
    reasons = [_ending(file, each, [])[1] for each in judged]
    chinese(lambda text: retold.reason(concluded("general", "not tested", reason=text)), reasons)
    with speaking("zh"):
        assert "为 other, q1 查看过（计划 2 次，已用 2 次）" in retold.reason(
            concluded("general", "not tested", reason=reasons[1])
        )


def test_notes_of_a_study_are_told_again() -> None:
    run: Any = {}
    side: Any = SimpleNamespace(
        lost={"q1": "超时"}, results=["official", "mine"], runs={"official": run, "mine": run},
        dataset=SimpleNamespace(queries=[Query("1", "a"), Query("2", "b", {"asks": "找"})]),
    )  # fmt: skip
    file: Any = SimpleNamespace(
        arms=(Arm("official"), Arm("mine", query_field="asks"), Arm("other")), baseline="official", sets=(1, 2)
    )
    notes = list(_notes(file, {"general": side}))
    assert len(notes) == 5
    chinese(retold.note, [note for note in notes if "no field" not in note])
    with speaking("zh"):
        (lacking,) = [retold.note(note) for note in notes if "no field" in note]
    assert lacking.startswith("general 的 2 个查询中有 1 个没有“mine”要读取的字段 'asks'")


def test_what_calibration_lacks_is_told_again() -> None:
    run, judged, unjudged = {"1": rank([("a", 3.0)])}, {"1": {"a": 1}}, {"1": {"b": 1}}
    mixed = np.array([True, False])
    found = [
        pairs_of(run, judged, "score"),
        pairs_of(run, {"9": {}}, "logit"),
        pairs_of(run, unjudged, "logit", unjudged="left out"),
        pairs_of({"1": rank([("a", 3.0), ("b", -1.0)])}, judged, "probability", unjudged="not relevant"),
        pairs_of({"1": (ScoredDoc("a", float("inf")),)}, judged, "logit"),
        fit(np.array([]), np.array([], dtype=bool)),
        fit(np.array([1.0]), np.array([True])),
        fit(np.array([1.0]), np.array([False])),
        fit(np.array([-1.0, 1.0]), mixed),
        fit(np.array([1.0, -1.0]), mixed),
        fit(np.array([9e4, 8.9e4, -9e4, 9e4]), np.array([True, True, False, False])),
    ]
    reasons = [each.reason for each in found if isinstance(each, Missing)]
    assert len(reasons) >= 10
    chinese(retold.lacking, [f"dev: {reason}; test: none was given; temperature: {reason}" for reason in reasons])


def probabilities(*scored: tuple[float, int]) -> tuple[Run, Qrels]:
    """A query for each score, with the grade of its only candidate."""
    run = {f"q{place}": rank([("d", score)]) for place, (score, _) in enumerate(scored)}
    return run, {f"q{place}": {"d": grade} for place, (_, grade) in enumerate(scored)}


def test_whatcame_of_a_wanted_precision_is_composed_from_its_numbers() -> None:
    good, bad = [(0.9, 1), (0.1, 0)], [(0.9, 0)] * 10
    cases: list[tuple[tuple[Run, Qrels], tuple[Run, Qrels] | tuple[None, None], ScoreUnit]] = [
        (drawn_run(seed, 1.0), test, "logit") for seed in range(4) for test in ((None, None), drawn_run(9 + seed, 1.0))
    ]
    for one, other in ((bad, good), (good, [(0.5, 1)]), (good, bad), (good, [(0.9, 1)] * 300)):
        cases.append((probabilities(*one), probabilities(*other), "probability"))
    seen = set()
    for wanted in (0.3, 0.6, 0.9):
        for dev, test, unit in cases:
            found = calibrate("a", "b", *dev, test[0], test[1], unit, wanted_precision=wanted).wanted
            assert found is not None and came_of(found) == found.said
            with speaking("zh"):
                said = came_of(found)
            assert not english(said)
            seen.add(re.sub(r"[\d.,%]+", "", said))
    assert len(seen) == 7


def test_reasons_of_verdicts_are_told_again() -> None:
    reasons: dict[str, None] = {}
    for expected in ("66.5%", "0.665", "< 0.150", "> 0.600"):
        figure = Figure("f", "ndcg@10", parse_printed(expected))
        populations: tuple[Population, ...] = ("same", "subset", "proxy")
        for population in populations:
            for value in (0.1, 0.14, 0.6, 0.635, 0.655, 0.665, 0.9):
                for half in (0.0, 0.02, 0.08):
                    for tolerance in (None, 0.02):
                        for counted in ("queries", "samples", "rounds", "rates", "files", "documents", "measurements"):
                            evidence = Evidence(value, value - half, value + half, 300, population, counted)
                            reasons[decide(figure, evidence, tolerance).reason] = None
    assert len({re.sub(r"[\d.,]+", "", reason) for reason in reasons}) > 20
    chinese(retold.finding, list(reasons))


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (
            "it is about 显卡, and this is 处理器: no latency was measured: the scenario single_stream was not run",
            "该数字说的是 显卡，而本机是 处理器：没有测量延迟：没有运行 single_stream 场景",
        ),
        (
            "the set general is not on this machine; fetch it with: get general",
            "本机没有数据集 general；获取命令：get general",
        ),
        ("something that a library said", "something that a library said"),
        ("", ""),
    ],
)
def test_causes_are_told_again_where_they_are_known(stored: str, said: str) -> None:
    with speaking("zh"):
        assert retold.finding(stored) == said


@given(st.text())
def test_a_sentence_that_is_not_known_stays(text: str) -> None:
    for tell in (retold.note, retold.finding, retold.spread_from, retold.summed_arm, retold.treatment):
        assert tell(text) == text
    with speaking("zh"):
        assert retold.summed_arm(text) == text
        assert retold.spread_from(text) == text


def test_an_arm_with_the_name_of_a_side_keeps_it() -> None:
    with speaking("zh"):
        assert [retold.summed_arm(name) for name in ("test", "dev", "left out", EACH_CHOSEN)] == [
            "test", "dev", "left out", "各数据集选中的方案",
        ]  # fmt: skip
