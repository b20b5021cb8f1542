"""A clock that is set forward and back by a day, at any moment, changes no duration and starts nothing anew."""

from __future__ import annotations

import ast
import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

JUMPS = '''
"""The time of day jumps by a day, back or forth, at every third look at it on average; other clocks go on."""
import builtins, datetime, os, random, sys, time, types

if {"bench", "bench.child"} & set(sys.orig_argv):
    rng, now, now_ns = random.Random(os.getpid()), time.time, time.time_ns
    jumped = [0]

    def away():
        if rng.random() < 1 / 3:
            jumped[0] = rng.choice([-86400, 0, 86400])
        return jumped[0]

    time.time = lambda: now() + away()
    time.time_ns = lambda: now_ns() + away() * 10**9

    real = datetime.datetime

    class Jumping(real):
        @classmethod
        def now(cls, tz=None):
            return real.fromtimestamp(time.time(), tz)

    ours = types.ModuleType("datetime")
    ours.__dict__.update(datetime.__dict__, datetime=Jumping)
    usual = builtins.__import__

    def imported(name, globals=None, locals=None, fromlist=(), level=0):
        if name == "datetime" and (globals or {}).get("__name__", "").startswith("bench."):
            return ours  # compiled libraries bear no other class than the usual one
        return usual(name, globals, locals, fromlist, level)

    builtins.__import__ = imported
'''

CONFIG = """
name: clock
datasets: [set]
trial:
  depth: 5
  device: cpu
  timed_queries: 3
  warmup_queries: 1
  measures: [ndcg@10]
  scenarios: [single_stream, offline, server]
  server_qps: [20]
  server_queries: 30
pipelines:
  BM25: {}
  Dense: {retriever: dense, embedder: asset:tracer-embedder}
  Reranked: {retriever: dense, embedder: asset:tracer-embedder, reranker: asset:tracer-reranker}
"""


def durations(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number of seconds in a stored result, with its name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from durations(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from durations(inner, name)
    elif isinstance(value, int | float) and name.endswith(("_s", "seconds")) and not name.endswith("_per_s"):
        yield name, float(value)


@pytest.mark.long
def test_a_clock_that_jumps_changes_no_duration(runs: Any, tmp_path: Path) -> None:
    runs.write_set(tmp_path / "set", documents=60, queries=6)
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    more = runs.stands_still(tmp_path)
    (tmp_path / "site" / "sitecustomize.py").write_text(JUMPS)
    env, out = runs.surroundings(tmp_path / "tmp", **more), tmp_path / "out"

    def run(*arguments: object) -> str:
        with runs.begin(arguments, env, cwd=tmp_path) as process:
            said, wrong = process.communicate(timeout=300)
        assert process.returncode == 0, wrong
        return str(said)

    start = time.monotonic()
    run("run", "config.yaml", "--out", "out", "--quiet")
    whole_s = time.monotonic() - start
    results = [json.loads(path.read_bytes()) for path in (out / "trials").glob("*.json")]
    assert [result["status"] for result in results] == ["ok"] * 3
    found = [each for result in results for each in durations({**result, "trial": {}})]  # settings are no durations
    names = {name for name, _ in found}
    assert {".wall_s", ".cost.load_s", ".cost.latency_s", ".cost.offline_s"} <= names, names
    assert [(name, value) for name, value in found if not 0 <= value < whole_s] == []
    days = {result["started_at"][:10] for result in results}
    before = runs.finished(out)
    again = run("run", "config.yaml", "--out", "out")
    assert again.count("not run again") == 3
    assert runs.finished(out) == before
    assert runs.left_behind(tmp_path / "tmp", out) == []
    orders = []
    for _ in range(2):
        run("report", "out")
        with (out / "summary.csv").open(newline="") as file:
            orders.append([row["pipeline"] for row in csv.DictReader(file)])
    assert orders[0] == orders[1] == ["BM25", "Dense", "Reranked"], (orders, days)


# ------------------------------------------------------------------------------------------------ what the sources say

TIME_OF_DAY = {
    ("bench/trackers/mlflow.py", "time.time"): "when something happened, in a tracker's own unit",
}
"""Who reads the time of day as a number, and what for; none of it is a duration."""
SUBTRACTED = {"bench/hub/reach.py"}
"""Who subtracts dates: a server's `Retry-After` is one, and what comes of it is bounded."""


def sources(root: Path, *words: str) -> Iterator[tuple[str, ast.Module]]:
    """The files of the package in which one of the words stands."""
    for path in sorted((root / "bench").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if any(word in text for word in words):
            yield path.relative_to(root).as_posix(), ast.parse(text)


def called(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def test_no_duration_is_read_from_the_time_of_day(root: Path) -> None:
    read, subtracted = set(), set()
    for name, tree in sources(root, "time.", "import time", "from time", "total_seconds"):
        for node in ast.walk(tree):
            if called(node) in ("time.time", "time.time_ns", "time.clock_gettime", "time.localtime", "time.gmtime"):
                read.add((name, called(node)))
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                read |= {(name, f"time.{each.name}") for each in node.names if each.name.startswith("time")}
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
                said = ast.unparse(node)
                if "datetime" in said or ".now(" in said or "fromisoformat" in said:
                    subtracted.add(name)
            if isinstance(node, ast.Attribute) and node.attr == "total_seconds":
                subtracted.add(name)
    assert read == set(TIME_OF_DAY)
    assert subtracted == SUBTRACTED


MEASURES = (
    "bench/serving",
    "bench/scenarios.py",
    "bench/speed.py",
    "bench/machine/meter.py",
    "bench/engines/worker.py",
)


def test_what_is_measured_is_read_from_clocks_that_only_go_on(root: Path) -> None:
    found = {
        called(node)
        for name, tree in sources(root, "time")
        if name.startswith(MEASURES)
        for node in ast.walk(tree)
        if called(node).startswith("time.") or "datetime" in called(node)
    }
    assert found == {"time.perf_counter", "time.sleep"}
