"""Running out of memory, in all the ways that a process does: limits to plant it, and signs to know it by.

It shows as an exception of Python, of torch or of a device's library, as an abort inside C++ or Rust, or as a SIGKILL
from the kernel, which says nothing to the process. Whether a SIGKILL was the kernel's doing is told by its own count.
"""

from __future__ import annotations

import errno
import re
import sys
from contextlib import suppress
from pathlib import Path

from bench.types import ConfigError, RerankBenchError, Status

SIGABRT, SIGKILL, SIGSEGV = 6, 9, 11
NAMES = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", SIGABRT: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM", 24: "SIGXCPU",
}  # fmt: skip
"""By number, because not every system's ``signal`` knows them all."""
LAST_LINES = 30
"""Of a log, in which an allocation failure is taken for the cause of the end."""

_FAILURES = (
    r"can(?:not|'t) allocate memory(?! in static TLS block)",  # torch on a CPU, the C library, the system's error 12
    r"DefaultCPUAllocator: not enough memory",  # torch on Windows
    r"Unable to allocate [\d.]+ \w+ for an array",  # numpy
    r"failed to map segment from shared object(?!: Operation not permitted)",  # the loader, under a memory limit
    r"std::bad_alloc",
    r"memory allocation of \d+ bytes failed",  # Rust
    r"could not create a memory object",  # oneDNN
    r"mkl_malloc: failed to allocate memory",
    r"\b(?:CUDA|HIP|ROCm|MPS|XPU|oneDNN|cuBLAS|cuDNN|Triton)\b.{0,60}\bout of memory\b",
    r"\b(?:cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|hipErrorOutOfMemory|hipErrorMemoryAllocation)\b",
    r"_STATUS_ALLOC_FAILED\b",  # cuBLAS, cuDNN, cuSPARSE
    r"\bdnnl_out_of_memory\b",
)
_OF_VLLM = (r"No available memory for the cache blocks", r"larger than the available KV cache memory")
_IN_LOGS = (
    r"\bMemoryError\b",
    r"\bOutOfMemoryError\b",
    r"libgomp: Out of memory",
    r"Memory allocation still failed",  # OpenBLAS
)
_SAID = re.compile("|".join((*_FAILURES, *_OF_VLLM)), re.IGNORECASE)
_SAID_BY_VLLM = re.compile("|".join(_OF_VLLM))
_LOGGED = re.compile("|".join((*_FAILURES, *_OF_VLLM, *_IN_LOGS)), re.IGNORECASE)
_SPEAKERS = ("Exception", "SafetensorError")
"""Kinds of exception by which libraries written in Rust or C++ say it, beside Python's own for such cases."""


def limit_memory(mb: int) -> None:
    """Let this process and those it starts have ``mb`` million bytes of memory of their own at the most.

    It bounds the heap and all private writable maps (``RLIMIT_DATA``, since Linux 4.7): what allocators take from the
    system, a thread's stack (8 MB each, touched or not), weights that are mapped to be changed. Not the address space
    (``RLIMIT_AS``): there libraries' code, files mapped for reading and the reserves of torch and CUDA count too, many
    GB that are never touched, so that a bound of the machine's own size would stop a process at its first import.
    What is beyond the limit fails as an allocation and kills nobody.

    Raises ConfigError on systems other than Linux, for less than 1, and for more than this process may be allowed.
    """
    if mb < 1:
        raise ConfigError(f"a memory limit of {mb} MB was asked for; give 1 or more, or leave it out")
    if sys.platform != "linux":
        raise ConfigError(
            f"this system ({sys.platform}) cannot bound a process's memory as Linux does; leave the memory limit out"
        )
    import resource

    limit = mb * 1_000_000
    _, highest = resource.getrlimit(resource.RLIMIT_DATA)
    if highest != resource.RLIM_INFINITY and limit > highest:
        raise ConfigError(
            f"a memory limit of {mb} MB was asked for, and this process is held to {highest / 1e6:.0f} MB already "
            "(ulimit -d); ask for less"
        )
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def oom_kills(
    own: Path = Path("/proc/self/cgroup"), cgroups: Path = Path("/sys/fs/cgroup"), vmstat: Path = Path("/proc/vmstat")
) -> int | None:
    """The kernel's count of processes killed for want of memory; None where it is not to be read.

    It is the count of this process's cgroup (version 2) with that of the whole system, so only its rise says anything,
    and it also rises when a stranger is killed. The first misses a child that was put into another cgroup, the second
    is hidden in some containers.
    """
    counts = [_field(path, "oom_kill") for path in (*_events(own, cgroups), vmstat)]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this error, or one that it arose from, says that memory could not be had.

    Told by the kind of exception, or by its text where a library has no kind of its own for it. The text of an error of
    this project counts for nothing: it may quote a document.
    """
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error]
    while ahead:
        one = ahead.pop()
        if one is None or id(one) in seen:
            continue
        if _says_so(one):
            return True
        seen.add(id(one))
        ahead += [one.__cause__, one.__context__]
    return False


def fate_of_exit(code: int, log_tail: str, kills_before: int | None, kills_after: int | None) -> tuple[Status, str]:
    """What became of a process that ended with ``code`` (minus the signal's number) and left no result.

    ``log_tail`` is the end of what it wrote to stderr, ``kills_before`` and ``kills_after`` are ``oom_kills`` before it
    began and after it ended. A SIGKILL is taken for the kernel's where its count rose or cannot be read.
    """
    signal = -code if code < 0 else code - 128 if code > 128 else 0
    ended = f"the trial's process ended with {NAMES.get(signal, f'signal {signal}') if signal else f'exit code {code}'}"
    if signal == SIGKILL:
        return _killed(kills_before, kills_after)
    logged = next(filter(_LOGGED.search, reversed(log_tail.splitlines()[-LAST_LINES:])), None)
    if logged is not None and (signal in (SIGABRT, SIGSEGV) or code == 1):
        return "oom", f"{ended} after an allocation failed: {logged.strip()[:300]}"
    return "failed", f"{ended} and left no result; its log says more"


def _killed(before: int | None, after: int | None) -> tuple[Status, str]:
    said = "the trial's process was killed (SIGKILL)"
    if before is None or after is None:
        return "oom", f"{said}, as the system does when memory runs out; it does not tell here whether it did"
    if after > before:
        return "oom", f"{said} when memory ran out: the system's count of such kills rose"
    return "failed", f"{said} by somebody, and not for want of memory: the system's count of such kills did not rise"


def _says_so(error: BaseException) -> bool:
    if isinstance(error, RerankBenchError):
        return False
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):  # torch's and Ray's
        return True
    if isinstance(error, ValueError):
        return _SAID_BY_VLLM.search(str(error)) is not None
    speaks = isinstance(error, RuntimeError | OSError | ImportError) or type(error).__name__ in _SPEAKERS
    return speaks and _SAID.search(str(error)) is not None


def _events(own: Path, cgroups: Path) -> list[Path]:
    """Where the kernel counts what happened to this process's cgroup; the line of version 2 begins with ``0::``."""
    with suppress(OSError):
        lines = own.read_text().splitlines()
        paths = [line[3:].strip("/") for line in lines if line.startswith("0::")]
        return [cgroups / path / "memory.events" for path in paths]
    return []


def _field(path: Path, name: str) -> int | None:
    with suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return None
