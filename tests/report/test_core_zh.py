"""The report in Chinese: built like the English one, with nothing left in English but names, data and units."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.report import phrases, tables, words
from bench.report.blocks import Block, Bullets, Cell, Code, Paragraph, Pictures, Report, Section, Table
from bench.report.groups import by_dataset, settings, variants
from bench.report.markdown import render_markdown
from bench.report.rows import summary_csv
from bench.report.say import LANGUAGES, speaking
from bench.report.sections import build, summary
from bench.report.terminal import print_claims, print_table
from bench.report.tiers import recommended, tiers
from bench.types import TieRange, Trial, TrialResult

Results = Sequence[TrialResult]
NAMES = {
    "nDCG", "MRR", "MAP", "Recall", "Holm", "RerankBench", "Qwen", "Reranker", "Python", "Git", "torch", "transformers",
    "GiB", "MiB", "CPU", "CUDA", "FLOP", "GFLOP", "TFLOP",
}  # fmt: skip
"""Words that are the same in both languages: measures, products, units."""
SPOKEN_ELSEWHERE = {"heat", "latency", "load", "memory", "padding", "quality", "roofline", "stages", "tradeoff",
                    "tradeoff-memory", "agreement", "energy"}  # fmt: skip
"""Sections that quote what a figure has written in it."""
FIELDS = {"problems": {"batch", "size", "timed", "queries", "depth", "threads"}}
"""What a section quotes of a configuration."""
WORD = re.compile(r"[A-Za-z]{3,}")


@pytest.fixture
def cases(
    make: dict[str, Callable[..., Any]],
    results: list[TrialResult],
    chinese_results: list[TrialResult],
    swept: Results,
    swept_cuda: Results,
    swept_random: Results,
    sweep_on: Callable[..., list[TrialResult]],
) -> dict[str, Results]:
    """Results that between them have every section and nearly every sentence."""
    ties = {"ndcg@10": TieRange(0.52, 0.54, 0.56), "mrr@10": TieRange(0.6, 0.67, 0.7)}
    blurred = [
        replace(r, quality=replace(r.quality, ties=ties, unjudged={"unjudged@10": 0.25})) for r in results if r.quality
    ]
    lost = make["failed"](make["trial"]("too big", reranker="org/m"))
    silent = replace(make["failed"](make["trial"]("slow", reranker="org/m"), "timeout"), message="")
    random = [type(r)(r.trial, "ok", dataset=r.dataset, cost=r.cost) for r in sweep_on(reranker="shape:m")[:2]]
    ok = next(r for r in swept if r.status == "ok" and isinstance(r.trial.batch_size, int))
    return {
        "none": [],
        "one": results[:1],
        "two sets": [*results, *chinese_results],
        "blurred": blurred,
        "lost": [*results, lost, silent],
        "nothing finished": [lost],
        "reranked alone": results[2:],
        "first stages": results[:2],
        "random beside judged": [*results, *random],
        "split in two": [*results, *(replace(r, trial=replace(r.trial, split="dev")) for r in results)],
        "many equal ends": [*results, *(replace(lost, trial=replace(lost.trial, depth=n)) for n in (5, 6, 7, 8))],
        "swept": swept,
        "swept on two": [*swept, *swept_cuda],
        "random weights": swept_random,
        "one measurement twice": [ok, replace(ok, trial=replace(ok.trial, batch_size=ok.trial.batch_size + 1))],
        "another than asked": [
            replace(ok, environment={**ok.environment, "threads": 7}, trial=replace(ok.trial, threads=3))
        ],
    }


def spoken(results: Results, language: str) -> tuple[str, list[Section]]:
    report = Report(results, "a: 1", "rerankbench run")
    with speaking(language):  # type: ignore[arg-type]
        return summary(report), build(report)


def shape(block: Block) -> tuple[Any, ...]:
    """What a page needs to be the same in both languages, so that it can set the texts side by side."""
    match block:
        case Table():
            cells = [[(c.best, c.code, c.missing, bool(c.note)) for c in row] for row in block.rows]
            return "table", len(block.columns), block.text_columns, cells
        case Paragraph():
            return "paragraph", block.kind, bool(block.label)
        case Bullets():
            return "bullets", len(block.items)
        case Code():
            return "code", bool(block.label), bool(block.text)
        case Pictures():
            return "pictures", [item.name for item in block.items]


def texts(section: Section) -> Iterator[str]:
    yield section.title
    for block in section.blocks:
        match block:
            case Table():
                yield from (block.caption, *block.columns)
                for row in block.rows:
                    for cell in row:
                        yield from () if cell.code else (cell.text, cell.note)
            case Paragraph():
                yield from (block.text, block.label)
            case Bullets():
                yield from block.items
            case Code():
                yield block.label
            case Pictures():
                yield block.caption
                yield from (text for item in block.items for text in (item.caption, item.alt))


def data(results: Results) -> set[str]:
    """The words that the results themselves bring: names, messages, values."""
    found: set[str] = set()
    for result in results:
        reasons = list(result.cost.unmeasured.values()) if result.cost else []
        brought = [*astuple(result.trial), result.message, *result.warnings, *reasons, *result.environment.values()]
        found.update(WORD.findall(" ".join(map(str, [*brought, *result.dataset.values()]))))
    return found


CASES = [
    "none", "one", "two sets", "blurred", "lost", "nothing finished", "reranked alone", "first stages",
    "random beside judged", "split in two", "many equal ends", "swept", "swept on two", "random weights",
    "one measurement twice", "another than asked",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_both_languages_are_built_alike(cases: dict[str, Results], case: str) -> None:
    (english_line, english), (chinese_line, chinese) = (spoken(cases[case], language) for language in LANGUAGES)
    assert [section.id for section in english] == [section.id for section in chinese]
    for one, other in zip(english, chinese, strict=True):
        assert [shape(block) for block in one.blocks] == [shape(block) for block in other.blocks], one.id
        assert one.title != other.title
    assert english_line.count(" · ") == chinese_line.count(" · ")


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_left_in_english_but_names_and_data(cases: dict[str, Results], case: str) -> None:
    known = NAMES | data(cases[case])
    line, sections = spoken(cases[case], "zh")
    assert not set(WORD.findall(line)) - known - {"UTC"}
    for section in sections:
        if section.id not in SPOKEN_ELSEWHERE:
            for text in texts(section):
                assert not set(WORD.findall(text)) - known - FIELDS.get(section.id, set()), (section.id, text)


@pytest.mark.parametrize("case", CASES)
def test_chinese_punctuation_is_full_width(cases: dict[str, Results], case: str) -> None:
    for section in spoken(cases[case], "zh")[1]:
        for text in texts(section):
            assert not re.search(r"[\u4e00-\u9fff][,;:?!(]|[,;:?!)][\u4e00-\u9fff]", text), (section.id, text)


def test_the_document_is_in_one_language(results: list[TrialResult]) -> None:
    english, chinese = render_markdown(results, "a: 1"), render_markdown(results, "a: 1", language="zh")
    assert english == render_markdown(results, "a: 1", language="en")
    assert chinese.startswith("# RerankBench 报告") and "## 结论" in chinese and "**SciFact：** 重排序提高了" in chinese
    assert english.count("\n| ") == chinese.count("\n| ") and english.count("](figures/") == chinese.count("](figures/")
    assert "配置：\n\n```text\na: 1\n```" in chinese


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_terminal_fits_in_chinese_too(cases: dict[str, Results], width: int) -> None:
    out = io.StringIO()
    with speaking("zh"):
        print_table(cases["swept"], Console(file=out, width=width, force_terminal=False))
        print_claims([], Console(file=out, width=width))
    printed = out.getvalue()
    assert max(words.width(line) for line in printed.splitlines()) <= width
    assert all(part in printed for part in ("流程", "nDCG@10", "p95", "开发：", "未显示重排序有效果"))


def test_the_columns_of_a_terminal_do_not_depend_on_the_language(swept: Results) -> None:
    def shown(language: str) -> int:
        out = io.StringIO()
        with speaking(language):  # type: ignore[arg-type]
            print_table(swept, Console(file=out, width=200, force_terminal=False))
        heading = next(line for line in out.getvalue().splitlines() if "nDCG@10" in line and "p95" in line)
        return len(re.split(r"\s{2,}", heading.strip()))

    assert shown("en") == shown("zh")


def test_the_flat_table_is_data_and_stays_as_it_is(cases: dict[str, Results]) -> None:
    for results in cases.values():
        english = summary_csv(results)
        with speaking("zh"):
            assert summary_csv(results) == english


def test_a_figure_has_one_name_in_every_language(swept_random: Results, results: list[TrialResult]) -> None:
    split = [*results, *(replace(r, trial=replace(r.trial, split="dev")) for r in results)]
    for some in (swept_random, split):
        english = by_dataset(some)
        with speaking("zh"):
            chinese = by_dataset(some)
        assert [group.slug for group in english] == [group.slug for group in chinese]
        assert [group.label for group in english] != [group.label for group in chinese]


def test_every_field_that_may_differ_has_a_name(make: dict[str, Callable[..., Any]]) -> None:
    with speaking("zh"):
        for name in Trial.__dataclass_fields__:
            if name not in ("dataset", "pipeline", "split", "measures", "hub", "timed_queries", "warmup_queries",
                            "server_queries"):  # fmt: skip
                assert re.search("[\u4e00-\u9fff]", phrases.field_name(name)), name
        said = variants([make["failed"](make["trial"]("p", reranker="m", batch_size=n)) for n in (None, 4)])
    assert list(said.values()) == ["默认批大小", "批大小 4"]


def test_settings_are_listed_as_chinese_lists_them(swept: Results) -> None:
    cell = next(r for r in swept if r.trial.reranker and r.status == "ok")
    with speaking("zh"):
        assert settings(cell, variants(swept)) == "“embedding + reranker”（cpu、fp32、批大小 1、长度 512）"
        titles = [tier for tier, _ in tiers(swept)]
        named = [tier for tier, _ in recommended(swept)]
    assert titles == ["开发", "生产", "边缘"] and named == ["开发", "边缘"]


@given(st.integers(0, 10**7), st.sampled_from(sorted(words._COUNTED)))
def test_what_is_counted_keeps_its_number_and_has_no_plural(n: int, noun: str) -> None:
    english = words.plural(n, noun)
    with speaking("zh"):
        chinese = words.plural(n, noun)
    assert english.startswith(f"{n:,} ") and f"{n:,} " in chinese and re.search("[\u4e00-\u9fff]", chinese)
    assert not re.search("[a-z]", chinese)


def test_lists_and_sentences_join_as_the_language_does() -> None:
    assert words.listed(["a", "b", "c"]) == "a, b and c" and words.sentences(["A.", "", "B."]) == "A. B."
    with speaking("zh"):
        assert (
            words.listed(["甲", "乙", "丙"]) == "甲、乙、丙" and words.listed(["甲"]) == "甲" and words.listed([]) == ""
        )
        assert words.clauses(["甲", "乙"]) == "甲；乙" and words.sentences(["甲。", "", "乙。"]) == "甲。乙。"
        assert words.plural(3, "query") == "3 个查询" and words.plural(2, "cell") == "2 个单元"
        assert words.share(0.0001) == "不足 0.1%" and words.times(1.0) == "大致相同"


def test_best_and_sign_stand_in_the_same_cells(results: list[TrialResult]) -> None:
    def marked(language: str) -> list[tuple[int, int, str]]:
        _, sections = spoken(results, language)
        table = next(b for s in sections if s.id == "results" for b in s.blocks if isinstance(b, Table))
        found: list[tuple[int, int, Cell]] = [
            (i, j, cell) for i, row in enumerate(table.rows) for j, cell in enumerate(row)
        ]
        return [(i, j, cell.text) for i, j, cell in found if cell.best or cell.note.startswith(tables.HIGHER)]

    assert marked("en") == marked("zh") != []
