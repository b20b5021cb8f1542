"""Hours of trials in one process, and hours of scoring in another, hold no more at the end than when they were warm.

``RERANKBENCH_SOAK_SECONDS`` is how long each goes on, 1800 if nobody says; ``RERANKBENCH_SOAK_OUT`` a folder that takes
the series as CSV. The first third is warming up and does not count.
"""

from __future__ import annotations

import csv
import gc
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from scipy.stats import theilslopes

from bench.config.plan import load_plan
from bench.prepare import prepare
from bench.publish import publish
from bench.runner import run_all
from bench.store import Store

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("RERANKBENCH_SOAK_SECONDS", "1800"))
MIB = 1 << 20
MAY_GROW_BYTES = 20 * MIB
"""Of resident memory, from the end of warming up to the end: what fragments of a heap may come to."""
ROUNDS_AT_LEAST = 6
CALLS_AT_LEAST = 2000

CONFIG = """
name: soak
datasets: [set]
trial: {timed_queries: 2, warmup_queries: 1, measures: [ndcg@10, map], device: cpu, depth: 6}
pipelines:
  BM25: {}
  Reranked: {reranker: asset:tracer-reranker, scenarios: [single_stream]}
"""


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def keep(name: str, series: Sequence[Mapping[str, float]]) -> None:
    """The series as CSV, where somebody wants it."""
    if (to := os.environ.get("RERANKBENCH_SOAK_OUT")) and series:
        Path(to).mkdir(parents=True, exist_ok=True)
        with (Path(to) / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(series[0]))
            writer.writeheader()
            writer.writerows(series)


def settled(series: Sequence[Mapping[str, float]]) -> list[Mapping[str, float]]:
    """The samples after the first third of the time."""
    start = series[0]["seconds"] + (series[-1]["seconds"] - series[0]["seconds"]) / 3
    return [sample for sample in series if sample["seconds"] >= start]


def growth(series: Sequence[Mapping[str, float]], name: str) -> float:
    """By how much it has grown, were its typical slope (Theil and Sen's) that of the whole time since warming up."""
    at = [sample["seconds"] for sample in series]
    slope = float(theilslopes([sample[name] for sample in series], at).slope)
    return slope * (at[-1] - at[0])


def of_trials(temporary: Path) -> int:
    """Processes of trials that work in that temporary folder, orphans too."""
    found = 0
    for each in psutil.process_iter(["cmdline"]):
        try:
            if "bench.child" in (each.info["cmdline"] or ()) and each.environ().get("TMPDIR") == str(temporary):
                found += 1
        except psutil.Error:
            continue
    return found


def look(begun: float, number: int, temporary: Path, beside: Path) -> dict[str, float]:
    gc.collect()
    itself = psutil.Process()
    return {
        "round": number,
        "seconds": time.perf_counter() - begun,
        "rss_bytes": itself.memory_info().rss,
        "descriptors": itself.num_fds(),
        "threads": itself.num_threads(),
        "python_threads": threading.active_count(),
        "children": len(itself.children(recursive=True)),
        "trials": of_trials(temporary),
        "temporary": sum(1 for _ in temporary.iterdir()),
        "work_folders": sum(1 for _ in temporary.glob("rerankbench*")),
        "beside_results": sum(1 for _ in beside.iterdir()),
        "objects": len(gc.get_objects()),
    }


def test_a_process_that_runs_trials_for_long_holds_no_more(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, beside = tmp_path / "tmp", tmp_path / "rounds"
    for folder in (temporary, beside):
        folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    small_set.rename(tmp_path / "set")
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    series: list[dict[str, float]] = []
    begun = time.perf_counter()
    while len(series) < ROUNDS_AT_LEAST or time.perf_counter() - begun < SECONDS:
        plan = load_plan(tmp_path / "config.yaml", [])
        store = Store(beside / f"round-{len(series)}")
        results = run_all(prepare(plan, quiet), plan, store, quiet, lambda result, found: None)
        assert [result.status for result in results] == ["ok", "ok"], [result.message for result in results]
        publish(store, results, plan.text, "a command")
        assert (store.folder / "report.html").stat().st_size > 10_000
        shutil.rmtree(store.folder)
        del store, results, plan
        series.append(look(begun, len(series), temporary, beside))
    keep("parent", series)
    after = settled(series)
    for name in ("descriptors", "threads", "python_threads", "temporary"):  # torch keeps a folder in the last
        assert len({sample[name] for sample in after}) == 1, [sample[name] for sample in series]
    for name in ("children", "trials", "work_folders", "beside_results"):
        assert {sample[name] for sample in series} == {0}, [sample[name] for sample in series]
    grown = growth(after, "rss_bytes")
    print(f"{len(series)} rounds in {series[-1]['seconds']:.0f} s; memory grew by {grown / MIB:.1f} MiB")
    assert grown < MAY_GROW_BYTES, [round(sample["rss_bytes"] / MIB) for sample in series]


SCORES = """
import gc, json, random, sys, time
import psutil, torch
from bench.rerankers import load_reranker
from bench.types import Request, Trial

torch.set_num_threads(1)
engine, seconds, calls_at_least = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
trial = Trial("", "", reranker="asset:tracer-reranker", engine=engine, device="cpu", dtype="fp32", max_length=256)
reranker = load_reranker(trial, "cpu", "fp32")
rng = random.Random(7)
words = [f"word{n}" for n in range(500)]
itself, begun, calls = psutil.Process(), time.perf_counter(), 0

def text(longest):
    return " ".join(rng.choices(words, k=rng.randrange(1, longest)))

while calls < calls_at_least or time.perf_counter() - begun < seconds:
    requests = [
        Request(text(12), tuple(text(60) for _ in range(rng.randrange(1, 7))), text(6) if rng.random() < 0.5 else "")
        for _ in range(rng.randrange(1, 4))
    ]
    reranker.score_many(requests)
    calls += 1
    if calls % 25 == 0:
        gc.collect()
        print(json.dumps({"calls": calls, "seconds": time.perf_counter() - begun, "rss_bytes": itself.memory_info().rss,
                          "descriptors": itself.num_fds(), "threads": itself.num_threads()}), flush=True)
"""

SERVES = """
import gc, json, sys, time
from pathlib import Path
import psutil
from bench.job import Job
from bench.trial import carry_out
from bench.types import Trial

base, seconds = Path(sys.argv[1]), float(sys.argv[2])
count = int(20 * seconds)
itself, begun = psutil.Process(), time.perf_counter()

def tell(stage, done, total):
    if stage.startswith("serve") and done and done % 20 == 0:
        gc.collect()
        print(json.dumps({"calls": done, "seconds": time.perf_counter() - begun, "rss_bytes": itself.memory_info().rss,
                          "descriptors": itself.num_fds(), "threads": itself.num_threads()}), flush=True)

trial = Trial(
    "set", "served", reranker="asset:tracer-reranker", device="cpu", depth=5, scenarios=("single_stream", "server"),
    server_qps=(20.0,), server_queries=count, server_p99_s=600.0, timed_queries=3, warmup_queries=1, threads=1,
)
report, _ = carry_out(Job(trial, base, base / "cache", ("speed",), 5), tell, lambda: None)
assert report.status == "ok" and report.cost.load_points[0].offered_qps == 20
"""


def flat(name: str, command: Sequence[str], tmp_path: Path) -> None:
    """What a process tells of itself while it works for long: nothing of it grows once it has warmed up."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", *command], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    series: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    keep(name, series)
    after = settled(series)
    assert len(after) >= 10
    for each in ("descriptors", "threads"):
        assert len({sample[each] for sample in after}) == 1, [sample[each] for sample in series]
    grown = growth(after, "rss_bytes")
    print(f"{name}: {series[-1]['calls']} calls in {series[-1]['seconds']:.0f} s; memory grew by {grown / MIB:.1f} MiB")
    assert grown < MAY_GROW_BYTES, [round(sample["rss_bytes"] / MIB) for sample in series]


@pytest.mark.parametrize("engine", ["packed", "transformers"])
def test_an_engine_that_scores_for_long_holds_no_more(engine: str, tmp_path: Path) -> None:
    flat(f"scoring-{engine}", [SCORES, engine, str(SECONDS / 4), str(CALLS_AT_LEAST)], tmp_path)


def test_a_load_that_goes_on_for_long_takes_no_more(small_set: Path, tmp_path: Path) -> None:
    small_set.rename(tmp_path / "set")
    flat("serving", [SERVES, str(tmp_path), str(max(180.0, SECONDS / 4))], tmp_path)
