"""Both BM25s: scores equal to the libraries' own, only matching documents, ties in the one order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from bench.data import load_dataset
from bench.machine.meter import Stopwatch
from bench.retrievers.bm25 import OkapiRetriever
from bench.retrievers.bm25s import Bm25sRetriever
from bench.retrievers.okapi import build_okapi
from bench.retrievers.tokens import tokenise
from bench.types import DataError, Document, Query

BOTH = pytest.mark.parametrize("make", [OkapiRetriever, Bm25sRetriever])

words = st.sampled_from(["a", "b", "c", "d", "e", "猫"])
documents = st.lists(st.lists(words, max_size=8), min_size=1, max_size=12).filter(any)


def corpus_of(*texts: str) -> list[Document]:
    return [Document(f"d{n}", text) for n, text in enumerate(texts)]


@settings(deadline=None)  # the first example imports what is used
@given(documents, st.lists(words | st.just("unknown"), max_size=8))
def test_okapi_scores_are_rank_bm25s_to_the_last_bit(corpus: list[list[str]], query: list[str]) -> None:
    theirs = BM25Okapi(corpus).get_scores(query)
    ours, matched = build_okapi(corpus).scores(query)
    assert np.array_equal(ours, theirs)
    assert matched.tolist() == [n for n, document in enumerate(corpus) if set(document) & set(query)]


@pytest.mark.parametrize(("name", "queries"), [("cranfield", 225), ("xquad_zh", 200), ("statutory_interp_en", 24)])
def test_okapi_parity_on_real_text(shared_data: Callable[[str], Path], name: str, queries: int) -> None:
    dataset = load_dataset(shared_data(name))
    corpus = [tokenise(document.content) for document in dataset.corpus]
    theirs, ours = BM25Okapi(corpus), build_okapi(corpus)
    for query in dataset.queries[:queries]:
        asked = tokenise(query.text)
        assert np.array_equal(ours.scores(asked)[0], theirs.get_scores(asked)), query.id


def test_bm25s_ranks_as_the_library_does(shared_data: Callable[[str], Path]) -> None:
    import bm25s

    dataset = load_dataset(shared_data("cranfield"))
    library = bm25s.BM25()
    library.index([tokenise(document.content) for document in dataset.corpus], show_progress=False)
    asked = [tokenise(query.text) for query in dataset.queries]
    _, scores = library.retrieve(asked, k=10, show_progress=False)
    retriever = Bm25sRetriever()
    retriever.index(dataset.corpus)
    run = retriever.search(dataset.queries, 10)
    for query, expected in zip(dataset.queries, scores, strict=True):
        assert [doc.score for doc in run[query.id]] == expected.tolist()


@BOTH
def test_only_documents_with_a_word_of_the_query_are_ranked(make: Callable[[], OkapiRetriever]) -> None:
    retriever = make()
    retriever.index(corpus_of("red fox", "blue whale", "red whale", ""))
    queries = [Query("one", "fox"), Query("two", "red whales"), Query("none", "zebra"), Query("empty", "?!")]
    run = retriever.search(queries, 10)
    assert {query: [doc.doc_id for doc in ranking] for query, ranking in run.items()} == {
        "one": ["d0"],
        "two": ["d2", "d1", "d0"],
        "none": [],
        "empty": [],
    }


def test_okapi_ranks_a_match_whose_weight_is_zero_or_below() -> None:
    retriever = OkapiRetriever()
    retriever.index(corpus_of("cat", "cat", "dog", "dog"))  # in half of the documents: idf is 0
    assert [doc.doc_id for doc in retriever.search([Query("q", "cat")], 10)["q"]] == ["d1", "d0"]
    retriever.index(corpus_of("cat", "cat dog", "cat dog"))  # the mean idf, and with it the floor, is negative
    ranking = retriever.search([Query("q", "cat")], 10)["q"]
    assert len(ranking) == 3
    assert ranking[0].score < 0


@BOTH
@pytest.mark.parametrize("k", [1, 2, 3, 100])
def test_ties_go_by_document_id(make: Callable[[], OkapiRetriever], k: int) -> None:
    retriever = make()
    retriever.index(corpus_of("owl", "owl", "owl", "owl", "mouse", "mouse", "hen", "hen", "hen"))
    found = [doc.doc_id for doc in retriever.search([Query("q", "owl")], k)["q"]]
    assert found == ["d3", "d2", "d1", "d0"][:k]


@BOTH
def test_a_corpus_without_words_matches_nothing(make: Callable[[], OkapiRetriever]) -> None:
    retriever = make()
    retriever.index(corpus_of("", "?!"))
    assert retriever.search([Query("q", "cat")], 5) == {"q": ()}


@BOTH
def test_indexing_again_replaces_the_corpus(make: Callable[[], OkapiRetriever]) -> None:
    retriever = make()
    retriever.index(corpus_of("cat", "dog", "cow"))
    retriever.index([Document("x", "dog", title="A cat"), Document("y", "hen"), Document("z", "ox")])
    assert [doc.doc_id for doc in retriever.search([Query("q", "cats")], 5)["q"]] == ["x"]


@BOTH
def test_misuse_is_told(make: Callable[[], OkapiRetriever]) -> None:
    retriever = make()
    with pytest.raises(RuntimeError, match="index"):
        retriever.search([Query("q", "cat")], 5)
    with pytest.raises(DataError, match="no documents"):
        retriever.index([])
    with pytest.raises(ValueError, match="k is 0"):
        retriever.search([], 0)


@BOTH
def test_search_is_timed_and_nothing_else(make: Callable[[], OkapiRetriever]) -> None:
    retriever, stages = make(), Stopwatch()
    retriever.index(corpus_of("cat", "dog"))
    retriever.search([Query("q", "cat")], 5, stages)
    assert list(stages.seconds) == ["search"]
    assert stages.seconds["search"] > 0
    assert not retriever.index_from_cache
