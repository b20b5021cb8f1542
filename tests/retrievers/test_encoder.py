"""A transformer as encoder: its length bound is kept, and order and batches play no part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.retrievers.encoder import Encoder, load_encoder
from bench.types import ModelError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat", "dog", "whale", "fox"]
TEXTS = ["cat", "dog whale fox cat dog whale fox", "", "fox"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained BERT of two small layers with 32 positions, as a sentence-transformers model."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    base = tmp_path_factory.mktemp("bert")
    (base / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab=str(base / "vocab.txt"), model_max_length=32).save_pretrained(base)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertModel(
        BertConfig(vocab_size=len(WORDS), intermediate_size=32, max_position_embeddings=32, **sizes)
    ).save_pretrained(base)
    transformer = Transformer(str(base))
    model = SentenceTransformer(modules=[transformer, Pooling(transformer.get_embedding_dimension())], device="cpu")
    model.save(str(base / "model"), create_model_card=False)
    return base / "model"


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Encoder:
    return load_encoder(folder, "cpu", "fp32", None, None)


def encoder(folder: Path, max_length: int | None = None, batch_size: int | None = 8, dtype: str = "fp32") -> Encoder:
    return load_encoder(folder, "cpu", dtype, max_length, batch_size)


def test_order_and_batches_play_no_part(folder: Path) -> None:
    together = encoder(folder).encode(TEXTS, "")
    singly = encoder(folder, batch_size=1).encode(TEXTS[::-1], "")
    assert together.shape == (4, 16)
    assert (together - singly.flip(0)).abs().max() < 1e-5


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from(WORDS[4:]), max_size=40).map(" ".join), min_size=1, max_size=12))
def test_the_vectors_are_those_of_one_text_at_a_time(loaded: Encoder, texts: list[str]) -> None:
    import torch

    singly = torch.cat([loaded.encode([text], "cat ") for text in texts])
    for batch_size, budget in ((3, 1), (None, 1), (None, 16), (None, 64), (None, 10_000)):
        loaded.batch_size, loaded.token_budget = batch_size, budget
        cosines = (loaded.encode(texts, "cat ").double() * singly.double()).sum(dim=1)
        assert (1 - cosines).abs().max() < 1e-6


def test_lengths_are_in_tokens_with_the_prompt_and_within_the_bound(folder: Path) -> None:
    texts = ["", "cat", "cat dog", "cat " * 100]
    model = encoder(folder, batch_size=None)
    assert model.token_lengths(texts, "") == [2, 3, 4, 32]  # [CLS] and [SEP] among them
    assert model.token_lengths(texts, "fox fox ") == [4, 5, 6, 32]
    assert encoder(folder, max_length=3).token_lengths(texts, "") == [2, 3, 3, 3]
    padded = [model.model.preprocess([text])["input_ids"].shape[1] for text in texts]
    assert model.token_lengths(texts, "") == padded


def test_a_pass_holds_as_many_tokens_as_it_may(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = encoder(folder, batch_size=None)
    model.token_budget = 64
    shapes: list[tuple[int, ...]] = []
    forward = model.model.forward

    def watched(features: Any, **more: Any) -> Any:
        shapes.append(tuple(features["input_ids"].shape))
        return forward(features, **more)

    monkeypatch.setattr(model.model, "forward", watched)
    model.encode(["cat"] * 30 + ["dog " * 40] * 3, "")
    assert shapes == [(2, 32), (2, 32), (21, 3), (8, 3)]


def test_a_model_without_a_length_in_tokens_goes_by_number(make_model: Callable[..., Path]) -> None:
    model = load_encoder(make_model(), "cpu", "fp32", None, None)
    assert not model.counts_tokens
    assert [len(batch) for batch in model.batches(["cat"] * 130, "")] == [64, 64, 2]


def test_text_beyond_the_bound_is_not_read(folder: Path) -> None:
    short = encoder(folder, max_length=5)  # [CLS] and [SEP] among them
    assert (short.encode(["cat dog fox whale whale"], "") - short.encode(["cat dog fox"], "")).abs().max() < 1e-6
    assert (short.encode(["cat dog fox"], "") - short.encode(["cat dog whale"], "")).abs().max() > 1e-4


@pytest.mark.parametrize("max_length", [0, 33])
def test_a_bound_that_the_model_does_not_take(folder: Path, max_length: int) -> None:
    with pytest.raises(ModelError, match="takes 1 to 32"):
        encoder(folder, max_length=max_length)


def test_half_precision_is_near(folder: Path) -> None:
    exact, half = encoder(folder).encode(TEXTS, ""), encoder(folder, dtype="bf16").encode(TEXTS, "")
    assert 0 < (exact - half).abs().max() < 0.05
