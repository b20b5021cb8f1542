"""The parent's end of a worker's process: one command, one answer, and a limit on how long it may take."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import TypeAdapter

from bench.engines.results import Fate
from bench.engines.worker import Job
from bench.machine.limits import fate_of_exit, oom_kills

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
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [*COMMAND, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                encoding="utf-8",
            )
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, do: str, **rest: Any) -> Mapping[str, Any]:
        """The worker's answer. Raises Lost when it says no, is over the limit (and then stopped), or ends."""
        try:
            if self._process.stdin is None:
                raise BrokenPipeError
            self._process.stdin.write(json.dumps({"do": do, **rest}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None
        try:
            line = self._answers.get(timeout=self.time_limit_s)
        except queue.Empty:
            self._process.kill()
            raise Lost("timeout", f"`{do}` took over {self.time_limit_s:g} s, the limit; it was stopped") from None
        if line is None:
            raise self._ended()
        answer = json.loads(line)
        if "ok" not in answer:
            raise Lost(answer["fate"], answer["message"])
        found: Mapping[str, Any] = answer["ok"]
        return found

    def close(self) -> None:
        """End the process: politely, then not."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(QUIT_S)
        except BaseException:  # a second interrupt, too, must leave no process behind
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _listen(self) -> None:
        with contextlib.suppress(ValueError):  # closed while listening
            for line in self._process.stdout or ():
                self._answers.put(line)
        self._answers.put(None)

    def _ended(self) -> Lost:
        code = self._process.wait()
        tail = self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
        status, message = fate_of_exit(code, tail, self._kills_before, oom_kills())
        if status == "oom":
            return Lost("oom", message)
        return Lost("failed", f"{message} ({self.log})")
