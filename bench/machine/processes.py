"""Processes that are started for one purpose, from both ends: lines to one, lines from it, its end with all it began.

Libraries start processes of their own: compilers, servers, an engine's workers. So each of ours leads a group, and the
group ends with it. The group is a session too, which a terminal's Ctrl-C does not reach: whoever started it is asked to
stop, and stops it. If that one dies without a word, the process sees its stdin end, and takes its group along.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn, TextIO

import psutil

from bench.machine.work_folder import is_work_folder

ABANDONED = 3
"""The exit code of a process whose starter is gone, where it leads no group that it could end by a signal."""
_LAST_WORDS_S = 5.0
"""What a process has said is waited for so long after its end: one that left the group may still hold the line."""


class Spawned:
    """A process that was started, at once, and is talked to in lines; ``log`` takes what it writes to stderr."""

    def __init__(self, command: Sequence[str], log: IO[bytes]) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._watcher = threading.Thread(target=self._see_it_end, daemon=True)
        self._reader.start()
        self._watcher.start()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def say(self, line: str) -> None:
        """Raises OSError where nobody listens any more."""
        if self.process.stdin is None or self.process.stdin.closed:
            raise BrokenPipeError
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self, until: float | None = None) -> str | None:
        """The next line; None when the process has ended and all is heard.

        ``until`` is a moment of ``time.monotonic``; where nothing is heard by then, TimeoutError is raised.
        """
        try:
            return self._lines.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None

    def hang_up(self, patience_s: float) -> int:
        """Let it see the end of its stdin, give it that time to end by itself, then end it; its exit code."""
        try:
            with suppress(OSError):
                if self.process.stdin is not None:
                    self.process.stdin.close()
            self._watcher.join(patience_s)
        finally:
            code = self.end()
        return code

    def end(self) -> int:
        """End the process, if it still runs, and all that it started; its exit code (minus a signal's number)."""
        if self.process.returncode is None:  # until it is waited for, its number and its group's are its own
            below = descendants(self.process.pid)
            _kill_group(self.process.pid)
            for each in below:
                with suppress(psutil.Error):
                    each.kill()
        code = self.process.wait()
        self._watcher.join()
        with suppress(OSError):
            if self.process.stdin is not None:
                self.process.stdin.close()
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()
        return code

    def _read(self) -> None:
        with suppress(ValueError, OSError):
            for line in self.process.stdout or ():
                self._lines.put(line)

    def _see_it_end(self) -> None:
        try:
            if hasattr(os, "waitid"):
                os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
            else:  # macOS, before Python 3.13
                self.process.wait()
            _kill_group(self.process.pid)
        except ChildProcessError:
            pass  # somebody has waited for it, and has ended its group before
        self._reader.join(_LAST_WORDS_S)
        self._lines.put(None)


def descendants(number: int) -> list[psutil.Process]:
    """The processes that the one of that number has started, and those that these have, as far as they still run."""
    try:
        return psutil.Process(number).children(recursive=True)
    except psutil.Error:
        return []


def _kill_group(number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(number, signal.SIGKILL)


# -------------------------------------------------------------------------------------------------- the other end


def own_channels() -> tuple[TextIO, TextIO]:
    """What this process hears and how it answers: its stdin and stdout, which from now on nothing else in it has.

    What libraries print goes to stderr, from C too, and processes that they start do not hold the line.
    """
    heard = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return heard, answers


def vanish(folder: Path) -> NoReturn:
    """End this process now, with all that it has started and the folder that it was given to work in.

    For one whose starter is gone: nobody would read its answer, and it would disturb the next run's times.
    """
    try:
        for each in descendants(os.getpid()):
            with suppress(psutil.Error):
                each.kill()
        for _ in range(2):  # another thread may write into it meanwhile
            if is_work_folder(folder):
                shutil.rmtree(folder, ignore_errors=True)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
    finally:  # also where no memory is left for any of this
        os._exit(ABANDONED)
