"""Files and folders appear whole or not at all, and what the dead have left is removed by the first one alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.whole import UNFINISHED, Presence, folder_for, remove_unfinished, replaced, set_aside, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(KeyboardInterrupt), replaced(path) as file:
        file.write(b"half of the n")
        assert len(names(tmp_path)) == 2
        raise KeyboardInterrupt
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["file"])


def test_a_folder_appears_whole_or_not(tmp_path: Path) -> None:
    path = tmp_path / "below" / "set"
    with pytest.raises(ValueError, match="stop"), folder_for(path) as made:
        (made / "one").touch()
        raise ValueError("stop")
    assert names(path.parent) == []
    with folder_for(path) as made:
        (made / "one").touch()
        assert not path.exists()
    assert names(path) == ["one"]
    with folder_for(path) as made:  # another one was faster
        (made / "two").touch()
    assert (names(path), names(path.parent)) == (["one"], ["set"])


def test_what_is_set_aside_is_kept_every_time(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    for number in range(3):
        path.write_text(str(number))
        set_aside(path)
    assert names(tmp_path) == ["file.json.damaged", "file.json.damaged-2", "file.json.damaged-3"]
    set_aside(path)  # somebody else has done it


def test_only_what_was_to_become_that_folder_is_removed(tmp_path: Path) -> None:
    for name in (f"{UNFINISHED}set-x", f"{UNFINISHED}other-x", "set"):
        (tmp_path / name).mkdir()
    remove_unfinished(tmp_path / "set")
    assert names(tmp_path) == [f"{UNFINISHED}other-x", "set"]


WRITER = """
import sys, time
from pathlib import Path
from bench.whole import Presence, replaced
folder = Path(sys.argv[1])
presence = Presence(folder, folder / "lock")
with replaced(folder / "file") as file:
    file.write(b"half")
    print("writing", flush=True)
    time.sleep(100)
"""


def test_the_living_keep_what_they_write_and_the_dead_do_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        beside = Presence(tmp_path, tmp_path / "lock")
        assert len([name for name in names(tmp_path) if name.startswith(UNFINISHED)]) == 1
        beside.leave()
        writer.kill()
    also = Presence(tmp_path, tmp_path / "lock")
    assert names(tmp_path) == ["lock"]
    (tmp_path / f"{UNFINISHED}mine").touch()
    Presence(tmp_path, tmp_path / "lock").leave()
    assert names(tmp_path) == [f"{UNFINISHED}mine", "lock"], "one who is present is asked first"
    also.leave()


def test_whole_folders_that_nobody_finishes_are_removed_too(tmp_path: Path) -> None:
    (tmp_path / "cache" / f"{UNFINISHED}index-x" / "made").mkdir(parents=True)
    (tmp_path / "cache" / "kept").mkdir()
    Presence(tmp_path, tmp_path / "lock").leave()
    assert names(tmp_path / "cache") == ["kept"]
