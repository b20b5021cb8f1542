"""The set ``datasets/scenarios``: what its datasheet promises, and that no text is a copy of another."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from bench.data import check_dataset, load_dataset
from bench.retrievers.tokens import tokenise
from bench.types import Dataset

SIDES = ("dev", "test")
KINDS = {2: "direct", 1: "partial", 0: "trap"}
NEAR = 0.2
"""Share of word triples (of four characters in Chinese) that two texts may have in common."""


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "datasets" / "scenarios"


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["_id"]: row for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def sides(folder: Path) -> dict[str, Dataset]:
    return {side: load_dataset(folder, side) for side in SIDES}


def test_it_is_as_large_as_promised(folder: Path, sides: dict[str, Dataset], rows: dict[str, dict[str, Any]]) -> None:
    assert all(report.error is None for report in check_dataset(folder))
    assert len(rows) == 661
    cells = Counter((side, q.metadata["domain"], q.metadata["lang"]) for side in SIDES for q in sides[side].queries)
    assert len(cells) == 16 and set(cells.values()) == {6}  # alike on both sides
    assert sum(cells.values()) == 96


def test_every_query_has_answers_partial_ones_and_traps(sides: dict[str, Dataset], rows: dict[str, Any]) -> None:
    for side in SIDES:
        for query_id, grades in sides[side].qrels.items():
            counts = Counter(grades.values())
            assert counts[2] in (1, 2) and counts[1] in (1, 2) and 3 <= counts[0] <= 5, query_id
            for doc_id, grade in grades.items():
                row = rows[doc_id]
                assert row["kind"] == KINDS[grade] and row["why"], doc_id
                assert bool(row.get("trap")) == (grade == 0), doc_id
                assert doc_id.startswith(query_id)


def test_an_id_does_not_tell_the_grade(sides: dict[str, Dataset]) -> None:
    """Ties are broken by id."""
    by_letter = defaultdict(list)
    for side in SIDES:
        for grades in sides[side].qrels.values():
            for doc_id, grade in grades.items():
                by_letter[doc_id[-1]].append(grade)
    assert all(0.3 < mean(by_letter[letter]) < 0.9 for letter in "abcdef")


def test_traps_share_more_words_with_the_question_than_answers_do(sides: dict[str, Dataset], rows: Any) -> None:
    def overlap(query: str, doc_id: str) -> float:
        words = set(tokenise(query))
        return len(words & set(tokenise(f"{rows[doc_id]['title']} {rows[doc_id]['text']}"))) / len(words)

    best, answers = [], []
    for side in SIDES:
        texts = {query.id: query.text for query in sides[side].queries}
        for query_id, grades in sides[side].qrels.items():
            best.append(max(overlap(texts[query_id], doc) for doc, grade in grades.items() if grade == 0))
            answers.append(max(overlap(texts[query_id], doc) for doc, grade in grades.items() if grade == 2))
    assert mean(best) > mean(answers) + 0.2
    assert mean(trap > answer for trap, answer in zip(best, answers, strict=True)) > 0.9


def test_no_sentence_occurs_twice(rows: dict[str, dict[str, Any]]) -> None:
    sentences = Counter(
        part.strip().lower()
        for row in rows.values()
        for part in re.split(r"[.!?。！？\n]+", row["text"])
        if len(part.strip()) > (20 if row["lang"] == "en" else 10)
    )
    assert [sentence for sentence, count in sentences.items() if count > 1] == []


def test_no_two_texts_begin_alike(rows: dict[str, dict[str, Any]]) -> None:
    openings = Counter(
        " ".join(row["text"].lower().split()[:4]) if row["lang"] == "en" else row["text"][:6] for row in rows.values()
    )
    assert [opening for opening, count in openings.items() if count > 1] == []


def test_no_text_is_nearly_another(rows: dict[str, dict[str, Any]]) -> None:
    shingled = [(doc_id, shingles(row["text"], row["lang"])) for doc_id, row in rows.items()]
    assert [(a, b) for (a, x), (b, y) in combinations(shingled, 2) if alike(x, y) > NEAR] == []


def test_a_copy_with_another_name_would_be_found() -> None:
    text = "The lease of the Harbour Street flat ends on the last day of May unless both sides agree in writing."
    assert alike(shingles(text, "en"), shingles(text.replace("May", "June"), "en")) > NEAR
    text = "租客在合同到期前三十天书面通知房东，即可在期满时搬离而不付违约金。"
    assert alike(shingles(text, "zh"), shingles(text.replace("三十天", "两个月"), "zh")) > NEAR


@cache
def shingles(text: str, language: str) -> frozenset[Any]:
    plain = re.sub(r"\W+", " ", text.lower())
    if language == "zh":
        plain = plain.replace(" ", "")
        return frozenset(plain[i : i + 4] for i in range(len(plain) - 3))
    words = plain.split()
    return frozenset(tuple(words[i : i + 3]) for i in range(len(words) - 2))


def alike(a: frozenset[Any], b: frozenset[Any]) -> float:
    """Jaccard's coefficient."""
    return len(a & b) / len(a | b) if a | b else 0.0
