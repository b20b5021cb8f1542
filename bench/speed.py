"""The speed pass of a trial: each scenario asked for, and what the machine gave for it.

Nothing here is served from a cache, and no scenario's figure is computed from another's.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.machine.device import driver_device_bytes, peak_device_bytes, synchroniser
from bench.machine.energy import energy_meter
from bench.machine.meter import Stopwatch, peak_rss_bytes
from bench.machine.throttling import read_throttling, throttled
from bench.machine.warmup import warm_up
from bench.pipeline import Pipeline
from bench.roofline import model_flops, trial_peak
from bench.scenarios import Latencies, Throughput, offline, single_stream
from bench.serving.load import search_rate, serve_load
from bench.types import Cost, LoadPoint, Progress, Query, Request, Run, Trial, Work

OFFLINE_ROUNDS = 3
OFFLINE_ENOUGH_S = 10.0
"""All timed queries are offered at once three times, so that there is a spread to look at; a round that takes longer
than this is long enough to be steady by itself."""
GIVE_UP_AT = 10
"""A load point is given up when a query has waited this many times the bound: the queue only grows from there."""


def speed_pass(
    pipeline: Pipeline,
    queries: Sequence[Query],
    trial: Trial,
    *,
    load_s: float,
    index_s: float | None,
    baseline_rss_bytes: int | None,
    peak_flops_per_s: float | None,
    tell: Progress,
) -> tuple[Cost, dict[str, Run]]:
    """The trial's cost over these queries, and the rankings of each scenario by its name.

    ``peak_flops_per_s`` is measured here if it is not known yet; last, because its matrices need memory of their own.
    """
    synchronise = synchroniser(trial.device)
    unmeasured: dict[str, str] = {}
    tell("warm up", 0, 0)
    warmup_s, warmed_up = warm_up(lambda: _settled(pipeline, queries[:1], trial.device), trial.warmup_queries)

    before = read_throttling(trial.device)
    runs: dict[str, Run] = {}
    single = Latencies((), {}, {})
    if "single_stream" in trial.scenarios:
        single = single_stream(
            pipeline.answer, queries, synchronise, lambda done: tell("time single queries", done, len(queries))
        )
        runs["single_stream"] = single.run
    all_at_once, energy_j = Throughput((), len(queries), Work(), {}), None
    if "offline" in trial.scenarios:
        tell("time all at once", 0, 0)
        meter = energy_meter(trial.device)
        meter.start()
        all_at_once = offline(pipeline.answer, queries, synchronise, OFFLINE_ROUNDS, OFFLINE_ENOUGH_S)
        energy_j = meter.stop()
        if energy_j is None:
            unmeasured["energy_j"] = meter.reason
        runs["offline"] = all_at_once.run
    points = _under_load(pipeline, queries, trial, tell) if "server" in trial.scenarios else ()

    held_back = throttled(before, read_throttling(trial.device))
    allocated, reserved = peak_device_bytes(trial.device)
    driver, peak_rss = driver_device_bytes(trial.device), peak_rss_bytes()
    flops = None
    if pipeline.reranker is not None:
        requests = _requests(pipeline, queries)
        flops, why = model_flops(trial, requests)
        if flops is None:
            unmeasured["model_flops"] = why
        elif peak_flops_per_s is None:
            tell("measure the matrix product", 0, 0)
            peak_flops_per_s, why = trial_peak(trial)
            if peak_flops_per_s is None:
                unmeasured["peak_flops_per_s"] = why
    cost = Cost(
        load_s=load_s,
        index_s=index_s,
        latency_s=single.total_s,
        stages_s=single.stages_s,
        offline_s=all_at_once.rounds_s,
        offline_queries=all_at_once.queries,
        offline_pairs=all_at_once.work.pairs if pipeline.reranker else None,
        baseline_rss_bytes=baseline_rss_bytes,
        peak_rss_bytes=peak_rss,
        peak_device_bytes=allocated,
        reserved_device_bytes=reserved,
        driver_device_bytes=driver,
        work=all_at_once.work,
        warmup_s=warmup_s,
        warmed_up=warmed_up,
        load_points=points,
        energy_j=energy_j,
        model_flops=flops,
        peak_flops_per_s=peak_flops_per_s if flops is not None else None,
        unmeasured=unmeasured,
        throttled=held_back,
    )
    return cost, runs


def largest_forward(pipeline: Pipeline, queries: Sequence[Query], trial: Trial) -> int:
    """Score the longest candidates of these queries in one forward pass of ``trial.batch_size``.

    Returns how many candidates there are, which no batch can exceed. Want of memory is raised as it comes.
    """
    if pipeline.reranker is None:
        raise ValueError("a pipeline without a reranker has no batches")
    singles = [
        Request(request.query, (document,), request.instruction)
        for request in _requests(pipeline, queries)
        for document in request.documents
    ]
    longest = sorted(singles, key=lambda request: len(request.documents[0]), reverse=True)
    size = trial.batch_size if isinstance(trial.batch_size, int) else len(longest)
    pipeline.reranker.score_many(longest[:size])
    synchroniser(trial.device)()
    return len(longest)


def _settled(pipeline: Pipeline, queries: Sequence[Query], device: str) -> None:
    pipeline.answer(queries)
    synchroniser(device)()


def _under_load(pipeline: Pipeline, queries: Sequence[Query], trial: Trial, tell: Progress) -> tuple[LoadPoint, ...]:
    """The rates that the trial names, or those that a search for the highest one within its bound goes through."""
    synchronise = synchroniser(trial.device)

    def measure(offered_qps: float) -> LoadPoint:
        return serve_load(
            pipeline.answer,
            queries,
            offered_qps=offered_qps,
            count=trial.server_queries,
            batch=trial.server_batch,
            seed=trial.seed,
            synchronise=synchronise,
            progress=lambda done: tell(f"serve {offered_qps:.3g} queries/s", done, trial.server_queries),
            give_up_s=GIVE_UP_AT * trial.server_p99_s,
        )

    if trial.server_qps:
        return tuple(measure(rate) for rate in sorted(trial.server_qps))
    full = list(queries[: trial.server_batch])
    watch = Stopwatch(synchronise)
    with watch.time("full batch"):
        pipeline.answer(full)
    return search_rate(measure, len(full) / watch.seconds["full batch"], trial.server_p99_s, trial.server_queries)


def _requests(pipeline: Pipeline, queries: Sequence[Query]) -> list[Request]:
    return pipeline.requests(queries, pipeline.retriever.search(queries, pipeline.depth, Stopwatch()))
