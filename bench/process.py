"""Runs one job in a fresh interpreter on this machine, and says what became of it, whatever that was."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from filelock import FileLock
from pydantic import TypeAdapter

from bench.child import NO_ROOM, READY_TO_TIME
from bench.job import Job, Report
from bench.machine.limits import fate_of_exit, oom_kills
from bench.machine.processes import Spawned
from bench.machine.work_folder import work_folder
from bench.secrets import redacted, redacted_throughout
from bench.types import Progress, StoreError
from bench.whole import damage

_LOG_TAIL_BYTES = 8192
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


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
    """Run the job and wait. What the process does is told in the report, never raised; an interrupt kills it.

    However it ends, nothing of it stays: no process that it has started, and no folder that it worked in. Nor does a
    token or key of the environment in what it said. Raises StoreError where the folder for temporary files is full.
    """
    try:
        returned = _returned(job, tell, may_time, time_limit_s)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise _no_room(error.strerror or str(error)) from error
    for line in returned.report.damaged:
        damage.warning("%s", line)
    report = redacted_throughout(returned.report, os.environ)
    return Returned(report, returned.files, redacted(returned.log, os.environ))


def _no_room(why: str) -> StoreError:
    return StoreError(
        f"a trial's process cannot write into the folder for temporary files, {tempfile.gettempdir()}: {why}. Free "
        "space, or set TMPDIR to a folder that has some; the same command goes on from what is finished"
    )


def _returned(job: Job, tell: Progress, may_time: Callable[[], None], time_limit_s: float | None) -> Returned:
    with work_folder() as folder:
        (folder / "job.json").write_bytes(TypeAdapter(Job).dump_json(job))
        kills_before = oom_kills()
        log_path = folder / "stderr.log"
        with log_path.open("wb") as log:
            code, in_time = _watched(folder, log, tell, may_time, time_limit_s)
        written = log_path.read_bytes()
        outcome = folder / "outcome.json"
        if code == NO_ROOM:
            raise _no_room(written.decode("utf-8", "replace").strip().rpartition("\n")[2] or "it has no room")
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
    until = None if time_limit_s is None else time.monotonic() + time_limit_s
    # -P: the folder `datasets` beside a config must not be taken for the Hugging Face package of that name
    child, in_time = Spawned([sys.executable, "-P", "-m", "bench.child", str(folder)], log), True
    try:
        while (line := child.hear(until)) is not None:
            stage, done, total = json.loads(line)
            tell(stage, done, total)
            if stage == READY_TO_TIME:
                asked = time.monotonic()
                may_time()
                until = until and until + time.monotonic() - asked  # our own waiting is none of the trial's time
                with suppress(OSError):  # it has died meanwhile, which its exit code will tell
                    child.say("go")
    except TimeoutError:
        in_time = False
    finally:
        code = child.end()
    return code, in_time
