"""Runs that are killed at any moment of their lives and go on: nothing is lost, nothing is made twice, nothing differs.

``RERANKBENCH_KILLS`` is the number of kills of a run, 50 if nobody says; a study and a claims file get a fifth of it.
Three in five moments are spread evenly over the time that an undisturbed run takes; the others fall into the stages
that these have hit least.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.publish import read_rulings
from bench.store import Store
from bench.study.looks import read_looks
from bench.tracer.instructions import INSTRUCTIONS

pytestmark = pytest.mark.soak

KILLS = int(os.environ.get("RERANKBENCH_KILLS", "50"))
WHOM = ("everything", "the parent", "the child")
STAGES = ("index", "encode", "rerank", "write")
"""Each is to be hit; reading, loading and timing are hit anyway."""
TOO_LATE = "after its end"
LIMIT_S = 600.0

TELLS_STAGES = """
import os, sys, time
import bench.screen
usual, last = bench.screen.Screen.tell, [None]
log = open(os.environ["STAGES"], "a", buffering=1)
def tell(self, stage, done, total):
    if stage != last[0]:
        last[0] = stage
        print(stage, file=log)
    usual(self, stage, done, total)
bench.screen.Screen.tell = tell
from bench.cli import main
main()
"""
"""The command line, which writes down what it is at."""

RUN = """
name: killed
datasets: [set]
trial: {timed_queries: 3, warmup_queries: 1, measures: [ndcg@10, map], device: cpu, depth: 8}
axes: {batch_size: [1, 3]}
pipelines:
  BM25: {}
  bm25s: {retriever: bm25s}
  Dense: {retriever: dense, embedder: asset:tracer-embedder}
  Reranked: {retriever: dense, embedder: asset:tracer-embedder, reranker: asset:tracer-reranker}
"""
STUDY = """
name: killed-study
datasets: [TRACER]
trial: {reranker: asset:tracer-reranker, depth: 12, max_queries: 60, device: cpu, dtype: fp32}
baseline: background
instructions:
  - {name: background, text: "BACKGROUND"}
  - general-zh
  - official
study: {compare: [ndcg@10], looks: 1}
"""
CLAIMS = """
name: killed-claims
source: {title: A paper, date: "2025"}
experiments:
  lexical:
    datasets: [set]
    trial: {depth: 5, measures: [ndcg@10, recall@5], timed_queries: 2, warmup_queries: 1, scenarios: [single_stream]}
    pipelines: {BM25: {retriever: bm25}, bm25s: {retriever: bm25s}}
  reranked:
    datasets: [set]
    trial: {depth: 5, measures: [ndcg@10], timed_queries: 2, warmup_queries: 1, scenarios: [single_stream], device: cpu}
    pipelines: {Reranked: {reranker: asset:tracer-reranker}}
claims:
  - id: recall
    statement: All relevant documents are among the first five.
    experiment: lexical
    figures: [{name: recall, measure: recall@5, pipeline: BM25, expected: "100%"}]
  - id: better
    statement: It is good, too.
    experiment: reranked
    figures: [{name: ndcg, measure: ndcg@10, pipeline: Reranked, expected: "80%"}]
"""


def kind_of(stage: str) -> str:
    """What a stage is about, in one word."""
    own = stage.rpartition(": ")[2]
    if own == "index":
        return "encode" if stage.startswith(("Dense", "Reranked")) else "index"
    if "pairs" in own or own == "search":
        return "rerank"
    if own.startswith(("time", "warm", "measure", "wait", "ready", "answer")):
        return "time"
    if stage.startswith(("judge", "write", "collect", "compare", "claim")):
        return "write"
    return "load"


@dataclass
class Sweep:
    """One config, its undisturbed run, and what disturbing it has come to."""

    runs: Any
    folder: Path
    rng: random.Random
    whole_s: float = 0.0
    expected: Any = None

    def begin(self, out: str, *more: str) -> subprocess.Popen[str]:
        env = self.runs.surroundings(self.folder / "tmp", STAGES=str(self.folder / f"{out}.stages"))
        command = [sys.executable, "-c", self.runs.ALIKE, sys.executable, "-P", "-c", TELLS_STAGES]
        return subprocess.Popen(
            [*command, "run", "config.yaml", "--out", out, "--quiet", *more],
            env=env, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip

    def finish(self, out: str) -> None:
        with self.begin(out, "--retry") as process:
            try:
                said, wrong = process.communicate(timeout=LIMIT_S)
            finally:
                process.kill()
        assert process.returncode == 0, (said, wrong)
        assert "damaged" not in wrong, wrong

    def stage(self, out: str) -> str:
        path = self.folder / f"{out}.stages"
        lines = path.read_text().splitlines() if path.exists() else []
        return lines[-1] if lines else "start"

    def kill(self, out: str, whom: str, moment: Callable[[], bool]) -> tuple[str, str]:
        """Begin, and kill at that moment; the stage then, and who was killed."""
        with self.begin(out) as process:
            while process.poll() is None and not moment():
                time.sleep(0.005)
            stage = self.stage(out)
            if process.poll() is not None:
                return TOO_LATE, whom
            if whom == "the parent":
                process.kill()
            elif whom == "everything":
                self.runs.kill_all(process)
            elif not self._kill_child(process):
                process.kill()
                whom = "the parent, for want of a child"
            process.communicate(timeout=LIMIT_S)  # one whose child alone was killed goes on
        return stage, whom

    def _kill_child(self, process: subprocess.Popen[str]) -> bool:
        for each in psutil.Process(process.pid).children(recursive=True):
            try:
                if "bench.child" in each.cmdline():
                    each.send_signal(signal.SIGKILL)
                    return True
            except psutil.NoSuchProcess:
                continue
        return False

    def wanted_moment(self, out: str, kinds: Counter[str], number: int, total: int) -> Callable[[], bool]:
        """The even ones by the clock; the others wait for a stage that was hit too seldom, and then a little longer."""
        begun = time.monotonic()
        evenly = total * 3 // 5
        if number < evenly:
            at = begun + (number + self.rng.random()) / evenly * self.whole_s
            return lambda: time.monotonic() >= at
        passed = {kind_of(stage) for stage in (self.folder / "whole.stages").read_text().splitlines()}
        kind = min((each for each in STAGES if each in passed), key=lambda each: kinds[each])
        skip, extra = self.rng.randrange(2), self.rng.uniform(0, 0.1)
        last, seen = "", 0
        since: float | None = None

        def reached() -> bool:
            nonlocal last, seen, since
            stage = self.stage(out)
            if stage != last:
                last, seen = stage, seen + (kind_of(stage) == kind)
            if since is None and seen > skip and kind_of(stage) == kind:
                since = time.monotonic()
            return since is not None and time.monotonic() >= since + extra

        return reached

    def check(self, out: str, finished: dict[str, tuple[int, str]], result: Callable[[Path], Any]) -> None:
        path = self.folder / out
        after = self.runs.finished(path)
        assert {name: after.get(name) for name in finished} == finished, "what was finished was made again"
        assert result(path) == self.expected
        assert self.runs.left_behind(self.folder / "tmp", path) == []

    def disturb(self, total: int, result: Callable[[Path], Any]) -> list[tuple[str, str, str]]:
        """Kill it so many times, each in a folder of its own, and let it go on each time; the moments."""
        begun = time.monotonic()
        self.finish("whole")
        self.whole_s = time.monotonic() - begun
        self.expected = result(self.folder / "whole")
        kinds: Counter[str] = Counter()
        moments = []
        for number in range(total):
            for attempt in range(9):
                out, begun = f"killed-{number}-{attempt}", time.monotonic()
                moment = self.wanted_moment(out, kinds, number, total)
                stage, whom = self.kill(out, WHOM[number % len(WHOM)], moment)
                if stage != TOO_LATE:
                    break
                self.whole_s = time.monotonic() - begun  # the machine has more time for it now
            assert stage != TOO_LATE
            kinds[kind_of(stage)] += 1
            moments.append((kind_of(stage), stage, whom))
            finished = self.runs.finished(self.folder / out)
            print(f"{number + 1:3} {whom}: {kind_of(stage)} ({stage}); {len(finished)} finished", flush=True)
            self.finish(out)
            self.check(out, finished, result)
        print(f"{total} kills of a run of {self.whole_s:.1f} s: {dict(kinds)}", flush=True)
        return moments


@pytest.fixture
def sweep(runs: Any, tmp_path: Path) -> Sweep:
    runs.write_set(tmp_path / "set", documents=900, queries=16)
    return Sweep(runs, tmp_path, random.Random(20261126))


def test_a_run_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(sweep: Sweep) -> None:
    (sweep.folder / "config.yaml").write_text(RUN, encoding="utf-8")
    moments = sweep.disturb(KILLS, sweep.runs.quality)
    kinds = Counter(kind for kind, _, _ in moments)
    if KILLS >= 50:
        assert min(kinds[kind] for kind in STAGES) >= 5, kinds
    assert len({whom for _, _, whom in moments} & set(WHOM)) == min(KILLS, len(WHOM))


def test_a_study_that_is_killed_at_any_moment_has_looked_once(sweep: Sweep, root: Path) -> None:
    text = STUDY.replace("TRACER", str(root / "datasets" / "tracer"))
    text = text.replace("BACKGROUND", INSTRUCTIONS["background-en"].text)
    (sweep.folder / "config.yaml").write_text(text, encoding="utf-8")

    def result(out: Path) -> Any:
        looks = read_looks(Store(out, to_read=True))
        return sweep.runs.quality(out), [replace(look, at="") for look in looks]

    sweep.disturb(max(1, KILLS // 5), result)
    assert len(sweep.expected[1]) == 1


def test_a_claims_file_that_is_killed_at_any_moment_comes_to_the_same_verdicts(sweep: Sweep) -> None:
    (sweep.folder / "config.yaml").write_text(CLAIMS, encoding="utf-8")

    def result(out: Path) -> Any:
        verdicts = [(ruling.claim.id, ruling.verdict) for ruling in read_rulings(out)]
        assert len(verdicts) == 2
        return sweep.runs.quality(out), verdicts

    sweep.disturb(max(1, KILLS // 5), result)
