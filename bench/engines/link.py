"""The parent's end of a worker's process: one command, one answer, and a limit on how long it may take."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import TypeAdapter

from bench.engines.results import Fate
from bench.engines.worker import QUIT, Job
from bench.machine.limits import fate_of_exit, oom_kills
from bench.machine.processes import Spawned
from bench.secrets import redacted

# -P: the folder `datasets` beside a config must not be taken for the Hugging Face package of that name
COMMAND = (sys.executable, "-P", "-m", "bench.engines.worker")
QUIT_S = 10.0
_LOG_TAIL_BYTES = 8192


class Lost(Exception):  # noqa: N818 (an outcome to be recorded, not an error to be shown)
    """An answer that did not come, and what became of the engine."""

    def __init__(self, fate: Fate, message: str) -> None:
        super().__init__(message)
        self.fate, self.message = fate, message


class Link:
    """A worker's process, started at once. Use as a context manager: leaving it ends the process.

    ``folder`` takes the job's file; what the process writes to stderr is added to ``log``.
    """

    def __init__(self, job: Job, folder: Path, log: Path, time_limit_s: float) -> None:
        self.time_limit_s, self.log = time_limit_s, log
        self._kills_before = oom_kills()
        path = folder / f"{log.stem}.json"
        path.write_bytes(TypeAdapter(Job).dump_json(job))
        with log.open("ab") as stderr:
            self._worker = Spawned([*COMMAND, str(path)], stderr)

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        return self._worker.alive

    def ask(self, do: str, **rest: Any) -> Mapping[str, Any]:
        """The worker's answer. Raises Lost when it says no, is over the limit (and then stopped), or ends."""
        try:
            self._worker.say(json.dumps({"do": do, **rest}))
        except OSError:
            raise self._ended() from None
        try:
            line = self._worker.hear(time.monotonic() + self.time_limit_s)
        except TimeoutError:
            self._worker.end()
            raise Lost("timeout", f"`{do}` took over {self.time_limit_s:g} s, the limit; it was stopped") from None
        except BaseException:  # an interrupt: nobody waits for the answer
            self._worker.end()
            raise
        if line is None:
            raise self._ended()
        answer = json.loads(line)
        if "ok" not in answer:
            raise Lost(answer["fate"], redacted(str(answer["message"]), os.environ))
        found: Mapping[str, Any] = answer["ok"]
        return found

    def close(self) -> None:
        """End the process: politely, then not."""
        with suppress(OSError):
            self._worker.say(QUIT)
        self._worker.hang_up(QUIT_S)
        with suppress(OSError):
            self.log.write_bytes(redacted(self.log.read_bytes(), os.environ))

    def _ended(self) -> Lost:
        code = self._worker.end()
        tail = self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
        status, message = fate_of_exit(code, tail, self._kills_before, oom_kills())
        if status == "oom":
            return Lost("oom", message)
        return Lost("failed", f"{redacted(message, os.environ)} ({self.log})")
