"""The engine ``transformers``: what is padded is masked, counted and read in full precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.rerankers.padded import PaddedReranker, left_padded
from bench.types import Request, ScoreError

DOCUMENTS = (
    "the quick brown fox",
    "",
    "keeps the server safe " * 12,
    "字😀?\n",
    "a",
    "fire wall " * 30,
    "NUL \0 inside",
)
REQUEST = Request("fire wall?", DOCUMENTS, "Given a web search query")


@pytest.fixture
def engine(tiny: Path) -> PaddedReranker:
    return PaddedReranker(tiny, device="cpu", batch_size=4)


def largest_difference(a: list[list[float]], b: list[list[float]]) -> float:
    return max(abs(x - y) for x, y in zip(a[0], b[0], strict=True))


def test_trap_rows_are_padded_left_masked_and_count_from_their_first_token() -> None:
    ids, mask, positions = left_padded([[5, 6, 7], [8]], pad=9)
    assert ids.tolist() == [[5, 6, 7], [9, 9, 8]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    assert positions.tolist() == [[0, 1, 2], [0, 0, 0]]


def test_trap_the_model_gets_mask_and_positions(engine: PaddedReranker, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    forward = engine._backbone.forward

    def spy(**inputs: Any) -> Any:
        seen.append(inputs)
        return forward(**inputs)

    monkeypatch.setattr(engine._backbone, "forward", spy)
    work = engine.score_many([REQUEST]).work
    assert len(seen) == work.forward_calls == 2
    assert sum(int(inputs["attention_mask"].sum()) for inputs in seen) == work.tokens
    assert sum(inputs["input_ids"].numel() for inputs in seen) == work.tokens + work.padding_tokens
    for inputs in seen:
        mask, positions = inputs["attention_mask"], inputs["position_ids"]
        assert mask[:, -1].all()
        assert (positions[:, -1] + 1 == mask.sum(dim=1)).all()


def test_trap_what_stands_in_the_padding_does_not_matter(tiny: Path) -> None:
    scores = []
    for pad in (0, 7):
        model = PaddedReranker(tiny, device="cpu", batch_size=64)
        model._pad = pad
        scores.append(model.score_many([REQUEST]).scores)
    assert largest_difference(*scores) == 0


def test_trap_without_the_mask_scores_would_move(tiny: Path) -> None:
    """Shows that the tests above could fail: the same batch with its padding attended to."""
    model = PaddedReranker(tiny, device="cpu", batch_size=64)
    right = model.score_many([REQUEST]).scores
    forward = model._backbone.forward
    model._backbone.forward = lambda attention_mask, position_ids, **inputs: forward(**inputs)
    assert largest_difference(right, model.score_many([REQUEST]).scores) > 1e-2


@pytest.mark.parametrize(("dtype", "allowed"), [("bf16", 0.5), ("fp16", 0.05)])
def test_trap_half_precision_models_are_read_in_full_precision(tiny: Path, dtype: Any, allowed: float) -> None:
    import torch

    model = PaddedReranker(tiny, device="cpu", dtype=dtype)
    full = PaddedReranker(tiny, device="cpu").score_many([REQUEST]).scores
    scores = model.score_many([REQUEST]).scores
    assert model.dtype == dtype
    assert next(model._backbone.parameters()).dtype == {"bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    assert model._forward([[1, 2, 3]]).dtype == torch.float32
    assert largest_difference(scores, full) < allowed
    half = torch.bfloat16 if dtype == "bf16" else torch.float16
    assert any(torch.tensor(value).to(half).item() != value for value in scores[0])  # finer than the model's format


def test_trap_full_logits_are_never_made(tiny: Path) -> None:
    model = PaddedReranker(tiny, device="cpu")
    assert not hasattr(model._backbone, "lm_head")
    assert model._direction.shape == (32,)


def test_scores_that_are_not_numbers_name_the_pair(tiny: Path) -> None:
    import torch

    model = PaddedReranker(tiny, device="cpu")
    model._direction = torch.full_like(model._direction, float("nan"))
    with pytest.raises(ScoreError, match=r"request 1, document 0.*'the query'.*nan"):
        model.score_many([Request("none", (), "i"), Request("the query", ("d",), "i")])
