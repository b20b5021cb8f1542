"""A sweep that runs out of memory on purpose: a row that says so, cells that are not tried, and a run that goes on."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

CONFIG = """
name: too-large
datasets: [{drawn: {queries: 1, documents: 40, median_tokens: 900, sigma: 0.1, max_tokens: 1000}}]
trial:
  retriever: given
  depth: 40
  timed_queries: 1
  warmup_queries: 0
  scenarios: [offline]
  engine: transformers
  device: cpu
  threads: 1
  memory_limit_mb: 600
include: [{batch_size: 20, max_length: 128}, {batch_size: 39, max_length: 1024}, {batch_size: 40, max_length: 1024}]
pipelines:
  Reranked: {reranker: asset:tracer-reranker}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory can be bounded on Linux alone")
def test_running_out_of_memory_is_a_result_and_spares_the_larger_cell(tmp_path: Path) -> None:
    config = tmp_path / "large.yaml"
    config.write_text(CONFIG)
    command = [sys.executable, "-P", "-m", "bench", "run", str(config), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "3 trials: 1 finished, 1 out of memory, 1 out of memory (implied, not tried)" in said
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        rows = {(int(row["batch_size"]), int(row["max_length"])): row for row in csv.DictReader(file)}
    assert [row["status"] for row in rows.values()] == ["ok", "oom", "oom"]
    assert rows[20, 128]["throughput_pps"]
    assert rows[40, 1024]["implied_by"] == rows[39, 1024]["trial"]
    assert not rows[39, 1024]["throughput_pps"]
    assert not rows[39, 1024]["implied_by"]
