"""Trials to compare, made up: seeded values per query, and what two runs of one config leave."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.finished import REPRODUCE
from bench.stats import bootstrap_mean
from bench.store import Store
from bench.types import Cost, Interval, Quality, Trial, TrialResult, Work, canonical_json

MiB = 2**20
HERE = {
    "cpu": "Example CPU",
    "cores_logical": 2,
    "memory_bytes": 2**34,
    "device": "cpu",
    "packages": {"torch": "2.9.0"},
}


def values(mean: float, queries: int = 60, seed: int = 1) -> dict[str, float]:
    seeded = random.Random(seed)
    return {f"q{i}": min(1.0, max(0.0, mean + seeded.gauss(0, 0.2))) for i in range(queries)}


def judged(per_query: Mapping[str, Mapping[str, float]]) -> Quality:
    means = {name: bootstrap_mean([*of.values()], resamples=100) for name, of in per_query.items()}
    return Quality(means, per_query, Interval(0.9, 0.88, 0.92), 0.0)


def spent(p50_s: float = 0.02, peak: int | None = 400 * MiB, samples: int = 100, **more: Any) -> Cost:
    latency = tuple(p50_s * (0.9 + 0.2 * i / (samples - 1)) for i in range(samples))
    made = Cost(2.0, None, latency, {}, (sum(latency),), samples, None, 90 * MiB, peak, None, None, Work())
    return replace(made, **more)


def result(
    pipeline: str = "BM25",
    per_query: Mapping[str, Mapping[str, float]] | None = None,
    cost: Cost | None = None,
    checksum: str = "sha256:" + "ab" * 32,
    environment: Mapping[str, Any] = HERE,
    **fields: Any,
) -> TrialResult:
    """Alike in all that is not given."""
    found = {"ndcg@10": values(0.6), "map": values(0.4)} if per_query is None else per_query
    status, message = fields.pop("status", "ok"), fields.pop("message", "")
    facts = {"name": fields.pop("name", "SciFact"), "checksum": checksum}
    trial = Trial(**{"dataset": "sets/scifact", "pipeline": pipeline, "measures": ("ndcg@10", "map"), **fields})
    return TrialResult(
        trial, status, message, dataset=facts, environment=environment,
        quality=judged(found) if status == "ok" and found else None,
        cost=(cost or spent()) if status == "ok" else None,
    )  # fmt: skip


def shifted(per_query: Mapping[str, float], by: float, only: int | None = None) -> dict[str, float]:
    """The first ``only`` queries moved, the others as they were."""
    return {q: value + by if only is None or i < only else value for i, (q, value) in enumerate(per_query.items())}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes results as a finished run of their own."""

    def written(name: str, *results: TrialResult) -> Path:
        store = Store(tmp_path / name)
        for each in results:
            store.write_result(each)
        facts = {"command": "", "config": "", "trials": [each.trial.id for each in results]}
        store.write(REPRODUCE, canonical_json(facts).encode())
        return store.folder

    return written


@pytest.fixture
def values_of() -> Callable[..., dict[str, float]]:
    return values


@pytest.fixture
def moved() -> Callable[..., dict[str, float]]:
    return shifted


@pytest.fixture
def cost_of() -> Callable[..., Cost]:
    return spent


@pytest.fixture
def of() -> Callable[..., TrialResult]:
    return result
