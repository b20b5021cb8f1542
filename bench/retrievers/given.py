"""``given``: no search at all; each query brings its candidates along, as a list of document ids, best first.

A labelled set has them when a line of ``queries.jsonl`` has the field ``candidates`` (or its ``metadata`` does). So
rerankers can be compared on another system's candidates, and a drawn workload needs no words in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from bench.machine.meter import Stopwatch
from bench.retrievers.topk import check_corpus, check_k
from bench.types import DataError, Document, Query, Ranking, Run, rank

EXPECTED = (
    "the retriever 'given' expects the field \"candidates\" of every query: a list of ids in the corpus, best first; "
    "mend queries.jsonl, or name a retriever that searches"
)


class GivenRetriever:
    """The score of the candidate at place n is 1/n: as 32-bit floats these differ for the first ten million."""

    index_from_cache = False

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()

    def index(self, corpus: Sequence[Document]) -> None:
        check_corpus(corpus)
        self._known = frozenset(document.id for document in corpus)

    def search(self, queries: Sequence[Query], k: int, stages: Stopwatch | None = None) -> Run:
        """Raises DataError for a query without candidates, and for one that is no document or is listed twice."""
        check_k(k)
        if not self._known:
            raise RuntimeError("search() needs index() first")
        with stages.time("search") if stages else nullcontext():
            return {query.id: self._ranking(query, k) for query in queries}

    def _ranking(self, query: Query, k: int) -> Ranking:
        candidates = _candidates(query)
        unknown = [candidate for candidate in candidates if candidate not in self._known]
        if unknown:
            raise DataError(
                f"query {query.id!r}: the candidate {unknown[0]!r} is none of the {len(self._known)} documents in the "
                f"corpus; {EXPECTED}"
            )
        return rank((candidate, 1 / place) for place, candidate in enumerate(candidates[:k], start=1))


def _candidates(query: Query) -> list[str]:
    if "candidates" not in query.metadata:
        raise DataError(f"query {query.id!r} has no candidates; {EXPECTED}")
    listed = query.metadata["candidates"]
    if not isinstance(listed, list | tuple):
        raise DataError(f"query {query.id!r}: its candidates are {type(listed).__name__}, not a list; {EXPECTED}")
    candidates = [_identifier(query, candidate) for candidate in listed]
    if len(set(candidates)) < len(candidates):
        twice = next(candidate for n, candidate in enumerate(candidates) if candidate in candidates[:n])
        raise DataError(f"query {query.id!r}: the candidate {twice!r} is listed twice; {EXPECTED}")
    return candidates


def _identifier(query: Query, candidate: Any) -> str:
    """A document's id; a number is read as its digits, as it is in the corpus."""
    if type(candidate) is int:
        return str(candidate)
    if not isinstance(candidate, str):
        raise DataError(f"query {query.id!r}: the candidate {candidate!r} is not an id; {EXPECTED}")
    return candidate
