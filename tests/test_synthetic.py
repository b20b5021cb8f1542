"""Drawn workloads: one name each, lengths kept to the token, and a set that any pipeline can be run on."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.engines.config import DrawnWorkload
from bench.judge import dataset_facts
from bench.rerankers.checkpoint import load_tokenizer
from bench.rerankers.prompt import PromptBuilder
from bench.rerankers.template import TEMPLATES
from bench.retrievers import load_retriever
from bench.synthetic import (
    Drawn,
    drawn_dataset,
    drawn_facts,
    drawn_lengths,
    drawn_name,
    drawn_requests,
    is_drawn,
    one_token_words,
    parse_drawn,
)
from bench.types import ConfigError, Dataset, ModelError, Request, Trial

QWEN3 = TEMPLATES["qwen3"]
counts = st.integers(1, 10**6)


@st.composite
def workloads(draw: st.DrawFn) -> Drawn:
    least, middle, most = sorted(draw(st.tuples(counts, counts, counts)))
    return Drawn(
        queries=draw(counts),
        documents=draw(counts),
        median_tokens=middle,
        sigma=draw(st.floats(0, 10)) + 0.0,
        min_tokens=least,
        max_tokens=most,
        query_tokens=draw(counts),
        seed=draw(st.integers()),
    )


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer("asset:tracer-reranker")


# ------------------------------------------------------------------------------------------------------ names


@given(workloads())
def test_a_name_holds_the_whole_workload(asked: Drawn) -> None:
    name = drawn_name(asdict(asked))
    assert is_drawn(name)
    assert parse_drawn(name) == asked
    assert drawn_name(asdict(parse_drawn(name))) == name


@given(workloads(), st.randoms(use_true_random=False))
def test_equal_workloads_have_one_name(asked: Drawn, chance: Any) -> None:
    """Neither the order of the keys counts, nor whether a default is spelled out, nor 1 for 1.0."""
    full = asdict(asked)
    keys = list(full)
    chance.shuffle(keys)
    spelled = {key: full[key] for key in keys if full[key] != getattr(Drawn(), key) or chance.random() < 0.5}
    if "sigma" in spelled and spelled["sigma"].is_integer():
        spelled["sigma"] = int(spelled["sigma"])
    assert drawn_name(spelled) == drawn_name(full)


@given(workloads(), workloads())
def test_different_workloads_have_different_names(one: Drawn, other: Drawn) -> None:
    assert (drawn_name(asdict(one)) == drawn_name(asdict(other))) == (one == other)


def test_the_name_is_sorted_json_with_every_key() -> None:
    assert drawn_name({"seed": 7, "sigma": 1}) == (
        'drawn:{"documents":32,"max_tokens":512,"median_tokens":180,"min_tokens":20,"queries":4,"query_tokens":12,'
        '"seed":7,"sigma":1.0}'
    )
    assert drawn_name({"sigma": -0.0}) == drawn_name({"sigma": 0})
    assert Trial(drawn_name({}), "x").id == Trial(drawn_name({"queries": 4}), "x").id


def test_a_folder_is_not_drawn() -> None:
    assert not is_drawn("datasets/drawn:x")
    assert not is_drawn("drawn")


WRONG: list[tuple[Any, str]] = [
    ({"document": 3}, "unknown key of the drawn workload 'document'. Did you mean 'documents'? Known: queries, "),
    ({"zzz": 3}, "unknown key of the drawn workload 'zzz'. Known: queries, "),
    ({"queries": "4"}, "queries is '4'; expected a whole number"),
    ({"queries": 4.0}, "queries is 4.0; expected a whole number"),
    ({"queries": True}, "queries is True; expected a whole number"),
    ({"seed": None}, "seed is None; expected a whole number"),
    ({"sigma": "wide"}, "sigma is 'wide'; expected a number"),
    ({"sigma": False}, "sigma is False; expected a number"),
    ({"queries": 0}, "queries must be at least 1"),
    ({"documents": -1}, "documents must be at least 1"),
    ({"query_tokens": 0}, "query_tokens must be at least 1"),
    ({"min_tokens": 0}, "min_tokens must be at least 1"),
    ({"min_tokens": 600}, "min_tokens, median_tokens and max_tokens must be in this order"),
    ({"median_tokens": 513}, "min_tokens, median_tokens and max_tokens must be in this order"),
    ({"sigma": -0.1}, "sigma must be from 0"),
    ({"sigma": 10**400}, "sigma must be from 0"),
]
UNWRITABLE: list[tuple[Any, str]] = [
    ({1: 2}, "unknown key of the drawn workload '1'"),
    ({"sigma": float("nan")}, "sigma must be from 0"),
    (None, "the drawn workload is None; expected a mapping"),
    ([4, 32], "the drawn workload is [4, 32]; expected a mapping"),
]


@pytest.mark.parametrize(("asked", "said"), WRONG + UNWRITABLE)
def test_what_is_wrong_is_said(asked: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        drawn_name(asked)


@pytest.mark.parametrize(("asked", "said"), WRONG)
def test_what_is_wrong_in_a_name_is_said(asked: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse_drawn(f"drawn:{json.dumps(asked)}")


@pytest.mark.parametrize(
    "name",
    [
        "drawn:",
        "drawn:{",
        "drawn:3",
        "drawn:[4]",
        "datasets/here",
        "{}",
        pytest.param("drawn:" + "[" * 10**5, id="nested"),
    ],
)
def test_what_is_no_name_is_said(name: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a drawn workload"):
        parse_drawn(name)


def test_the_engine_benchmark_draws_by_the_same_keys() -> None:
    """Its defaults are those of here, but for the queries: a race of many engines has time for two."""
    assert DrawnWorkload().drawn == Drawn(queries=2)


# ---------------------------------------------------------------------------------------------------- lengths


def test_lengths_are_about_the_median_and_within_bounds() -> None:
    (lengths,) = drawn_lengths(Drawn(queries=1, documents=2000))
    assert median(lengths) == pytest.approx(180, rel=0.1)
    assert min(lengths) >= 20
    assert max(lengths) == 512


def test_no_spread_makes_all_as_long_as_the_median() -> None:
    assert drawn_lengths(Drawn(queries=1, documents=5, median_tokens=512, sigma=0.0)) == [[512] * 5]


def test_the_widest_spread_can_be_drawn() -> None:
    (lengths,) = drawn_lengths(Drawn(queries=1, documents=2000, sigma=10.0))
    assert {min(lengths), max(lengths)} == {20, 512}


# ------------------------------------------------------------------------------------------------------ texts


def counted(tokenizer: Any, dataset: Dataset, template: str) -> list[int]:
    """Tokens of each document as the engines cut the prompt up, and not as this module counts them."""
    texts = tuple(document.content for document in dataset.corpus)
    builder = PromptBuilder(tokenizer, TEMPLATES[template], 8192)
    return [len(prompt.document) for prompt in builder.build_many([Request("a query", texts, "")])[0]]


@pytest.mark.parametrize("template", TEMPLATES)
def test_documents_have_exactly_the_tokens_drawn(tokenizer: Any, template: str) -> None:
    asked = Drawn(queries=2, documents=9, seed=5, min_tokens=1)
    dataset = drawn_dataset(asked, tokenizer, TEMPLATES[template], "")
    assert counted(tokenizer, dataset, template) == [length for row in drawn_lengths(asked) for length in row]


def test_a_query_has_the_tokens_asked_for(tokenizer: Any) -> None:
    dataset = drawn_dataset(Drawn(queries=3, documents=1, query_tokens=17), tokenizer, QWEN3, "")
    for query in dataset.queries:
        assert len(tokenizer(QWEN3.gap + query.text, add_special_tokens=False)["input_ids"]) == 17


def test_words_are_sorted_lower_case_and_one_token(tokenizer: Any) -> None:
    words = one_token_words(tokenizer)
    assert words == sorted(words)
    assert len(words) > 500
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


def test_a_tokenizer_without_words_is_refused(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.synthetic.one_token_words", lambda tokenizer: ["a"] * 9)
    with pytest.raises(ModelError, match="only 9 words"):
        drawn_requests(Drawn(), tokenizer, QWEN3, "")


class _Joining:
    """Reads a single word as one token, and two words side by side as one too."""

    def get_vocab(self) -> dict[str, int]:
        return {f"word{n}": n for n in range(26 * 26)}

    def decode(self, ids: list[int]) -> str:
        return f" w{chr(97 + ids[0] // 26)}{chr(97 + ids[0] % 26)}"

    def __call__(self, text: str, **options: Any) -> dict[str, list[int]]:
        return {"input_ids": [0] * ((len(text.split()) + 1) // 2)}


def test_a_tokenizer_that_joins_words_is_refused() -> None:
    with pytest.raises(ModelError, match="reads 30 words of one token each as 15 tokens"):
        drawn_requests(Drawn(median_tokens=30, sigma=0.0), _Joining(), QWEN3, "")


# --------------------------------------------------------------------------------------------- as a labelled set


def test_each_query_names_its_own_documents(tokenizer: Any) -> None:
    dataset = drawn_dataset(Drawn(queries=2, documents=3, max_tokens=200), tokenizer, QWEN3, "")
    assert [document.id for document in dataset.corpus] == ["q1-d1", "q1-d2", "q1-d3", "q2-d1", "q2-d2", "q2-d3"]
    assert [(query.id, query.metadata["candidates"]) for query in dataset.queries] == [
        ("q1", ["q1-d1", "q1-d2", "q1-d3"]),
        ("q2", ["q2-d1", "q2-d2", "q2-d3"]),
    ]
    assert dataset.qrels == {}
    retriever = load_retriever(Trial("x", "x", retriever="given"), "cpu")
    retriever.index(dataset.corpus)
    run = retriever.search(dataset.queries, 2)
    assert [document.doc_id for document in run["q2"]] == ["q2-d1", "q2-d2"]


def test_it_is_the_texts_of_the_engine_benchmark(tokenizer: Any) -> None:
    asked = Drawn(queries=2, documents=2)
    dataset = drawn_dataset(asked, tokenizer, QWEN3, "find it")
    requests = drawn_requests(asked, tokenizer, QWEN3, "find it")
    assert [query.text for query in dataset.queries] == [request.query for request in requests]
    assert [document.content for document in dataset.corpus] == [
        text for request in requests for text in request.documents
    ]


def test_the_checksum_is_that_of_the_texts(tokenizer: Any) -> None:
    asked = Drawn(queries=1, documents=2)
    one = drawn_dataset(asked, tokenizer, QWEN3, "")
    assert one == drawn_dataset(asked, tokenizer, QWEN3, "another instruction")
    assert one.checksum != drawn_dataset(replace(asked, seed=1), tokenizer, QWEN3, "").checksum
    assert re.fullmatch("[0-9a-f]{64}", one.checksum)


def test_the_facts_are_known_without_a_tokenizer(tokenizer: Any) -> None:
    asked = Drawn(queries=2, documents=3)
    of_the_set = dataset_facts(drawn_dataset(asked, tokenizer, QWEN3, ""))
    assert drawn_facts(asked) == {**of_the_set, "checksum": ""}
    assert list(drawn_facts(asked)) == list(of_the_set)


def test_the_facts_say_the_distribution_in_words() -> None:
    said = drawn_facts(Drawn(seed=3))["description"]
    for part in ("median of 180 tokens", "sigma 0.8", "20 and 512", "4 queries of 12 tokens", "32 documents", "seed 3"):
        assert part in said
    assert "each is 99 tokens long" in drawn_facts(Drawn(median_tokens=99, sigma=0.0))["description"]
