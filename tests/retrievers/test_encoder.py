"""A transformer as encoder: its length bound is kept, and order and batches play no part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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


def encoder(folder: Path, max_length: int | None = None, batch_size: int = 8, dtype: str = "fp32") -> Encoder:
    return load_encoder(folder, "cpu", dtype, max_length, batch_size)


def test_order_and_batches_play_no_part(folder: Path) -> None:
    together = encoder(folder).encode(TEXTS, "")
    singly = encoder(folder, batch_size=1).encode(TEXTS[::-1], "")
    assert together.shape == (4, 16)
    assert (together - singly.flip(0)).abs().max() < 1e-5


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
