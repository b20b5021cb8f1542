"""Memory growth: what is taken while watching is seen, what was held before is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.engines import memory

MEGABYTE = 1 << 20


def grown(by: int) -> int | None:
    before = memory.held("cpu")
    watching = memory.watch("cpu", before)
    taken = bytearray(by)
    taken[::4096] = b"\1" * len(taken[::4096])
    del taken
    return watching.stop()


def test_a_peak_that_is_over_is_seen() -> None:
    found = grown(96 * MEGABYTE)
    assert found is not None
    assert 80 * MEGABYTE <= found <= 140 * MEGABYTE


def test_each_watch_begins_anew() -> None:
    grown(96 * MEGABYTE)
    found = grown(8 * MEGABYTE)
    assert found is not None
    assert found <= 60 * MEGABYTE


def test_without_a_mark_a_thread_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "STATUS", Path("/no/such/file"))
    watching = memory.watch("cpu", memory.held("cpu"))
    assert "looked at" in watching.how
    taken = bytearray(96 * MEGABYTE)
    taken[::4096] = b"\1" * len(taken[::4096])
    found = watching.stop()
    assert found is not None
    assert found >= 80 * MEGABYTE
    assert len(taken) == 96 * MEGABYTE


def test_a_mark_that_cannot_be_set_back_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path)  # a folder cannot be written to
    watching = memory.watch("cpu", memory.held("cpu"))
    assert "looked at" in watching.how
    watching.stop()


def test_pages_of_files_are_not_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, clear = tmp_path / "status", tmp_path / "clear_refs"
    clear.touch()
    monkeypatch.setattr(memory, "STATUS", status)
    monkeypatch.setattr(memory, "CLEAR_REFS", clear)
    status.write_text("Name: x\nVmHWM: 1000 kB\nVmRSS: 1000 kB\nRssFile: 400 kB\n")
    watching = memory.watch("cpu", memory.held("cpu"))
    assert clear.read_text() == memory.SET_BACK_THE_MARK
    status.write_text("VmHWM: 1700 kB\nVmRSS: 1500 kB\nRssFile: 600 kB\n")
    assert watching.stop() == 500 * 1024
    status.write_text("VmHWM: 1100 kB\nVmRSS: 1100 kB\nRssFile: 600 kB\n")
    assert watching.stop() == 0


def test_settling_does_no_harm() -> None:
    memory.settle("cpu")
