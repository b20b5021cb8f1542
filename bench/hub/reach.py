"""Asking a hub without waiting for ever, and saying what helps when it gives nothing."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

from bench.hub.folder import CODE, FILE_PATTERNS, folder_fault
from bench.secrets import redacted
from bench.types import ModelError

T = TypeVar("T")

HUB_DEADLINE_S = 6.0
"""How long a hub may take to say that it is there (name look-up, connection and answer together)."""
_SECONDS = re.compile(r"[+-]?[0-9]{1,12}")

log = logging.getLogger(__name__)


@contextmanager
def quiet_loggers(*names: str) -> Iterator[None]:
    """Only errors from these loggers and those beneath them."""
    loggers = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    for logger, _ in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)


def within(seconds: float, call: Callable[[], T]) -> T:
    """``call()``, given up after ``seconds``: looking up a host's name has no time limit of its own.

    Raises TimeoutError. The abandoned call ends with its thread, which does not keep the process alive.
    """
    outcome: list[T] = []
    failure: list[Exception] = []

    def work() -> None:
        try:
            outcome.append(call())
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return outcome[0]


def patterns(weights: bool, code: bool = False) -> list[str]:
    """Which files of a model are fetched: no weights where the tokenizer is enough, code where it is trusted."""
    wanted = [pattern for pattern in FILE_PATTERNS if weights or pattern != "*.safetensors"]
    return [*wanted, CODE] if code else wanted


def cached_or_fail(name: str, cached: Path | None, where: str, reason: str, weights: bool) -> tuple[Path, str]:
    fault = (
        "no file of it (config.json, tokenizer.json, model.safetensors)"
        if cached is None
        else folder_fault(cached, weights=weights)
    )
    if cached is not None and fault is None:
        log.warning("using the cached copy of %s: %s", name, reason)
        return cached, cached.name
    copy = f"The cache on this machine holds {fault}" if cached is None else f"The cached copy is incomplete: {fault}"
    raise ModelError(no_model(name, where, f"{reason}. {copy}"))


def no_model(name: str, where: str, reason: str) -> str:
    other, mirror, command = (
        ("huggingface", "MODELSCOPE_ENDPOINT to a mirror", f"modelscope download --model {name}")
        if where.startswith("modelscope")
        else ("modelscope", "HF_ENDPOINT to a mirror, such as https://hf-mirror.com", f"hf download {name}")
    )
    return (
        f"cannot get the model {name!r} from {where}: {reason}.\n"
        "What helps, one of:\n"
        "  give the path of a local folder that has config.json, tokenizer.json and model.safetensors\n"
        f"  use the other hub (`hub: {other}`)\n"
        f"  set {mirror}\n"
        f"  fetch it beforehand where there is a network (`{command}`) and copy the folder here"
    )


def short(error: Exception) -> str:
    """One line of what a library says, without the environment's tokens and the passwords of addresses.

    They are blotted out before the line is cut: half a token would not be known for one any more.
    """
    said = redacted(str(error), os.environ).strip() or "no message"
    return f"{type(error).__name__}: {said.splitlines()[0]}"[:200]


def retry_after(value: str | None) -> float | None:
    """Seconds from now until a server wants to be asked again: it gives a number of them, or a date.

    None where it says nothing, or nothing that can be meant.
    """
    said = (value or "").strip()
    if _SECONDS.fullmatch(said):
        return max(0.0, float(said))
    try:
        when = parsedate_to_datetime(said)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError, AttributeError):
        return None
