"""Rows of a Parquet file, one at a time, in memory that a small file cannot blow up.

A text that a column repeats is stored once and read as often as rows name it: a file of six kilobytes can ask for
32 GiB. So texts are read as references to what is stored, the length of each row is counted from these, and only as
many rows as are short enough together are made texts of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.data.files import LONGEST_LINE
from bench.types import DataError

BATCH_ROWS = 1024
LARGEST_GROUP_BYTES = 2**32
"""Of one row group, decompressed, as the file's own figures have it: 4 GiB. A part of it is in memory at a time, but
nobody can tell how large a part before it is read. Files whose figures lie are not told from others."""


def parquet_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows in order, with these columns of the schema's top level (all of them if None).

    Raises DataError for what is no Parquet, for a row group beyond ``LARGEST_GROUP_BYTES`` and for a row whose texts
    are longer than ``LONGEST_LINE`` together or no UTF-8; OSError passes through.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        metadata = pq.read_metadata(path)
        wanted = [place for place in range(len(metadata.schema)) if _is_wanted(metadata, place, columns)]
        _refuse_large_groups(path, metadata, wanted)
        texts = [metadata.schema.column(place).path for place in wanted if _is_text(metadata.schema.column(place))]
        with pq.ParquetFile(path, metadata=metadata, read_dictionary=texts) as file:
            names = None if columns is None else list(dict.fromkeys(columns))
            for group in range(metadata.num_row_groups):  # one by one: lists of references cannot span two of them
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=names):
                    for rows in _held_at_once(path, batch, number):
                        for row in rows:
                            number += 1
                            yield row
    except pa.ArrowException as error:
        raise _not_parquet(path, number, error) from error
    except UnicodeDecodeError as error:
        raise DataError(f"a text after row {number} is not UTF-8", path) from error


def column_names(path: Path) -> list[str]:
    """Of the schema's top level. Raises DataError for what is no Parquet; OSError passes through."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except pa.ArrowException as error:
        raise _not_parquet(path, 0, error) from error


def _not_parquet(path: Path, number: int, error: Exception) -> DataError:
    return DataError(f"cannot be read as parquet after row {number}: {str(error).splitlines()[0]}", path)


def _is_wanted(metadata: Any, place: int, columns: Sequence[str] | None) -> bool:
    return columns is None or metadata.schema.column(place).path.split(".")[0] in {
        name.split(".")[0] for name in columns
    }


def _is_text(column: Any) -> bool:
    return bool(column.physical_type == "BYTE_ARRAY") and column.logical_type.type != "DECIMAL"


def _refuse_large_groups(path: Path, metadata: Any, wanted: Sequence[int]) -> None:
    for place in range(metadata.num_row_groups):
        group = metadata.row_group(place)
        size = sum(group.column(each).total_uncompressed_size for each in wanted)
        if size > LARGEST_GROUP_BYTES:
            raise DataError(
                f"row group {place + 1} takes {size / 2**30:.1f} GiB decompressed; the most is "
                f"{LARGEST_GROUP_BYTES / 2**30:.0f} GiB. Write the file with smaller row groups (row_group_size)", path,
            )  # fmt: skip


def _held_at_once(path: Path, batch: Any, before: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of a batch, as many at once as their texts take up to ``LONGEST_LINE`` bytes together."""
    import numpy as np

    lengths = sum((_text_bytes(column) for column in batch.columns), np.zeros(batch.num_rows, dtype=np.int64))
    if (longest := lengths > LONGEST_LINE).any():
        row = before + int(longest.argmax()) + 1
        raise DataError(f"row {row}: its texts are longer than {LONGEST_LINE // 2**20} MiB, as no text is", path)
    ends = np.cumsum(lengths)
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


def _text_bytes(column: Any) -> Any:
    """For each row of an Arrow array the bytes of its texts, however deep: int64 [rows]."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        stored = pc.binary_length(column.dictionary).fill_null(0)
        return np.asarray(pc.take(stored, column.indices).fill_null(0), dtype=np.int64)
    if pa.types.is_struct(kind):
        return sum((_text_bytes(each) for each in column.flatten()), np.zeros(len(column), dtype=np.int64))
    if (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_map(kind)
    ):
        of_values = np.concatenate([[0], np.cumsum(_text_bytes(column.flatten()))])
        ends = np.cumsum(np.asarray(pc.list_value_length(column).fill_null(0), dtype=np.int64))
        return np.diff(of_values[np.concatenate([[0], ends])])
    return np.zeros(len(column), dtype=np.int64)
