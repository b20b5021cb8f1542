"""A job's process: its time limit, its memory limit, and that nothing is left of it when the runner dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.job import RUN, TIMED, Job
from bench.process import run_here
from bench.types import Trial


def quiet(stage: str, done: int, total: int) -> None: ...


def job(folder: Path, **fields: object) -> Job:
    trial = Trial(str(folder), "BM25", depth=5, timed_queries=2, warmup_queries=1, **fields)  # type: ignore[arg-type]
    return Job(trial, folder.parent, folder.parent / "cache", depth=5)


def test_a_job_comes_back_with_its_rankings_and_what_it_cost(small_set: Path) -> None:
    asked: list[str] = []
    returned = run_here(job(small_set), quiet, lambda: asked.append("may I"))
    assert (returned.report.status, asked) == ("ok", ["may I"]), returned.report.message
    assert {RUN, TIMED.format("single_stream"), TIMED.format("offline")} <= set(returned.files)
    assert returned.report.cost is not None
    assert len(returned.report.cost.latency_s) == 2
    assert len(returned.report.cost.offline_s) == 3


def test_the_time_limit_ends_it(small_set: Path) -> None:
    returned = run_here(job(small_set), quiet, lambda: time.sleep(0.1), 0.05)
    assert returned.report.status == "timeout"
    assert "0.05 s" in returned.report.message
    assert returned.files == {}


@pytest.mark.long
def test_waiting_to_be_allowed_to_time_is_none_of_its_time(small_set: Path) -> None:
    returned = run_here(job(small_set), quiet, lambda: time.sleep(21), 20)
    assert returned.report.status == "ok", returned.report.message


@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory can be bounded on Linux alone")
def test_a_memory_limit_makes_it_run_out(small_set: Path) -> None:
    returned = run_here(job(small_set, memory_limit_mb=64), quiet, lambda: None)
    assert returned.report.status == "oom", (returned.report.message, returned.log[-500:])


PARENT = """
import sys, time
from pathlib import Path
from bench.job import Job
from bench.process import run_here
from bench.types import Trial
folder = Path(sys.argv[1])
job = Job(Trial(str(folder), "BM25", depth=5, timed_queries=2), folder.parent, folder.parent / "cache", depth=5)

def wait_for_ever():
    print("ready", flush=True)
    time.sleep(600)

run_here(job, lambda *_: None, wait_for_ever)
"""


def test_a_process_does_not_outlive_its_runner(small_set: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT, str(small_set)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        os.kill(parent.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert len(gone) == len(children)
