"""What the system itself says of having held this process or its device back: facts, where drift is a guess.

================ ======================================================== ======================================
who held back    where it is counted                                      what it counts
================ ======================================================== ======================================
a CPU quota      ``cpu.stat`` of the process's cgroup and of those above  periods, those of them in which the
                 it, of version 2 and of version 1                        quota was used up, and the time lost
heat             ``thermal_throttle`` of each core: Linux, on Intel's     times that the core, or the processor
                 processors                                               that it is part of, was slowed down
a GPU's driver   NVML's violation times, and the reasons that it names    seconds below the clock asked for, by
                 for a lower clock at the moment of reading               heat and by the limit of power
================ ======================================================== ======================================

A reading before, one after, and their difference, which is pure. What a system does not count is left out, never 0.
Tried against folders and an NVML that stand in for real ones.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench.machine.energy import nvml_handle

MANY = 0.01
"""Share of the periods, or of the time, from which being held back is worth a warning."""
REASONS: Mapping[int, str] = {
    0x08: "hardware slowdown", 0x20: "heat (software)", 0x40: "heat (hardware)", 0x80: "power brake",
}  # fmt: skip
"""Bits of NVML's reasons for a lower clock that are nobody's wish. Its power limit, which a busy device is often at,
counts by its time alone."""
_HEAT_REASONS = ("heat (software)", "heat (hardware)")
_POLICIES: Mapping[str, int] = {"gpu_power_s": 0, "gpu_heat_s": 1}


class Quota(NamedTuple):
    """Of one cgroup since it was made: periods, those in which it was throttled, and for how many seconds in all."""

    periods: int
    throttled: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment. ``quotas`` are by the file, ``heat`` by ``cpu3/core``, ``gpu`` by its field's name."""

    at_s: float
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    heat: Mapping[str, int] = field(default_factory=dict)
    gpu: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def read_throttling(device: str, root: Path = Path("/"), clock: Callable[[], float] = time.perf_counter) -> Reading:
    """What is counted now for a process on ``device``. Raises nothing: what cannot be read is not in it."""
    gpu, reasons = _nvidia(device) if device.startswith("cuda") else ({}, ())
    return Reading(clock(), dict(_quotas(root)), dict(_heat(root)), gpu, reasons)


def throttled(before: Reading, after: Reading) -> dict[str, float]:
    """How much the counters rose between two readings, by name; one that either lacks is left out.

    ``seconds`` between them; ``quota_periods``, ``quota_throttled`` and ``quota_throttled_s`` of the cgroup that was
    held up most; ``cores`` that count heat, ``heat_cores`` of them slowed down; ``gpu_heat_s``, ``gpu_power_s``; and 1
    for each ``gpu: REASON`` that was named at the end.
    """
    facts = {"seconds": max(0.0, after.at_s - before.at_s)}
    rises = [
        Quota(now.periods - then.periods, now.throttled - then.throttled, now.seconds - then.seconds)
        for name, then in before.quotas.items()
        if (now := after.quotas.get(name)) is not None and now.throttled >= then.throttled
    ]
    if rises:
        most = max(rises, key=lambda rise: (rise.throttled, rise.periods))
        facts |= {
            "quota_periods": most.periods, "quota_throttled": most.throttled, "quota_throttled_s": most.seconds,
        }  # fmt: skip
    counted = {name.partition("/")[0] for name in before.heat if name in after.heat}
    if counted:
        slowed = {name.partition("/")[0] for name in before.heat if after.heat.get(name, 0) > before.heat[name]}
        facts |= {"cores": len(counted), "heat_cores": len(slowed)}
    facts |= {name: max(0.0, after.gpu[name] - then) for name, then in before.gpu.items() if name in after.gpu}
    return facts | {f"gpu: {reason}": 1.0 for reason in after.reasons}


def doubts_of_throttling(facts: Mapping[str, float]) -> tuple[str, ...]:
    """Why times that were taken meanwhile should be doubted, each reason with what to do."""
    said = []
    periods, held_up = facts.get("quota_periods", 0.0), facts.get("quota_throttled", 0.0)
    if held_up > MANY * periods:
        said.append(
            f"throttled: the CPU quota of its container held the trial up in {held_up:.0f} of {periods:.0f} periods, "
            f"{facts.get('quota_throttled_s', 0.0):.2g} s in all; raise the quota or set fewer threads, and measure "
            "again"
        )
    if slowed := facts.get("heat_cores"):
        said.append(
            f"throttled: {slowed:.0f} of {facts.get('cores', slowed):.0f} cores were slowed down for heat while times "
            "were taken; let the machine cool, and measure again"
        )
    seconds = facts.get("seconds", 0.0)
    by_heat, by_power = facts.get("gpu_heat_s", 0.0), facts.get("gpu_power_s", 0.0)
    if by_heat > MANY * seconds:
        said.append(
            f"throttled: heat held the GPU's clock back for {by_heat:.2g} of {seconds:.2g} s; let it cool, and measure "
            "again"
        )
    if by_power > MANY * seconds:
        said.append(
            f"throttled: the limit of power held the GPU's clock back for {by_power:.2g} of {seconds:.2g} s; compare "
            "with figures under the same limit alone"
        )
    named = [name.removeprefix("gpu: ") for name in facts if name.startswith("gpu: ")]
    named = [reason for reason in named if not (by_heat > MANY * seconds and reason in _HEAT_REASONS)]
    if named:
        said.append(
            f"throttled: the GPU's driver gives as reasons for a lower clock: {', '.join(named)}; see `nvidia-smi -q "
            "-d PERFORMANCE`, and measure again"
        )
    return tuple(said)


# ------------------------------------------------------------------------------------------------------- reading


def _quotas(root: Path) -> Iterator[tuple[str, Quota]]:
    for folder in dict.fromkeys(folder.resolve() for folder in _cgroups(root)):
        path = folder / "cpu.stat"
        counts: dict[str, int] = {}
        with suppress(OSError, ValueError):
            counts = {key: int(value) for key, _, value in (s.partition(" ") for s in path.read_text().splitlines())}
        if "nr_throttled" in counts:
            seconds = counts.get("throttled_usec", 0) / 1e6 + counts.get("throttled_time", 0) / 1e9
            yield str(path), Quota(counts.get("nr_periods", 0), counts["nr_throttled"], seconds)


def _cgroups(root: Path) -> Iterator[Path]:
    """This process's cgroups that may have a CPU quota, each with those above it, whose quota holds for it too.

    Inside a container the path may be the host's, of which only the top is to be seen.
    """
    held = root / "sys/fs/cgroup"
    lines: list[str] = []
    with suppress(OSError, ValueError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            tops = [held, held / "unified"]
        elif "cpu" in controllers.split(","):
            tops = [held / controllers, held / "cpu"]
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for top in tops:
            yield from (top.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))


def _heat(root: Path) -> Iterator[tuple[str, int]]:
    for folder in sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle")):
        for what in ("core", "package"):
            with suppress(OSError, ValueError):
                yield f"{folder.parent.name}/{what}", int((folder / f"{what}_throttle_count").read_text())


def _nvidia(device: str) -> tuple[dict[str, float], tuple[str, ...]]:
    """Seconds by cause since the driver was loaded, and the reasons named now; neither where NVML is not to be had."""
    import torch

    if torch.version.hip is not None:
        return {}, ()
    try:
        pynvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return {}, ()
    counts: dict[str, float] = {}
    reasons: tuple[str, ...] = ()
    with suppress(pynvml.NVMLError, AttributeError):
        pynvml.nvmlInit()
        handle = nvml_handle(pynvml, torch.cuda.get_device_properties(device))
        for name, policy in _POLICIES.items():
            with suppress(pynvml.NVMLError, AttributeError):
                counts[name] = int(pynvml.nvmlDeviceGetViolationStatus(handle, policy).violationTime) / 1e9
        with suppress(pynvml.NVMLError, AttributeError):
            bits = int(_reasons(pynvml)(handle))
            reasons = tuple(reason for bit, reason in REASONS.items() if bits & bit)
    return counts, reasons


def _reasons(pynvml: Any) -> Any:
    """NVML calls them events since 2023; older packages know the older name alone."""
    newer = getattr(pynvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
    return newer or pynvml.nvmlDeviceGetCurrentClocksThrottleReasons
