"""``dense``: documents and queries as unit vectors of one embedding model, ranked by exact cosine similarity.

Document vectors may come from a cache; query vectors never do, for embedding the query is part of a query's latency.

Neither the texts of a corpus nor, with a cache, its vectors are held in memory: texts are embedded in windows and their
vectors written as they come, and a search on the CPU goes over the mapped file in blocks (see ``nearest``). Another
device is given them all.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import Any

import numpy as np

from bench import SCORING
from bench.cache import EmbeddingCache, EmbeddingKey, Vectors
from bench.data import ids_of
from bench.hub import ModelFiles, resolve_model
from bench.machine.device import resolve_dtype
from bench.machine.meter import Stopwatch
from bench.retrievers.base import Progress, untold
from bench.retrievers.batches import grouped
from bench.retrievers.encoder import Encoder, library_versions, load_encoder
from bench.retrievers.nearest import nearest, tie_order
from bench.retrievers.topk import best, check_corpus, check_k
from bench.types import ConfigError, Document, Query, Run, ScoreError, Trial

CHUNK_TEXTS = 512
"""Documents embedded between two reports of progress, at least."""

WINDOW_TEXTS = 2**13
"""Documents whose texts and vectors are held together: enough that those of like length meet in a pass."""


class DenseRetriever:
    def __init__(
        self,
        encoder: Encoder,
        files: ModelFiles,
        *,
        query_prompt: str = "",
        document_prompt: str = "",
        cache: EmbeddingCache | None = None,
        progress: Progress = untold,
    ) -> None:
        self.files = files
        self.index_from_cache = False
        self._encoder = encoder
        self._query_prompt, self._document_prompt = query_prompt, document_prompt
        self._cache, self._progress = cache, progress
        self._ids: Sequence[str] = ()
        self._documents: Any = None
        self._order: Any = None

    def index(self, corpus: Sequence[Document]) -> None:
        """Embed ``corpus``, or read its vectors from the cache. Raises ScoreError for a vector that is not finite."""
        check_corpus(corpus)
        self._ids = ids_of(corpus)
        self.index_from_cache = True
        if self._cache is None:
            vectors = np.concatenate(list(self._embed(corpus)))
        else:
            texts = (document.content for document in corpus)
            vectors = self._cache.get_or_compute(self._document_key(), texts, len(corpus), lambda: self._embed(corpus))
        self._documents = as_tensor(vectors).to(self._encoder.device)
        self._order = tie_order(self._ids, self._encoder.device)

    def search(self, queries: Sequence[Query], k: int, stages: Stopwatch | None = None) -> Run:
        check_k(k)
        if self._documents is None:
            raise RuntimeError("search() needs index() first")
        if not queries:
            return {}
        with stages.time("embed") if stages else nullcontext():
            vectors = self._encoder.encode([query.text for query in queries], self._query_prompt)
        with stages.time("search") if stages else nullcontext():
            found = nearest(vectors, self._documents, self._order, k)
            return {
                query.id: best(scores, positions, self._ids, k)
                for query, (scores, positions) in zip(queries, found, strict=True)
            }

    def _embed(self, corpus: Sequence[Document]) -> Iterator[Vectors]:
        """Vectors of the documents in their order, ``WINDOW_TEXTS`` at a time."""
        self.index_from_cache = False
        documents = iter(corpus)
        for start in range(0, len(corpus), WINDOW_TEXTS):
            texts = [document.content for document in islice(documents, WINDOW_TEXTS)]
            yield self._embed_window(texts, start, len(corpus))

    def _embed_window(self, texts: Sequence[str], start: int, total: int) -> Vectors:
        """Vectors of ``texts``, computed longest texts first, so that want of memory shows at once.

        ``start`` is the place of the first among all ``total``.
        """
        order: list[int] = []
        parts: list[Vectors] = []
        for batches in grouped(self._encoder.batches(texts, self._document_prompt), CHUNK_TEXTS):
            places = [place for batch in batches for place in batch]
            encoded = self._encoder.encode_batches(
                [[texts[i] for i in batch] for batch in batches], self._document_prompt
            )
            vectors: Vectors = encoded.cpu().numpy()
            self._check_finite(vectors, [start + place for place in places])
            parts.append(vectors)
            order += places
            self._progress(start + len(order), total)
        in_order = np.empty((len(texts), parts[0].shape[1]), dtype=np.float32)
        in_order[order] = np.concatenate(parts)
        return in_order

    def _check_finite(self, vectors: Vectors, places: Sequence[int]) -> None:
        faulty = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(faulty):
            name = self._ids[places[int(faulty[0])]]
            advice = (
                "the model is damaged" if self._encoder.dtype == "fp32" else "the model may overflow; set dtype: fp32"
            )
            raise ScoreError(f"the embedding of document {name!r} is not finite in {self._encoder.dtype}: {advice}")

    def _document_key(self) -> EmbeddingKey:
        return EmbeddingKey(
            fingerprint=self.files.fingerprint,
            role="document",
            prompt=self._document_prompt,
            max_length=self._encoder.max_length,
            dtype=self._encoder.dtype,
            device=self._encoder.device.partition(":")[0],
            normalised=True,
            libraries=(*library_versions(), f"scoring {SCORING}"),
        )


def as_tensor(vectors: Vectors) -> Any:
    """The same memory as a tensor. Torch warns of memory that is not to be written to; nobody writes to it here."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(vectors)


def load_dense(trial: Trial, device: str, cache: EmbeddingCache | None, progress: Progress) -> DenseRetriever:
    """The trial's embedding model. Raises ConfigError without an ``embedder``, ModelError for an unusable one."""
    if trial.embedder is None:
        raise ConfigError("the retriever 'dense' needs a model: set embedder to a hub id or a folder")
    if trial.embedder_batch_size is not None and trial.embedder_batch_size < 1:
        raise ConfigError(f"embedder_batch_size is {trial.embedder_batch_size}; it is at least 1")
    files = resolve_model(trial.embedder, trial.embedder_revision, trial.hub, trusted=trial.trust_remote_code)
    dtype = resolve_dtype(trial.dtype, device)
    encoder = load_encoder(
        files.path,
        device,
        dtype,
        trial.embedder_max_length,
        trial.embedder_batch_size,
        trusted=trial.trust_remote_code,
    )
    return DenseRetriever(
        encoder,
        files,
        query_prompt=encoder.own_prompt("query") if trial.query_prompt is None else trial.query_prompt,
        document_prompt=encoder.own_prompt("document") if trial.document_prompt is None else trial.document_prompt,
        cache=cache,
        progress=progress,
    )
