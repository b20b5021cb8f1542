"""rank(): the one place where an order is made."""

from __future__ import annotations

import math
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.types import DataError, RerankBenchError, ScoreError, Trial, Work, rank

ids = st.text(min_size=1, max_size=6)
scores = st.floats(width=32, allow_nan=False, allow_infinity=False)
scored = st.dictionaries(ids, scores, max_size=30)


@given(scored)
def test_order_is_by_score_then_by_id_both_descending(items: dict[str, float]) -> None:
    ranking = rank(items.items())
    for above, below in pairwise(ranking):
        assert (above.score, above.doc_id.encode()) > (below.score, below.doc_id.encode())


@given(scored, st.randoms())
def test_order_does_not_depend_on_the_order_given(items: dict[str, float], random: object) -> None:
    shuffled = list(items.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rank(shuffled) == rank(items.items())


@given(scored, st.integers(0, 40))
def test_k_keeps_the_first_and_loses_nothing_above(items: dict[str, float], k: int) -> None:
    assert rank(items.items(), k) == rank(items.items())[:k]
    assert {doc.doc_id for doc in rank(items.items())} == set(items)


@given(st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e30, max_value=1e30))
def test_scores_are_what_a_32_bit_reader_sees(score: float) -> None:
    assert rank([("d", score)])[0].score == struct.unpack("<f", struct.pack("<f", score))[0]


def test_scores_closer_than_32_bits_tie_as_in_trec_eval() -> None:
    assert [doc.doc_id for doc in rank([("a", 1.0 + 1e-12), ("b", 1.0)])] == ["b", "a"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_a_score_that_is_no_number_is_an_error_that_names_the_document(bad: float) -> None:
    with pytest.raises(ScoreError, match=r"d7|32-bit"):
        rank([("d1", 0.5), ("d7", bad)])


def test_a_document_scored_twice_is_an_error() -> None:
    with pytest.raises(ScoreError, match="twice"):
        rank([("d1", 0.5), ("d1", 0.6)])


def test_trial_ids_name_every_field() -> None:
    base = Trial("set", "BM25")
    assert base.id == Trial("set", "BM25").id
    assert len({base.id, Trial("set", "BM25", depth=7).id, Trial("other", "BM25").id, Trial("set", "B").id}) == 4


def test_work_adds_up() -> None:
    assert Work(1, 2, 3, 4, 5, 6) + Work(1, 1, 1, 1, 1, 1) == Work(2, 3, 4, 5, 6, 7)


def test_every_error_has_an_exit_code_of_its_own() -> None:
    kinds = RerankBenchError.__subclasses__()
    assert len({kind.exit_code for kind in kinds} | {1}) == len(kinds) + 1


def test_data_errors_say_where(tmp_path: object) -> None:
    from pathlib import Path

    assert str(DataError("is odd", Path("corpus.jsonl"), 3)) == "corpus.jsonl:3: is odd"
