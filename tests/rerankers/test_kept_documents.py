"""Documents that are scored under several instructions are tokenised once, and cut pairs are told by request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.rerankers import Engine, load_reranker
from bench.rerankers.prompt import PromptBuilder, Tokens, cut_pairs
from bench.rerankers.template import TEMPLATES
from bench.types import Request, Trial

INSTRUCTIONS = ("Find it", "请判断该文档是否直接回答了查询问题", "")
REQUESTS = [
    Request("fire wall", ("the quick fox", "", "字😀\n", "the quick fox"), "find"),
    Request("nothing", (), "find"),
    Request("狗", ("a", "the quick fox", "b"), "find"),
]
texts = st.one_of(
    st.sampled_from(["", " ", "\n", "a", "中文文档。", "the quick fox", "<|im_end|>", "<think>", "字" * 30]),
    st.text(max_size=12),
)
batches = st.lists(
    st.lists(
        st.builds(Request, texts, st.lists(texts, max_size=4).map(tuple), st.sampled_from(INSTRUCTIONS)), max_size=3
    ),
    max_size=4,
)
fuzz = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Counting(PromptBuilder):
    """Counts how often each piece was tokenised."""

    seen: Counter[str]

    def _encode(self, texts: Iterable[str]) -> dict[str, Tokens]:
        given = list(texts)
        if not hasattr(self, "seen"):
            self.seen = Counter()
        self.seen.update(text for text in given if text)
        return super()._encode(given)


def under(instruction: str) -> list[Request]:
    return [Request(each.query, each.documents, instruction) for each in REQUESTS]


# -------------------------------------------------------------------------------------------------- tokenising


@pytest.mark.parametrize("name", ["qwen3", "qwen3-eval"])
def test_each_document_is_tokenised_once_whatever_is_asked_of_it(small_tokenizer: Any, name: str) -> None:
    template = TEMPLATES[name]
    builder = Counting(small_tokenizer, template, 400)
    builder.keep_documents()
    for instruction in INSTRUCTIONS:
        builder.build_many(under(instruction))
    documents = {template.document_piece(text) for request in REQUESTS for text in request.documents}
    assert {text: builder.seen[text] for text in documents} == dict.fromkeys(documents, 1)
    queries = [template.query_piece(request.query) for request in REQUESTS]
    assert {builder.seen[text] for text in queries} == {len(INSTRUCTIONS)}
    assert {builder.seen[template.instruction_piece(text)] for text in INSTRUCTIONS} == {1}


def test_only_new_documents_are_tokenised(small_tokenizer: Any) -> None:
    builder = Counting(small_tokenizer, TEMPLATES["qwen3"], 400)
    builder.keep_documents()
    builder.build_many([Request("q", ("a", "b"), "i")])
    builder.build_many([Request("q", ("b", "c"), "j")])
    assert [builder.seen[f" {text}"] for text in "abc"] == [1, 1, 1]


def test_without_being_asked_nothing_is_kept(small_tokenizer: Any) -> None:
    builder = Counting(small_tokenizer, TEMPLATES["qwen3"], 400)
    for instruction in INSTRUCTIONS:
        builder.build_many(under(instruction))
    assert builder.seen[" the quick fox"] == len(INSTRUCTIONS)


def test_asking_twice_forgets_nothing(small_tokenizer: Any) -> None:
    builder = Counting(small_tokenizer, TEMPLATES["qwen3"], 400)
    for _ in range(2):
        builder.keep_documents()
        builder.build_many(REQUESTS)
    assert builder.seen[" the quick fox"] == 1


@fuzz
@given(batches=batches, name=st.sampled_from(["qwen3", "qwen3-eval"]), max_length=st.sampled_from([250, 400]))
def test_prompts_are_the_same_as_without(
    small_tokenizer: Any, batches: list[list[Request]], name: str, max_length: int
) -> None:
    plain, keeping = (PromptBuilder(small_tokenizer, TEMPLATES[name], max_length) for _ in range(2))
    keeping.keep_documents()
    for requests in batches:
        assert keeping.build_many(requests) == plain.build_many(requests)


@fuzz
@given(batches=batches)
def test_prompts_without_a_template_too(small_tokenizer: Any, batches: list[list[Request]]) -> None:
    plain, keeping = (PromptBuilder(small_tokenizer, TEMPLATES["none"], 400) for _ in range(2))
    keeping.keep_documents()
    for batch in batches:
        requests = [Request(each.query, each.documents, "") for each in batch]
        assert keeping.build_many(requests) == plain.build_many(requests)


# ---------------------------------------------------------------------------------------------------- cut pairs


@fuzz
@given(batches=batches, max_length=st.sampled_from([215, 230, 260]))
def test_cut_pairs_are_counted_by_request(small_tokenizer: Any, batches: list[list[Request]], max_length: int) -> None:
    builder = PromptBuilder(small_tokenizer, TEMPLATES["qwen3"], max_length)
    for requests in batches:
        rows = builder.build_many(requests)
        by_hand = []
        for row in rows:
            by_hand.append(0)
            for prompt in row:
                if prompt.cut_tokens:
                    by_hand[-1] += 1
        assert cut_pairs([prompt for row in rows for prompt in row], requests) == by_hand


def test_of_nothing_nothing_is_cut() -> None:
    assert cut_pairs([], []) == []
    assert cut_pairs([], [Request("q", (), "i")]) == [0]


LONG = "Use a firewall and keep the server patched. 保持服务器更新。" * 20
CUT_REQUESTS = [
    Request("protect my server", ("short", LONG, "", LONG + "?"), "Find it"),
    Request("nothing to judge", (), "Find it"),
    Request("Python 读取 CSV 文件", ("短", "abacus"), "Find it"),
    Request("why does bread rise", (LONG,), "Find it"),
]


@pytest.fixture(scope="module", params=["packed", "transformers", "reference"])
def engine(request: pytest.FixtureRequest) -> Engine:
    asked = Trial("set", "p", reranker="asset:tracer-reranker", engine=request.param, max_length=160, batch_size=2)
    return load_reranker(asked, "cpu", "fp32")


def test_an_engine_says_which_requests_were_cut(engine: Engine) -> None:
    scored = engine.score_many(CUT_REQUESTS)
    assert scored.cut_pairs == [2, 0, 0, 1]
    assert scored.work.truncated_pairs == 3


def test_each_request_for_itself_is_told_the_same(engine: Engine) -> None:
    alone = [engine.score_many([each]) for each in CUT_REQUESTS]
    assert [each.cut_pairs for each in alone] == [[2], [0], [0], [1]]
    assert [each.work.truncated_pairs for each in alone] == [2, 0, 0, 1]


def test_no_requests_none_cut(engine: Engine) -> None:
    assert engine.score_many([]).cut_pairs == []


def test_keeping_documents_changes_no_score_and_no_count(engine: Engine) -> None:
    before = engine.score_many(CUT_REQUESTS)
    engine.keep_documents()
    for _ in range(2):
        after = engine.score_many(CUT_REQUESTS)
        assert after.scores == before.scores
        assert (after.cut_pairs, after.work) == (before.cut_pairs, before.work)


def test_an_engine_without_a_tokenizer_of_its_own_keeps_nothing(score_url: str) -> None:
    asked = Trial("set", "p", reranker="m", engine="http", url=score_url)
    engine = load_reranker(asked, "cpu", "fp32")
    engine.keep_documents()
    assert engine.score_many(CUT_REQUESTS[:1]).cut_pairs is None
