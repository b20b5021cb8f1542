"""Which device and number format a trial runs on, and what there is to say about the machine.

torch is imported where it is needed: a BM25 trial never pays for it.
"""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from bench import SCORING, __version__
from bench.machine.meter import at_rest
from bench.types import DeviceError

PACKAGES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "tokenizers",
    "rank-bm25",
    "bm25s",
    "ranx",
    "numpy",
    "rjieba",
    "PyStemmer",
)
OPTIONAL = ("vllm", "torchao", "flash-attn")
"""Packages that make the numbers of the trials that ask for them."""


def resolve_device(name: str | None) -> str:
    """``auto`` or None becomes the best device here: CUDA, then Apple's MPS, then the CPU.

    Raises DeviceError for a device that this machine or this build of torch does not have.
    """
    if name == "cpu":
        return name
    import torch

    if name in (None, "auto"):
        return "cuda:0" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind == "cuda" and torch.cuda.is_available():
        number = int(index) if index.isdigit() else 0
        if number < torch.cuda.device_count():
            return f"cuda:{number}"
    if kind == "mps" and torch.backends.mps.is_available():
        return "mps"
    raise DeviceError(
        f"device {name!r} is not to be had here (torch {torch.__version__}); this machine has: "
        f"{', '.join(all_devices())}. Set device: auto to take the best one."
    )


def all_devices() -> tuple[str, ...]:
    """Every device that torch can use here, by the name that a trial gives it: the CPU first, CUDA's, Apple's."""
    import torch

    cuda = (f"cuda:{number}" for number in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    return ("cpu", *cuda, *(("mps",) if torch.backends.mps.is_available() else ()))


def resolve_dtype(dtype: str, device: str) -> str:
    """``auto`` is fp32 on a CPU (the half formats are slower there), bf16 on CUDA that has it, fp16 elsewhere."""
    if dtype != "auto":
        return dtype
    if device == "cpu":
        return "fp32"
    import torch

    return "bf16" if device.startswith("cuda") and torch.cuda.is_bf16_supported() else "fp16"


def torch_dtype(dtype: str) -> Any:
    """The torch.dtype of ``fp32``, ``fp16`` or ``bf16``."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[dtype]


def synchroniser(device: str) -> Callable[[], None]:
    """A function that returns once the device has finished what it was given."""
    if device.startswith("cuda"):
        import torch

        return lambda: torch.cuda.synchronize(device)
    if device == "mps":
        import torch

        return torch.mps.synchronize
    return at_rest


def set_threads(threads: int | None) -> None:
    """Bound the CPU threads of torch's kernels; None leaves torch's own choice."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def peak_device_bytes(device: str) -> tuple[int | None, int | None]:
    """Peak (allocated, reserved) bytes since the process started; None for what the device does not count.

    MPS keeps no allocation peak, only what its driver holds now, which never shrinks within a trial unless the cache
    is emptied (this harness does not), so the driver's figure stands for the reserved peak.
    """
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
    if device == "mps":
        import torch

        return None, int(torch.mps.driver_allocated_memory())
    return None, None


def driver_device_bytes(device: str) -> int | None:
    """Bytes in use now by the driver's account; None on a CPU, which has no memory of its own.

    On CUDA it is the whole device's, other processes included: what this one has taken for its kernels and its
    libraries' work space is in no allocator's count, and only here. On MPS the driver tells this process's alone.
    """
    if device.startswith("cuda"):
        import torch

        free, total = torch.cuda.mem_get_info(device)
        return int(total - free)
    if device == "mps":
        import torch

        return int(torch.mps.driver_allocated_memory())
    return None


def environment(device: str, *, uses_torch: bool) -> dict[str, Any]:
    """Facts that decide figures: versions, processor, memory, threads, device, the commit of this code."""
    facts: dict[str, Any] = {
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_logical": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "packages": package_versions() | optional_versions(),
        "device": device,
        "device_name": None,
        "threads": None,
    }
    if uses_torch:
        import torch

        facts["threads"] = torch.get_num_threads()
        if device.startswith("cuda"):
            facts["device_name"] = torch.cuda.get_device_name(device)
            facts["cuda"] = torch.version.cuda
    return facts


def package_versions() -> dict[str, str]:
    """The versions of the packages that make the numbers."""
    return {"rerankbench": __version__} | {name: importlib.metadata.version(name) for name in PACKAGES}


def software() -> str:
    """What makes numbers out of the same files: the libraries, and how this package itself scores.

    Unicode's tables come with Python, and say what a letter is and which characters are the same.
    """
    versions = package_versions() | {"scoring": str(SCORING), "unicode": unicodedata.unidata_version}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def optional_versions(names: Iterable[str] = OPTIONAL) -> dict[str, str]:
    """The versions of those of these packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git_commit() -> str | None:
    """The commit this code stands at, with ``+changes`` when files differ from it; None outside a checkout.

    A package that is installed below somebody else's checkout is none of theirs: its files must be tracked.
    """
    here = Path(__file__).resolve().parent.parent
    try:
        subprocess.run(
            ["git", "-C", str(here), "ls-files", "--error-unmatch", "types.py"],
            capture_output=True,
            timeout=5,
            check=True,
        )
        commit = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "-C", str(here), "status", "--porcelain", "--", "."],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+changes" if changed else "")
