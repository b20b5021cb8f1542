"""CodeEditSearch: rows of commits in a folder per language, of which the first thousand are the set."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.fetch.layouts import EDITS, Choice, read_layout
from bench.types import DataError


def rows(count: int) -> list[dict[str, str]]:
    return [
        {"commit": f"{number:040x}", "instruction": f"Mend fault {number}", "diff": f"-{number}\n+{number + 1}"}
        for number in range(count)
    ]


def write(path: Path, table: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(table), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")


@pytest.mark.parametrize("name", ["data.jsonl", "train-00000-of-00001.parquet"])
@pytest.mark.parametrize("language", ["c", "c++"])
def test_the_first_thousand_commits_of_a_language_are_the_set(name: str, language: str, tmp_path: Path) -> None:
    write(tmp_path / language / name, rows(EDITS + 5))
    write(tmp_path / "go" / name, rows(3))
    parts = read_layout("mteb-edits", tmp_path, Choice("train", language))
    documents = list(parts.corpus)
    assert len(documents) == len(parts.queries) == len(parts.judgements) == EDITS == 1000
    assert (documents[7].id, documents[7].text) == (f"{7:040x}", "-7\n+8")
    assert (parts.queries[7].id, parts.queries[7].text) == ("7", "Mend fault 7")
    assert parts.judgements[7] == ("7", f"{7:040x}", 1)


def test_a_language_that_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    write(tmp_path / "go" / "data.jsonl", rows(3))
    with pytest.raises(DataError, match=r"no table is in a folder rust; there is go/data\.jsonl"):
        read_layout("mteb-edits", tmp_path, Choice("train", "rust"))


def test_a_row_without_a_diff_is_told_with_its_place(tmp_path: Path) -> None:
    write(tmp_path / "go" / "data.jsonl", [{"commit": "a", "instruction": "b"}])
    with pytest.raises(DataError, match=r"data\.jsonl:1: no diff in the columns commit, instruction"):
        read_layout("mteb-edits", tmp_path, Choice("train", "go"))
