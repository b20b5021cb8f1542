"""What values of Arrow take in memory, told before they become Python's: by their types, and row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

VALUE_BYTES = 64
"""Of every value beside its text or its bytes, None too: about what Python takes for a number and its place in a list.
It makes a list without end as heavy as a text without end, though what it holds is empty."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A type of values that hold no others; a schema has one for each column of its Parquet file, in their order.

    ``in_each_row`` is how many of them a row has for certain, 0 where they lie in a list of any length. ``for_one``
    is how many of them one that is stored may become there: a missing list of fixed size takes the room of all.
    """

    kind: Any
    in_each_row: int
    for_one: int


def leaves(kind: Any, in_each_row: int = 1, for_one: int = 1) -> Iterator[Leaf]:
    """The leaves of an Arrow type, from left to right; what has parts of an unknown kind is a leaf with fields."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        yield from leaves(kind.storage_type, in_each_row, for_one)
    elif pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from leaves(kind.field(place).type, in_each_row, for_one)
    elif pa.types.is_fixed_size_list(kind):
        size = max(1, kind.list_size)
        yield from leaves(kind.value_type, in_each_row * size, for_one if in_each_row else for_one * size)
    elif pa.types.is_map(kind):
        yield from leaves(kind.key_type, 0, for_one)
        yield from leaves(kind.item_type, 0, for_one)
    elif _has_offsets(kind) or _is_view(kind):
        yield from leaves(kind.value_type, 0, for_one)
    else:
        yield Leaf(kind, in_each_row, for_one)


def row_bytes(batch: Any, enough: int) -> Any:
    """For each row of a batch what its values take, however deep: int64 [rows]. More than ``enough`` is not counted
    to its end, so that a row of many millions of values costs no memory here.

    Texts are counted where they are references to what is stored (dictionaries), as ``parquet_rows`` has them read.
    """
    import numpy as np

    sizes = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        _add(sizes, column, np.arange(batch.num_rows + 1), enough)
    return sizes


def _add(sizes: Any, values: Any, bounds: Any, enough: int) -> None:
    """Add to each row what ``values`` from its bound to the next row's take."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        _add(sizes, values.storage, bounds, enough)
        return
    sizes += np.diff(bounds) * (VALUE_BYTES + (kind.byte_width if pa.types.is_fixed_size_binary(kind) else 0))
    if (sizes > enough).any():
        return
    if pa.types.is_dictionary(kind):
        stored = pc.binary_length(values.dictionary).fill_null(0)
        sizes += np.diff(_positions(pc.take(stored, values.indices).fill_null(0))[bounds])
    elif pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            _add(sizes, values.field(place), bounds, enough)
    elif pa.types.is_fixed_size_list(kind):
        _add(sizes, values.values, (bounds + values.offset) * kind.list_size, enough)
    elif pa.types.is_map(kind):
        inner = np.asarray(values.offsets)[bounds]
        _add(sizes, values.keys, inner, enough)
        _add(sizes, values.items, inner, enough)
    elif _has_offsets(kind):
        _add(sizes, values.values, np.asarray(values.offsets)[bounds], enough)
    elif _is_view(kind) and len(values):  # one list lies behind the other, as they were read
        _add(sizes, values.values, (values.offsets[0].as_py() + _positions(values.sizes))[bounds], enough)


def _positions(lengths: Any) -> Any:
    """Where each begins that is as long as said, and where the last one ends."""
    import numpy as np

    ends = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.asarray(lengths), out=ends[1:])
    return ends


def _has_offsets(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_view(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))
