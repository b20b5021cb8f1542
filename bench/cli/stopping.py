"""Being stopped: Ctrl-C, SIGTERM and SIGHUP end any command alike, with one line that says what is kept.

The first signal is raised in the command as ``Stopped``, so that everything is left in order; a second one kills. The
exit code is 128 and the signal's number, as shells have it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_WISH_S = 0.5
"""Signals so close together are one: a terminal that closes sends several, and so do programs that pass theirs on."""
_AGAIN_S = 0.05


class Stopped(KeyboardInterrupt):
    """A signal has asked this command to end. Its notes say what is kept, the most particular first."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Within it, the first of the signals raises ``Stopped`` in the main thread; one that is ignored stays ignored.

    Does nothing in another thread, where signals are not to be had.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {each: was for each in SIGNALS if (was := signal.getsignal(each)) in usual}
    hook = sys.unraisablehook
    for each in before:
        signal.signal(each, handler)
    sys.unraisablehook = handler.unraisable
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for each, was in before.items():
            signal.signal(each, was)


@contextmanager
def keeping(what: str) -> Iterator[None]:
    """Whoever stops the command within it is told ``what`` is kept."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(what)
        raise


def say_stopped(error: KeyboardInterrupt) -> int:
    """Say the one line on stderr; the exit code that goes with it."""
    kept = getattr(error, "__notes__", None) or ["no file was left half-written"]
    print(f"stopped; {kept[0]}", file=sys.stderr)
    return 128 + (error.number if isinstance(error, Stopped) else signal.SIGINT)


class Commands(TyperGroup):
    """Commands that can be stopped while they are read and while they are carried out."""

    def make_context(self, *given: Any, **options: Any) -> Any:
        try:
            return super().make_context(*given, **options)
        except KeyboardInterrupt as error:
            raise typer.Exit(say_stopped(error)) from None

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise typer.Exit(say_stopped(error)) from None


class _Handler:
    """What is done when a signal comes."""

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._hook = sys.unraisablehook

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            raise Stopped(number)
        if now - self._asked_at > _ONE_WISH_S:
            _die(number)

    def unraisable(self, lost: Any) -> None:
        """Where ``Stopped`` was raised in a place that lets no error through (a finaliser, a callback), ask again."""
        if isinstance(lost.exc_value, Stopped):
            self._asked_at = None
            number = lost.exc_value.number
            timer = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
            timer.daemon = True
            timer.start()
        else:
            self._hook(lost)


def _die(number: int) -> NoReturn:
    """As if nobody had handled the signal. What this process has started sees it go, and ends too."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)
