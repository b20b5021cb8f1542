"""The process of one job: ``python -P -m bench.child FOLDER``.

Reads ``FOLDER/job.json``, tells its progress as JSON lines on stdout, waits for a line on stdin before it reads the
clock (the runner may still be using the machine), and leaves the rankings it made and, last of all, ``outcome.json``.
What libraries print goes to stderr, which the runner keeps as the trial's log. When stdin ends, the runner is gone, and
so is this process, with the folder and with all that it has started.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter

from bench.job import Job, Report
from bench.machine.limits import is_out_of_memory, limit_memory
from bench.machine.processes import own_channels, vanish
from bench.store import format_run
from bench.types import DeviceError, Progress, RerankBenchError, Run
from bench.whole import damage, write_atomically

READY_TO_TIME = "ready to time"
NO_ROOM = 4
"""The exit code of a process that could not write its answer."""


def main(folder: Path) -> None:
    heard, events = own_channels()
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(heard, lines, folder), daemon=True).start()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    job = TypeAdapter(Job).validate_json((folder / "job.json").read_bytes())

    def tell(stage: str, done: int, total: int) -> None:
        print(json.dumps([stage, done, total]), file=events, flush=True)

    def wait_for_quiet() -> None:
        tell(READY_TO_TIME, 0, 0)
        lines.get()

    seen = _Damage()
    damage.addHandler(seen)
    report, runs = run_job(job, tell, wait_for_quiet)
    try:
        for name, run in runs.items():
            write_atomically(folder / name, format_run(run, "run").encode())
        outcome = replace(report, damaged=tuple(seen.lines))
        write_atomically(folder / "outcome.json", TypeAdapter(Report).dump_json(outcome))
    except OSError as error:
        with suppress(OSError):  # the log lies there too
            print(error, file=sys.stderr, flush=True)
        os._exit(NO_ROOM)


class _Damage(logging.Handler):
    """Keeps what is told of damaged files, for whoever started this process to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _listen(heard: TextIO, lines: queue.SimpleQueue[str], folder: Path) -> None:
    for line in heard:
        lines.put(line)
    vanish(folder)


def run_job(job: Job, tell: Progress, wait_for_quiet: Callable[[], None]) -> tuple[Report, dict[str, Run]]:
    """Do the job's passes; whatever goes wrong becomes a status, with the traceback in the log.

    The rankings by file name are none where it did not go well.
    """
    from bench.trial import carry_out

    try:
        if job.trial.memory_limit_mb is not None:
            limit_memory(job.trial.memory_limit_mb)
        return carry_out(job, tell, wait_for_quiet)
    except DeviceError as error:
        return Report("unsupported", str(error)), {}
    except Exception as error:  # the trial's process is the boundary: the run must go on and the reason must be kept
        if is_out_of_memory(error):
            traceback.print_exc()
            said = str(error).splitlines()[0] if str(error) else "the system had no more memory to give"
            return Report("oom", said), {}
        if isinstance(error, RerankBenchError):
            return Report("failed", str(error)), {}
        traceback.print_exc()
        return Report("failed", f"{type(error).__name__}: {error}"), {}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
