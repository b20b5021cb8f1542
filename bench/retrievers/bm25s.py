"""``bm25s``: the bm25s library with its defaults (Lucene's variant, k1 1.5, b 0.75, 32-bit floats).

Lucene's idf is positive for every word, so the documents with a word of the query are those with a score above 0; as
for ``bm25``, only they are ranked.

A corpus that lies on disk has its index there too, in ``folder``: mapped into memory, and found by the next process.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import ids_of
from bench.data.corpus import DiskCorpus
from bench.machine.meter import Stopwatch
from bench.retrievers.bm25s_index import build, kept
from bench.retrievers.tokens import tokenise
from bench.retrievers.topk import best, check_corpus, check_k
from bench.types import Document, Query, Ranking, Run


class Bm25sRetriever:
    """``folder`` is where indices are kept; without one, every index is made in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self.index_from_cache = False
        self._folder = folder
        self._ids: Sequence[str] = ()
        self._model: Any = None

    def index(self, corpus: Sequence[Document]) -> None:
        check_corpus(corpus)
        self._ids, self.index_from_cache = ids_of(corpus), False
        if self._folder is not None and isinstance(corpus, DiskCorpus):
            self._model, self.index_from_cache = kept(self._folder, corpus.checksum, corpus)
        else:
            self._model = build(corpus)

    def search(self, queries: Sequence[Query], k: int, stages: Stopwatch | None = None) -> Run:
        check_k(k)
        with stages.time("search") if stages else nullcontext():
            return {query.id: self._ranking(query.text, k) for query in queries}

    def _ranking(self, text: str, k: int) -> Ranking:
        if self._model is None:
            raise RuntimeError("search() needs index() first")
        known = [word for word in tokenise(text) if word in self._model.vocab_dict]
        if not known:
            return ()
        scores = self._model.get_scores(known)
        matched = np.flatnonzero(~(scores <= 0))  # a score that is no number goes to ``rank`` too, which refuses it
        return best(scores[matched], matched, self._ids, k)
