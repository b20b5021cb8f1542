"""Which trials share a quality pass, and which cannot fit where a smaller one did not."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.keys import SPEED_FIELDS, needs_more_memory, quality_key
from bench.types import Trial

TRIAL = Trial("set", "P", reranker="m", batch_size=4, max_length=512, dtype="fp16", device="cpu")
CHANGES = {
    "dataset": "other", "split": "dev", "retriever": "dense", "candidates": "c.trec", "embedder": "e",
    "embedder_revision": "r", "embedder_max_length": 9, "query_prompt": "q", "document_prompt": "d", "reranker": "n",
    "reranker_revision": "r", "engine": "reference", "template": "none", "instruction": "i",
    "instruction_field": "f", "max_length": 99,
    "quantisation": "int8", "url": "http://x", "hub": "modelscope", "trust_remote_code": True, "device": "mps",
    "dtype": "bf16",
    "max_queries": 3, "seed": 7,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_decides_scores_changes_the_key(name: str) -> None:
    assert quality_key(replace(TRIAL, **{name: CHANGES[name]})) != quality_key(TRIAL)  # type: ignore[arg-type]


def test_every_field_is_on_one_side() -> None:
    assert SPEED_FIELDS | set(CHANGES) == {field.name for field in fields(Trial)}
    assert not SPEED_FIELDS & set(CHANGES)


def test_speed_alone_leaves_the_key() -> None:
    other = replace(TRIAL, batch_size=64, depth=3, threads=1, scenarios=("server",), pipeline="Q", timed_queries=1)
    assert quality_key(other) == quality_key(TRIAL)


def test_larger_in_one_memory_axis_and_smaller_in_none() -> None:
    assert needs_more_memory(replace(TRIAL, batch_size=8), TRIAL)
    assert needs_more_memory(replace(TRIAL, batch_size=8, max_length=1024, dtype="fp32"), TRIAL)
    assert not needs_more_memory(TRIAL, TRIAL)
    assert not needs_more_memory(replace(TRIAL, batch_size=8, max_length=256), TRIAL)
    assert not needs_more_memory(replace(TRIAL, batch_size=8, threads=1), TRIAL)
    assert not needs_more_memory(replace(TRIAL, batch_size=8, engine="reference"), TRIAL)
    assert not needs_more_memory(replace(TRIAL, batch_size=None), TRIAL)
    assert not needs_more_memory(replace(TRIAL, dtype="bf16"), TRIAL)  # as many bytes: neither implies the other


sizes = st.builds(
    lambda b, n, d: replace(TRIAL, batch_size=b, max_length=n, dtype=d),
    st.sampled_from([1, 4, 16, None]), st.sampled_from([64, 128]), st.sampled_from(["fp32", "bf16", "fp16"]),
)  # fmt: skip


@given(sizes, sizes, sizes)
def test_it_is_a_strict_order(a: Trial, b: Trial, c: Trial) -> None:
    assert not (needs_more_memory(a, b) and needs_more_memory(b, a))
    if needs_more_memory(a, b) and needs_more_memory(b, c):
        assert needs_more_memory(a, c)
