"""The process of one engine: ``python -P -m bench.engines.worker JOB.json``.

It stays alive between its turns and does nothing then: it waits for a line on stdin. Commands and answers are one JSON
object per line; what libraries print goes to stderr, which the parent keeps as the engine's log. A line ``quit`` lets
it end by itself. Where stdin ends without it, the parent is gone, and so is this process, in the middle of anything.

    {"do": "load", "setting": {"batch_size": 8}}   load the engine, or load it anew
    {"do": "score", "part": n, "times": 1}         score the first n pairs (null: all)
    {"do": "peak", "dtype": "fp32", "shape": {…}}  measure the matrix product
    {"do": "facts"}                                the machine

An answer is ``{"ok": {…}}``, or ``{"fate": …, "message": …}``; the process goes on after either.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from pydantic import TypeAdapter

from bench.engines.config import SEARCHED
from bench.engines.memory import Held, held, settle, watch
from bench.engines.results import Fate
from bench.engines.workload import part
from bench.machine.flops import ModelShape
from bench.machine.limits import is_out_of_memory
from bench.machine.processes import own_channels, vanish
from bench.types import Request, RerankBenchError, Trial

QUIT = "quit"
_TO_END_S = 60.0
"""Within which a process that was asked to end has done so; its parent does not wait as long."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is started with. The trial's device and dtype are resolved, its model is located."""

    trial: Trial
    requests: tuple[Request, ...]


class Worker:
    """An engine and what is measured of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._engine: Any = None
        self._held = Held(0)

    def answer(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one command; whatever goes wrong becomes an answer, with the traceback in the log."""
        loading = command["do"] == "load"
        try:
            return {"ok": getattr(self, f"_{command['do']}")(command)}
        except (RerankBenchError, ImportError) as error:
            return _fault("unavailable" if loading else "failed", str(error))
        except Exception as error:  # the process is the boundary: the others go on, and the reason is kept
            traceback.print_exc()
            if is_out_of_memory(error):
                return _fault("oom", str(error).partition("\n")[0] or "the system had no more memory to give")
            return _fault("failed", f"{type(error).__name__}: {error}")
        finally:
            settle(self.job.trial.device)

    def _load(self, command: Mapping[str, Any]) -> dict[str, Any]:
        from bench.machine.device import set_threads, synchroniser
        from bench.rerankers import load_reranker

        self._engine = None
        settle(self.job.trial.device)
        trial = replace(self.job.trial, **command["setting"])
        set_threads(trial.threads)
        start = time.perf_counter()
        self._engine = load_reranker(trial, trial.device, trial.dtype)
        synchroniser(trial.device)()
        load_s = time.perf_counter() - start
        settle(trial.device)
        self._held = held(trial.device)
        return {
            "load_s": load_s,
            "unit": self._engine.unit,
            "notes": self._engine.notes,
            "local": self._engine.local,
            "used": _used(self._engine),
        }

    def _score(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Seconds of the whole call, tokenising included; the memory is that of the first time alone."""
        from bench.machine.device import synchroniser
        from bench.machine.meter import Stopwatch

        pairs = command["part"]
        requests = self.job.requests if pairs is None else part(self.job.requests, pairs)
        device = self.job.trial.device
        synchronise = synchroniser(device)
        stages = Stopwatch(synchronise)
        watching = watch(device, self._held)
        synchronise()
        start = time.perf_counter()
        scored = self._engine.score_many(requests, stages)
        synchronise()
        seconds = time.perf_counter() - start
        growth = watching.stop()
        local = bool(self._engine.local)
        return {
            "seconds": seconds,
            "stages_s": dict(stages.seconds),
            "scores": scored.scores,
            "work": asdict(scored.work),
            "growth_bytes": growth if local else None,
            "memory_how": watching.how if local else None,
        }

    def _peak(self, command: Mapping[str, Any]) -> dict[str, Any]:
        from bench.machine.device import set_threads
        from bench.machine.peak import measure_peak

        trial = self.job.trial
        set_threads(trial.threads)
        samples = measure_peak(ModelShape(**command["shape"]), command["dtype"], trial.device)
        return {"samples": [asdict(sample) for sample in samples]}

    def _facts(self, command: Mapping[str, Any]) -> dict[str, Any]:
        from bench.machine.device import environment, set_threads

        set_threads(self.job.trial.threads)
        return environment(self.job.trial.device, uses_torch=True)


def _used(engine: Any) -> dict[str, int]:
    """The setting that a loaded engine works with, its own defaults included."""
    found = {name: getattr(engine, name, None) for name in SEARCHED.values()}
    return {name: value for name, value in found.items() if value is not None}


def _fault(fate: Fate, message: str) -> dict[str, Any]:
    return {"fate": fate, "message": message}


def main(path: Path) -> None:
    heard, answers = own_channels()
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(heard, commands, path.parent), daemon=True).start()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    worker = Worker(TypeAdapter(Job).validate_json(path.read_bytes()))
    while (line := commands.get().strip()) != QUIT:
        print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


def _listen(heard: TextIO, commands: queue.SimpleQueue[str], folder: Path) -> None:
    for line in heard:
        commands.put(line)
        if line.strip() == QUIT:
            time.sleep(_TO_END_S)
    vanish(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
