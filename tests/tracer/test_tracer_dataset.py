"""The checked-in tracer set: reproducible, split cleanly, judged as promised."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.tracer.evaluate import words
from bench.tracer.generate import write
from bench.tracer.grammar import LANGUAGES, load_grammar
from bench.tracer.names import name
from bench.tracer.splits import SPLITS, owner

SET = Path(__file__).parents[2] / "datasets" / "tracer"
FILES = ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "qrels/dev.tsv", "qrels/test.tsv", "dataset.toml")
LEAST_QUERIES = {"train": 200, "dev": 120, "test": 240}


def _rows(name: str) -> dict[str, dict[str, Any]]:
    lines = (SET / name).read_text(encoding="utf-8").splitlines()
    return {row["_id"]: row for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def corpus() -> dict[str, dict[str, Any]]:
    return _rows("corpus.jsonl")


@pytest.fixture(scope="module")
def queries() -> dict[str, dict[str, Any]]:
    return _rows("queries.jsonl")


def _qrels(split: str) -> dict[str, dict[str, int]]:
    header, *lines = (SET / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
    assert header == "query-id\tcorpus-id\tscore"
    grades: dict[str, dict[str, int]] = {}
    for line in lines:
        query, doc, grade = line.split("\t")
        grades.setdefault(query, {})[doc] = int(grade)
    return grades


def _owner_of(row: dict[str, Any]) -> str:
    """The split that owns the name of a row's entity."""
    grammar = load_grammar()
    for i, first in enumerate(grammar.first_names[row["lang"]]):
        for j, second in enumerate(grammar.second_names[row["lang"]]):
            if first + second == row["entity"]:
                return owner(i, j)
    raise AssertionError(row)


def _sentences(row: dict[str, Any]) -> set[str]:
    """The row's sentences without the entities' names."""
    text = row["text"]
    for entity in (row["entity"], row.get("target")):
        text = text.replace(entity, "NAME") if entity else text
    return {sentence.strip() for sentence in re.split(r"(?<=[.?。？])", text) if sentence.strip()}


def test_generating_again_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path)
    for file in FILES:
        assert (tmp_path / file).read_bytes() == (SET / file).read_bytes(), file


def test_checksums_and_card() -> None:
    card = tomllib.loads((SET / "dataset.toml").read_text(encoding="utf-8"))
    assert card["name"] == "tracer"
    assert sorted(card["checksums"]) == sorted(set(FILES) - {"dataset.toml"})
    for file, expected in card["checksums"].items():
        assert hashlib.sha256((SET / file).read_bytes()).hexdigest() == expected, file


def test_counts(corpus: dict[str, Any], queries: dict[str, Any]) -> None:
    assert len(corpus) >= 2000
    for split in SPLITS:
        assert len(_qrels(split)) >= LEAST_QUERIES[split]
    for lang in LANGUAGES:
        assert sum(row["lang"] == lang for row in corpus.values()) / len(corpus) == pytest.approx(0.5, abs=0.05)
    steered = sum(row["steered"] for row in queries.values()) / len(queries)
    assert 0.25 <= steered <= 0.4


def test_texts_are_distinct(corpus: dict[str, Any], queries: dict[str, Any]) -> None:
    for rows in (corpus, queries):
        assert len({row["text"] for row in rows.values()}) == len(rows)


def test_no_name_and_no_sentence_of_one_split_occurs_in_another(
    corpus: dict[str, Any], queries: dict[str, Any]
) -> None:
    owners = {(row["lang"], row["entity"]): _owner_of(row) for row in corpus.values()}
    sentences: dict[str, set[str]] = {split: set() for split in SPLITS}
    for identifier, row in queries.items():
        split = identifier.partition("-")[0]
        assert owners[row["lang"], row["entity"]] == split
        sentences[split] |= _sentences(row)
    for row in corpus.values():
        sentences[owners[row["lang"], row["entity"]]] |= _sentences(row)
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not sentences[one] & sentences[other]


def test_grades_follow_the_kinds(corpus: dict[str, Any], queries: dict[str, Any]) -> None:
    for split in SPLITS:
        for query, grades in _qrels(split).items():
            need = queries[query]
            for doc, grade in grades.items():
                row = corpus[doc]
                about = (row["entity"], row["intent"], row.get("target")) == (
                    need["entity"], need["intent"], need.get("target"),
                )  # fmt: skip
                expected = {"answer": 2, "restated": 2, "literal": 2, "direction": 2, "pointer": 1}.get(row["kind"], 0)
                assert grade == (expected if about else 0), (query, doc)
            assert Counter(grades.values())[2] == 2
            kinds = Counter(corpus[doc]["kind"] for doc in grades)
            assert (kinds["background"] == 2) == need["steered"]
            assert (kinds["quote"] > 0) == (need["form"] in ("steered", "trapped"))


def test_every_unjudged_document_is_about_another_need(corpus: dict[str, Any], queries: dict[str, Any]) -> None:
    about: dict[tuple[Any, ...], set[str]] = {}
    for identifier, row in corpus.items():
        about.setdefault((row["lang"], row["entity"], row["intent"], row.get("target")), set()).add(identifier)
    for split in SPLITS:
        for query, grades in _qrels(split).items():
            need = queries[query]
            assert about[need["lang"], need["entity"], need["intent"], need.get("target")] <= set(grades)


def test_traps_share_more_words_with_the_query_than_answers_do(corpus: dict[str, Any], queries: dict[str, Any]) -> None:
    shared: dict[str, list[float]] = {"trap": [], "answer": []}
    for query, grades in _qrels("test").items():
        if queries[query]["form"] not in ("steered", "trapped"):
            continue
        asked = set(words(queries[query]["text"]))
        share = {doc: len(asked & set(words(corpus[doc]["text"]))) / len(asked) for doc in grades}
        best = max(share[doc] for doc, grade in grades.items() if grade == 2)
        quotes = [share[doc] for doc in grades if corpus[doc]["kind"] == "quote"]
        assert min(quotes) > best
        shared["trap"] += [share[doc] for doc in grades if corpus[doc]["kind"] in ("quote", "word")]
        shared["answer"] += [share[doc] for doc, grade in grades.items() if grade == 2]
    mean = {kind: sum(values) / len(values) for kind, values in shared.items()}
    assert mean["trap"] > mean["answer"] + 0.15


def test_each_query_has_a_near_name_rival(corpus: dict[str, Any], queries: dict[str, Any]) -> None:
    for query, grades in _qrels("test").items():
        need = queries[query]
        if need["form"] != "directed":
            rivals = [corpus[doc] for doc in grades if corpus[doc]["entity"] != need["entity"]]
            assert len({row["entity"] for row in rivals}) == 2
            assert {row["intent"] for row in rivals} == {need["intent"]}


def test_characters_of_chinese_names_are_used_for_nothing_else() -> None:
    grammar = load_grammar()
    characters = {c for part in (*grammar.first_names["zh"], *grammar.second_names["zh"]) for c in part}
    texts = [frame for frames in grammar.frames["zh"].values() for frame in frames]
    for intent in (*grammar.intents.values(), *grammar.directions.values()):
        said = intent.phrases["zh"]
        texts += [*said.questions, *said.answers, *said.topics, *said.words]
    assert not characters & set("".join(texts))
    assert name(grammar, "zh", 0, 0) == "岚舟"
