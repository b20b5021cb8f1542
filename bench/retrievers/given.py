"""``given``: no search at all; each query's candidates are given, as a TREC run or by the labelled set itself.

The run is the trial's ``candidates``, somebody else's first stage. Without one, each query brings its own along, best
first: a line of ``queries.jsonl`` has the field ``candidates`` (or its ``metadata`` does). So rerankers are compared on
the same candidates, and a drawn workload needs no words in common.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.data import ids_of
from bench.machine.meter import Stopwatch
from bench.retrievers.topk import check_corpus, check_k
from bench.sources.runs import candidates_path, read_candidates
from bench.types import DataError, Dataset, Document, Query, Ranking, Run, Trial, rank

EXPECTED = (
    "the retriever 'given' expects the field \"candidates\" of every query: a list of ids in the corpus, best first; "
    "mend queries.jsonl, name a TREC run (candidates: FILE), or name a retriever that searches"
)


class GivenRetriever:
    """With a run its own scores and order. Else the candidate at place n scores 1/n: these differ up to n = 10⁷."""

    index_from_cache = False

    def __init__(self, run: Path | None = None) -> None:
        self._file = run
        self._known: Container[str] = frozenset()
        self._documents = 0
        self._run: Run | None = None

    def index(self, corpus: Sequence[Document]) -> None:
        check_corpus(corpus)
        self._known, self._documents = known_ids(corpus), len(corpus)
        if self._file is not None:
            self._run = read_candidates(self._file).run

    def search(self, queries: Sequence[Query], k: int, stages: Stopwatch | None = None) -> Run:
        """Raises DataError for a query without candidates, and for one that is no document or is listed twice.

        A query that a run has nothing for has an empty ranking, as in every evaluation of runs.
        """
        check_k(k)
        if not self._documents:
            raise RuntimeError("search() needs index() first")
        with stages.time("search") if stages else nullcontext():
            return {query.id: self._ranking(query, k) for query in queries}

    def _ranking(self, query: Query, k: int) -> Ranking:
        if self._run is not None:
            ranking = self._run.get(query.id, ())[:k]
            self._check_known(query, [candidate for candidate, _ in ranking])
            return ranking
        candidates = listed(query)
        self._check_known(query, candidates)
        return rank((candidate, 1 / place) for place, candidate in enumerate(candidates[:k], start=1))

    def _check_known(self, query: Query, candidates: Sequence[str]) -> None:
        unknown = [candidate for candidate in candidates if candidate not in self._known]
        if unknown:
            raise DataError(
                f"query {query.id!r}: the candidate {unknown[0]!r} is none of the {self._documents} documents in the "
                f"corpus; {EXPECTED}"
            )


@dataclass(frozen=True, slots=True)
class Lists:
    """What was found of a trial's candidates before it runs: how many each query has, and what to know of the file."""

    counts: Mapping[str, int]
    inputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def doubts(self, depth: int) -> tuple[str, ...]:
        """The notes, and whether a list is longer than what is handed over of it."""
        cut = sum(count > depth for count in self.counts.values())
        if not cut:
            return self.notes
        said = (
            f"{cut} of {len(self.counts)} queries have more than {depth} candidates, which are cut there; depth "
            f"{max(self.counts.values())} reranks whole lists"
        )
        return (*self.notes, said)


def find_lists(trial: Trial, dataset: Dataset, base: Path) -> Lists:
    """The candidates of the dataset's queries, checked. Raises DataError as a search would, and for the run's lines."""
    if trial.candidates is None:
        return Lists({query.id: len(listed(query)) for query in dataset.queries})
    path = candidates_path(trial.candidates, base)
    found = read_candidates(path, frozenset(query.id for query in dataset.queries), known_ids(dataset.corpus))
    counts = {query.id: len(found.run.get(query.id, ())) for query in dataset.queries}
    return Lists(counts, {"candidates": found.sha256}, tuple(f"{path.name}: {notice}" for notice in found.notices))


def known_ids(corpus: Sequence[Document]) -> Container[str]:
    """The ids of a corpus, to look one up; those of a corpus on disk are not copied."""
    ids = ids_of(corpus)
    return frozenset(ids) if isinstance(ids, list) else ids


def listed(query: Query) -> list[str]:
    """The candidates that a query brings along, best first. Raises DataError for one that brings none, or one twice."""
    if "candidates" not in query.metadata:
        raise DataError(f"query {query.id!r} has no candidates; {EXPECTED}")
    brought = query.metadata["candidates"]
    if not isinstance(brought, list | tuple):
        raise DataError(f"query {query.id!r}: its candidates are {type(brought).__name__}, not a list; {EXPECTED}")
    candidates = [_identifier(query, candidate) for candidate in brought]
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
