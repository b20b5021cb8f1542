"""Energy counters: the right ones are read, they may wrap, and what cannot be read has a reason."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bench.machine.energy import Counter, EnergyMeter, energy_meter


def zone(folder: Path, name: str, label: str, joules: float, range_joules: float = 1000.0) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    (made / "name").write_text(f"{label}\n")
    (made / "max_energy_range_uj").write_text(f"{round(range_joules * 1e6)}\n")
    set_joules(made, joules)
    return made


def set_joules(zone: Path, joules: float) -> None:
    (zone / "energy_uj").write_text(f"{round(joules * 1e6)}\n")


class Clock:
    """Moves on by ``step`` seconds at each look."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def meter_of(folder: Path, step_s: float = 10.0) -> EnergyMeter:
    meter = energy_meter("cpu", folder)
    meter._clock = Clock(step_s)
    return meter


def test_processors_are_added_up_and_neither_their_parts_nor_the_board(tmp_path: Path) -> None:
    first, second = zone(tmp_path, "intel-rapl:0", "package-0", 100), zone(tmp_path, "intel-rapl:1", "package-1", 7)
    others = [
        zone(tmp_path, "intel-rapl:0:0", "core", 50),
        zone(tmp_path, "intel-rapl:2", "psys", 500),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 100),
    ]
    meter = meter_of(tmp_path)
    meter.start()
    set_joules(first, 130)
    set_joules(second, 9.5)
    for other in others:
        set_joules(other, 900)
    assert meter.stop() == pytest.approx(32.5)
    assert meter.reason == ""


def test_a_counter_that_starts_again_from_nothing(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 990, range_joules=1000)
    meter = meter_of(tmp_path)
    meter.start()
    set_joules(package, 5)
    assert meter.stop() == pytest.approx(15)


def test_one_that_wraps_again_and_again_is_followed_by_looking(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 900, range_joules=1000)
    meter = meter_of(tmp_path)
    meter.start()
    for joules in (400, 950, 450):  # 500, 550 and 500 more
        set_joules(package, joules)
        meter.look()
    assert meter.stop() == pytest.approx(1550)


def test_a_meter_starts_anew(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 100)
    meter = meter_of(tmp_path)
    meter.start()
    set_joules(package, 150)
    assert meter.stop() == pytest.approx(50)
    meter.start()
    set_joules(package, 160)
    assert meter.stop() == pytest.approx(10)


def test_too_short_a_time_says_nothing(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 100)
    meter = meter_of(tmp_path, step_s=0.01)
    meter.start()
    set_joules(package, 101)
    assert meter.stop() is None
    assert "updated too seldom" in meter.reason


def test_a_counter_that_stands_still_is_not_zero_energy(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 100)
    meter = meter_of(tmp_path)
    meter.start()
    assert meter.stop() is None
    assert "did not move" in meter.reason


def test_a_counter_for_root_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 100)
    plain = Path.read_text

    def refuse(path: Path, *args: Any, **options: Any) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", refuse)  # root, who may run this, is refused nothing
    meter = energy_meter("cpu", tmp_path)
    meter.start()
    assert meter.stop() is None
    assert "by root alone" in meter.reason
    assert str(package / "energy_uj") in meter.reason


def test_a_counter_that_fails_on_the_way(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 100)
    meter = meter_of(tmp_path)
    meter.start()
    (package / "energy_uj").unlink()
    assert meter.stop() is None
    assert "cannot be read" in meter.reason


def test_no_counters_at_all(tmp_path: Path) -> None:
    for device, said in (("cpu", "no processor's energy counter"), ("mps", "no energy counter for mps")):
        meter = energy_meter(device, tmp_path)
        meter.start()
        assert meter.stop() is None
        assert said in meter.reason


def test_a_counter_without_an_end_needs_no_watching() -> None:
    values = iter([5.0, 8.0])
    meter = EnergyMeter([Counter(lambda: next(values))], clock=Clock(1.0))
    meter.start()
    assert meter.stop() == 3.0


# ------------------------------------------------------------------------------------------------- a stand-in of NVML


class NVMLError(Exception):
    pass


class Nvml(ModuleType):
    """Two cards; which of them is asked shows in the joules."""

    NVMLError = NVMLError

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.millijoules = {"GPU-aaaa": 1_000, "GPU-bbbb": 50_000}
        self.places = {"00000000:65:00.0": "GPU-bbbb"}
        self.too_old = self.no_driver = False

    def nvmlInit(self) -> None:
        if self.no_driver:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid not in self.millijoules:
            raise NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetHandleByPciBusId(self, place: str) -> str:
        return self.places[place]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if self.too_old:
            raise NVMLError("Not Supported")
        return self.millijoules[handle]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    import torch

    module = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="bbbb"))
    yield module


def nvidia_joules(nvml: Nvml, used: int) -> tuple[float | None, str]:
    meter = energy_meter("cuda:0")
    meter._clock = Clock(2.0)
    meter.start()
    nvml.millijoules["GPU-aaaa"] += 777
    nvml.millijoules["GPU-bbbb"] += used
    return meter.stop(), meter.reason


def test_the_device_is_found_by_its_uuid_and_not_by_its_number(nvml: Nvml) -> None:
    assert nvidia_joules(nvml, 12_500) == (12.5, "")


def test_or_by_its_place_on_the_bus(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    properties = SimpleNamespace(uuid="none", pci_domain_id=0, pci_bus_id=0x65, pci_device_id=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert nvidia_joules(nvml, 4_000) == (4.0, "")


def test_a_device_without_the_counter(nvml: Nvml) -> None:
    nvml.too_old = True
    joules, reason = nvidia_joules(nvml, 1)
    assert joules is None
    assert "before Volta" in reason


def test_a_machine_without_the_driver(nvml: Nvml) -> None:
    nvml.no_driver = True
    joules, reason = nvidia_joules(nvml, 1)
    assert joules is None
    assert "Driver Not Loaded" in reason


def test_a_device_that_cannot_be_told_from_the_others(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="none"))
    joules, reason = nvidia_joules(nvml, 1)
    assert joules is None
    assert "Not Found" in reason


def test_without_the_package_it_is_named(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    joules, reason = nvidia_joules(nvml, 1)
    assert joules is None
    assert "pip install nvidia-ml-py" in reason


def test_amd_devices_are_called_cuda_too(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.version, "hip", "6.4")
    joules, reason = nvidia_joules(nvml, 1)
    assert joules is None
    assert "AMD" in reason
