"""Rows of a Parquet file, one at a time, in memory that a small file cannot blow up.

A text that a column repeats is stored once and read as often as rows name it: a file of six kilobytes can ask for
32 GiB. So texts are read as references to what is stored, the length of each row is counted from these, and only as
many rows as are short enough together are made texts of. What has a size by its type is bounded before it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.arrow_sizes import VALUE_BYTES, Leaf, leaves, row_bytes
from bench.data.files import LONGEST_LINE
from bench.types import DataError

BATCH_ROWS = 1024
LARGEST_GROUP_BYTES = 2**32
"""Of one row group, decompressed, as the file's own figures have it: 4 GiB. A part of it is in memory at a time, but
nobody can tell how large a part before it is read. Files whose figures lie are not told from others."""
MOST_LISTED = 2**25
"""Values that lie in lists of one row group, those of all columns together: 33 million. One row may have all of them,
and is read before anybody knows. A value counts once for each list around it, and for every 16 bytes of fixed size."""


def parquet_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows in order, with these columns of the schema's top level (all of them if None).

    Raises DataError for what is no Parquet, for a row group beyond ``LARGEST_GROUP_BYTES`` or ``MOST_LISTED``, for a
    row whose texts and values take more than ``LONGEST_LINE`` together, for a text that is no UTF-8 and for a value
    that Python has none for; OSError passes through.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        metadata = pq.read_metadata(path)
        texts = [place for place in range(len(metadata.schema)) if _is_text(metadata.schema.column(place))]
        with pq.ParquetFile(
            path,
            metadata=metadata,
            read_dictionary=texts,
            arrow_extensions_enabled=False,  # JSON is a text, too
        ) as file:
            wanted = _wanted(path, file, columns)
            _refuse_large_groups(path, metadata, wanted)
            at_once = _rows_at_once(path, wanted)
            names = None if columns is None else list(dict.fromkeys(columns))
            for group in range(metadata.num_row_groups):  # one by one: lists of references cannot span two of them
                for batch in file.iter_batches(at_once, row_groups=[group], columns=names):
                    for rows in _held_at_once(path, batch, number):
                        for row in rows:
                            number += 1
                            yield row
    except UnicodeDecodeError as error:
        raise DataError(f"a text after row {number} is not UTF-8", path) from error
    except (pa.ArrowException, ValueError, OverflowError, RecursionError) as error:  # a date of the year 99999 is one
        raise _not_parquet(path, number, error) from error


def column_names(path: Path) -> list[str]:
    """Of the schema's top level. Raises DataError for what is no Parquet; OSError passes through."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except pa.ArrowException as error:
        raise _not_parquet(path, 0, error) from error


def plain_columns(path: Path) -> list[str]:
    """Those of the top level that hold what a set is made of: texts, lists of them, single numbers; no embeddings, say.

    Raises as ``column_names`` does.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return [field.name for field in pq.read_schema(path) if all(map(_is_plain, leaves(field.type)))]
    except pa.ArrowException as error:
        raise _not_parquet(path, 0, error) from error


def _is_plain(leaf: Leaf) -> bool:
    import pyarrow as pa

    kind = leaf.kind.value_type if pa.types.is_dictionary(leaf.kind) else leaf.kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(check(kind) for check in texts) or (leaf.in_each_row == 1 and pa.types.is_primitive(kind))


def _not_parquet(path: Path, number: int, error: Exception) -> DataError:
    return DataError(f"cannot be read as parquet after row {number}: {str(error).partition(chr(10))[0]}", path)


@dataclass(frozen=True, slots=True)
class _Column:
    """One that holds no others, with its place in the file; ``said`` names it and its type."""

    place: int
    stored: Any
    leaf: Leaf
    said: str

    @property
    def fixed_bytes(self) -> int:
        """Of a value of fixed size, as it is stored; 0 for numbers, and for texts, which are read as references."""
        return int(self.stored.length) if self.stored.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0


def _is_text(stored: Any) -> bool:
    return bool(stored.physical_type == "BYTE_ARRAY")


def _wanted(path: Path, file: Any, columns: Sequence[str] | None) -> list[_Column]:
    """Raises DataError for a type of which nobody knows what it takes to read."""
    import pyarrow as pa

    known = [(field, leaf) for field in file.schema_arrow for leaf in leaves(field.type)]
    tops = None if columns is None else {name.split(".")[0] for name in columns}
    wanted = []
    for place, (field, leaf) in enumerate(known):
        stored = file.schema.column(place) if len(known) == len(file.schema) else None
        if tops is not None and field.name.split(".")[0] not in tops:
            continue
        said = f"the column {field.name!r} ({field.type})"
        if stored is None or leaf.kind.num_fields or _is_text(stored) != pa.types.is_dictionary(leaf.kind):
            raise DataError(f"{said} is of a type that is not read here; write the file without it", path)
        wanted.append(_Column(place, stored, leaf, said))
    return wanted


def _refuse_large_groups(path: Path, metadata: Any, wanted: Sequence[_Column]) -> None:
    for place in range(metadata.num_row_groups):
        group = metadata.row_group(place)
        size = sum(group.column(each.place).total_uncompressed_size for each in wanted)
        listed = [_listed(group, each) for each in wanted]
        if size > LARGEST_GROUP_BYTES:
            said = f"takes {size / 2**30:.1f} GiB decompressed; the most is {LARGEST_GROUP_BYTES / 2**30:.0f} GiB"
        elif (count := sum(listed)) > MOST_LISTED:
            said = f"has {count:,} values in lists, {_most(wanted, listed)} most of them; the most is {MOST_LISTED:,}"
        else:
            continue
        raise DataError(f"row group {place + 1} {said}. Write the file with smaller row groups (row_group_size)", path)


def _listed(group: Any, column: _Column) -> int:
    """What the values of a column count against ``MOST_LISTED``; 0 where they lie in no list."""
    weight = column.leaf.for_one * max(1, math.ceil(column.fixed_bytes / 16))
    return int(group.column(column.place).num_values) * int(column.stored.max_repetition_level) * weight


def _rows_at_once(path: Path, wanted: Sequence[_Column]) -> int:
    """As many as take ``LONGEST_LINE`` by their types alone."""
    takes = [each.leaf.in_each_row * (VALUE_BYTES + each.fixed_bytes) for each in wanted]
    if sum(takes) > LONGEST_LINE:
        said = f"a row takes more than {LONGEST_LINE // 2**20} MiB, as no row does, {_most(wanted, takes)} most of it"
        raise DataError(f"{said}; write the file without it", path)
    return max(1, min(BATCH_ROWS, LONGEST_LINE // max(1, sum(takes))))


def _most(wanted: Sequence[_Column], shares: Sequence[int]) -> str:
    return wanted[shares.index(max(shares))].said


def _held_at_once(path: Path, batch: Any, before: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of a batch, as many at once as take up to ``LONGEST_LINE`` bytes together."""
    import numpy as np

    sizes = row_bytes(batch, LONGEST_LINE)
    if (longest := sizes > LONGEST_LINE).any():
        row = before + int(longest.argmax()) + 1
        most = LONGEST_LINE // 2**20
        raise DataError(f"row {row}: its texts and values take more than {most} MiB, as no row's do", path)
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        held = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, held + LONGEST_LINE, side="right"))
        yield _decoded(batch.slice(start, stop - start)).to_pylist()
        start = stop


def _decoded(batch: Any) -> Any:
    """The batch with texts for references: a library's short way, where it has one."""
    import pyarrow as pa

    columns = [each.dictionary_decode() if pa.types.is_dictionary(each.type) else each for each in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)
