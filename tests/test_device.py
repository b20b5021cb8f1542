"""Devices by name, and what the driver says of their memory; stand-ins take the place of hardware that is not here."""

from __future__ import annotations

import pytest
import torch

from bench.machine.device import all_devices, driver_device_bytes, resolve_device
from bench.types import DeviceError


def machine(monkeypatch: pytest.MonkeyPatch, cards: int, apple: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)


@pytest.mark.parametrize(
    ("cards", "apple", "devices"),
    [(0, False, ("cpu",)), (2, False, ("cpu", "cuda:0", "cuda:1")), (0, True, ("cpu", "mps"))],
)
def test_all_devices(monkeypatch: pytest.MonkeyPatch, cards: int, apple: bool, devices: tuple[str, ...]) -> None:
    machine(monkeypatch, cards, apple)
    assert all_devices() == devices
    assert [resolve_device(device) for device in devices] == list(devices)


def test_a_device_that_is_not_here_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2, False)
    with pytest.raises(DeviceError, match="cpu, cuda:0, cuda:1"):
        resolve_device("cuda:2")


def test_the_driver_s_account(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def mem_get_info(device: str) -> tuple[int, int]:
        asked.append(device)
        return 3_000, 10_000  # free, in all

    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 5_000)
    assert driver_device_bytes("cuda:1") == 7_000
    assert asked == ["cuda:1"]
    assert driver_device_bytes("mps") == 5_000
    assert driver_device_bytes("cpu") is None
