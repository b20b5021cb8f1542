"""The nearest documents are those of a full sort, whatever the blocks and however many scores are equal."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.retrievers import nearest as module
from bench.retrievers.dense import as_tensor
from bench.retrievers.nearest import nearest, tie_order
from bench.types import Ranking, ScoreError, rank

# Whole numbers in few dimensions: products are exact in any block, and most of them are equal.
rows = st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 1)), min_size=1, max_size=24)


def found(queries: Any, documents: Any, ids: list[str], k: int, **blocks: int) -> list[Ranking]:
    import torch

    asked, given = (torch.as_tensor(vectors, dtype=torch.float32) for vectors in (queries, documents))
    return [
        rank((ids[place], score) for place, score in zip(places.tolist(), scores.tolist(), strict=True))
        for scores, places in nearest(asked, given, tie_order(ids, "cpu"), k, **blocks)
    ]


def all_ranked(queries: Any, documents: Any, ids: list[str], k: int) -> list[Ranking]:
    scores = np.array(queries, dtype=np.float32) @ np.array(documents, dtype=np.float32).T
    return [rank(zip(ids, row, strict=True), k) for row in scores.tolist()]


@settings(deadline=None)  # the first example imports torch
@given(rows, rows, st.integers(1, 30), st.integers(1, 200), st.integers(1, 8), st.randoms())
def test_blocks_and_ties_change_nothing(
    queries: Any, documents: Any, k: int, block_scores: int, block_queries: int, random: Any
) -> None:
    ids = [f"d{place}" for place in range(len(documents))]  # d10 comes before d9: not the order of positions
    random.shuffle(ids)
    blocks = {"block_scores": block_scores, "block_queries": block_queries}
    assert found(queries, documents, ids, k, **blocks) == all_ranked(queries, documents, ids, k)


@settings(deadline=None)
@given(rows, rows, st.integers(1, 30), st.integers(1, 60), st.randoms())
def test_a_mapped_matrix_in_chunks_is_searched_as_one_in_memory(
    queries: Any, documents: Any, k: int, block_scores: int, random: Any
) -> None:
    ids = [f"d{place}" for place in range(len(documents))]
    random.shuffle(ids)
    with TemporaryDirectory() as folder:
        np.save(f"{folder}/vectors.npy", np.array(documents, dtype=np.float32))
        mapped = as_tensor(np.load(f"{folder}/vectors.npy", mmap_mode="r"))
        assert found(queries, mapped, ids, k, block_scores=block_scores) == all_ranked(queries, documents, ids, k)


@pytest.mark.parametrize("block_scores", [1, 7, 64, 2**20])
def test_a_corpus_of_one_vector(block_scores: int) -> None:
    ids = [f"d{place:03}" for place in range(200)]
    for ranking in found([(1, 1)] * 3, [(1, 0)] * 200, ids, 5, block_scores=block_scores):
        assert [doc.doc_id for doc in ranking] == ["d199", "d198", "d197", "d196", "d195"]


def test_no_more_scores_than_allowed_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    first = module._first

    def watched(scores: Any, *rest: Any) -> Any:
        held.append(scores.numel())
        return first(scores, *rest)

    monkeypatch.setattr(module, "_first", watched)
    documents = [(n % 7, n % 5) for n in range(3000)]
    ids = [f"d{place}" for place in range(3000)]
    queries = [(1, n) for n in range(25)]
    assert found(queries, documents, ids, 5, block_scores=1000, block_queries=10) == all_ranked(
        queries, documents, ids, 5
    )
    assert max(held) <= 1000


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ScoreError, match="finite"):
        found([(float("nan"), 1)], [(1, 0), (0, 1), (1, 1)], ["a", "b", "c"], 2)
