"""A finished results folder, judged for real: what is hard to carry over is in its rankings, ids and settings."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.finished import REPRODUCE
from bench.judge import dataset_facts, judge
from bench.keys import quality_key
from bench.report.rows import summary_csv
from bench.store import Store
from bench.types import Cost, Dataset, Document, Query, Run, Trial, TrialResult, Work, canonical_json, rank

MEASURES = (
    "ndcg@10",
    "ndcg@3",
    "recall@5",
    "mrr",
    "mrr@10",
    "map",
    "map@5",
    "precision@3",
    "hit_rate@1",
    "r_precision",
)
RERANKED = {"retriever": "dense", "embedder": "org/embedder", "reranker": "org/reranker", "depth": 6}
QUERIES = ("q1", "q2", "问题三", "no-results", "nothing-relevant")


def labelled_set(folder: Path, name: str = "SciFact") -> Dataset:
    """Graded judgements, some of 0, some below; a query that no ranking answers, one without a relevant document."""
    seeded = random.Random(3)
    corpus = tuple(Document(doc_id, "text") for doc_id in [*(f"d{i}" for i in range(12)), "é", "文档"])
    ids = [document.id for document in corpus]
    qrels = {q: {d: seeded.choice([-1, 0, 1, 1, 2, 3]) for d in seeded.sample(ids, 7)} for q in QUERIES}
    qrels["nothing-relevant"] = {"d1": 0}
    queries = tuple(Query(q, "text") for q in QUERIES)
    return Dataset(name, "test", corpus, queries, qrels, "sha256:" + "5c1f" * 16, folder, ("en",), revision="0f3c9a1")


def ranking_of(dataset: Dataset, seed: int, depth: int) -> Run:
    """Scores below zero, equal ones, and some that only a 32-bit float has."""
    seeded, scores = random.Random(seed), [-7.25, -0.1, 0.0, 1 / 3, 2e-7, 5.0, 5.0000005, 123456.789]
    ids = [document.id for document in dataset.corpus]
    answered = [q for q in dataset.qrels if q != "no-results"]
    return {q: rank((d, seeded.choice(scores)) for d in seeded.sample(ids, depth)) for q in answered}


def kept(store: Store, trial: Trial, dataset: Dataset, seed: int, **inputs: str) -> TrialResult:
    """A trial's result with its runs and judgements, written as a run of the harness does."""
    first = ranking_of(dataset, 1, trial.depth)
    run = {q: rank((doc.doc_id, score) for doc, score in zip(docs, _scores(seed, len(docs)), strict=True))
           for q, docs in first.items()} if trial.reranker else first  # fmt: skip
    facts, key = dataset_facts(dataset), quality_key(trial)
    quality = judge(trial, dataset, run, first, Work())
    cost = Cost(1.5, None, (0.01, 0.02), {}, (0.3,), 2, None, None, 2**28, None, None, Work())
    run_file, checksums = store.write_run(trial, dataset.name, key, run, first if trial.reranker else None)
    result = TrialResult(
        trial, "ok", dataset=facts, inputs=inputs, quality=quality, cost=cost,
        run_file=run_file, checksums=checksums,
        started_at=f"2026-03-02T09:15:0{seed}+00:00", environment={"cpu": "c", "packages": {"rerankbench": "0.1.0"}},
    )  # fmt: skip
    store.write_qrels(trial, facts, dataset.qrels)
    store.write_result(result)
    return result


def _scores(seed: int, count: int) -> list[float]:
    return [random.Random(f"{seed} {i}").choice([-3.5, 0.25, 0.25000003, 1e-8, 9.0]) for i in range(count)]


def finish(store: Store, results: list[TrialResult]) -> Path:
    """What a run leaves when it is done, but for the report."""
    facts = {"command": "rerankbench run x.yaml", "config": "", "trials": [result.trial.id for result in results]}
    store.write(REPRODUCE, canonical_json(facts).encode())
    store.write("summary.csv", summary_csv(results).encode())
    return store.folder


def trial(pipeline: str, **fields: Any) -> Trial:
    return Trial(**{"dataset": "sets/scifact", "pipeline": pipeline, "measures": MEASURES, "depth": 6, **fields})


@pytest.fixture(scope="session")
def results_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BM25, a reranker, and a trial that failed; and a stored trial that the last run did not ask for."""
    folder = tmp_path_factory.mktemp("results")
    store, dataset = Store(folder), labelled_set(folder)
    kept(store, trial("of an earlier run", seed=9), dataset, 3)
    failed = TrialResult(trial("too large", max_length=9), "oom", "out of memory", dataset=dataset_facts(dataset))
    store.write_result(failed)
    bm25 = kept(store, trial("BM25"), dataset, 1)
    reranked = kept(store, trial("Dense + 重排", **RERANKED), dataset, 2, reranker_revision="e6" * 20)
    return finish(store, [bm25, reranked, failed])


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A finished folder of trials that are alike but for the fields given, each with a set of the name given."""

    def made(*fields: dict[str, Any]) -> Path:
        store, results = Store(tmp_path / "made"), []
        for number, each in enumerate(fields):
            rest = {key: value for key, value in each.items() if key not in ("name", "inputs")}
            dataset = labelled_set(tmp_path, each.get("name", "SciFact"))
            if "split" in each:
                dataset = replace(dataset, split=each["split"])
            results.append(kept(store, trial(**{"pipeline": "P", **rest}), dataset, number, **each.get("inputs", {})))
        return finish(store, results)

    return made
