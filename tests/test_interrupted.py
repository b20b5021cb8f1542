"""A sweep that is killed at any moment ends, when it is run again, with the table of one that was not."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

MEASURED = (
    "latency",
    "throughput",
    "load_s",
    "index_s",
    "bytes",
    "power",
    "energy",
    "offline",
    "share_of_peak",
    "tflops",
)
"""Columns of what is measured anew each time."""

BM25 = """
name: sweep
datasets: [small]
trial: {timed_queries: 2, warmup_queries: 1, measures: [ndcg@10, map]}
axes: {retriever: [bm25, bm25s]}
pipelines:
  First stage: {}
"""

RERANKED = """
name: sweep
datasets: [small]
trial: {timed_queries: 3, warmup_queries: 1, measures: [ndcg@10], engine: transformers, device: cpu, depth: 6}
axes: {batch_size: [1, 3], max_length: [112, 128]}
pipelines:
  Reranked: {reranker: asset:tracer-reranker}
"""


def table(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if not any(word in k for word in MEASURED)} for row in rows]


def command(config: Path, out: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "bench", "run", str(config), "--out", str(out), "--quiet"]


@pytest.mark.parametrize("config_text", [BM25, pytest.param(RERANKED, marks=pytest.mark.slow)])
def test_three_kills_change_nothing(small_set: Path, tmp_path: Path, config_text: str) -> None:
    config = tmp_path / "sweep.yaml"
    config.write_text(config_text)
    start = time.monotonic()
    whole = subprocess.run(command(config, tmp_path / "whole"), capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    whole_s = time.monotonic() - start
    rng = random.Random(20261124)
    for _ in range(3):
        with subprocess.Popen(command(config, tmp_path / "killed")) as process:
            try:
                process.wait(timeout=rng.uniform(0.15, 0.6) * whole_s)
            except subprocess.TimeoutExpired:
                process.kill()
    finished = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed" / "trials").glob("*.json")}
    subprocess.run(command(config, tmp_path / "killed"), check=True)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed" / "trials").glob("*.json")}
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
    assert {name: after[name] for name in finished} == finished  # what was finished was not run again


@pytest.mark.soak
def test_two_runs_in_one_folder_do_not_damage_each_other(small_set: Path, tmp_path: Path) -> None:
    config = tmp_path / "sweep.yaml"
    config.write_text(BM25)
    runs = [subprocess.Popen(command(config, tmp_path / "shared")) for _ in range(2)]
    assert [process.wait(timeout=120) for process in runs] == [0, 0]
    rows = table(tmp_path / "shared")
    assert [row["status"] for row in rows] == ["ok"] * 2
    assert len(list((tmp_path / "shared" / "trials").glob("*.json"))) == 2
