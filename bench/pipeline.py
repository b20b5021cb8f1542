"""A retriever, optionally followed by a reranker over its best candidates: queries -> Run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.machine.meter import Stopwatch
from bench.rerankers import Reranker
from bench.rerankers.scores import NotFiniteError
from bench.retrievers import Retriever
from bench.types import DataError, Query, Ranking, Request, Run, ScoreError, Work, as_float32, rank


@dataclass(frozen=True, slots=True)
class Answer:
    """The run to be judged, the first stage's run beneath it, and what the reranker did.

    ``cut_pairs``: for the queries that have any, the candidates that were cut to fit; None where nobody can know.
    """

    run: Run
    first_stage: Run
    work: Work
    cut_pairs: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Ready to answer: models loaded, corpus indexed. ``texts`` maps document id -> what the reranker reads.

    ``drops_own_id``: a document whose id is the query's own is no candidate. ``instruction_field`` names a field of the
    queries that holds an instruction of their own; the others get ``instruction``.
    """

    retriever: Retriever
    reranker: Reranker | None
    texts: Mapping[str, str]
    depth: int
    instruction: str
    drops_own_id: bool = False
    instruction_field: str | None = None

    def answer(
        self,
        queries: Sequence[Query],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Answer:
        """Rank for each query: the retriever's best ``depth``, reordered by the reranker where there is one.

        ``progress`` is told the pairs reranked so far. Documents below ``depth`` are not in the run. Raises ScoreError,
        naming query and document, for scores that are missing or not finite.
        """
        stages = stages or Stopwatch()
        return self.rerank(queries, self.candidates(queries, stages), stages, progress)

    def candidates(self, queries: Sequence[Query], stages: Stopwatch | None = None) -> Run:
        """The first stage's best ``depth`` for each query."""
        stages = stages or Stopwatch()
        if not self.drops_own_id:
            return self._found(queries, self.depth, stages)
        found = self._found(queries, self.depth + 1, stages)
        return {
            query_id: tuple(doc for doc in ranking if doc.doc_id != query_id)[: self.depth]
            for query_id, ranking in found.items()
        }

    def rerank(
        self,
        queries: Sequence[Query],
        candidates: Run,
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Answer:
        """The candidates of each query in the reranker's order, or as they are where there is none. As ``answer``."""
        stages = stages or Stopwatch()
        if self.reranker is None:
            return Answer(candidates, candidates, Work())
        try:
            scored = self.reranker.score_many(self.requests(queries, candidates), stages, progress)
        except NotFiniteError as error:
            query = queries[error.request]
            document = candidates[query.id][error.document].doc_id
            raise ScoreError(f"query {query.id!r}, document {document!r}: {error}") from error
        with stages.time("rank"):
            run = {
                query.id: _ranked(query, [doc.doc_id for doc in candidates.get(query.id, ())], scores)
                for query, scores in zip(queries, scored.scores, strict=True)
            }
        cut = None
        if scored.cut_pairs is not None:
            cut = {query.id: count for query, count in zip(queries, scored.cut_pairs, strict=True) if count}
        return Answer(run, candidates, scored.work, cut)

    def requests(self, queries: Sequence[Query], first_stage: Run) -> list[Request]:
        """What the reranker is asked: each query with the texts of its candidates."""
        return [
            Request(
                query.text, tuple(self.texts[doc.doc_id] for doc in first_stage.get(query.id, ())), self._asked(query)
            )
            for query in queries
        ]

    def _found(self, queries: Sequence[Query], k: int, stages: Stopwatch) -> Run:
        """What the retriever finds. A score that it cannot rank is looked for again, to name the query too."""
        try:
            return self.retriever.search(queries, k, stages)
        except ScoreError:
            for query in queries:
                try:
                    self.retriever.search([query], k)
                except ScoreError as error:
                    raise ScoreError(f"query {query.id!r}: {error}") from error
            raise

    def _asked(self, query: Query) -> str:
        own = own_instruction(query, self.instruction_field)
        return self.instruction if own is None else own


def own_instruction(query: Query, name: str | None) -> str | None:
    """The instruction in a query's field of that name; None where it has none. Raises DataError for what is no text."""
    own = query.metadata.get(name) if name is not None else None
    if own is not None and not isinstance(own, str):
        raise DataError(
            f"query {query.id!r}: its field {name!r} is to hold an instruction, and holds {type(own).__name__}; "
            "write it as text"
        )
    return own


def _ranked(query: Query, doc_ids: Sequence[str], scores: Sequence[float]) -> Ranking:
    """Raises ScoreError, naming the query, and the document where one is to blame."""
    if len(doc_ids) != len(scores):
        raise ScoreError(f"query {query.id!r}: {len(doc_ids)} documents were given and {len(scores)} scores came back")
    try:
        return rank(zip(doc_ids, scores, strict=True))
    except ScoreError as error:
        document = next((f", document {doc_id!r}" for doc_id, score in zip(doc_ids, scores, strict=True)
                         if not _fits(score)), "")  # fmt: skip
        raise ScoreError(f"query {query.id!r}{document}: {error}") from error


def _fits(score: float) -> bool:
    try:
        return math.isfinite(as_float32(score))
    except ScoreError:
        return False
