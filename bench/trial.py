"""Carries out one job in this process: load, index, then its passes. Judging happens elsewhere.

The runner starts this in a fresh interpreter, so that the memory it reports is this trial's alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.cache import EmbeddingCache
from bench.data import contents_of
from bench.hub import locate_model, located
from bench.job import FIRST_STAGE, RUN, TIMED, WARM, Job, Report
from bench.keys import quality_key
from bench.machine.device import environment, resolve_device, resolve_dtype, set_threads, synchroniser
from bench.machine.meter import rss_bytes
from bench.machine.page_cache import ColdRead, weight_files
from bench.pipeline import Pipeline
from bench.rerankers import Engine, load_reranker, runs_code
from bench.rerankers.template import default_instruction, find_template
from bench.retrievers import load_retriever
from bench.sources import open_set
from bench.sources.runs import candidates_path
from bench.speed import largest_forward, speed_pass
from bench.store import Store
from bench.synthetic import drawn_dataset, is_drawn, parse_drawn
from bench.types import Dataset, Progress, QualityPass, Query, Run, Trial, Work
from bench.unchanged import refuse_changed

CHUNK_QUERIES = 16  # of the quality pass: often enough for a progress bar, rarely enough to batch well


def untold(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def uses_model(trial: Trial) -> bool:
    return trial.retriever == "dense" or trial.reranker is not None


def load_trial_dataset(trial: Trial, base: Path, tell: Progress = untold) -> Dataset:
    """The trial's labelled set, or the seeded sample of its queries that the trial asks for."""
    dataset = open_set(trial.dataset, trial.split, base, tell)
    if trial.max_queries is None or trial.max_queries >= len(dataset.queries):
        return dataset
    queries = sample(dataset.queries, trial.max_queries, trial.seed)
    return replace(dataset, queries=queries, qrels={query.id: dataset.qrels[query.id] for query in queries})


def sample(queries: Sequence[Query], n: int, seed: int) -> tuple[Query, ...]:
    """``n`` queries (or all, if fewer) drawn without replacement, in the order of the set."""
    chosen = sorted(random.Random(seed).sample(range(len(queries)), min(n, len(queries))))
    return tuple(queries[i] for i in chosen)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pipeline with its models in memory and its corpus indexed, and what getting there took."""

    pipeline: Pipeline
    engine: Engine | None
    dataset: Dataset
    load_s: float
    index_s: float | None


def carry_out(job: Job, tell: Progress, wait_for_quiet: Callable[[], None]) -> tuple[Report, dict[str, Run]]:
    """The report and, by file name, the rankings that were made; each pass that the job names, in its own terms.

    ``wait_for_quiet`` is called once, before the first reading of the clock in the speed pass. Models are read from
    disk rather than from the system's page cache where quality alone is asked for, so that a cold load is seen.
    """
    baseline_rss = rss_bytes()
    trial = job.trial
    set_threads(trial.threads if uses_model(trial) else None)
    device = resolve_device(trial.device) if uses_model(trial) else "cpu"
    dtype: Any = resolve_dtype(trial.dtype, device) if uses_model(trial) else trial.dtype
    trial = replace(
        trial,
        device=device,
        dtype=dtype,
        candidates=trial.candidates and str(candidates_path(trial.candidates, job.base)),
        embedder=trial.embedder and located(trial.embedder, job.base),
        reranker=trial.reranker and located(trial.reranker, job.base),
    )
    cold = None if "speed" in job.passes else ColdRead(_weights(trial))
    loaded = _load(trial, job, tell)
    was_cold = cold is not None and cold.was_cold()
    report = Report(
        "ok",
        unit=loaded.engine.unit if loaded.engine else "score",
        notes=loaded.engine.notes if loaded.engine else (),
        cold_load_s=loaded.load_s if was_cold else None,
        cold_reason=WARM if cold is None else cold.reason,
    )
    runs: dict[str, Run] = {}
    if "quality" in job.passes:
        deep = replace(loaded.pipeline, depth=max(job.depth, trial.depth))
        scored = score_all(deep, loaded.dataset.queries, tell)
        runs[RUN], runs[FIRST_STAGE] = scored.run, scored.first_stage
        report = replace(report, work=scored.work, cut_pairs=scored.cut_pairs, quality_s=scored.seconds)
    if "arms" in job.passes and job.results is not None:
        score_arms(job, loaded, report, environment(device, uses_torch=uses_model(trial)), tell)
    if "fit" in job.passes:
        largest = largest_forward(
            loaded.pipeline, sample(loaded.dataset.queries, trial.timed_queries, trial.seed), trial
        )
        report = replace(report, largest_batch=largest)
    if "speed" in job.passes:
        wait_for_quiet()
        cost, timed = speed_pass(
            loaded.pipeline,
            sample(loaded.dataset.queries, trial.timed_queries, trial.seed),
            trial,
            load_s=loaded.load_s,
            index_s=loaded.index_s,
            baseline_rss_bytes=baseline_rss,
            peak_flops_per_s=job.peak_flops_per_s,
            tell=tell,
        )
        report = replace(report, cost=cost)
        runs |= {TIMED.format(name): run for name, run in timed.items()}
    return replace(report, environment=environment(device, uses_torch=uses_model(trial))), runs


def _load(trial: Trial, job: Job, tell: Progress) -> Loaded:
    tell("read the set", 0, 0)
    instruction = instruction_of(trial)
    dataset = _drawn(trial, instruction) if is_drawn(trial.dataset) else load_trial_dataset(trial, job.base, tell)
    synchronise = synchroniser(trial.device)
    tell("load models" if uses_model(trial) else "load", 0, 0)
    start = time.perf_counter()
    retriever = load_retriever(trial, trial.device, EmbeddingCache(job.cache), lambda n, m: tell("index", n, m))
    engine = load_reranker(trial, trial.device, trial.dtype) if trial.reranker else None
    synchronise()
    load_s = time.perf_counter() - start
    refuse_changed(job.inputs, job.since, trial, dataset)  # before anything is kept that others would find

    tell("index", 0, len(dataset.corpus))
    start = time.perf_counter()
    retriever.index(dataset.corpus)
    synchronise()
    index_s = None if retriever.index_from_cache else time.perf_counter() - start
    texts = contents_of(dataset.corpus) if engine else {}
    return Loaded(
        Pipeline(retriever, engine, texts, trial.depth, instruction, dataset.drops_own_id, trial.instruction_field),
        engine,
        dataset,
        load_s,
        index_s,
    )


def _drawn(trial: Trial, instruction: str) -> Dataset:
    from bench.rerankers.checkpoint import load_tokenizer

    trusted = trial.trust_remote_code and runs_code(trial.engine)
    tokenizer = load_tokenizer(str(trial.reranker), trial.reranker_revision, trial.hub, trusted=trusted)
    return drawn_dataset(parse_drawn(trial.dataset), tokenizer, find_template(trial.template), instruction)


def _weights(trial: Trial) -> list[Path]:
    """The files of the trial's models that loading reads."""
    found: list[Path] = []
    for name, revision in ((trial.embedder, trial.embedder_revision), (trial.reranker, trial.reranker_revision)):
        if name is not None and not (name == trial.reranker and trial.url):
            folder, _ = locate_model(name, revision, trial.hub)
            found += weight_files(folder)
    return found


@dataclass(frozen=True, slots=True)
class Scores:
    """Every query answered: what ``bench.pipeline.Answer`` has, and the seconds of the second stage."""

    run: Run
    first_stage: Run
    work: Work
    cut_pairs: Mapping[str, int] | None
    seconds: float


def score_all(
    pipeline: Pipeline, queries: Sequence[Query], tell: Progress, candidates: Run | None = None, what: str = ""
) -> Scores:
    """All queries in chunks; ``candidates`` are the first stage's where they are known already."""
    run: dict[str, Any] = {}
    first_stage: dict[str, Any] = {}
    cut: dict[str, int] | None = {}
    work, seconds = Work(), 0.0
    per_query = pipeline.depth if pipeline.reranker else 1
    stage = what + ("rerank pairs" if pipeline.reranker else "answer queries")
    for start in range(0, len(queries), CHUNK_QUERIES):
        base = start * per_query

        def told(done: int, base: int = base) -> None:
            tell(stage, base + done, len(queries) * per_query)

        told(0)
        chunk = queries[start : start + CHUNK_QUERIES]
        found = pipeline.candidates(chunk) if candidates is None else {q.id: candidates.get(q.id, ()) for q in chunk}
        clock = time.perf_counter()
        answer = pipeline.rerank(chunk, found, progress=told)
        seconds += time.perf_counter() - clock
        run |= answer.run
        first_stage |= answer.first_stage
        work += answer.work
        cut = None if cut is None or answer.cut_pairs is None else {**cut, **answer.cut_pairs}
    return Scores(run, first_stage, work, cut, seconds)


def score_arms(job: Job, loaded: Loaded, report: Report, facts: Mapping[str, Any], tell: Progress) -> None:
    """Score the candidates of all queries for each arm, and keep each as it is finished.

    The model is loaded, the first stage searched and every document tokenised once for all of them.
    """
    if job.results is None or loaded.engine is None:
        return
    deep = replace(loaded.pipeline, depth=max(job.depth, job.trial.depth))
    queries = loaded.dataset.queries
    candidates: dict[str, Any] = {}
    for start in range(0, len(queries), CHUNK_QUERIES):
        tell("search", start, len(queries))
        candidates |= deep.candidates(queries[start : start + CHUNK_QUERIES])
    loaded.engine.keep_documents()
    store = Store(job.results)
    for number, arm in enumerate(job.arms, start=1):
        pipeline = replace(deep, instruction=instruction_of(arm.trial), instruction_field=arm.trial.instruction_field)
        what = f"{arm.trial.pipeline} ({number} of {len(job.arms)}): "
        scored = score_all(pipeline, queries, tell, candidates, what)
        store.write_quality(
            QualityPass(
                key=quality_key(arm.trial),
                inputs=arm.inputs,
                depth=deep.depth,
                unit=report.unit,
                work=scored.work,
                cold_load_s=report.cold_load_s,
                cold_reason=report.cold_reason,
                run=scored.run,
                first_stage=scored.first_stage,
                cut_pairs=scored.cut_pairs,
                seconds=scored.seconds,
                environment=facts,
                notes=report.notes,
            )
        )


def instruction_of(trial: Trial) -> str:
    """The trial's instruction, or its template's default."""
    return default_instruction(trial.template) if trial.instruction is None else trial.instruction
