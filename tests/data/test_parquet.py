"""Rows of Parquet are those that the library reads, and a small file takes little memory, whatever it asks for."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data import parquet
from bench.data.arrow_sizes import VALUE_BYTES, leaves, row_bytes
from bench.data.parquet import column_names, parquet_rows, plain_columns
from bench.types import DataError

MIB = 2**20

texts = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["again", "and again"]))
lists = st.one_of(st.none(), st.lists(texts, max_size=4))
numbers = st.one_of(st.none(), st.integers(-9, 9))
raws = st.one_of(st.none(), st.binary(min_size=3, max_size=3))
pairs = st.one_of(st.none(), st.lists(st.tuples(st.text(max_size=3), texts), max_size=3))
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "id": (pa.large_string(), st.text(max_size=4)),
    "grade": (pa.int64(), numbers),
    "texts": (pa.list_(pa.string()), lists),
    "nested": (
        pa.struct({"title": pa.string(), "parts": pa.list_(pa.list_(pa.string()))}),
        st.one_of(st.none(), st.fixed_dictionaries({"title": texts, "parts": st.lists(lists, max_size=3)})),
    ),
    "raw": (pa.binary(), st.one_of(st.none(), st.binary(max_size=3))),
    "fixed": (pa.binary(3), raws),
    "map": (pa.map_(pa.string(), pa.string()), pairs),
    "view": (pa.list_view(pa.string()), lists),
    "views": (
        pa.large_list_view(pa.list_view(pa.binary(3))),
        st.one_of(st.none(), st.lists(st.lists(raws), max_size=3)),
    ),
    "numbers": (pa.large_list(pa.list_(pa.int8())), st.lists(st.one_of(st.none(), st.lists(numbers)), max_size=3)),
    "vector": (pa.list_(pa.int8(), 2), st.one_of(st.none(), st.lists(numbers, min_size=2, max_size=2))),
    "rows": (
        pa.list_(pa.struct({"map": pa.map_(pa.string(), pa.list_(pa.string())), "grade": pa.int8()})),
        st.lists(
            st.fixed_dictionaries(
                {
                    "map": st.one_of(st.none(), st.lists(st.tuples(st.text(max_size=2), lists), max_size=2)),
                    "grade": numbers,
                }
            ),
            max_size=2,
        ),
    ),
}
SCHEMA = pa.schema({name: kind for name, (kind, _) in COLUMNS.items()})
rows = st.fixed_dictionaries({name: values for name, (_, values) in COLUMNS.items()})


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, max_size=30), st.booleans(), st.booleans(), st.integers(2000, 6000))
def test_rows_are_what_the_library_reads(made: list[Any], dictionary: bool, typed: bool, longest: int) -> None:
    """Also where only a few rows may be held at once, and what takes more than may be held is refused."""
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
        read = pq.ParquetFile(path).read()
        assert list(parquet_rows(path)) == read.to_pylist() == made
        assert list(parquet_rows(path, ["grade", "id"])) == [
            {name: row[name] for name in ("grade", "id")} for row in made
        ]
        patch.setattr(parquet, "LONGEST_LINE", longest)
        sizes = [sum(size(row[field.name], field.type) for field in read.schema) for row in made]
        if max(sizes, default=0) <= longest:
            assert list(parquet_rows(path)) == made
        else:
            with pytest.raises(DataError, match=r"row \d+: its texts and values take more than") as caught:
                list(parquet_rows(path))
            assert sizes[int(re.findall(r"row (\d+):", str(caught.value))[0]) - 1] > longest


def size(value: Any, kind: pa.DataType) -> int:
    """Bytes of the texts in it, and some for every value."""
    inner: list[int] = []
    if pa.types.is_struct(kind):
        inner = [size(None if value is None else value[field.name], field.type) for field in kind]
    elif pa.types.is_map(kind):
        inner = [size(key, kind.key_type) + size(item, kind.item_type) for key, item in value or ()]
    elif pa.types.is_fixed_size_list(kind):
        inner = [size(each, kind.value_type) for each in value or [None] * kind.list_size]
    elif hasattr(kind, "value_type"):
        inner = [size(each, kind.value_type) for each in value or ()]
    elif pa.types.is_fixed_size_binary(kind):
        inner = [kind.byte_width]
    elif isinstance(value, str | bytes):
        inner = [len(value.encode() if isinstance(value, str) else value)]
    return VALUE_BYTES + sum(inner)


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
for path in map(Path, sys.argv[1:]):
    rows = values = 0
    try:
        for row in parquet_rows(path):
            rows, values = rows + 1, values + len(row["text"] or ())
        said = f"{rows} rows, {values} characters or values"
    except Exception as error:
        said = str(error)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(said, peak.split()[1], sep="\\t")
"""


def read_apart(paths: list[Path]) -> list[tuple[str, int]]:
    """What another process says of each file, and the most memory, in KiB, that it has had up to there."""
    done = subprocess.run([sys.executable, "-P", "-c", READS, *paths], capture_output=True, text=True, check=True)
    return [(said, int(peak)) for said, peak in (line.split("\t") for line in done.stdout.splitlines())]


@pytest.mark.skipif(
    sys.platform != "linux", reason="a process's address space is bounded, and its peak in KiB, on Linux"
)
@pytest.mark.parametrize(
    ("nested", "said"),
    [(False, f"200 rows, {200 * 16 * MIB} char"), (True, "row 1: its texts and values take more than 64 MiB")],
)
def test_a_text_that_is_stored_once_and_asked_for_many_times(tmp_path: Path, nested: bool, said: str) -> None:
    """Some kilobytes that ask for 3 GiB: as two hundred rows they are read, as one row refused."""
    path = repeated(tmp_path / "rows.parquet", b"x" * 16 * MIB, 200, nested=nested)
    [(came_to, peak_kib)] = read_apart([path])
    assert said in came_to
    assert peak_kib < 1 << 20


def one_row(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


def zeros(count: int) -> pa.Array:
    return pa.Array.from_buffers(pa.int8(), count, [None, pa.py_buffer(bytes(count))])


def empty_texts(count: int) -> pa.Array:
    return pa.StringArray.from_buffers(count, pa.py_buffer(bytes(4 * count + 4)), pa.py_buffer(b""))


def again(count: int, kind: pa.DataType | None = None) -> pa.Array:
    """A text of a MiB, so many times."""
    return pa.array(["x" * MIB] * count, kind or pa.string())


def as_json(texts: pa.Array) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.json_(), texts)


HUGE: dict[str, tuple[Callable[[], pa.Array], str]] = {
    "an extension type": (lambda: as_json(again(400)), f"400 rows, {400 * MIB} "),
    "an extension type in a list": (lambda: one_row(as_json(again(70))), "row 1: its texts and values take more than"),
    "bytes of fixed size": (lambda: again(100, pa.binary(MIB)), f"100 rows, {100 * MIB} "),
    "bytes of fixed size in a list": (
        lambda: one_row(again(513, pa.binary(MIB))),
        "values in lists, the column 'text' (list<element: fixed_size_binary[1048576]>) most of them; the most is",
    ),
    "bytes of a very large size": (lambda: pa.nulls(2, pa.binary(2**27)), "a row takes more than 64 MiB, as no row"),
    "a view of a list": (lambda: pa.ListViewArray.from_arrays([0], [70], again(70)), "row 1: its texts and values"),
    "views of lists": (lambda: pa.array([["x" * MIB]] * 100, pa.list_view(pa.string())), "100 rows, 100 "),
    "a map": (lambda: pa.array([[(str(n), "x" * MIB) for n in range(70)]], MAP), "row 1: its texts and values take"),
    "maps": (lambda: pa.array([[("key", "x" * MIB)]] * 100, MAP), "100 rows, 100 "),
    "zeros": (lambda: one_row(zeros(30_000_000)), "row 1: its texts and values take more than 64 MiB, as no row's do"),
    "empty texts": (lambda: one_row(empty_texts(20_000_000)), "row 1: its texts and values take more than 64 MiB"),
    "more zeros than are read": (lambda: one_row(zeros(50_000_000)), "row group 1 has 50,000,000 values in lists, the"),
    "columns of zeros": (
        lambda: one_row(pa.StructArray.from_arrays([zeros(9_000_000)] * 4, names=list("abcd"))),
        "row group 1 has 36,000,000 values in lists",
    ),
    "lists of lists of lists": (
        lambda: one_row(one_row(one_row(zeros(12_000_000)))),
        "row group 1 has 36,000,000 values in lists",
    ),
    "missing lists of fixed size": (lambda: pa.nulls(40, pa.list_(pa.int8(), 2**19)), "40 rows, 0 "),
    "missing lists of fixed size in a list": (
        lambda: one_row(pa.nulls(500, pa.list_(pa.int8(), 100_000))),
        "row group 1 has 100,000,000 values in lists",
    ),
    "missing lists of a very large size": (lambda: pa.nulls(2, pa.list_(pa.int8(), 2**22)), "a row takes more than 64"),
}  # fmt: skip
MAP = pa.map_(pa.string(), pa.string())


@pytest.mark.skipif(
    sys.platform != "linux", reason="a process's address space is bounded, and its peak in KiB, on Linux"
)
def test_small_files_that_ask_for_gigabytes(tmp_path: Path) -> None:
    """By types that hold texts in other ways, by values that take room and have no text, by values that are missing.

    Each is read, or refused in one line, within a gigabyte.
    """
    paths = []
    for number, (make, _) in enumerate(HUGE.values()):
        paths.append(tmp_path / f"{number}.parquet")
        pq.write_table(pa.table({"text": make()}), paths[-1], compression="zstd", write_statistics=False)
        assert paths[-1].stat().st_size < 100_000
    for (name, (_, said)), (came_to, peak_kib) in zip(HUGE.items(), read_apart(paths), strict=True):
        assert said in came_to, name
        assert peak_kib < 1 << 20, name


def test_of_wide_rows_only_a_few_are_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a null of fixed size takes is known before it is read."""
    seen: list[tuple[int, int]] = []

    def spy(batch: Any, enough: int) -> Any:
        seen.append((batch.num_rows, enough))
        return row_bytes(batch, enough)

    monkeypatch.setattr(parquet, "LONGEST_LINE", 10_000)
    monkeypatch.setattr(parquet, "row_bytes", spy)
    for wide, at_once in ((pa.binary(1000), 8), (pa.list_(pa.binary(100), 20), 2), (pa.struct({"a": pa.int8()}), 78)):
        pq.write_table(pa.table({"id": ["a"] * 100, "wide": pa.nulls(100, wide)}), tmp_path / "rows.parquet")
        seen.clear()
        assert len(list(parquet_rows(tmp_path / "rows.parquet"))) == 100
        assert max(seen) == (at_once, 10_000)


def test_a_name_that_two_columns_have_hides_none_of_them(tmp_path: Path) -> None:
    """Both are read as references, or they would be refused; the library gives the last one."""
    texts = [pa.array(["x"] * 3), pa.array(["y"] * 3)]
    pq.write_table(pa.Table.from_arrays(texts, names=["text", "text"]), tmp_path / "rows.parquet")
    assert list(parquet_rows(tmp_path / "rows.parquet")) == [{"text": "y"}] * 3


def test_a_type_that_nobody_knows_is_not_taken_for_nothing() -> None:
    """None comes from Parquet today; what would is told by its fields."""
    assert [leaf.kind.num_fields for leaf in leaves(pa.list_(pa.sparse_union([pa.field("a", pa.string())])))] == [1]
    assert [leaf.kind.num_fields for leaf in leaves(pa.struct({"a": MAP, "b": pa.list_view(pa.int8())}))] == [0, 0, 0]


@pytest.mark.parametrize(
    "column", [pa.array([2**62]).cast(pa.timestamp("us")), pa.array([2**30], pa.int32()).cast(pa.date32())]
)
def test_a_date_beyond_the_calendar_is_one_error(tmp_path: Path, column: pa.Array) -> None:
    pq.write_table(pa.table({"id": ["a"], "date": column}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"rows\.parquet: cannot be read as parquet after row 0: "):
        list(parquet_rows(tmp_path / "rows.parquet"))
    assert list(parquet_rows(tmp_path / "rows.parquet", ["id"])) == [{"id": "a"}]


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


def test_columns_that_no_set_is_made_of_are_left_out(tmp_path: Path) -> None:
    """Published sets bring embeddings along, which are larger than all of their texts."""
    columns = {
        "_id": pa.array(["a"]), "text": pa.array(["t"], pa.large_string()), "grade": pa.array([1]),
        "positives": pa.array([["x", "y"]]), "kind": pa.array(["k"]).dictionary_encode(),
        "embedding": pa.array([[0.5] * 8]), "fixed": pa.array([[0.5] * 8], pa.list_(pa.float32(), 8)),
        "image": pa.array([b"..."]), "price": pa.array([1], pa.decimal128(20, 2)),
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    plain = plain_columns(tmp_path / "rows.parquet")
    assert plain[:5] == ["_id", "text", "grade", "positives", "kind"]
    assert not {"embedding", "fixed", "image"} & {*plain}
    (row,) = parquet_rows(tmp_path / "rows.parquet", plain)
    assert (row["positives"], row["kind"]) == (["x", "y"], "k")
