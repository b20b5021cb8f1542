"""How far this process's memory rises above what it held once the weights were loaded.

On CUDA it is the allocator's own count. On a CPU it is resident memory without pages that merely mirror a file:
weights that are mapped from disk, and the code of libraries, become resident when first touched, which is no memory
that scoring needs. Linux keeps a high-water mark that can be set back (``/proc/self/clear_refs``); elsewhere a thread
looks every few milliseconds, and may miss a short peak.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.machine.meter import rss_bytes

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
SET_BACK_THE_MARK = "5"  # see proc_pid_clear_refs(5)
LOOK_EVERY_S = 0.005


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes after loading. ``file_bytes``: those of them that mirror files, None where the system does not say."""

    bytes: int
    file_bytes: int | None = None


class Watch(Protocol):
    how: str

    def stop(self) -> int | None:
        """Bytes by which memory grew above what was held, since this watch began; None where unknown."""
        ...


def settle(device: str) -> None:
    """Give back what nothing refers to any more, so that it counts neither as held nor as grown."""
    gc.collect()
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def held(device: str) -> Held:
    """What this process holds now, on the device where it has memory of its own."""
    if device.startswith("cuda"):
        import torch

        return Held(int(torch.cuda.memory_allocated(device)))
    fields = _status()
    return Held(fields["VmRSS"], fields["RssFile"]) if fields else Held(rss_bytes())


def watch(device: str, before: Held) -> Watch:
    """Begin to watch memory grow above ``before``."""
    if device.startswith("cuda"):
        return _CudaWatch(device, before)
    if _set_back():
        return _MarkWatch(before)
    return _LookingWatch(before)


class _CudaWatch:
    how = "CUDA allocator"

    def __init__(self, device: str, before: Held) -> None:
        import torch

        self._device, self._before = device, before
        torch.cuda.reset_peak_memory_stats(device)

    def stop(self) -> int | None:
        """None where the allocator held nothing after loading: the weights are then in another process."""
        import torch

        peak = int(torch.cuda.max_memory_allocated(self._device))
        return max(0, peak - self._before.bytes) if self._before.bytes else None


class _MarkWatch:
    how = "resident high-water mark"

    def __init__(self, before: Held) -> None:
        self._before = before

    def stop(self) -> int | None:
        after = _status()
        grown = after["VmHWM"] - self._before.bytes
        return max(0, grown - max(0, after["RssFile"] - (self._before.file_bytes or 0)))


class _LookingWatch:
    how = f"resident memory, looked at every {LOOK_EVERY_S * 1000:g} ms"

    def __init__(self, before: Held) -> None:
        self._before, self._peak, self._over = before, rss_bytes(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self._peak = max(self._peak, rss_bytes())

    def stop(self) -> int | None:
        self._over.set()
        self._thread.join()
        return max(0, max(self._peak, rss_bytes()) - self._before.bytes)


def _set_back() -> bool:
    """Set Linux's high-water mark back to what is resident now; False where there is none or it stays."""
    if not _status():
        return False
    try:
        CLEAR_REFS.write_text(SET_BACK_THE_MARK)
    except OSError:
        return False
    after = _status()
    return after["VmHWM"] <= after["VmRSS"] * 1.02


def _status() -> dict[str, int]:
    """VmHWM, VmRSS and RssFile in bytes; empty where the system does not tell all three."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split()[:2] for line in lines if line.startswith(("VmHWM:", "VmRSS:", "RssFile:")))
    fields = {name.rstrip(":"): int(kibibytes) * 1024 for name, kibibytes in pairs}
    return fields if len(fields) == 3 else {}
