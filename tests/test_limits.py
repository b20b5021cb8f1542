"""Running out of memory: planted in processes of their own, and known again by every sign it gives."""

from __future__ import annotations

import ctypes.util
import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.machine.limits import fate_of_exit, is_out_of_memory, limit_memory, oom_kills
from bench.types import ConfigError, DataError, ModelError

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory limits are Linux's")

PRELUDE = """
import os, sys
from bench.machine.limits import is_out_of_memory, limit_memory

def told(error):
    print(is_out_of_memory(error), type(error).__name__)
"""


def child(root: Path, code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", PRELUDE + code, *args],
        capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip


def fate(done: subprocess.CompletedProcess[str], kills_before: int | None = 4, kills_after: int | None = 4) -> str:
    return fate_of_exit(done.returncode, done.stderr, kills_before, kills_after)[0]


# ------------------------------------------------------------------------------------------------------ planted cases


@linux
def test_torch_meets_the_limit_and_goes_on(root: Path) -> None:
    done = child(root, """
limit_memory(2_000)
import torch
small = torch.ones(10_000_000)
try:
    torch.ones(1_000_000_000)
except Exception as error:
    told(error)
print(int(small.sum()))
""")  # fmt: skip
    assert done.stdout.split() == ["True", "RuntimeError", "10000000"], done.stderr


@linux
def test_numpy_meets_the_limit(root: Path) -> None:
    done = child(root, """
limit_memory(1_000)
import numpy
numpy.ones(1_000_000)
try:
    numpy.ones(500_000_000)
except Exception as error:
    told(error)
""")  # fmt: skip
    assert done.stdout.split()[0] == "True", done.stderr


@linux
def test_a_library_that_aborts(root: Path) -> None:
    """C++'s operator new outside any handler: the process is gone, and only its log and exit code speak."""
    if ctypes.util.find_library("stdc++") is None:
        pytest.skip("no C++ runtime to abort")
    done = child(root, f"""
import ctypes
limit_memory(500)
new = ctypes.CDLL({ctypes.util.find_library("stdc++")!r})._Znwm
new.argtypes, new.restype = [ctypes.c_size_t], ctypes.c_void_p
new(4_000_000_000)
""")  # fmt: skip
    assert done.returncode == -signal.SIGABRT
    status, message = fate_of_exit(done.returncode, done.stderr, 4, 4)
    assert status == "oom"
    assert "bad_alloc" in message


@linux
def test_an_uncaught_memory_error(root: Path) -> None:
    done = child(root, "limit_memory(500)\nbytearray(4_000_000_000)")
    assert done.returncode == 1
    assert fate(done) == "oom"


@linux
def test_what_is_only_mapped_for_reading_is_not_counted(root: Path, tmp_path: Path) -> None:
    """So weights and libraries may be larger than the limit, which they could not under a bound of the addresses."""
    sparse = tmp_path / "large"
    with sparse.open("wb") as file:
        file.truncate(2_000_000_000)
    done = child(root, """
import mmap
limit_memory(200)
with open(sys.argv[1], "rb") as file:
    print(len(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
""", str(sparse))  # fmt: skip
    assert done.stdout.strip() == "2000000000", done.stderr


@linux
def test_a_limit_can_be_lowered_and_not_raised(root: Path) -> None:
    done = child(root, """
limit_memory(900)
limit_memory(800)
try:
    limit_memory(801)
except Exception as error:
    print(type(error).__name__, error)
""")  # fmt: skip
    assert done.stdout.startswith("ConfigError a memory limit of 801 MB"), done.stderr
    assert "held to 800 MB" in done.stdout


def test_a_process_that_kills_itself_was_not_short_of_memory(root: Path) -> None:
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("no SIGKILL here")
    done = child(root, "os.kill(os.getpid(), 9)")
    assert fate(done, 4, 4) == "failed"
    assert fate(done, 4, 5) == "oom"
    assert fate(done, None, None) == "oom"


# ------------------------------------------------------------------------------------------------------- where refused


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_a_system_without_such_limits(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(ConfigError, match=platform):
        limit_memory(1_000)


@pytest.mark.parametrize("mb", [0, -5])
def test_a_limit_of_nothing(mb: int) -> None:
    with pytest.raises(ConfigError, match=f"{mb} MB"):
        limit_memory(mb)


# --------------------------------------------------------------------------------------------------------- exceptions


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


class SafetensorError(Exception):
    """As safetensors names its own."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("whatever it says"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
            "allocate 4000000000 bytes. Error code 12 (Cannot allocate memory)"
        ),
        RuntimeError("[enforce fail at alloc_cpu.cpp:85] data. DefaultCPUAllocator: not enough memory: you tried to"),
        RuntimeError("CUDA out of memory. Tried to allocate 9.30 GiB. GPU 0 has a total capacity of 7.79 GiB"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("hipErrorOutOfMemory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.90 GB, other allocations: 1.2 GB)"),
        RuntimeError("Triton Error [CUDA]: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("could not create a memory object"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("unable to mmap 1191586416 bytes from file <model.safetensors>: Cannot allocate memory (12)"),
        SafetensorError("Cannot allocate memory (os error 12)"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object: Cannot allocate memory"),
        ImportError("a.so: failed to map segment from shared object"),
        ValueError("No available memory for the cache blocks. Try increasing `gpu_memory_utilization`"),
    ],
    ids=lambda error: f"{type(error).__name__}: {str(error)[:40]}",
)
def test_errors_that_mean_it(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ImportError("a.so: failed to map segment from shared object: Operation not permitted"),
        RuntimeError("the tensor was moved out of memory order"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("out of resource: shared memory, Required: 163840, Hardware limit: 101376"),
        ImportError("libgomp.so.1: cannot allocate memory in static TLS block"),
        OSError(errno.ENOSPC, "No space left on device"),
        KeyError("CUDA out of memory"),
        ValueError("could not convert string to float: 'CUDA out of memory'"),
        DataError("the query 'RuntimeError: CUDA out of memory' has no judgement"),
        ModelError("a server answered 500: CUDA out of memory"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: f"{type(error).__name__}: {str(error)[:40]}",
)
def test_errors_that_mean_something_else(error: BaseException) -> None:
    assert not is_out_of_memory(error)


def test_what_it_arose_from_is_looked_at_too() -> None:
    def said() -> None:
        try:
            raise RuntimeError("CUDA out of memory")
        except RuntimeError as error:
            raise ModelError("the weights cannot be read") from error

    def on_the_way() -> None:
        try:
            raise MemoryError
        finally:
            raise RuntimeError("and then the file could not be closed")

    for fail in (said, on_the_way):
        with pytest.raises((ModelError, RuntimeError)) as caught:
            fail()
        assert is_out_of_memory(caught.value)


def test_errors_that_refer_to_each_other_come_to_an_end() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_out_of_memory(one)


# --------------------------------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("code", "log", "status"),
    [
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n", "oom"),
        (-6, "memory allocation of 536870912 bytes failed\n", "oom"),
        (-11, "malloc: Cannot allocate memory\n", "oom"),
        (134, "memory allocation of 536870912 bytes failed\n", "oom"),
        (1, "Traceback (most recent call last):\nMemoryError\n", "oom"),
        (1, "\nlibgomp: Out of memory allocating 8192 bytes\n", "oom"),
        (1, "OpenBLAS error: Memory allocation still failed after 10 retries, giving up.\n", "oom"),
        (1, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\n", "oom"),
        (1, "KeyError: 'query'\n", "failed"),
        (1, "MemoryError\n" + "went on with less\n" * 100, "failed"),
        (-6, "corrupted size vs. prev_size\n", "failed"),
        (-11, "", "failed"),
        (-15, "MemoryError\n", "failed"),
        (0, "", "failed"),
        (3, "", "failed"),
    ],
)
def test_an_end_without_a_result(code: int, log: str, status: str) -> None:
    assert fate_of_exit(code, log, 0, 0)[0] == status


def test_the_end_is_told_in_words() -> None:
    assert "SIGSEGV" in fate_of_exit(-11, "", 0, 0)[1]
    assert "exit code 3" in fate_of_exit(3, "", 0, 0)[1]
    assert "signal 31" in fate_of_exit(-31, "", 0, 0)[1]
    assert "memory allocation of 5 bytes failed" in fate_of_exit(-6, "memory allocation of 5 bytes failed\n", 0, 0)[1]


def test_a_kill_is_told_by_the_kernel_s_count() -> None:
    status, message = fate_of_exit(-9, "", 2, 3)
    assert (status, "count of such kills rose" in message) == ("oom", True)
    status, message = fate_of_exit(-9, "MemoryError\n", 3, 3)
    assert (status, "by somebody" in message) == ("failed", True)
    status, message = fate_of_exit(-9, "", 3, None)
    assert (status, "does not tell" in message) == ("oom", True)
    assert fate_of_exit(137, "", 3, 3)[0] == "failed"


# ------------------------------------------------------------------------------------------------- the kernel's count


def test_both_counts_are_read(tmp_path: Path) -> None:
    own, cgroups, vmstat = tmp_path / "cgroup", tmp_path / "cgroups", tmp_path / "vmstat"
    group = cgroups / "user.slice" / "trial"
    group.mkdir(parents=True)
    assert oom_kills(own, cgroups, vmstat) is None
    vmstat.write_text("nr_free_pages 9\noom_kill 2\n")
    assert oom_kills(own, cgroups, vmstat) == 2
    own.write_text("4:memory:/elsewhere\n0::/user.slice/trial\n")
    assert oom_kills(own, cgroups, vmstat) == 2
    (group / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n")
    assert oom_kills(own, cgroups, vmstat) == 3
    vmstat.unlink()
    assert oom_kills(own, cgroups, vmstat) == 1


def test_a_container_s_own_cgroup_is_the_top_one(tmp_path: Path) -> None:
    own, cgroups = tmp_path / "cgroup", tmp_path / "cgroups"
    cgroups.mkdir()
    own.write_text("0::/\n")
    (cgroups / "memory.events").write_text("oom_kill 5\n")
    assert oom_kills(own, cgroups, tmp_path / "absent") == 5


@linux
def test_this_system_s_own_count_is_read() -> None:
    if "oom_kill " not in Path("/proc/vmstat").read_text():
        pytest.skip("this kernel does not count kills for want of memory")
    found = oom_kills()
    assert found is not None
    assert found >= 0
