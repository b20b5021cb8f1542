"""Real text at the size of a study: no score moves and no rank changes, whatever a pair is scored with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.data import load_dataset
from bench.rerankers.padded import PaddedReranker
from bench.rerankers.qwen3 import Qwen3Reranker
from bench.rerankers.scores import sigmoid
from bench.rerankers.template import TEMPLATES
from bench.retrievers.bm25 import OkapiRetriever
from bench.types import Request, rank

MODEL = "asset:tracer-reranker"
INSTRUCTION = TEMPLATES["qwen3"].default_instruction


@pytest.fixture(scope="module")
def scifact(shared_data: Callable[[str], Path]) -> list[Request]:
    """The first 50 test queries with the 50 best of BM25 each: 2,500 pairs."""
    dataset = load_dataset(shared_data("scifact"))
    queries = dataset.queries[:50]
    retriever = OkapiRetriever()
    retriever.index(dataset.corpus)
    texts = {document.id: document.content for document in dataset.corpus}
    found = retriever.search(queries, 50)
    return [Request(query.text, tuple(texts[doc.doc_id] for doc in found[query.id]), INSTRUCTION) for query in queries]


@pytest.fixture(scope="module")
def one_at_a_time(scifact: list[Request]) -> list[list[float]]:
    return PaddedReranker(MODEL, device="cpu", batch_size=1).score_many(scifact).scores


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"batch_size": 7}, {"deterministic": True}], ids=str)
def test_no_rank_changes_and_no_probability_moves(
    scifact: list[Request], one_at_a_time: list[list[float]], options: dict[str, object]
) -> None:
    scored = Qwen3Reranker(MODEL, device="cpu", **options).score_many(scifact).scores
    worst, changed = 0.0, 0
    for row, exact in zip(scored, one_at_a_time, strict=True):
        worst = max(worst, *(abs(sigmoid(one) - sigmoid(other)) for one, other in zip(row, exact, strict=True)))
        changed += order(row) != order(exact)
    assert worst <= 1e-5
    assert changed == 0


def order(scores: list[float]) -> list[str]:
    return [doc.doc_id for doc in rank((str(place), score) for place, score in enumerate(scores))]
