"""The process of one trial: ``python -P -m bench.child FOLDER``.

Reads ``FOLDER/job.json``, tells its progress as JSON lines on stdout, waits for a line on stdin before it reads the
clock (the runner may still be using the machine), and leaves ``run.trec``, ``first_stage.trec`` and,
last of all, ``outcome.json``. What libraries print goes to stderr, which the runner keeps as the trial's log.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.store import format_run, write_atomically
from bench.types import Cost, DeviceError, Progress, RerankBenchError, Status, Trial

READY_TO_TIME = "ready to time"


@dataclass(frozen=True, slots=True)
class Job:
    trial: Trial
    base: Path
    cache: Path


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a job; its rankings lie beside it when it went well."""

    status: Status
    message: str = ""
    cost: Cost | None = None
    environment: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()


def main(folder: Path) -> None:
    events, sys.stdout = sys.stdout, sys.stderr  # stray prints must not reach the progress channel
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    job = TypeAdapter(Job).validate_json((folder / "job.json").read_bytes())

    def tell(stage: str, done: int, total: int) -> None:
        print(json.dumps([stage, done, total]), file=events, flush=True)

    def wait_for_quiet() -> None:
        tell(READY_TO_TIME, 0, 0)
        sys.stdin.readline()

    report = run_job(job, folder, tell, wait_for_quiet)
    write_atomically(folder / "outcome.json", TypeAdapter(Report).dump_json(report))


def run_job(job: Job, folder: Path, tell: Progress, wait_for_quiet: Callable[[], None]) -> Report:
    """Run the trial; whatever goes wrong becomes a status, with the traceback in the log."""
    from bench.trial import run_trial

    try:
        outcome = run_trial(job.trial, job.base, job.cache, tell, wait_for_quiet)
    except DeviceError as error:
        return Report("unsupported", str(error))
    except RerankBenchError as error:
        return Report("failed", str(error))
    except MemoryError:
        return Report("oom", "the system had no more memory to give")
    except Exception as error:  # the trial's process is the boundary: the run must go on and the reason must be kept
        traceback.print_exc()
        if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error):  # torch, GPU and CPU
            return Report("oom", str(error).splitlines()[0])
        return Report("failed", f"{type(error).__name__}: {error}")
    write_atomically(folder / "run.trec", format_run(outcome.run, "run").encode())
    write_atomically(folder / "first_stage.trec", format_run(outcome.first_stage, "first").encode())
    return Report("ok", cost=outcome.cost, environment=outcome.environment, notes=outcome.notes)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
