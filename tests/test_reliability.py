"""The fault table promises nothing that no test tries to break."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def rows(root: Path) -> list[str]:
    lines = (root / "RELIABILITY.md").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line)]


def test_every_row_names_tests_that_there_are(root: Path) -> None:
    table = [row for row in rows(root) if not row.startswith("| fault")]
    assert len(table) > 20
    for row in table:
        named = _TEST.findall(row.split("|")[4])
        assert named, f"no test is named: {row}"
        for file, test in named:
            source = (root / file).read_text(encoding="utf-8")
            assert not test or re.search(rf"^def {test}\(", source, re.MULTILINE), f"{file} has no {test}"


def test_every_row_says_how_often_it_was_tried_and_what_was_lost(root: Path) -> None:
    for row in rows(root):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4, row
        assert all(cells), row


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_readme_leads_there(root: Path, readme: str) -> None:
    assert "(RELIABILITY.md)" in (root / readme).read_text(encoding="utf-8")
