"""Finished trials made up for the report's tests: seeded, so that every figure is the same each time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from bench.stats import bootstrap_mean
from bench.types import Cost, Interval, Quality, Trial, TrialResult, Work

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


@pytest.fixture
def results() -> list[TrialResult]:
    return scifact()


@pytest.fixture
def chinese_results() -> list[TrialResult]:
    return chinese()


@pytest.fixture
def make() -> dict[str, Callable[..., Any]]:
    return {"trial": trial, "result": result, "failed": failed, "quality": quality, "cost": cost}
