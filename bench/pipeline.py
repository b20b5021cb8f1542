"""A retriever, optionally followed by a reranker over its best candidates: queries -> Run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.machine.meter import Stopwatch
from bench.rerankers import Reranker
from bench.retrievers import Retriever
from bench.types import Query, Request, Run, ScoreError, Work, rank


@dataclass(frozen=True, slots=True)
class Answer:
    """The run to be judged, the first stage's run beneath it, and what the reranker did."""

    run: Run
    first_stage: Run
    work: Work


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Ready to answer: models loaded, corpus indexed. ``texts`` maps document id -> what the reranker reads.

    ``drops_own_id``: a document whose id is the query's own is no candidate.
    """

    retriever: Retriever
    reranker: Reranker | None
    texts: Mapping[str, str]
    depth: int
    instruction: str
    drops_own_id: bool = False

    def answer(
        self,
        queries: Sequence[Query],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Answer:
        """Rank for each query: the retriever's best ``depth``, reordered by the reranker where there is one.

        ``progress`` is told the pairs reranked so far. Documents below ``depth`` are not in the run. Raises ScoreError
        for scores that are missing or not finite.
        """
        stages = stages or Stopwatch()
        first_stage = self._candidates(queries, stages)
        if self.reranker is None:
            return Answer(first_stage, first_stage, Work())
        requests = self.requests(queries, first_stage)
        scored = self.reranker.score_many(requests, stages, progress)
        with stages.time("rank"):
            run = {
                query.id: rank(_pair(query, [doc.doc_id for doc in first_stage.get(query.id, ())], scores))
                for query, scores in zip(queries, scored.scores, strict=True)
            }
        return Answer(run, first_stage, scored.work)

    def _candidates(self, queries: Sequence[Query], stages: Stopwatch) -> Run:
        if not self.drops_own_id:
            return self.retriever.search(queries, self.depth, stages)
        found = self.retriever.search(queries, self.depth + 1, stages)
        return {
            query_id: tuple(doc for doc in ranking if doc.doc_id != query_id)[: self.depth]
            for query_id, ranking in found.items()
        }

    def requests(self, queries: Sequence[Query], first_stage: Run) -> list[Request]:
        """What the reranker is asked: each query with the texts of its candidates."""
        return [
            Request(
                query.text, tuple(self.texts[doc.doc_id] for doc in first_stage.get(query.id, ())), self.instruction
            )
            for query in queries
        ]


def _pair(query: Query, doc_ids: Sequence[str], scores: Sequence[float]) -> list[tuple[str, float]]:
    if len(doc_ids) != len(scores):
        raise ScoreError(f"query {query.id!r}: {len(doc_ids)} documents were given and {len(scores)} scores came back")
    return list(zip(doc_ids, scores, strict=True))
