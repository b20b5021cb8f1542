"""What of a results folder is published."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.published import publish_copy
from bench.types import StoreError


@pytest.fixture
def results(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with all that a run leaves, and a trial of an earlier one."""
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(root / "reports" / "quickstart", tmp_path / "results" / "quickstart"))
    for name in ("cache", "locks", "logs", "fits", "quality", "runs", "qrels", "explorer"):
        (folder / name).mkdir()
        (folder / name / "x").write_text("x")
    (folder / "ab-queries.csv").write_text("x")
    trial = next((folder / "trials").glob("*.json"))
    shutil.copy(trial, folder / "trials" / "0000000000000000.json")
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_is_what_lies_under_reports(root: Path, results: Path, tmp_path: Path) -> None:
    target = tmp_path / "reports" / "quickstart"
    before = names(results)
    for _ in range(2):  # the second replaces the first
        files = publish_copy(results, target)
        assert names(target) == names(root / "reports" / "quickstart") == {str(f.relative_to(target)) for f in files}
        (target / "old").write_text("")
    assert names(results) == before and [path.name for path in target.parent.iterdir()] == ["quickstart"]


def test_a_path_of_this_machine_is_not_published(results: Path, tmp_path: Path) -> None:
    target = tmp_path / "reports" / "quickstart"
    with (results / "report.md").open("a") as file:
        file.write(f"a log at {tmp_path}/logs/x.log")
    with pytest.raises(StoreError, match=r"report\.md"):
        publish_copy(results, target)
    assert not target.exists()


def test_only_a_folder_of_results_is_replaced(results: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(StoreError, match="move it away"):
        publish_copy(results, tmp_path / "mine")
    with pytest.raises(StoreError, match="no finished run"):
        publish_copy(tmp_path / "mine", tmp_path / "other")
    assert names(tmp_path / "mine") == {"thesis.txt"} and not (tmp_path / "other").exists()
