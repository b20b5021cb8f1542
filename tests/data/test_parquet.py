"""Rows of Parquet are those that the library reads, and a small file takes little memory, whatever it asks for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data import parquet
from bench.data.parquet import column_names, parquet_rows
from bench.types import DataError

MIB = 2**20

texts = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["again", "and again"]))
lists = st.one_of(st.none(), st.lists(texts, max_size=4))
rows = st.fixed_dictionaries(
    {
        "id": st.text(max_size=4),
        "grade": st.one_of(st.none(), st.integers(-9, 9)),
        "texts": lists,
        "nested": st.one_of(st.none(), st.fixed_dictionaries({"title": texts, "parts": st.lists(lists, max_size=3)})),
        "raw": st.one_of(st.none(), st.binary(max_size=3)),
    }
)
SCHEMA = pa.schema(
    {
        "id": pa.large_string(),
        "grade": pa.int64(),
        "texts": pa.list_(pa.string()),
        "nested": pa.struct({"title": pa.string(), "parts": pa.list_(pa.list_(pa.string()))}),
        "raw": pa.binary(),
    }
)


@settings(max_examples=60)
@given(st.lists(rows, max_size=30), st.booleans(), st.booleans(), st.integers(20, 200))
def test_rows_are_what_the_library_reads(made: list[Any], dictionary: bool, typed: bool, longest: int) -> None:
    """Also where only a few rows may be held at once; none here takes 200 bytes, and what takes more is refused."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "rows.parquet"
        pq.write_table(
            pa.Table.from_pylist(made, SCHEMA),
            path,
            row_group_size=17,
            use_dictionary=dictionary,
            store_schema=typed,
            dictionary_pagesize_limit=8,
            write_batch_size=2,
        )
        assert list(parquet_rows(path)) == pq.ParquetFile(path).read().to_pylist() == made
        assert list(parquet_rows(path, ["grade", "id"])) == [
            {name: row[name] for name in ("grade", "id")} for row in made
        ]
        patch.setattr(parquet, "LONGEST_LINE", longest)
        sizes = [size(row) for row in made]
        if max(sizes, default=0) <= longest:
            assert list(parquet_rows(path)) == made
        else:
            number = next(place for place, each in enumerate(sizes, start=1) if each > longest)
            with pytest.raises(DataError, match=f"row {number}: its texts are longer"):
                list(parquet_rows(path))


def size(value: Any) -> int:
    """Bytes of the texts in it."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(size(each) for each in values)


def repeated(path: Path, text: bytes, rows: int, *, nested: bool) -> Path:
    """A file in which so many rows (or elements of one row) name one text, which is stored once."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text.decode()]))
    ids = pa.array([str(number) for number in range(1 if nested else rows)])
    if nested:
        column = pa.ListArray.from_arrays(pa.array([0, rows], pa.int32()), column)
    table = pa.table({"_id": ids, "text": column})
    pq.write_table(table, path, compression="zstd", dictionary_pagesize_limit=2**30, store_schema=False)
    assert path.stat().st_size < rows * len(text) / 1000
    return path


READS = """
import resource, sys
from pathlib import Path
from bench.data.parquet import parquet_rows
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
try:
    print(sum(len(row["text"]) for row in parquet_rows(Path(sys.argv[1]))))
except Exception as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="a process's address space is bounded, and its peak in KiB, on Linux"
)
@pytest.mark.parametrize(
    ("nested", "said"), [(False, str(1000 * 16 * MIB)), (True, "row 1: its texts are longer than 64 MiB")]
)
def test_a_text_that_is_stored_once_and_asked_for_a_thousand_times(tmp_path: Path, nested: bool, said: str) -> None:
    """Some kilobytes that ask for 16 GiB: as a thousand rows they are read, as one row refused."""
    path = repeated(tmp_path / "rows.parquet", b"x" * 16 * MIB, 1000, nested=nested)
    done = subprocess.run([sys.executable, "-P", "-c", READS, str(path)], capture_output=True, text=True, check=True)
    came_to, peak_kib = done.stdout.splitlines()
    assert came_to.endswith(said) or said in came_to
    assert int(peak_kib) < 1 << 20


def test_a_row_group_that_would_not_fit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "LARGEST_GROUP_BYTES", 50_000)
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["x" * 40_000, "y" * 40_000]}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"row group 1 takes 0\.0 GiB decompressed.*smaller row groups"):
        list(parquet_rows(tmp_path / "rows.parquet"))
    assert [row["id"] for row in parquet_rows(tmp_path / "rows.parquet", ["id"])] == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all", b"PAR1" * 20])
def test_what_is_no_parquet_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.parquet").write_bytes(content)
    for read in (column_names, lambda path: list(parquet_rows(path))):
        with pytest.raises(DataError, match=r"rows\.parquet: cannot be read as parquet after row 0"):
            read(tmp_path / "rows.parquet")


def test_a_text_that_is_no_utf_8_is_one_error(tmp_path: Path) -> None:
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
    pq.write_table(pa.table({"id": ["a"], "text": broken}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="a text after row 0 is not UTF-8"):
        list(parquet_rows(tmp_path / "rows.parquet"))
