"""A sweep's report in Chinese: as much is said as in English, of the same figures, and nothing is left in English."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest

from bench.report.blocks import Block, Bullets, Code, Paragraph, Pictures, Report, Section, Table
from bench.report.figures import PLOTS, figures, font_warnings, pictures
from bench.report.plot_load import parts
from bench.report.say import speaking
from bench.report.sections import build
from bench.report.sweep import choose, sentence
from bench.report.words import sentences
from bench.types import TrialResult

IDS = {*PLOTS, "tiers", "energy", "agreement", "cells"}
DRAWN = {"other", "process", "allocated", "reserved", "driver", "implied"}
"""Words of figures that captions repeat as they are drawn."""
NAMES = {"embedding", "reranker", "SciFact", "nDCG", "Recall", "TFLOP", "GFLOP", "FLOP", "cuda", "bf16", "fp32",
         "CUDA", "BM25", "embed", "search", "tokenise", "rerank", "rank"}  # fmt: skip


def shape(block: Block) -> object:
    if isinstance(block, Table):
        return len(block.columns), [[cell.best for cell in row] for row in block.rows], block.text_columns
    if isinstance(block, Pictures):
        return [item.name for item in block.items]
    if isinstance(block, Paragraph):
        return block.kind, bool(block.label)
    return len(block.items) if isinstance(block, Bullets) else "code"


def texts(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        yield from (
            block.caption,
            *block.columns,
            *(text for row in block.rows for c in row for text in (c.text, c.note)),
        )
    elif isinstance(block, Pictures):
        yield from (block.caption, *(text for item in block.items for text in (item.caption, item.alt)))
    elif isinstance(block, Paragraph):
        yield from (block.label, block.text)
    elif isinstance(block, Bullets):
        yield from block.items
    elif isinstance(block, Code):
        yield block.label


def page(results: Sequence[TrialResult]) -> list[Section]:
    return [section for section in build(Report(results)) if section.id in IDS]


@pytest.mark.parametrize("of", ["swept", "swept_cuda", "swept_random", "results"])
def test_every_section_says_as_much_in_chinese_and_nothing_in_english(of: str, request: pytest.FixtureRequest) -> None:
    results = request.getfixturevalue(of)
    english = page(results)
    with speaking("zh"):
        chinese = page(results)
    assert [section.id for section in chinese] == [section.id for section in english]
    for ours, theirs in zip(chinese, english, strict=True):
        assert ours.title != theirs.title
        assert [shape(block) for block in ours.blocks] == [shape(block) for block in theirs.blocks]
        for text in (text for block in ours.blocks for text in texts(block)):
            left = set(re.findall(r"[A-Za-z][A-Za-z0-9]{3,}", text)) - NAMES - DRAWN
            assert not left, (ours.id, text)


def test_a_choice_is_told_in_chinese(swept: Sequence[TrialResult]) -> None:
    with speaking("zh"):
        choice = choose(swept, "ndcg@10")
        assert sentence(choice).startswith(f"共 25 个单元，这里列出 {len(choice.results)} 个：超过 3 个单元的流程，")
        assert any("吞吐最高" in reason for reason in choice.reasons.values())


def test_a_caption_and_its_notes_are_sentences_without_spaces(swept: Sequence[TrialResult]) -> None:
    with speaking("zh"):
        found = pictures(swept, "latency")
        assert found is not None and "次序与之相同。共 " in found.caption
        assert sentences(["一。", "二。"]) == "一。二。"


def test_files_have_the_same_names_in_both_languages(swept: Sequence[TrialResult]) -> None:
    from bench.report.groups import by_dataset

    (group,) = by_dataset(swept)
    english = parts(group)
    with speaking("zh"):
        chinese = parts(group)
    assert [part.slug for part in chinese] == [part.slug for part in english]
    assert [part.full_label for part in chinese] != [part.full_label for part in english]


def test_a_missing_font_is_told_in_chinese(
    chinese_results: Sequence[TrialResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.fonts.families", lambda: ("DejaVu Sans",))
    with speaking("zh"):
        figures(chinese_results, ("svg",))
        (warning,) = font_warnings(chinese_results)
    assert "用“dataset 1”代替 中文问答" in warning and "用“pipeline 2”代替 稠密检索；" in warning
