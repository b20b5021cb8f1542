"""Finished trials made up for the report's tests: seeded, so that every figure is the same each time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from bench.stats import bootstrap_mean
from bench.types import Agreement, Cost, Interval, LoadPoint, Quality, Trial, TrialResult, Work

MEASURES = ("ndcg@10", "recall@10", "recall@100", "mrr@10")
MiB = 2**20


def trial(pipeline: str, dataset: str = "datasets/scifact", **fields: Any) -> Trial:
    return Trial(dataset=dataset, pipeline=pipeline, measures=fields.pop("measures", MEASURES), **fields)


def quality(mean: float, queries: int = 120, noise: float = 0.25, seed: int = 1, ties: float = 0.0) -> Quality:
    """Values of one seed go up and down together, as pipelines do on the same queries."""
    rng, own = random.Random(seed), random.Random(f"{seed} {mean}")
    base = [rng.gauss(0, noise) + own.gauss(0, noise / 2) for _ in range(queries)]
    per_query = {}
    for i, name in enumerate(MEASURES):
        per_query[name] = {f"q{j}": min(1.0, max(0.0, mean + 0.04 * i + b)) for j, b in enumerate(base)}
    means = {name: bootstrap_mean(list(values.values())) for name, values in per_query.items()}
    return Quality(means, per_query, Interval(0.91, 0.87, 0.95), ties)


def cost(p50_s: float, pairs: int = 0, samples: int = 50, memory: int | None = 400 * MiB,
         device: int | None = None, **work: int) -> Cost:  # fmt: skip
    rng = random.Random(str(p50_s))
    latency = tuple(p50_s * rng.lognormvariate(0, 0.2) for _ in range(samples))
    shares = (
        {"embed": 0.02, "search": 0.01, "tokenise": 0.02, "rerank": 0.93, "rank": 0.005} if pairs else {"search": 0.97}
    )
    stages = {name: tuple(part * sample for sample in latency) for name, part in shares.items()}
    counts = {"pairs": pairs * samples, "tokens": pairs * samples * 140, "padding_tokens": pairs * samples * 9, **work}
    return Cost(
        load_s=2.1, index_s=8.4, latency_s=latency, stages_s=stages, offline_s=(sum(latency) * 0.7,),
        offline_queries=samples, offline_pairs=pairs * samples, baseline_rss_bytes=90 * MiB,
        peak_rss_bytes=memory, peak_device_bytes=device, reserved_device_bytes=device,
        work=Work(**counts) if pairs else Work(),
    )  # fmt: skip


ENVIRONMENT = {
    "rerankbench": "0.1.0",
    "git_commit": "0f3c9a1d",
    "python": "3.11.9",
    "cpu": "Example CPU 3.2 GHz",
    "memory_bytes": 32 * 2**30,
    "packages": {"torch": "2.9.0", "transformers": "5.1.0"},
    "device": "cpu",
    "threads": 2,
    "device_name": None,
}


def facts(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "split": "test",
        "documents": 5183,
        "queries": 120,
        "judgements": 339,
        "languages": ["en"],
        "licence": "CC BY-NC 2.0",
        "revision": "b3b5335",
        "checksum": "sha256:" + "9f" * 32,
        "notices": [{"message": "documents with empty text", "count": 3, "example": "corpus.jsonl:17"}],
        **more,
    }


def result(t: Trial, mean: float, p50_s: float, **more: Any) -> TrialResult:
    name = more.pop("name", "SciFact")
    q = quality(mean, **more.pop("quality", {}))
    c = cost(p50_s, pairs=t.depth if t.reranker else 0, **more.pop("cost", {}))
    more.setdefault("environment", {**ENVIRONMENT, "load_before": [round(mean, 2), 0.1]})
    return TrialResult(
        t, "ok", dataset=facts(name), quality=q, cost=c, started_at="2026-03-02T09:15:00+00:00", wall_s=31.0, **more
    )


def failed(t: Trial, status: str = "oom", message: str = "could not allocate 9.3 GiB", **more: Any) -> TrialResult:
    return TrialResult(t, status, message, dataset=facts(more.pop("name", "SciFact")), environment=ENVIRONMENT, **more)  # type: ignore[arg-type]


DENSE: dict[str, Any] = {"retriever": "dense", "embedder": "asset:tracer-embedder"}
RERANK: dict[str, Any] = {**DENSE, "reranker": "asset:tracer-reranker"}


def scifact() -> list[TrialResult]:
    return [
        result(trial("BM25"), 0.55, 0.0021, cost={"memory": 210 * MiB}),
        result(trial("embedding", **DENSE), 0.60, 0.031, cost={"memory": 950 * MiB}),
        result(
            trial("embedding + reranker", **RERANK), 0.68, 1.9,
            cost={"memory": 2900 * MiB, "truncated_pairs": 41, "truncated_tokens": 5120}, quality={"ties": 0.0004},
            warnings=("41 pairs were cut to 8192 tokens",),
        ),
    ]  # fmt: skip


def chinese() -> list[TrialResult]:
    folder = "datasets/xquad_zh"
    return [
        result(trial("BM25", folder), 0.58, 0.0031, name="中文问答"),
        result(trial("稠密检索", folder, **DENSE), 0.63, 0.028, name="中文问答"),
        result(trial("稠密检索 + 重排", folder, **RERANK), 0.635, 1.7, name="中文问答"),
    ]


BATCHES, LENGTHS, DTYPES = (1, 4, 16, 64), (512, 2048, 8192), ("fp32", "bf16")
OUT_OF_MEMORY = {(16, 8192, "fp32"): None, (64, 2048, "fp32"): None, (64, 8192, "bf16"): None,
                 (64, 8192, "fp32"): (16, 8192, "fp32")}  # fmt: skip
"""Cells that ran out of memory -> the smaller one that implied it, if they were not tried."""
OVER_TIME = (1, 8192, "bf16")
LOADED = ((4, 512, "bf16"), (16, 512, "bf16"), (16, 2048, "fp32"))
"""Cells with a server measurement."""


@cache
def swept_quality(length: int, dtype: str) -> Quality:
    """Cells that differ in batch size alone share this, as one quality pass serves them all."""
    mean = {512: 0.61, 2048: 0.66, 8192: 0.68}[length] - 0.001 * (dtype == "bf16")
    return replace(quality(mean), work=Work(9600, 120, 1_344_000, 1_500_000, 156_000, 41, 5120))


def load_point(qps: float, service_s: float, count: int, seen: int) -> LoadPoint:
    """Latencies that grow as the rate nears what the service takes."""
    rng = random.Random(f"{qps} {service_s}")
    busy = min(0.97, qps * service_s)
    samples = tuple(service_s * (1 + rng.expovariate(1.0) * busy / (1 - busy)) for _ in range(seen))
    return LoadPoint(qps, samples, ((1, service_s), (3, 2 * service_s)), count / qps)


def swept_cost(batch: int, length: int, dtype: str, depth: int, device: str, energy_j: float | None) -> Cost:
    """Faster with the batch until it saturates, slower with the length; memory grows with both."""
    half, on_cpu = dtype != "fp32", device == "cpu"
    pps = (
        (12 if on_cpu else 700)
        * batch
        / (batch + 3)
        * (512 / length) ** 0.35
        * ((0.8 if on_cpu else 2.6) if half else 1)
    )
    queries, p50 = 50, depth / pps
    activations = int(batch * length * (0.012 if half else 0.02) * MiB)
    weights = (1150 if half else 2300) * MiB
    made = cost(p50, pairs=depth, memory=90 * MiB + weights + activations if on_cpu else 900 * MiB)
    pairs = queries * depth
    tokens = pairs * 140
    padding = int(tokens * 0.35 * (1 - 1 / batch))
    rounds = tuple(queries * depth / pps * f for f in (1.0, 1.01, 0.98))
    device_peak = None if on_cpu else weights + activations
    points = ()
    if (batch, length, dtype) in LOADED:
        points = tuple(
            load_point(share / p50, p50, 200, 200 if share < 1 else 60) for share in (0.2, 0.4, 0.7, 0.9, 1.2)
        )
    unmeasured = {} if energy_j is not None else {"energy_j": "no RAPL counter is readable"}
    return replace(
        made, offline_s=rounds, work=Work(pairs, -(-pairs // batch), tokens, tokens + padding, padding, 17, 2100),
        peak_device_bytes=device_peak, reserved_device_bytes=device_peak and int(device_peak * 1.15),
        driver_device_bytes=device_peak and int(device_peak * 1.15) + 600 * MiB, cold_load_s=9.5,
        load_points=points, energy_j=energy_j, model_flops=pps * 1.5e11 * rounds[0],
        peak_flops_per_s=2.4e12 if on_cpu else (4e14 if half else 4.5e13), unmeasured=unmeasured,
    )  # fmt: skip


def sweep(device: str = "cpu", energy_j: float | None = None, **fields: Any) -> list[TrialResult]:
    """One reranking pipeline in 4 batch sizes, 3 lengths and 2 number formats, behind its first stage alone."""
    settings = {**RERANK, "reranker": "org/reranker", "embedder": "org/embedder", "device": device, "depth": 20,
                "engine": "transformers", "server_p99_s": 12.0, **fields}  # fmt: skip
    environment = {**ENVIRONMENT, "device": device}
    trials = {
        (b, n, t): trial("embedding + reranker", batch_size=b, max_length=n, dtype=t, **settings)
        for t in DTYPES for n in LENGTHS for b in BATCHES
    }  # fmt: skip
    first = trial("embedding", **{**DENSE, "embedder": "org/embedder"}, device=device, dtype="fp32", depth=20)
    made = [] if fields else [result(first, 0.6, 0.031, environment=environment)]
    for place, t in trials.items():
        batch, length, dtype = place
        if place in OUT_OF_MEMORY:
            cause = OUT_OF_MEMORY[place]
            lost = failed(t, message="" if cause else "could not allocate 9.3 GiB")
            made.append(replace(lost, implied_by=trials[cause].id if cause else None, environment=environment))
        elif place == OVER_TIME:
            made.append(replace(failed(t, "timeout", "stopped after 600 s"), environment=environment))
        else:
            c = swept_cost(batch, length, dtype, t.depth, device, energy_j)
            agreement = Agreement(50, 3e-7 if dtype == "fp32" else 0.004 * batch / 64, 0 if batch < 16 else 2)
            q = swept_quality(length, dtype)
            made.append(TrialResult(t, "ok", dataset=facts("SciFact"), quality=q, cost=c, agreement=agreement,
                                    environment=environment, started_at="2026-03-02T09:15:00+00:00"))  # fmt: skip
    return made


def random_weights() -> list[TrialResult]:
    """The sweep of random weights over drawn pairs: nothing of it can be judged."""
    drawn = {"name": "drawn workload", "description": "32 documents a query", "documents": 128, "queries": 4}
    name = 'drawn:{"documents":32,"queries":4}'
    made = sweep(dataset=name, reranker="shape:qwen3-0.6b", retriever="bm25", embedder=None)
    return [replace(r, dataset=drawn, quality=None, agreement=None) for r in made]


@pytest.fixture(scope="session")
def swept() -> tuple[TrialResult, ...]:
    return tuple(sweep())


@pytest.fixture(scope="session")
def swept_cuda() -> tuple[TrialResult, ...]:
    """The same on a GPU, with an energy meter."""
    return tuple(sweep("cuda:0", energy_j=900.0))


@pytest.fixture(scope="session")
def swept_random() -> tuple[TrialResult, ...]:
    return tuple(random_weights())


@pytest.fixture(scope="session")
def sweep_on() -> Callable[..., list[TrialResult]]:
    return sweep


@cache
def _scifact() -> tuple[TrialResult, ...]:
    return tuple(scifact())


@cache
def _chinese() -> tuple[TrialResult, ...]:
    return tuple(chinese())


@pytest.fixture
def results() -> list[TrialResult]:
    return list(_scifact())


@pytest.fixture
def chinese_results() -> list[TrialResult]:
    return list(_chinese())


@pytest.fixture
def make() -> dict[str, Callable[..., Any]]:
    return {"trial": trial, "result": result, "failed": failed, "quality": quality, "cost": cost}
