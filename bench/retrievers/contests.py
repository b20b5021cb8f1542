"""The jobs that ``timing`` times: embedding documents, BM25 search, and finding the nearest of many vectors.

Each is checked before it is timed: a way that gives other answers raises ScoreError.
"""

from __future__ import annotations

import random
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.data import load_dataset
from bench.retrievers.turns import Contest, Way
from bench.types import Document, Query, ScoreError

FP32_DISTANCE, HALF_DISTANCE = 1e-6, 1e-2
"""The largest distance (1 - cosine) allowed between vectors of one text from two ways, by number format."""

ZIPF_WORDS = 50_000
ZIPF_LENGTHS = 50, 150
ZIPF_QUERY_WORDS = 8


def embed(options: Namespace) -> Contest:
    """Embedding a labelled set's documents. Every way must give the same vectors."""
    from bench.hub import resolve_model
    from bench.machine.device import resolve_dtype
    from bench.retrievers.encoder import load_encoder

    dtype = resolve_dtype(options.dtype, options.device)
    encoder = load_encoder(resolve_model(options.model, None, "huggingface").path, options.device, dtype, None, None)
    corpus = load_dataset(options.dataset).corpus
    texts = [document.content for document in random.Random(0).sample(corpus, min(options.texts, len(corpus)))]

    def whole_list() -> Any:
        return encoder.model.encode(texts, prompt="", batch_size=64, convert_to_tensor=True, show_progress_bar=False)

    def batched(size: int | None, budget: int | None) -> Callable[[], Any]:
        def run() -> Any:
            encoder.batch_size, encoder.token_budget = size, budget or encoder.token_budget
            return encoder.encode(texts, "")

        return run

    runs = {"the library's encode, 64 texts": whole_list}
    runs |= {f"{size} texts": batched(size, None) for size in sorted({64, *options.sizes})}
    if encoder.counts_tokens:
        runs |= {f"{budget} tokens": batched(None, budget) for budget in options.budgets}
    facts = {"model": Path(options.model).name, "dataset": options.dataset.name, "texts": len(texts), "dtype": dtype}
    if encoder.counts_tokens:
        lengths = encoder.token_lengths(texts, "")
        facts |= {"tokens": sum(lengths), "longest_tokens": max(lengths)}
    facts["largest_distance"] = _largest_distance(runs, FP32_DISTANCE if dtype == "fp32" else HALF_DISTANCE)
    return Contest({name: Way(run, len(texts)) for name, run in runs.items()}, "64 texts", "texts", facts)


def bm25(options: Namespace) -> Contest:
    """The best 100 of 200 queries. Our scores must be rank_bm25's to the last bit."""
    import bm25s
    import numpy as np
    from rank_bm25 import BM25Okapi

    from bench.retrievers.bm25 import OkapiRetriever
    from bench.retrievers.bm25s import Bm25sRetriever
    from bench.retrievers.okapi import build_okapi
    from bench.retrievers.tokens import tokenise

    corpus, queries, source = _corpus(options)
    okapi, lucene = OkapiRetriever(), Bm25sRetriever()
    facts: dict[str, Any] = {"corpus": source, "documents": len(corpus), "queries": len(queries), "k": options.k}
    for name, retriever in (("bm25", okapi), ("bm25s", lucene)):
        start = time.perf_counter()
        retriever.index(corpus)
        facts[f"{name}_index_s"] = time.perf_counter() - start

    words = [tokenise(document.content) for document in corpus]
    asked = [tokenise(query.text) for query in queries]
    few = asked[: options.few]
    loop, index = BM25Okapi(words), build_okapi(words)
    for query in few:
        if not np.array_equal(index.scores(query)[0], loop.get_scores(query)):
            raise ScoreError(f"scores differ from rank_bm25's for {query}")
    facts["scores_bit_identical_on_queries"] = len(few)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a mapped file outlives its name
        held = bm25s.BM25()
        held.index(words, show_progress=False)
        held.save(folder, show_progress=False)
        facts["bm25s_index_bytes"] = sum(held.scores[part].nbytes for part in ("data", "indices", "indptr"))
        mapped = bm25s.BM25.load(folder, mmap=True)
    known = [[word for word in query if word in held.vocab_dict] or [""] for query in asked]
    for query in known:
        if not np.array_equal(held.get_scores(query), mapped.get_scores(query)):
            raise ScoreError(f"a memory-mapped index of bm25s scores {query} otherwise")
    ways = {
        f"rank_bm25, scores only, {len(few)} queries": Way(lambda: [loop.get_scores(query) for query in few], len(few)),
        "bm25": Way(lambda: okapi.search(queries, options.k), len(queries)),
        "bm25, words only": Way(lambda: [tokenise(query.text) for query in queries], len(queries)),
        "bm25, scores only": Way(lambda: [index.scores(query) for query in asked], len(queries)),
        "bm25s": Way(lambda: lucene.search(queries, options.k), len(queries)),
        "bm25s, scores only": Way(lambda: [held.get_scores(query) for query in known], len(queries)),
        "bm25s, scores only, memory-mapped": Way(lambda: [mapped.get_scores(query) for query in known], len(queries)),
    }
    return Contest(ways, "bm25", "queries", facts)


def topk(options: Namespace) -> Contest:
    """The nearest vectors. Every way but the bare ones must give the rankings of all products."""
    import numpy as np
    import torch

    from bench.retrievers.nearest import nearest, tie_order

    random_numbers = torch.Generator().manual_seed(0)
    size = (options.documents, options.dimensions)
    documents = torch.nn.functional.normalize(torch.randn(size, generator=random_numbers), dim=1).to(options.device)
    queries = torch.randn((options.queries, options.dimensions), generator=random_numbers)
    queries = torch.nn.functional.normalize(queries, dim=1).to(options.device)
    order = tie_order([f"d{place}" for place in range(options.documents)], options.device)
    k = min(options.k, options.documents)

    def blocks(scores: int) -> Callable[[], Any]:
        return lambda: list(nearest(queries, documents, order, k, block_scores=scores))

    expected = (queries @ documents.T).topk(k, dim=1).values.sort(dim=1).values.cpu().numpy()
    runs: dict[str, Callable[[], Any]] = {
        "product alone": lambda: queries @ documents.T,
        "product and topk": lambda: (queries @ documents.T).topk(k, dim=1),
    }
    if options.device == "cpu":
        left, right, last = queries.numpy(), documents.numpy(), options.documents - k
        runs["numpy product and argpartition"] = lambda: np.argpartition(left @ right.T, last, axis=1)[:, last:]
    for exponent in options.blocks:
        run = blocks(2**exponent)
        found = np.sort(np.stack([values for values, _ in run()]), axis=1)
        if np.abs(found - expected).max() > 1e-6:
            raise ScoreError(f"blocks of 2^{exponent} scores give other neighbours")
        runs[f"ours, blocks of 2^{exponent} scores"] = run
    facts = {"documents": options.documents, "dimensions": options.dimensions, "queries": options.queries, "k": k}
    return Contest(
        {name: Way(run, options.queries) for name, run in runs.items()}, "product and topk", "queries", facts
    )


def _corpus(options: Namespace) -> tuple[Sequence[Document], Sequence[Query], str]:
    """Documents, queries and where they come from: a labelled set, or words drawn with Zipf's frequencies.

    Query words are drawn as document words are, so most queries hold a word of nearly every document: a hard case.
    """
    import numpy as np

    if options.dataset:
        dataset = load_dataset(options.dataset)
        return dataset.corpus, dataset.queries[: options.queries], options.dataset.name
    drawn = np.random.default_rng(0)
    shares = 1 / np.arange(1, ZIPF_WORDS + 1)
    shares /= shares.sum()

    def texts(lengths: Sequence[int]) -> list[str]:
        words = [f"w{rank}" for rank in drawn.choice(ZIPF_WORDS, size=sum(lengths), p=shares).tolist()]
        ends = [0, *accumulate(lengths)]
        return [" ".join(words[start:end]) for start, end in pairwise(ends)]

    shortest, longest = ZIPF_LENGTHS
    corpus = texts(drawn.integers(shortest, longest + 1, options.documents).tolist())
    queries = texts([ZIPF_QUERY_WORDS] * options.queries)
    return (
        [Document(f"d{place}", text) for place, text in enumerate(corpus)],
        [Query(f"q{place}", text) for place, text in enumerate(queries)],
        f"generated, seed 0, {ZIPF_WORDS:,} words with Zipf's frequencies",
    )


def _largest_distance(runs: Mapping[str, Callable[[], Any]], allowed: float) -> float:
    """1 - cosine between the vectors of the same text, at most, over all pairs of the first way and another."""
    from torch.nn.functional import cosine_similarity

    first, *others = runs
    expected = runs[first]().double()
    largest = 0.0
    for name in others:
        distance = float((1 - cosine_similarity(runs[name]().double(), expected)).abs().max())
        if not distance <= allowed:
            raise ScoreError(
                f"vectors by {name!r} are up to {distance:.1e} from those by {first!r}; {allowed} is allowed"
            )
        largest = max(largest, distance)
    return largest
