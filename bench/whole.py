"""Files and folders that appear whole or not at all, and what is left of those that never did.

Something is written beside its place, under a name that begins with ``.writing-``, and then moved there. A process that
is killed meanwhile leaves such a name behind. Whoever writes into a folder is ``present`` there, which is a lock shared
by all who write; one who finds nobody else present removes what the dead have left.
"""

from __future__ import annotations

import fcntl
import glob
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

damage = logging.getLogger("bench.damage")
"""Told, as a warning, of every file that is not what was written: which one, and what is done about it."""

UNFINISHED = ".writing-"
"""What the names of files and folders begin with that are not finished."""


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` when all went well, and is gone otherwise.

    The folder must be there. Raises OSError as the system says it.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_atomically(path: Path, payload: bytes) -> None:
    """Have ``path`` hold ``payload``, or what it held before. Raises OSError as the system says it."""
    with replaced(path) as file:
        file.write(payload)


@contextmanager
def folder_for(path: Path) -> Iterator[Path]:
    """A folder to fill that becomes ``path`` when all went well, and is gone otherwise.

    Where another process was faster, what it made stays. Raises OSError as the system says it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_unfinished(path)) as held:
        made = Path(held) / "made"
        made.mkdir()
        yield made
        try:
            made.rename(path)
        except OSError:
            if not path.is_dir():
                raise


def set_aside(path: Path) -> Path:
    """Move what is damaged out of the way, under a name that nothing reads; returns its new place."""
    for number in range(1, 10_000):
        aside = path.with_name(f"{path.name}.damaged{'' if number == 1 else f'-{number}'}")
        if not aside.exists():
            break
    with suppress(FileNotFoundError):  # another process was faster
        path.rename(aside)
    return aside


class Presence:
    """Being one of those who write in ``folder``, until ``leave`` or the end of this process, however it ends.

    ``lock`` is the file by which they know of each other. The first one in removes what nobody will finish.
    """

    def __init__(self, folder: Path, lock: Path) -> None:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        self._leave = weakref.finalize(self, os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # others are at work, or this file system has no locks: then nothing is removed
            pass
        else:
            _remove_all_unfinished(folder)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)

    def leave(self) -> None:
        self._leave()


def remove_unfinished(path: Path) -> None:
    """Remove what was to become the folder ``path`` and never did. For whoever knows that nobody else makes it now."""
    for left in path.parent.glob(f"{glob.escape(_unfinished(path))}*"):
        shutil.rmtree(left, ignore_errors=True)


def _unfinished(folder: Path) -> str:
    """What the name begins with under which it is made; short, for a name has an end."""
    return f"{UNFINISHED}{folder.name[:40]}-"


def _remove_all_unfinished(folder: Path) -> None:
    for path in [*folder.glob(f"{UNFINISHED}*"), *folder.glob(f"*/{UNFINISHED}*")]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
