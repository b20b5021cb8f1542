"""Runs one Trial in this process: load, index, the quality pass, then the speed pass. Judging happens elsewhere.

The runner starts this in a fresh interpreter, so that the memory it reports is this trial's alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.cache import EmbeddingCache
from bench.data import load_dataset
from bench.device import environment, peak_device_bytes, resolve_dtype, set_threads, synchroniser
from bench.hub import located
from bench.meter import at_rest, peak_rss_bytes, rss_bytes
from bench.pipeline import Pipeline
from bench.rerankers import load_reranker
from bench.rerankers.template import default_instruction
from bench.retrievers import load_retriever
from bench.scenarios import Latencies, Throughput, offline, single_stream
from bench.types import Cost, Dataset, Progress, Query, Run, Trial, Work

CHUNK_QUERIES = 16  # of the quality pass: often enough for a progress bar, rarely enough to batch well


def untold(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial's process hands back: rankings to be judged, what they cost, and what was assumed on the way."""

    run: Run
    first_stage: Run
    cost: Cost
    environment: dict[str, Any]
    notes: tuple[str, ...] = ()


def uses_model(trial: Trial) -> bool:
    return trial.retriever == "dense" or trial.reranker is not None


def load_trial_dataset(trial: Trial, base: Path) -> Dataset:
    """The trial's labelled set, or the seeded sample of its queries that the trial asks for."""
    dataset = load_dataset((base / Path(trial.dataset).expanduser()).resolve(), trial.split)
    if trial.max_queries is None or trial.max_queries >= len(dataset.queries):
        return dataset
    queries = _sample(dataset.queries, trial.max_queries, trial.seed)
    return replace(dataset, queries=queries, qrels={query.id: dataset.qrels[query.id] for query in queries})


def run_trial(
    trial: Trial,
    base: Path,
    cache_folder: Path,
    progress: Progress = untold,
    wait_for_quiet: Callable[[], None] = at_rest,
) -> Outcome:
    """Run a trial whose device and dtype are resolved; paths in it start from ``base``.

    ``wait_for_quiet`` is called once, before the first reading of the clock in the speed pass.
    """
    baseline_rss = rss_bytes()
    set_threads(trial.threads if uses_model(trial) else None)
    synchronise = synchroniser(trial.device)
    progress("read the set", 0, 0)
    dataset = load_trial_dataset(trial, base)
    trial = replace(
        trial,
        embedder=trial.embedder and located(trial.embedder, base),
        reranker=trial.reranker and located(trial.reranker, base),
    )

    progress("load models" if uses_model(trial) else "load", 0, 0)
    start = time.perf_counter()
    dtype = resolve_dtype(trial.dtype, trial.device) if uses_model(trial) else trial.dtype
    retriever = load_retriever(trial, trial.device, EmbeddingCache(cache_folder), lambda n, m: progress("index", n, m))
    reranker = load_reranker(trial, trial.device, dtype) if trial.reranker else None
    synchronise()
    load_s = time.perf_counter() - start

    progress("index", 0, len(dataset.corpus))
    start = time.perf_counter()
    retriever.index(dataset.corpus)
    synchronise()
    index_s = None if retriever.index_from_cache else time.perf_counter() - start

    texts = {document.id: document.content for document in dataset.corpus} if reranker else {}
    instruction = default_instruction(trial.template) if trial.instruction is None else trial.instruction
    pipeline = Pipeline(retriever, reranker, texts, trial.depth, instruction)
    run, first_stage, work = _quality_pass(pipeline, dataset.queries, progress)
    wait_for_quiet()
    latencies, throughput = _speed_pass(pipeline, dataset.queries, trial, progress)
    allocated, reserved = peak_device_bytes(trial.device)
    cost = Cost(
        load_s=load_s,
        index_s=index_s,
        latency_s=latencies.total_s,
        stages_s=latencies.stages_s,
        offline_s=(throughput.seconds,),
        offline_queries=throughput.queries,
        offline_pairs=throughput.pairs if reranker else None,
        baseline_rss_bytes=baseline_rss,
        peak_rss_bytes=peak_rss_bytes(),
        peak_device_bytes=allocated,
        reserved_device_bytes=reserved,
        work=work,
    )
    notes = reranker.notes if reranker else ()
    return Outcome(run, first_stage, cost, environment(trial.device, uses_torch=uses_model(trial)), notes)


def _quality_pass(
    pipeline: Pipeline, queries: Sequence[Query], progress: Progress
) -> tuple[dict[str, Any], dict[str, Any], Work]:
    run: dict[str, Any] = {}
    first_stage: dict[str, Any] = {}
    work = Work()
    per_query = pipeline.depth if pipeline.reranker else 1
    what = "rerank pairs" if pipeline.reranker else "answer queries"
    for start in range(0, len(queries), CHUNK_QUERIES):
        base = start * per_query

        def told(done: int, base: int = base) -> None:
            progress(what, base + done, len(queries) * per_query)

        told(0)
        answer = pipeline.answer(queries[start : start + CHUNK_QUERIES], progress=told)
        run |= answer.run
        first_stage |= answer.first_stage
        work += answer.work
    return run, first_stage, work


def _speed_pass(
    pipeline: Pipeline, queries: Sequence[Query], trial: Trial, progress: Progress
) -> tuple[Latencies, Throughput]:
    """Latency one query at a time, then throughput all at once, over one seeded sample of the queries."""
    synchronise = synchroniser(trial.device)
    timed = _sample(queries, trial.timed_queries, trial.seed)
    for number, query in enumerate(_sample(queries, trial.warmup_queries, trial.seed + 1)):
        progress("warm up", number, trial.warmup_queries)
        pipeline.answer([query])
    latencies = single_stream(
        pipeline.answer, timed, synchronise, lambda done: progress("time single queries", done, len(timed))
    )
    progress("time all at once", 0, 0)
    return latencies, offline(pipeline.answer, timed, synchronise)


def _sample(queries: Sequence[Query], n: int, seed: int) -> tuple[Query, ...]:
    """``n`` queries (or all, if fewer) drawn without replacement, in the order of the set."""
    chosen = sorted(random.Random(seed).sample(range(len(queries)), min(n, len(queries))))
    return tuple(queries[i] for i in chosen)
