"""A folder to work in, in the system's folder for such: gone when the work is done, or when somebody works again.

It is locked by whoever works in it. The system frees the lock of a process that dies, however it dies, so that the next
one who looks knows what the dead have left, and removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "rerankbench-work-"


@contextmanager
def work_folder() -> Iterator[Path]:
    """A new folder, of this process alone; it is removed at the end. Raises OSError as the system says it."""
    remove_abandoned()
    folder, lock = _made()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def is_work_folder(folder: Path) -> bool:
    return folder.name.startswith(PREFIX)


def remove_abandoned() -> None:
    """Remove the folders of processes that are gone. Where that cannot be known or done, they stay."""
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError):
                lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(lock)


def _made() -> tuple[Path, int]:
    """The folder and the descriptor that holds its lock. One that was taken for abandoned before that is left so."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        except OSError:
            return folder, lock  # a file system without locks: then nobody else gets one either
        if folder.exists():
            return folder, lock
        os.close(lock)
