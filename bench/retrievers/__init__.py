"""First stages, by name. To add one: write its file and add a line to ``RETRIEVERS``."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from bench.cache import EmbeddingCache
from bench.retrievers.base import Progress, Retriever, untold
from bench.types import ConfigError, Trial

__all__ = ["RETRIEVERS", "Progress", "Retriever", "advice", "load_retriever"]

MANY_DOCUMENTS = 50_000
"""Beyond so many documents ``bm25`` is no longer a choice without a cost."""

Factory = Callable[[Trial, str, EmbeddingCache | None, Progress], Retriever]


def load_retriever(
    trial: Trial, device: str, cache: EmbeddingCache | None = None, progress: Progress = untold
) -> Retriever:
    """The trial's first stage, its model loaded onto ``device`` (``cpu``, ``cuda:0``, ``mps``), without a corpus yet.

    Raises ConfigError for a name that is not in ``RETRIEVERS`` and for settings the retriever lacks, ModelError for a
    model that cannot be had.
    """
    factory = RETRIEVERS.get(trial.retriever)
    if factory is None:
        near = get_close_matches(trial.retriever, RETRIEVERS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"there is no retriever {trial.retriever!r}; known are {', '.join(RETRIEVERS)}.{hint}")
    return factory(trial, device, cache, progress)


def advice(trial: Trial, documents: int) -> tuple[str, ...]:
    """What to know before this first stage goes over so many documents; for the report."""
    if trial.retriever != "bm25" or documents <= MANY_DOCUMENTS:
        return ()
    return (
        f"bm25, which gives the scores of rank-bm25, holds its index of {documents:,} documents in memory, and every "
        f"process makes it anew; above {MANY_DOCUMENTS:,} documents use bm25s, which keeps its index on disk",
    )


def _bm25(trial: Trial, device: str, cache: EmbeddingCache | None, progress: Progress) -> Retriever:
    from bench.retrievers.bm25 import OkapiRetriever

    return OkapiRetriever()


def _bm25s(trial: Trial, device: str, cache: EmbeddingCache | None, progress: Progress) -> Retriever:
    from bench.retrievers.bm25s import Bm25sRetriever

    return Bm25sRetriever(cache.folder if cache else None)


def _dense(trial: Trial, device: str, cache: EmbeddingCache | None, progress: Progress) -> Retriever:
    from bench.retrievers.dense import load_dense

    return load_dense(trial, device, cache, progress)


def _given(trial: Trial, device: str, cache: EmbeddingCache | None, progress: Progress) -> Retriever:
    from bench.retrievers.given import GivenRetriever

    return GivenRetriever(None if trial.candidates is None else Path(trial.candidates))


RETRIEVERS: dict[str, Factory] = {"bm25": _bm25, "bm25s": _bm25s, "dense": _dense, "given": _given}
