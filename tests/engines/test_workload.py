"""The pairs: drawn lengths are kept to the token, the same seed gives the same texts, a labelled set is looked up."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import pytest

from bench.engines.config import DrawnWorkload, LabelledWorkload
from bench.engines.flops import PromptTokens
from bench.engines.workload import Workload, drawn_lengths, make_workload, one_token_words, part
from bench.rerankers.checkpoint import load_tokenizer
from bench.rerankers.template import TEMPLATES
from bench.types import ConfigError, DataError, ModelError, Request


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer("asset:tracer-reranker")


def make(tokenizer: Any, template: str = "qwen3", max_length: int = 8192, **asked: Any) -> Workload:
    chosen = TEMPLATES[template]
    return make_workload(
        DrawnWorkload(**asked), tokenizer, chosen, chosen.default_instruction, max_length, Path()
    )  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES)
def test_documents_have_exactly_the_tokens_drawn(tokenizer: Any, template: str) -> None:
    asked = DrawnWorkload(queries=2, documents=12, seed=3)
    workload = make(tokenizer, template, queries=2, documents=12, seed=3)
    measured = [[document for document, _ in prompts.documents] for prompts in workload.prompts]
    assert measured == drawn_lengths(asked)
    assert workload.pairs == 24
    assert workload.tokens == sum(sum(prompts.lengths) for prompts in workload.prompts)


def test_lengths_are_about_the_median_and_within_bounds() -> None:
    (lengths,) = drawn_lengths(DrawnWorkload(queries=1, documents=2000))
    assert median(lengths) == pytest.approx(180, rel=0.1)
    assert min(lengths) >= 20
    assert max(lengths) == 512


def test_no_spread_makes_all_as_long_as_the_median() -> None:
    asked = DrawnWorkload(queries=1, documents=5, median_tokens=512, sigma=0.0)
    assert drawn_lengths(asked) == [[512] * 5]


def test_the_same_seed_gives_the_same_texts(tokenizer: Any) -> None:
    one, two, other = (make(tokenizer, documents=3, seed=seed) for seed in (1, 1, 2))
    assert one == two
    assert one.digest == two.digest != other.digest
    assert len(set(one.requests[0].documents)) == 3


def test_a_cut_document_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="raise max_length"):
        make(tokenizer, max_length=200, documents=8)


def test_a_tokenizer_without_words_is_refused(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.engines.workload.one_token_words", lambda tokenizer: ["a"] * 9)
    with pytest.raises(ModelError, match="only 9 words"):
        make(tokenizer)


def test_words_are_sorted_lower_case_and_one_token(tokenizer: Any) -> None:
    words = one_token_words(tokenizer)
    assert words == sorted(words)
    assert len(words) > 500
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


def test_a_part_is_filled_query_by_query() -> None:
    requests = (Request("a", ("1", "2", "3"), ""), Request("b", ("4", "5"), ""))
    assert part(requests, 2) == (Request("a", ("1", "2"), ""),)
    assert part(requests, 4) == (requests[0], Request("b", ("4",), ""))
    assert part(requests, 99) == requests
    assert part(requests, 0) == ()


def test_lengths_of_a_query() -> None:
    assert PromptTokens(2, 3, ((4, 1), (5, 1))).lengths == (10, 11)


def test_a_labelled_set_gives_bm25s_candidates(tokenizer: Any, small_set: Path) -> None:
    asked = LabelledWorkload(dataset=str(small_set), queries=2, documents=3)
    template = TEMPLATES["qwen3"]
    workload = make_workload(asked, tokenizer, template, "find it", 8192, Path())
    assert len(workload.requests) == 2
    assert all(1 <= len(request.documents) <= 3 for request in workload.requests)
    assert {request.instruction for request in workload.requests} == {"find it"}
    assert "protect" in str(make_workload(
        LabelledWorkload(dataset=str(small_set), documents=1), tokenizer, template, "", 8192, Path()
    ).requests[0].documents[0])  # fmt: skip


def test_a_missing_set_is_said(tokenizer: Any, tmp_path: Path) -> None:
    asked = LabelledWorkload(dataset=str(tmp_path / "none"))
    with pytest.raises(DataError, match="none"):
        make_workload(asked, tokenizer, TEMPLATES["qwen3"], "", 8192, Path())
