"""The library: published texts word for word, each in two languages, and no text under two names."""

from __future__ import annotations

import re

import pytest

from bench.rerankers.template import TEMPLATES
from bench.study.named import LIBRARY, NO_INSTRUCTION
from bench.tracer.instructions import INSTRUCTIONS

CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORDED = [name for name in LIBRARY if name != NO_INSTRUCTION]


def stem(name: str) -> str:
    """``official`` and ``official-zh`` are one text in two languages."""
    return name.removesuffix("-zh").removesuffix("-en")


def test_the_official_texts_are_the_templates_own() -> None:
    assert LIBRARY["official"].text == TEMPLATES["qwen3"].default_instruction
    assert LIBRARY["official-eval"].text == TEMPLATES["qwen3-eval"].default_instruction


@pytest.mark.parametrize("name", ["tutorial", "general", "legal", "technical", "service"])
def test_the_tutorials_texts_are_those_that_the_tiny_reranker_was_taught(name: str) -> None:
    assert LIBRARY[f"{name}-zh"].text == INSTRUCTIONS[name].text


@pytest.mark.parametrize("name", ["official", "official-eval"])
def test_so_are_the_official_ones(name: str) -> None:
    assert LIBRARY[name].text == INSTRUCTIONS[name].text


@pytest.mark.parametrize("name", sorted({stem(name) for name in WORDED}))
def test_every_text_is_there_in_both_languages_and_published_in_one(name: str) -> None:
    pair = [LIBRARY[each] for each in WORDED if stem(each) == name]
    assert sorted(each.language for each in pair) == ["en", "zh"]
    assert sorted(each.source == "translated" for each in pair) == [False, True]


@pytest.mark.parametrize("name", WORDED)
def test_a_text_is_in_its_language(name: str) -> None:
    known = LIBRARY[name]
    assert bool(CHINESE.search(known.text)) == (known.language == "zh")
    assert known.text == known.text.strip()


def test_a_names_ending_is_its_language() -> None:
    for name in WORDED:
        ending = name.rpartition("-")[2]
        assert ending not in ("zh", "en") or ending == LIBRARY[name].language


def test_no_text_has_two_names() -> None:
    assert len({known.text for known in LIBRARY.values()}) == len(LIBRARY)


def test_no_name_is_another_ones_text() -> None:
    assert not {known.text for known in LIBRARY.values()} & set(LIBRARY)


def test_none_is_empty() -> None:
    none = LIBRARY[NO_INSTRUCTION]
    assert (NO_INSTRUCTION, none.text, none.language, none.source) == ("none", "", "", "")
