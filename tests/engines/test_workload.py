"""The pairs: drawn lengths are kept to the token, the same seed gives the same texts, a labelled set is looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.engines.config import DrawnWorkload, LabelledWorkload
from bench.engines.workload import Workload, make_workload, part
from bench.machine.flops import PromptTokens
from bench.rerankers.checkpoint import load_tokenizer
from bench.rerankers.template import TEMPLATES
from bench.synthetic import drawn_lengths
from bench.types import ConfigError, DataError, Request


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
    assert measured == drawn_lengths(asked.drawn)
    assert workload.pairs == 24
    assert workload.tokens == sum(sum(prompts.lengths) for prompts in workload.prompts)


def test_the_same_seed_gives_the_same_texts(tokenizer: Any) -> None:
    one, two, other = (make(tokenizer, documents=3, seed=seed) for seed in (1, 1, 2))
    assert one == two
    assert one.digest == two.digest != other.digest
    assert len(set(one.requests[0].documents)) == 3


def test_the_default_workload_stays_what_it_was(tokenizer: Any) -> None:
    """Published figures name their workload by this digest: other texts would be another race."""
    assert make(tokenizer).digest == "9168f2f040cc592c"


def test_a_cut_document_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="raise max_length"):
        make(tokenizer, max_length=200, documents=8)


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
