"""A tiny embedding model: one vector per word, averaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

WORDS = ["[UNK]", "cat", "dog", "whale", "fox", "bread", "yeast", "server", "attack", "query", "document", ":", "猫"]


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a static model whose words have random vectors; ``seed`` makes another one."""

    def make(seed: int = 0, dimensions: int = 16) -> Path:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
        from tokenizers import Tokenizer, models, pre_tokenizers

        tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        weights = torch.randn(len(WORDS), dimensions, generator=torch.Generator().manual_seed(seed))
        folder = tmp_path / f"static-{seed}"
        SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu").save(
            str(folder), create_model_card=False
        )
        return folder

    return make
