"""The process of one job: ``python -P -m bench.child FOLDER``.

Reads ``FOLDER/job.json``, tells its progress as JSON lines on stdout, waits for a line on stdin before it reads the
clock (the runner may still be using the machine), and leaves the rankings it made and, last of all, ``outcome.json``.
What libraries print goes to stderr, which the runner keeps as the trial's log. When stdin ends, the runner is gone, and
so is this process: nobody would read its answer, and it would disturb the next run's times.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter

from bench.job import Job, Report
from bench.machine.limits import is_out_of_memory, limit_memory
from bench.store import format_run, write_atomically
from bench.types import DeviceError, Progress, RerankBenchError

READY_TO_TIME = "ready to time"
ABANDONED = 3


def main(folder: Path) -> None:
    events, sys.stdout = sys.stdout, sys.stderr  # stray prints must not reach the progress channel
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    job = TypeAdapter(Job).validate_json((folder / "job.json").read_bytes())
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()

    def tell(stage: str, done: int, total: int) -> None:
        print(json.dumps([stage, done, total]), file=events, flush=True)

    def wait_for_quiet() -> None:
        tell(READY_TO_TIME, 0, 0)
        lines.get()

    report = run_job(job, folder, tell, wait_for_quiet)
    write_atomically(folder / "outcome.json", TypeAdapter(Report).dump_json(report))


def _listen(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(ABANDONED)


def run_job(job: Job, folder: Path, tell: Progress, wait_for_quiet: Callable[[], None]) -> Report:
    """Do the job's passes; whatever goes wrong becomes a status, with the traceback in the log."""
    from bench.trial import carry_out

    try:
        if job.trial.memory_limit_mb is not None:
            limit_memory(job.trial.memory_limit_mb)
        report, runs = carry_out(job, tell, wait_for_quiet)
    except DeviceError as error:
        return Report("unsupported", str(error))
    except Exception as error:  # the trial's process is the boundary: the run must go on and the reason must be kept
        if is_out_of_memory(error):
            traceback.print_exc()
            return Report("oom", str(error).splitlines()[0] if str(error) else "the system had no more memory to give")
        if isinstance(error, RerankBenchError):
            return Report("failed", str(error))
        traceback.print_exc()
        return Report("failed", f"{type(error).__name__}: {error}")
    for name, run in runs.items():
        write_atomically(folder / name, format_run(run, "run").encode())
    return report


if __name__ == "__main__":
    main(Path(sys.argv[1]))
