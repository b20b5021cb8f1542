"""Runs one job in a fresh interpreter on this machine, and says what became of it, whatever that was."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from filelock import FileLock
from pydantic import TypeAdapter

from bench.child import READY_TO_TIME
from bench.job import Job, Report
from bench.machine.limits import fate_of_exit, oom_kills
from bench.types import Progress

_LOG_TAIL_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Returned:
    """A job's report, the files it left beside it by name, and what its libraries wrote to stderr."""

    report: Report
    files: Mapping[str, bytes] = field(default_factory=dict)
    log: bytes = b""


class Place(Protocol):
    """Where jobs run. ``slots``: how many at once. ``may_time`` is called when a job is about to read the clock.

    ``cancel`` ends what is running, for an interrupt that comes while other threads wait.
    """

    slots: int

    def run(
        self, job: Job, tell: Progress, may_time: Callable[[], None], time_limit_s: float | None = None
    ) -> Returned: ...

    def cancel(self) -> None: ...


class ThisMachine:
    """One job after another, also when two runs share a results folder: they would disturb each other's times."""

    slots = 1

    def __init__(self, lock: Path) -> None:
        self._lock = FileLock(lock)

    def run(
        self, job: Job, tell: Progress, may_time: Callable[[], None], time_limit_s: float | None = None
    ) -> Returned:
        with self._lock:
            return run_here(job, tell, may_time, time_limit_s)

    def cancel(self) -> None:
        """Nothing to do: what runs here is killed by the interrupt that ``run`` itself sees."""


def run_here(job: Job, tell: Progress, may_time: Callable[[], None], time_limit_s: float | None = None) -> Returned:
    """Run the job and wait. What the process does is told in the report, never raised; an interrupt kills it."""
    with tempfile.TemporaryDirectory(prefix="rerankbench-") as name:
        folder = Path(name)
        (folder / "job.json").write_bytes(TypeAdapter(Job).dump_json(job))
        kills_before = oom_kills()
        log_path = folder / "stderr.log"
        with log_path.open("wb") as log:
            code, in_time = _watched(folder, log, tell, may_time, time_limit_s)
        written = log_path.read_bytes()
        outcome = folder / "outcome.json"
        if outcome.exists():
            report = TypeAdapter(Report).validate_json(outcome.read_bytes())
        elif not in_time:
            report = Report("timeout", f"stopped after {time_limit_s:g} s, the time limit of a trial")
        else:
            tail = written[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
            report = Report(*fate_of_exit(code, tail, kills_before, oom_kills()))
        files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.trec"))}
    return Returned(report, files if report.status == "ok" else {}, written)


def _watched(
    folder: Path, log: IO[bytes], tell: Progress, may_time: Callable[[], None], time_limit_s: float | None
) -> tuple[int, bool]:
    """The process's exit code, and whether it ended before the time limit."""
    # -P: the folder `datasets` beside a config must not be taken for the Hugging Face package of that name
    command = [sys.executable, "-P", "-m", "bench.child", str(folder)]
    in_time = True
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8"
    ) as process:  # fmt: skip

        def stop() -> None:
            nonlocal in_time
            in_time = False
            process.kill()

        timer = threading.Timer(time_limit_s, stop) if time_limit_s is not None else None
        try:
            if timer:
                timer.daemon = True
                timer.start()
            for line in process.stdout or ():
                stage, done, total = json.loads(line)
                tell(stage, done, total)
                if stage == READY_TO_TIME:
                    may_time()
                    _say_go(process)
            return process.wait(), in_time
        except BaseException:
            process.kill()
            raise
        finally:
            if timer:
                timer.cancel()


def _say_go(process: subprocess.Popen[str]) -> None:
    """The child holds its stdin open until its end, so that it sees this process die; only a line lets it go on."""
    try:
        if process.stdin:
            process.stdin.write("go\n")
            process.stdin.flush()
    except BrokenPipeError:
        return  # it has died meanwhile, which its exit code will tell
