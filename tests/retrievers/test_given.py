"""``given``: each query's own candidates, in their order; what is wrong with them is told with the query's id."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data import load_dataset
from bench.machine.meter import Stopwatch
from bench.retrievers.given import GivenRetriever
from bench.types import DataError, Document, Query

UNTOLD = object()


def retriever_of(*ids: str) -> GivenRetriever:
    retriever = GivenRetriever()
    retriever.index([Document(id, "") for id in ids])
    return retriever


def query(candidates: Any = UNTOLD, id: str = "q7") -> Query:
    return Query(id, "text", {} if candidates is UNTOLD else {"candidates": candidates})


def ids(retriever: GivenRetriever, asked: Query, k: int) -> list[str]:
    return [document.doc_id for document in retriever.search([asked], k)[asked.id]]


@given(st.permutations([f"d{n}" for n in range(30)]), st.integers(1, 40))
def test_the_given_order_is_kept_whatever_the_ids(order: list[str], k: int) -> None:
    assert ids(retriever_of(*order), query(order), k) == order[:k]


def test_a_long_list_has_no_ties() -> None:
    order = [f"d{n}" for n in range(5000)]
    ranking = retriever_of(*order).search([query(order)], 5000)["q7"]
    assert [document.doc_id for document in ranking] == order
    scores = [document.score for document in ranking]
    assert all(higher > lower for higher, lower in pairwise(scores))


def test_every_query_has_its_own_and_none_is_a_ranking_too() -> None:
    retriever = retriever_of("a", "b", "c")
    run = retriever.search([query(["c", "a"], "one"), query(("b",), "two"), query([], "three")], 5)
    assert {name: [document.doc_id for document in ranking] for name, ranking in run.items()} == {
        "one": ["c", "a"],
        "two": ["b"],
        "three": [],
    }


@pytest.mark.parametrize("inside", [True, False])
def test_a_labelled_set_brings_them_along(small_set: Path, inside: bool) -> None:
    lines = [json.loads(line) for line in (small_set / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line.update({"metadata": {"candidates": ["d5", "d1"]}} if inside else {"candidates": ["d5", "d1"]})
    (small_set / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    dataset = load_dataset(small_set)
    retriever = GivenRetriever()
    retriever.index(dataset.corpus)
    run = retriever.search(dataset.queries, 10)
    assert [document.doc_id for document in run["q1"]] == ["d5", "d1"]
    assert run.keys() == {query.id for query in dataset.queries}


def test_a_number_is_read_as_its_digits_as_in_the_corpus() -> None:
    assert ids(retriever_of("7", "12"), query([12, 7]), 2) == ["12", "7"]


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        (UNTOLD, "query 'q7' has no candidates"),
        ("a", "query 'q7': its candidates are str, not a list"),
        (None, "query 'q7': its candidates are NoneType, not a list"),
        (["a", "z"], "query 'q7': the candidate 'z' is none of the 2 documents in the corpus"),
        (["a", True], "query 'q7': the candidate True is not an id"),
        (["a", {"id": "b"}], "query 'q7': the candidate {'id': 'b'} is not an id"),
        (["a", "b", "a"], "query 'q7': the candidate 'a' is listed twice"),
    ],
)
def test_what_is_wrong_is_said_with_the_query_and_what_was_expected(candidates: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        retriever_of("a", "b").search([query(["a"], "q1"), query(candidates)], 1)
    assert str(caught.value).startswith(said)
    assert 'expects the field "candidates" of every query: a list of ids in the corpus' in str(caught.value)


def test_indexing_again_replaces_the_corpus() -> None:
    retriever = retriever_of("a")
    retriever.index([Document("b", "")])
    assert ids(retriever, query(["b"]), 5) == ["b"]
    with pytest.raises(DataError, match="the candidate 'a'"):
        retriever.search([query(["a"])], 5)


def test_misuse_is_told() -> None:
    retriever = GivenRetriever()
    with pytest.raises(RuntimeError, match="index"):
        retriever.search([query(["a"])], 5)
    with pytest.raises(DataError, match="no documents"):
        retriever.index([])
    with pytest.raises(ValueError, match="k is 0"):
        retriever_of("a").search([], 0)


def test_search_is_timed_and_nothing_else() -> None:
    retriever, stages = retriever_of("a"), Stopwatch()
    retriever.search([query(["a"])], 5, stages)
    assert list(stages.seconds) == ["search"]
    assert stages.seconds["search"] > 0
    assert not retriever.index_from_cache
