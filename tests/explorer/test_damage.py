"""A damaged file of the explorer's is told by whoever reads it, and made anew by the next run."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.explorer.data import unpack

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(small_set: Path) -> Path:
    path = small_set.parent / "plan.yaml"
    path.write_text(
        "{name: plan, datasets: [small], trial: {depth: 5, measures: [ndcg@10], scenarios: []}, pipelines: {BM25: {}}}",
        encoding="utf-8",
    )
    return path


def in_the_body(data: bytearray) -> None:
    """A bit of a stored block: all can be unpacked, and one letter of a text is another."""
    whole = zlib.decompress(data, 31)
    stored = zlib.compressobj(0, zlib.DEFLATED, 31)
    data[:] = stored.compress(whole) + stored.flush()
    data[data.index(b"firewall")] ^= 1


def in_the_checksum(data: bytearray) -> None:
    data[-6] ^= 1


def at_the_end(data: bytearray) -> None:
    del data[-1:]


def test_a_damaged_file_is_refused_by_report_and_made_anew_by_run(
    config: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    assert command("run", config, "--out", out, "--quiet")[0] == 0
    (path,) = (out / "explorer").glob("*.json.gz")
    whole, page = path.read_bytes(), (out / "report.html").read_bytes()
    for damage in (at_the_end, in_the_checksum, in_the_body):
        data = bytearray(whole)
        damage(data)
        path.write_bytes(data)
        code, said, told = command("report", out)
        assert (code, said) == (7, ""), damage
        assert len(told.splitlines()) == 1
        assert path.name in told
        assert "run again to make it anew" in told
        assert (out / "report.html").read_bytes() == page
        assert path.read_bytes() == data, "who only reads moves nothing"
    assert command("run", config, "--out", out, "--quiet")[0] == 0
    assert path.read_bytes() == whole
    assert unpack(path.read_bytes())[1]["queries"]
    assert command("report", out)[0] == 0
