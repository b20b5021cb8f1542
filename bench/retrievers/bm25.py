"""``bm25``: Okapi BM25 as rank_bm25 computes it (k1 1.5, b 0.75), bit for bit, some hundred times faster.

A ranking holds only documents with at least one word of the query, whatever their score, as in Lucene; a query that
shares no word with the corpus has an empty ranking. (rank_bm25's own ``get_top_n`` fills up with documents of score 0.)
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from bench.data import ids_of
from bench.machine.meter import Stopwatch
from bench.retrievers.okapi import OkapiIndex, build_okapi
from bench.retrievers.tokens import tokenise
from bench.retrievers.topk import best, check_corpus, check_k
from bench.types import Document, Query, Ranking, Run


class OkapiRetriever:
    index_from_cache = False

    def __init__(self) -> None:
        self._ids: Sequence[str] = ()
        self._index: OkapiIndex | None = None

    def index(self, corpus: Sequence[Document]) -> None:
        check_corpus(corpus)
        self._ids = ids_of(corpus)
        self._index = build_okapi(tokenise(document.content) for document in corpus)

    def search(self, queries: Sequence[Query], k: int, stages: Stopwatch | None = None) -> Run:
        check_k(k)
        with stages.time("search") if stages else nullcontext():
            return {query.id: self._ranking(query.text, k) for query in queries}

    def _ranking(self, text: str, k: int) -> Ranking:
        if self._index is None:
            raise RuntimeError("search() needs index() first")
        scores, matched = self._index.scores(tokenise(text))
        return best(scores[matched], matched, self._ids, k)
