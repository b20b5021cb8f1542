"""The same config over the same files gives the same bytes, wherever and however it is run; what may differ is stated.

=========================== =================================================================================
byte for byte the same      rankings, passes, per-query values, means, intervals, verdicts and contrasts, when
                            a run is repeated: in another folder, with another hash seed, locale, time zone or
                            working folder
the same ranks, and scores  other numbers of threads: a sum is then made in other parts. ``THREADS`` bounds the
within ``THREADS``          difference in probability: fp32 rounds at 6e-8, and some hundred such roundings
                            follow each other in the layers of a small model
the same ranks, and scores  another order of documents or queries in the files: other texts share a forward
within ``ORDER``            pass, and BM25 sums its mean idf in another order. Intervals then differ by the
                            noise of resampling, for queries are drawn by their place; a sample of queries
                            (``max_queries``) is another one, for the same reason
=========================== =================================================================================
"""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.data import contents_of, load_dataset
from bench.judge import judge
from bench.pipeline import Pipeline
from bench.rerankers import load_reranker
from bench.rerankers.scores import sigmoid
from bench.rerankers.template import TEMPLATES
from bench.retrievers import load_retriever
from bench.trial import score_all, untold
from bench.types import Dataset, Run, Trial

THREADS, ORDER = 1e-5, 1e-5
DENSE = {"retriever": "dense", "embedder": "asset:tracer-embedder"}
RERANKED = {**DENSE, "reranker": "asset:tracer-reranker", "depth": 8, "max_length": 256}
MEASURED = ("latency", "throughput", "load_s", "index_s", "bytes", "power", "energy", "offline",
            "tflops", "share_of_peak")  # fmt: skip
"""Columns of what is measured anew each time."""


@pytest.fixture(scope="module")
def sample(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten queries of each of two splits of the embedded set, with their judged documents and some others."""
    return write_sample(root / "datasets" / "tracer", tmp_path_factory.mktemp("set") / "sample")


def write_sample(source: Path, folder: Path, shuffled: int | None = None) -> Path:
    queries: list[str] = []
    documents: dict[str, None] = {}
    (folder / "qrels").mkdir(parents=True)
    for split in ("dev", "test"):
        head, *rows = (source / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
        chosen = list(dict.fromkeys(row.split("\t")[0] for row in rows))[:10]
        kept = [row for row in rows if row.split("\t")[0] in chosen]
        queries += chosen
        documents |= dict.fromkeys(row.split("\t")[1] for row in kept)
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
    for name, wanted, others in (("corpus", documents, 100), ("queries", queries, 0)):
        lines = (source / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        mine = [line for line in lines if json.loads(line)["_id"] in wanted]
        mine += [line for line in lines if line not in mine][:others]
        if shuffled is not None:
            random.Random(shuffled).shuffle(mine)
        (folder / f"{name}.jsonl").write_text("\n".join(mine) + "\n", encoding="utf-8")
    return folder


# ----------------------------------------------------------------------------------- whole runs, by the command

CLAIMS = """
name: claims
source: {title: A paper}
experiments:
  sample:
    datasets: [SAMPLE]
    trial: {depth: 8, max_length: 256, measures: [ndcg@10, recall@5, mrr@10], scenarios: [offline], timed_queries: 2}
    pipelines:
      BM25: {retriever: bm25, scenarios: []}
      Reranked: {retriever: dense, embedder: "asset:tracer-embedder", reranker: "asset:tracer-reranker"}
claims:
  - id: gain
    statement: It helps.
    experiment: sample
    figures:
      - {name: ndcg, pipeline: Reranked, measure: ndcg@10, expected: "80%"}
      - {name: gain, pipeline: Reranked, minus: BM25, measure: mrr@10, expected: "10 points"}
"""
STUDY = """
name: study
datasets: [SAMPLE]
trial: {retriever: bm25, reranker: "asset:tracer-reranker", depth: 6, max_length: 256}
baseline: official
instructions: [official, general-zh, {name: mine, text: 找出回答问题的段落}]
study: {compare: [ndcg@10, precision@1], looks: 1}
"""
SURROUNDINGS: tuple[Mapping[str, str], ...] = (
    {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    {"PYTHONHASHSEED": "31337", "LC_ALL": "C", "TZ": "Asia/Kolkata", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
)
"""The second knows no character beyond ASCII: a file that is opened without its encoding named fails there."""


@pytest.fixture(scope="module")
def twice(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The folders of two runs of the same config files, which differ in all that should decide nothing."""
    folders = []
    for number, surroundings in enumerate(SURROUNDINGS):
        home = tmp_path_factory.mktemp(f"run{number}") / ("deep" if number else "") / "place"
        home.mkdir(parents=True)
        write_sample(root / "datasets" / "tracer", home / "set")
        for name, text in (("claims", CLAIMS), ("study", STUDY)):
            config = home / f"{name}.yaml"
            config.write_text(text.replace("SAMPLE", "set"), encoding="utf-8")
            done = subprocess.run(
                [sys.executable, "-P", "-m", "bench", "run", str(config), "--out", str(home / name), "--quiet"],
                cwd=home if number else "/", env={**os.environ, "PYTHONPATH": str(root), **surroundings},
                capture_output=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr.decode(errors="replace")
        folders.append(home)
    yield folders[0], folders[1]


def files(folder: Path, *patterns: str) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for each in patterns for path in folder.rglob(each)}


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["claims", "study"])
def test_rankings_and_judgements_are_the_same_bytes(twice: tuple[Path, Path], kind: str) -> None:
    one, other = (files(home / kind, "*.trec", "*.qrels", "ab.csv", "ab-queries.csv", "claims.csv") for home in twice)
    assert one.keys() == other.keys() and len(one) > 5
    assert [name for name in one if one[name] != other[name]] == []


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["claims", "study"])
def test_values_intervals_and_inputs_are_the_same_to_the_last_digit(twice: tuple[Path, Path], kind: str) -> None:
    one, other = (files(home / kind, "trials/*.json") for home in twice)
    assert one.keys() == other.keys()
    for name in one:
        first, second = (json.loads(found[name]) for found in (one, other))
        for part in ("trial", "status", "dataset", "inputs", "quality", "run_file"):
            assert json.dumps(first[part]) == json.dumps(second[part]), part
        assert first["quality"]["per_query"]


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["claims", "study"])
def test_tables_are_the_same_but_for_what_is_measured_anew(twice: tuple[Path, Path], kind: str) -> None:
    def table(home: Path) -> list[dict[str, str]]:
        with (home / kind / "summary.csv").open(newline="", encoding="utf-8") as file:
            return [
                {name: value for name, value in row.items() if not any(word in name for word in MEASURED)}
                for row in csv.DictReader(file)
            ]

    one, other = map(table, twice)
    assert one == other and {"ndcg@10", "ndcg@10_low", "ceiling", "widest_tie_range"} <= one[0].keys()


@pytest.mark.soak
def test_what_a_study_and_a_claims_file_found_is_the_same(twice: tuple[Path, Path]) -> None:
    one, other = (json.loads((home / "study" / "ab.json").read_bytes()) for home in twice)
    for found in (one, other):
        for cost in found.pop("costs"):
            assert {name for name in cost if "second" in name or name.endswith("_s")}
    assert one == other
    one, other = (json.loads((home / "claims" / "claims.json").read_bytes()) for home in twice)
    assert one == other


# ------------------------------------------------------------------------------------ threads and the files' order


PIPELINES: Mapping[str, Mapping[str, Any]] = {
    "bm25": {"retriever": "bm25", "depth": 20},
    "bm25s": {"retriever": "bm25s", "depth": 20},
    "dense": {**DENSE, "depth": 20},
    "packed": {**RERANKED, "engine": "packed"},
    "transformers": {**RERANKED, "engine": "transformers"},
}


def answered(dataset: Dataset, fields: Mapping[str, Any]) -> tuple[Run, Run]:
    """The run and the first stage's, as the quality pass makes them."""
    trial = Trial("set", "p", device="cpu", dtype="fp32", **fields)
    retriever = load_retriever(trial, "cpu")
    retriever.index(dataset.corpus)
    engine = load_reranker(trial, "cpu", "fp32") if trial.reranker else None
    instruction = TEMPLATES["qwen3"].default_instruction
    made = score_all(
        Pipeline(retriever, engine, contents_of(dataset.corpus), trial.depth, instruction), dataset.queries, untold
    )
    return made.run, made.first_stage


def assert_alike(one: Run, other: Run, tolerance: float, unit: str) -> None:
    """The same documents in the same order, their scores within the tolerance: in probability for a reranker's."""
    assert one.keys() == other.keys() and any(one.values())
    for query_id, ranking in one.items():
        assert [doc.doc_id for doc in ranking] == [doc.doc_id for doc in other[query_id]], query_id
        for a, b in zip(ranking, other[query_id], strict=True):
            if unit == "logit":
                assert abs(sigmoid(a.score) - sigmoid(b.score)) <= tolerance
            else:
                assert a.score == pytest.approx(b.score, rel=tolerance)


SLOW = [pytest.param(name, marks=pytest.mark.long) for name in ("packed", "transformers")]


@pytest.mark.parametrize("name", ["dense", *SLOW])
def test_another_number_of_threads_gives_the_same_ranks(name: str, sample: Path) -> None:
    import torch

    dataset, before = load_dataset(sample), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(answered(dataset, PIPELINES[name]))
    finally:
        torch.set_num_threads(before)
    (one, first), (other, second) = found
    assert_alike(first, second, THREADS, "score")
    assert_alike(one, other, THREADS, "logit" if "reranker" in PIPELINES[name] else "score")


@pytest.mark.parametrize("name", ["bm25", "bm25s", "dense", *SLOW])
def test_the_order_of_lines_in_the_files_gives_the_same_ranks(
    name: str, sample: Path, root: Path, tmp_path: Path
) -> None:
    one = load_dataset(sample)
    other = load_dataset(write_sample(root / "datasets" / "tracer", tmp_path / "shuffled", shuffled=7))
    assert [query.id for query in one.queries] != [query.id for query in other.queries]
    assert [document.id for document in one.corpus] != [document.id for document in other.corpus]
    (run, first), (again, second) = (answered(dataset, PIPELINES[name]) for dataset in (one, other))
    assert_alike(first, second, ORDER, "score")
    assert_alike(run, again, ORDER, "logit" if "reranker" in PIPELINES[name] else "score")
    trial = Trial("set", "p", measures=("ndcg@10", "recall@5"), depth=20)
    quality, moved = (judge(trial, each, found, found, _no_work()) for each, found in ((one, run), (other, again)))
    assert quality.per_query == moved.per_query
    for measure, interval in quality.means.items():
        assert interval.mean == pytest.approx(moved.means[measure].mean, abs=1e-12)
        width = interval.high - interval.low
        assert abs(interval.low - moved.means[measure].low) <= 0.1 * width + 1e-12
        assert abs(interval.high - moved.means[measure].high) <= 0.1 * width + 1e-12


def _no_work() -> Any:
    from bench.types import Work

    return Work()
