"""Several runs in one results folder: they share its work, and one that is killed costs its own trial alone."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.long

LIMIT_S = 280.0
"""By then all is done, or somebody waits for ever."""

LOGS_JOBS = """
import json, os, sys, tempfile
if "bench.child" in sys.orig_argv:
    with open(os.path.join(sys.orig_argv[-1], "job.json"), "rb") as job:
        handle, name = tempfile.mkstemp(dir=os.environ["JOBS"])
        os.write(handle, job.read())
        os.close(handle)
        os.rename(name, name + ".json")
"""

BM25 = "  BM25: {measures: [ndcg@10, map]}\n"
BM25S = "  bm25s: {retriever: bm25s}\n"
RERANKED = "  Reranked: {reranker: asset:tracer-reranker}\n"
CONFIG = """
name: shared
datasets: [set]
trial: {timed_queries: 2, warmup_queries: 1, measures: [ndcg@10], device: cpu, depth: 5, scenarios: [single_stream]}
axes: {batch_size: [1, 3]}
pipelines:
"""


class Crowd:
    """Runs in one folder, whose trials' jobs are kept."""

    def __init__(self, runs: Any, folder: Path) -> None:
        self.runs, self.folder = runs, folder
        runs.write_set(folder / "set", documents=60, queries=6)
        more = runs.stands_still(folder)
        (folder / "site" / "sitecustomize.py").write_text(LOGS_JOBS)
        (folder / "jobs").mkdir()
        self.env = runs.surroundings(folder / "tmp", JOBS=str(folder / "jobs"), **more)
        self.out = folder / "out"
        self.begun: list[subprocess.Popen[str]] = []

    def config(self, name: str, *pipelines: str) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(CONFIG + "".join(pipelines), encoding="utf-8")
        return path

    def begin(self, config: Path, out: str = "out") -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = self.runs.begin(
            ["run", config, "--out", out, "--quiet"], self.env, cwd=self.folder
        )
        self.begun.append(process)
        return process

    def wait(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        """All have ended well in time."""
        deadline = time.monotonic() + LIMIT_S
        for process in processes:
            out, said = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
            assert process.returncode == 0, (out, said)

    def jobs(self) -> Counter[tuple[str, int | None, str]]:
        """How often a process was asked for what: pipeline, batch size, passes."""
        found = [json.loads(path.read_bytes()) for path in (self.folder / "jobs").glob("*.json")]
        return Counter((job["trial"]["pipeline"], _size(job), "+".join(job["passes"])) for job in found)

    def check(self, expected: dict[str, bytes]) -> None:
        found = self.runs.quality(self.out)
        assert {name: found[name] == expected[name] for name in expected} == dict.fromkeys(expected, True)
        assert set(found) == set(expected)
        assert self.runs.left_behind(self.folder / "tmp", self.out) == []


def _size(job: dict[str, Any]) -> int | None:
    size: int | None = job["trial"]["batch_size"]
    return size


@pytest.fixture(scope="module")
def expected(runs: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What is said of quality where one run does it all, and nobody disturbs it."""
    alone = Crowd(runs, tmp_path_factory.mktemp("alone"))
    alone.wait([alone.begin(alone.config("all", BM25, BM25S, RERANKED))])
    found: dict[str, bytes] = runs.quality(alone.out)
    assert sum(name.endswith(".json") for name in found) == 4
    return found


@pytest.fixture
def crowd(runs: Any, tmp_path: Path) -> Any:
    found = Crowd(runs, tmp_path)
    yield found
    for process in found.begun:
        if process.poll() is None:
            runs.kill_all(process)
            process.communicate()


@pytest.mark.parametrize("several", [2, pytest.param(4, marks=pytest.mark.soak)])
def test_runs_of_one_config_share_its_work(crowd: Crowd, expected: dict[str, bytes], several: int) -> None:
    config = crowd.config("all", BM25, BM25S, RERANKED)
    crowd.wait([crowd.begin(config) for _ in range(several)])
    crowd.check(expected)
    jobs = crowd.jobs()
    assert sum(count for (_, _, passes), count in jobs.items() if "speed" in passes) == 4, jobs
    assert sum(count for (_, _, passes), count in jobs.items() if passes == "quality") == 1, jobs
    assert max(jobs.values()) == 1, jobs


@pytest.mark.soak
def test_configs_that_overlap_share_what_they_have_in_common(crowd: Crowd, expected: dict[str, bytes]) -> None:
    one, other = crowd.config("one", BM25, RERANKED), crowd.config("other", RERANKED, BM25S)
    crowd.wait([crowd.begin(config) for config in (one, other, other, one)])
    crowd.check(expected)
    assert max(crowd.jobs().values()) == 1, crowd.jobs()


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["quality", "speed"])
def test_one_that_is_killed_costs_its_own_trial_alone(crowd: Crowd, expected: dict[str, bytes], moment: str) -> None:
    """It holds the locks of a trial, of the quality pass in the first case, and of the machine."""
    config = crowd.config("all", BM25, BM25S, RERANKED)
    processes = [crowd.begin(config) for _ in range(3)]

    def holder() -> subprocess.Popen[str] | None:
        wanted = [key for key in crowd.jobs() if key[0] == "Reranked" and key[2] == moment]
        for process in processes if wanted else ():
            below = psutil.Process(process.pid).children(recursive=True)
            if any("bench.child" in " ".join(each.cmdline()) for each in below if each.is_running()):
                return process
        return None

    found: list[subprocess.Popen[str]] = []
    crowd.runs.until(lambda: (victim := holder()) and (found.append(victim) or True), limit_s=LIMIT_S)
    os.kill(found[0].pid, 9)
    found[0].communicate()
    crowd.wait([process for process in processes if process is not found[0]])
    crowd.check(expected)
    jobs = crowd.jobs()
    again = [key for key, count in jobs.items() if count > 1]
    assert len(again) <= 1, jobs
    assert max(jobs.values()) <= 2, jobs


@pytest.mark.soak
def test_reports_while_a_run_writes(crowd: Crowd, expected: dict[str, bytes]) -> None:
    """Each tells of what is finished by then, or in one line that nothing is."""
    config = crowd.config("all", BM25, BM25S, RERANKED)
    run, codes = crowd.begin(config), Counter[int]()
    while run.poll() is None:
        asked = [
            crowd.runs.begin(["report", "out"], {**crowd.env, "COLUMNS": "100"}, cwd=crowd.folder) for _ in range(2)
        ]
        for process in asked:
            out, said = process.communicate(timeout=LIMIT_S)
            codes[process.returncode] += 1
            assert process.returncode == 0 or (said.startswith("error: ") and said.count("\n") == 1), (out, said)
    crowd.wait([run])
    crowd.check(expected)
    assert sum(codes.values()) >= 2
    crowd.wait([crowd.runs.begin(["report", "out"], crowd.env, cwd=crowd.folder)])
    crowd.check(expected)
