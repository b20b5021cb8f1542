"""``bm25s``: the bm25s library with its defaults (Lucene's variant, k1 1.5, b 0.75, 32-bit floats).

Lucene's idf is positive for every word, so the documents with a word of the query are those with a score above 0; as
for ``bm25``, only they are ranked.

The library can save its index and map the files into memory. That is of no use here: a trial indexes its corpus in its
own process, and the peak of its memory is that of indexing, several times the index, whatever becomes of it afterwards.
What does lower that peak is to hand the library numbers for words, so that no text of the corpus is kept twice.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from bench.machine.meter import Stopwatch
from bench.retrievers.tokens import tokenise
from bench.retrievers.topk import best, check_corpus, check_k
from bench.types import Document, Query, Ranking, Run


class Bm25sRetriever:
    index_from_cache = False

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._model: Any = None
        self._words: Container[str] | None = None

    def index(self, corpus: Sequence[Document]) -> None:
        import bm25s

        check_corpus(corpus)
        self._ids = [document.id for document in corpus]
        words: dict[str, int] = {}
        numbers = [[words.setdefault(word, len(words)) for word in tokenise(document.content)] for document in corpus]
        self._model, self._words = bm25s.BM25(), words
        if words:  # the library cannot index a corpus without a single word
            self._model.index((numbers, words), show_progress=False)

    def search(self, queries: Sequence[Query], k: int, stages: Stopwatch | None = None) -> Run:
        check_k(k)
        with stages.time("search") if stages else nullcontext():
            return {query.id: self._ranking(query.text, k) for query in queries}

    def _ranking(self, text: str, k: int) -> Ranking:
        if self._words is None:
            raise RuntimeError("search() needs index() first")
        known = [word for word in tokenise(text) if word in self._words]
        if not known:
            return ()
        scores = self._model.get_scores(known)
        matched = np.flatnonzero(scores > 0)
        return best(scores[matched], matched, self._ids, k)
