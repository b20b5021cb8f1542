"""Was a model really read from disk, or did the system still have its files in memory?

The system is asked to forget the files before they are loaded, which needs no root, and is free to decline: it keeps
pages that another process has mapped or that have not been written yet. So whether it did is taken from the count of
bytes that this process fetched from a device. Both are Linux's; elsewhere the answer is that nobody knows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

IO = Path("/proc/self/io")
COLD_SHARE = 0.5
"""Of the files' bytes; a loader may leave out some that it does not need."""


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The large files of a model's folder: safetensors, or pickles where there are none, also one folder deeper.

    Models for sentence-transformers may keep their weights in a folder for each module.
    """
    for pattern in ("*.safetensors", "*/*.safetensors", "*.bin", "*/*.bin"):
        if found := tuple(sorted(path for path in folder.glob(pattern) if path.is_file())):
            return found
    return ()


def evict(files: Iterable[Path]) -> None:
    """Ask the system to drop these files from its memory; it may not. Without such a call nothing happens."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in files:
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def bytes_read_from_disk(io: Path = IO) -> int | None:
    """What this process had fetched from devices since it began; None where the system does not say."""
    with suppress(OSError, ValueError):
        for line in io.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "read_bytes":
                return int(value)
    return None


class ColdRead:
    """Made before files are loaded, which evicts them, and asked afterwards whether they came from their device.

    ``reason`` says why ``was_cold`` was not true.
    """

    def __init__(self, files: Iterable[Path], counted: Callable[[], int | None] = bytes_read_from_disk) -> None:
        self._files, self._counted = tuple(files), counted
        self.reason = ""
        evict(self._files)
        self._before = counted()

    def was_cold(self) -> bool:
        """Whether at least half of the files' bytes were fetched since. Work that reads other files spoils it."""
        size, after = sum(path.stat().st_size for path in self._files), self._counted()
        if size == 0:
            self.reason = "there are no files to read"
        elif self._before is None or after is None:
            self.reason = "this system does not say what a process reads from disk"
        elif after - self._before < COLD_SHARE * size:
            self.reason = (
                f"loading fetched {(after - self._before) / 1e6:,.0f} of {size / 1e6:,.0f} MB from disk: the system "
                "kept the files in memory, or they are read when first used"
            )
        else:
            self.reason = ""
        return not self.reason
