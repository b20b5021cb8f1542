"""Taking the best k is the same as ranking everything and cutting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.retrievers.topk import best, check_corpus, check_k
from bench.types import DataError, rank

# Few values, two of them apart only beyond 32 bits: ties everywhere, at the k-th place too.
scores = st.lists(st.sampled_from([-1.0, 0.0, 1.0, 1.0 + 1e-12, 2.0]) | st.floats(-10, 10), max_size=30)


@given(scores, st.integers(1, 40))
def test_best_is_rank(values: list[float], k: int) -> None:
    ids = [f"d{n}" for n in range(len(values))]
    found = best(np.array(values, dtype=np.float64), np.arange(len(values)), ids, k)
    assert found == rank(zip(ids, values, strict=True), k)


def test_positions_name_the_documents() -> None:
    assert [doc.doc_id for doc in best(np.array([1.0, 3.0]), np.array([4, 2]), list("abcde"), 2)] == ["c", "e"]


def test_nothing_to_index_or_to_return() -> None:
    with pytest.raises(DataError, match="no documents"):
        check_corpus([])
    with pytest.raises(ValueError, match="at least one"):
        check_k(0)
