"""A disk that is full: one clear line, nothing half-written, and the run goes on once there is room.

The disk is a small file system in memory, mounted for the one process that is tested where the system lets it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
name: full
datasets: [small]
trial: {depth: 5, device: cpu, measures: [ndcg@10, map], scenarios: []}
pipelines:
  BM25: {}
  Embedding: {retriever: dense, embedder: asset:tracer-embedder}
"""
SCRIPT = """
import json, subprocess, sys
disk, sizes, command = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
from pathlib import Path
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={sizes[0]}k", "tmpfs", disk], check=True)
said = []
for size in sizes:
    subprocess.run(["mount", "-o", f"remount,size={size}k", disk], check=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    out = Path(disk) / "out"
    files = {str(p.relative_to(disk)): p.stat().st_size for p in Path(disk).rglob("*") if p.is_file()}
    halves = [str(p) for p in Path(disk).rglob(".writing-*")]
    summary = (out / "summary.csv").read_text() if (out / "summary.csv").exists() else ""
    trials = {p.name: p.stat().st_mtime_ns for p in out.glob("trials/*.json")}
    said.append([size, done.returncode, done.stdout + done.stderr, files, halves, summary, trials])
print(json.dumps(said))
"""


def may_mount() -> bool:
    tool = shutil.which("unshare")
    return tool is not None and subprocess.run(
        [tool, "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    ).returncode == 0  # fmt: skip


needs_mount = pytest.mark.skipif(not may_mount(), reason="this system lets nobody mount a small disk (unshare -rm)")


def on_disks(config: Path, disk: Path, sizes_kib: list[int], *, temporary: bool = False) -> list[list[object]]:
    """Run the config on a disk of each size in turn, the files staying: what came of each.

    ``temporary``: the results have room, and the folder for temporary files is on that disk.
    """
    out = disk.parent / "roomy" if temporary else disk / "out"
    command = [sys.executable, "-P", "-m", "bench", "run", str(config), "--out", str(out), "--quiet"]
    environment = {**os.environ, "TMPDIR": str(disk)} if temporary else None
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-P", "-c", SCRIPT, str(disk), json.dumps(sizes_kib), *command],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return list(json.loads(done.stdout.splitlines()[-1]))


def check_story(story: list[list[object]]) -> None:
    """Full disks end in one line that says so; the last one has room, and nothing that was finished was run again."""
    for size, code, said, _, halves, _, trials in story[:-1]:
        assert code in (1, 7), f"{size} KiB: {code} {said}"
        if code == 7:
            assert "No space left" in str(said), f"{size} KiB: {said}"
            assert len(str(said).splitlines()) == 1, f"{size} KiB: {said}"
        assert "Traceback" not in str(said)
        assert halves == [], f"{size} KiB"
        assert all(story[-1][6][name] == at for name, at in trials.items() if _finished(story, name))  # type: ignore[index,attr-defined]
    _, code, said, _, halves, summary, _ = story[-1]
    assert (code, said, halves) == (0, "", []), said
    assert [line.count(",ok,") for line in str(summary).splitlines()[1:]] == [1, 1]


def _finished(story: list[list[object]], name: str) -> bool:
    """A trial that failed for want of room is run again; one whose time of writing stayed to the end was finished."""
    times = {trials[name] for *_, trials in story if name in trials}  # type: ignore[operator,index]
    return len(times) == 1


@needs_mount
@pytest.mark.long
def test_a_run_on_a_disk_that_fills_goes_on_when_there_is_room(small_set: Path, tmp_path: Path) -> None:
    config, disk = tmp_path / "full.yaml", tmp_path / "disk"
    config.write_text(CONFIG)
    disk.mkdir()
    check_story(on_disks(config, disk, [40, 20_000]))


@needs_mount
@pytest.mark.soak
def test_wherever_the_disk_fills(small_set: Path, tmp_path: Path) -> None:
    """Sizes from nothing to what a whole run takes, each on a new disk: every kind of file is once the first lost."""
    config = tmp_path / "full.yaml"
    config.write_text(CONFIG)
    (tmp_path / "measure").mkdir()
    (whole,) = on_disks(config, tmp_path / "measure", [100_000])
    needed_kib = sum(-(-int(size) // 4096) * 4 for size in whole[3].values())  # type: ignore[attr-defined]
    step = max(4, needed_kib // 40)
    ends = []
    for number, size in enumerate(range(4, needed_kib, step)):
        disk = tmp_path / f"disk{number}"
        disk.mkdir()
        story = on_disks(config, disk, [size, 100_000])
        check_story(story)
        ends.append(str(story[0][2]).partition(" cannot")[0].rpartition("/")[2])
    print(f"{len(ends)} disks of 4 to {needed_kib} KiB; first lost: {', '.join(dict.fromkeys(ends))}")


@needs_mount
@pytest.mark.long
def test_no_room_for_temporary_files(small_set: Path, tmp_path: Path) -> None:
    config, disk = tmp_path / "full.yaml", tmp_path / "disk"
    config.write_text(CONFIG)
    disk.mkdir()
    full, roomy = on_disks(config, disk, [4, 20_000], temporary=True)
    assert full[1] == 7, full[2]
    assert "the folder for temporary files" in str(full[2])
    assert "TMPDIR" in str(full[2])
    assert (roomy[1], roomy[2]) == (0, "")
