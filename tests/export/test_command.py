"""``rerankbench export`` as a person types it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


def test_formats_may_be_repeated_or_parted_by_commas(command: Run, results_folder: Path, tmp_path: Path) -> None:
    code, out, _ = command("export", results_folder, "--format", "trec, mteb", "--format", "csv", "--to", tmp_path,
                       "--task", "SciFact=SciFact")  # fmt: skip
    assert code == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 4 + 4 + 2
    for path in files:
        assert f"{path.stat().st_size:,} bytes  {path}" in out
    assert f"{len(files)} files in {tmp_path}" in out
    assert "note: No run of “too large”" in out and "note: mteb has no name for r_precision" in out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--format", "xls"), 2, "error: --format is 'xls'; it can be trec, mteb, csv, parquet"),
        (("--format", "mteb", "--task", "SciFact"), 2, "error: --task is 'SciFact'; write it as in SciFact=SciFact"),
        (("--format", "mteb", "--task", "=SciFact"), 2, "error: --task is '=SciFact'; write it as in"),
        (("--format", "mteb", "--main-score", "bpref"), 2, "error: --main-score 'bpref' is no measure that mteb"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    options: tuple[str, ...], code: int, said: str, command: Run, results_folder: Path, tmp_path: Path
) -> None:
    ended, out, err = command("export", results_folder, "--to", tmp_path / "out", *options)
    assert (ended, out) == (code, "") and err.startswith(said) and err.count("\n") == 1
    assert not (tmp_path / "out").exists()
