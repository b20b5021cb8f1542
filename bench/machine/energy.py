"""Energy used between two moments, by the counters that hardware keeps of itself.

============ ==================================================================== =====================================
device       counter                                                              what it counts
============ ==================================================================== =====================================
cuda         NVML's total energy, Volta and newer; updated up to 100 ms late      the whole device, its memory included
cpu          RAPL's package counters in Linux's powercap folder, updated each ms  whole processors, without the memory
mps, others  none that a program may read without root                            nothing
============ ==================================================================== =====================================

It is the energy of the whole device or of all processors, whoever used it, and not that of this process: nothing else
should be at work. With MIG the counter is that of the card that the slice belongs to.

Which device NVML means is asked by UUID, not by number: CUDA_VISIBLE_DEVICES renumbers CUDA's devices and not NVML's.
The way to each counter has been tried against stand-ins of NVML and of the powercap folder only.
"""

from __future__ import annotations

import importlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
LOOK_EVERY_S = 60.0
"""RAPL's counters start again from 0 after some 260 kJ: 20 minutes at 200 W. So they are read once in a while."""
NVML_AT_LEAST_S, RAPL_AT_LEAST_S = 1.0, 0.05
"""Shorter than this, a counter's own delay could be over a tenth of what it says."""


@dataclass(frozen=True, slots=True)
class Counter:
    """``read`` gives joules since some moment and raises OSError; ``wraps_at_j``: where it starts again from 0."""

    read: Callable[[], float]
    wraps_at_j: float | None = None


class EnergyMeter:
    """Joules between ``start`` and ``stop``. ``reason`` says why there are none to tell; it is empty while there are.

    It may be started again after it was stopped.
    """

    def __init__(
        self,
        counters: Sequence[Counter] = (),
        reason: str = "",
        at_least_s: float = 0.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.reason = reason
        self._counters, self._at_least_s, self._clock = tuple(counters), at_least_s, clock
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._last: list[float] = []
        self._joules = self._started = 0.0

    def start(self) -> None:
        if not self._counters:
            return
        self.reason, self._joules = "", 0.0
        try:
            self._last = [counter.read() for counter in self._counters]
        except OSError as error:
            self.reason = _unreadable(error)
        if any(counter.wraps_at_j is not None for counter in self._counters):
            self._over.clear()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        self._started = self._clock()

    def look(self) -> None:
        """Add what was used since the last look; often enough that no counter wraps twice in between."""
        with self._lock:
            if self.reason or not self._last:
                return
            try:
                now = [counter.read() for counter in self._counters]
            except OSError as error:
                self.reason = _unreadable(error)
                return
            for counter, before, after in zip(self._counters, self._last, now, strict=True):
                wrapped = counter.wraps_at_j if after < before and counter.wraps_at_j is not None else 0.0
                self._joules += after - before + wrapped
            self._last = now

    def stop(self) -> float | None:
        """None where no counter can be read, or where this was too short for one; ``reason`` says which."""
        seconds = self._clock() - self._started
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
        self.look()
        if not self.reason and seconds < self._at_least_s:
            self.reason = (
                f"it took {seconds:.2g} s, and the energy counter is updated too seldom for less than "
                f"{self._at_least_s:g} s"
            )
        elif not self.reason and self._joules <= 0:
            self.reason = "the energy counter did not move"
        return None if self.reason else self._joules

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self.look()


def energy_meter(device: str, powercap: Path = POWERCAP) -> EnergyMeter:
    """The meter for ``cpu``, ``cuda:0`` and so on; one with a ``reason`` where nothing can be read. Raises nothing."""
    if device.startswith("cuda"):
        return _nvidia(device)
    if device == "cpu":
        return _processors(powercap)
    return EnergyMeter(reason=f"the system has no energy counter for {device} that a program may read without root")


def _nvidia(device: str) -> EnergyMeter:
    import torch

    if torch.version.hip is not None:
        return EnergyMeter(reason="the energy counter of AMD devices is not read")
    try:
        pynvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return EnergyMeter(
            reason="NVML's energy counter is read through a package that is not installed: pip install nvidia-ml-py"
        )
    try:
        pynvml.nvmlInit()
        handle = nvml_handle(pynvml, torch.cuda.get_device_properties(device))
    except pynvml.NVMLError as error:
        return EnergyMeter(reason=f"NVML does not give access to {device}: {error}")

    def read() -> float:
        try:
            return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
        except pynvml.NVMLError as error:
            raise OSError(f"NVML says {error}; devices before Volta have none") from error

    return _probed([Counter(read)], NVML_AT_LEAST_S)


def nvml_handle(pynvml: Any, properties: Any) -> Any:
    """NVML's name for the device with these properties, by UUID, or by its place on the PCI bus where torch says it."""
    try:
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{properties.uuid}")
    except pynvml.NVMLError:
        if not hasattr(properties, "pci_bus_id"):
            raise
        place = f"{properties.pci_domain_id:08x}:{properties.pci_bus_id:02x}:{properties.pci_device_id:02x}.0"
        return pynvml.nvmlDeviceGetHandleByPciBusId(place)


def _processors(powercap: Path) -> EnergyMeter:
    """One counter per processor. ``psys``, beside them, is the whole board and would count them twice."""
    zones = [
        zone
        for zone in sorted(powercap.glob("intel-rapl:*"))
        if re.fullmatch(r"intel-rapl:\d+", zone.name) and _is_package(zone)
    ]
    if not zones:
        return EnergyMeter(reason=f"this system shows no processor's energy counter (RAPL) in {powercap}")
    try:
        counters = [Counter(_reader(zone / "energy_uj"), _joules(zone / "max_energy_range_uj")) for zone in zones]
    except OSError as error:
        return EnergyMeter(reason=_unreadable(error))
    return _probed(counters, RAPL_AT_LEAST_S)


def _probed(counters: Sequence[Counter], at_least_s: float) -> EnergyMeter:
    try:
        for counter in counters:
            counter.read()
    except OSError as error:
        return EnergyMeter(reason=_unreadable(error))
    return EnergyMeter(counters, at_least_s=at_least_s)


def _is_package(zone: Path) -> bool:
    try:
        return (zone / "name").read_text().startswith("package")
    except OSError:
        return False


def _reader(path: Path) -> Callable[[], float]:
    return lambda: _joules(path)


def _joules(path: Path) -> float:
    try:
        return int(path.read_text()) / 1e6
    except ValueError as error:
        raise OSError(f"{path} does not hold a number") from error


def _unreadable(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"the energy counter {error.filename} may be read by root alone; `chmod a+r` on it opens it to others"
    return f"the energy counter cannot be read: {error}"
