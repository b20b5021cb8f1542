"""Cold reads: a file that was forgotten is fetched again, and one that was kept is not called cold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.machine import page_cache
from bench.machine.page_cache import ColdRead, bytes_read_from_disk, evict, weight_files

SIZE = 24_000_000


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file whose bytes are on the disk, as a model's are that was not written just now."""
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write(os.urandom(SIZE))
        file.flush()
        os.fsync(file.fileno())
    return path


def disk_counts(path: Path) -> bool:
    """Whether the folder of ``path`` is on a disk whose reads are counted; tmpfs and others know no such thing."""
    before = bytes_read_from_disk()
    evict([path])
    path.read_bytes()
    after = bytes_read_from_disk()
    return before is not None and after is not None and after > before


def test_what_was_evicted_is_fetched_again(written: Path) -> None:
    if not disk_counts(written):
        pytest.skip("files for tests are not on a disk whose reads this system counts")
    read = ColdRead([written])
    written.read_bytes()
    assert read.was_cold(), read.reason
    assert read.reason == ""


def test_what_was_not_read_from_disk_is_not_cold(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if bytes_read_from_disk() is None:
        pytest.skip("this system does not count what a process reads")
    monkeypatch.setattr(page_cache, "evict", lambda files: None)  # a system that declines
    written.read_bytes()
    read = ColdRead([written])
    written.read_bytes()
    assert not read.was_cold()
    assert "kept the files in memory" in read.reason
    assert "of 24 MB" in read.reason


@pytest.mark.parametrize(("fetched", "cold"), [(SIZE // 2 - 1, False), (SIZE // 2, True), (2 * SIZE, True)])
def test_half_of_the_bytes_will_do(written: Path, fetched: int, cold: bool) -> None:
    counts = iter([1000, 1000 + fetched])
    assert ColdRead([written], lambda: next(counts)).was_cold() is cold


def test_where_nobody_counts_nobody_knows(written: Path) -> None:
    read = ColdRead([written], lambda: None)
    assert not read.was_cold()
    assert "does not say" in read.reason


def test_nothing_to_read(tmp_path: Path) -> None:
    read = ColdRead([])
    assert not read.was_cold()
    assert "no files" in read.reason


def test_the_system_s_count_is_found_among_others(tmp_path: Path) -> None:
    io = tmp_path / "io"
    io.write_text("rchar: 9\nwchar: 8\nread_bytes: 4096\nwrite_bytes: 12\ncancelled_write_bytes: 0\n")
    assert bytes_read_from_disk(io) == 4096
    io.write_text("rchar: 9\n")
    assert bytes_read_from_disk(io) is None
    assert bytes_read_from_disk(tmp_path / "absent") is None


def test_evicting_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    evict([tmp_path / "absent"])


def test_the_large_files_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert weight_files(tmp_path) == ()
    (tmp_path / "pytorch_model.bin").write_bytes(b"1")
    assert [path.name for path in weight_files(tmp_path)] == ["pytorch_model.bin"]
    (tmp_path / "0_Module").mkdir()
    (tmp_path / "0_Module" / "model.safetensors").write_bytes(b"1")
    assert [path.parent.name for path in weight_files(tmp_path)] == ["0_Module"]
    for shard in ("model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"):
        (tmp_path / shard).write_bytes(b"1")
    assert [path.name[:11] for path in weight_files(tmp_path)] == ["model-00001", "model-00002"]
