"""Rows of a table: csv, tsv, jsonl (each plain or .gz) or parquet, read one at a time, each with its place.

A csv or tsv has its columns' names in the first line. Cells follow RFC 4180: in quotes where they hold the delimiter,
a line break or a quote, which is doubled. ``quoted: false`` takes a quote for a letter, as raw tsv files do.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.data.files import LONGEST_LINE
from bench.data.notices import Tally
from bench.data.parquet import column_names, parquet_rows
from bench.data.records import parse_object
from bench.reading import unknown
from bench.sources.files import Place, text_lines, unreadable
from bench.sources.spec import Table
from bench.types import DataError

Row = dict[str, Any]
"""Column -> value; of a csv or tsv all values are text."""
FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")


def read_rows(
    paths: Sequence[Path], table: Table, needed: Sequence[str], optional: Sequence[str], tally: Tally
) -> Iterator[tuple[Place, Row]]:
    """The rows of all files, in order, with these columns. Raises DataError, which tells the columns that there are.

    A row of a jsonl file may lack an ``optional`` column, which is then None; some row has to have it.
    """
    for path in paths:
        ending = table_format(path)
        if ending == ".parquet":
            yield from _parquet(path, (*needed, *optional))
        elif ending == ".jsonl":
            yield from _jsonl(path, needed, optional, tally)
        else:
            mark = table.delimiter or ("\t" if ending == ".tsv" else ",")
            yield from _csv(path, (*needed, *optional), tally, mark, table.quoted)


def table_format(path: Path) -> str:
    """One of ``FORMATS``, by the file's name. Raises DataError."""
    name = path.name.lower().removesuffix(".gz")
    ending = next((ending for ending in FORMATS if name.endswith(ending)), None)
    if ending is None or (ending == ".parquet" and path.name.lower().endswith(".gz")):
        raise DataError("is no table by its name; expected .csv, .tsv or .jsonl (or these with .gz), or .parquet", path)
    return ending


def _csv(path: Path, columns: Sequence[str], tally: Tally, delimiter: str, quoted: bool) -> Iterator[tuple[Place, Row]]:
    with closing(text_lines(path, tally)) as lines:  # an error would keep the reader, and with it the file
        yield from _csv_rows(path, lines, columns, tally, delimiter, quoted)


def _csv_rows(
    path: Path, lines: Iterator[str], columns: Sequence[str], tally: Tally, delimiter: str, quoted: bool
) -> Iterator[tuple[Place, Row]]:
    csv.field_size_limit(sys.maxsize if sys.maxsize <= 2**31 - 1 else 2**31 - 1)  # the default ends at 128 KiB
    header: list[str] | None = None
    begins, held = 1, 0

    def bounded() -> Iterator[str]:
        nonlocal held
        for line in lines:
            held += len(line)
            if held > LONGEST_LINE:
                hint = "; is a quote in it never closed? If its quotes are plain letters, say quoted: false"
                raise Place(path, begins).error(f"the row is longer than {LONGEST_LINE // 2**20} MiB{hint * quoted}")
            yield line

    reader = csv.reader(
        bounded(), delimiter=delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    )
    try:
        for cells in reader:
            place, begins, held = Place(path, begins), reader.line_num + 1, 0
            if not cells:
                tally.add("blank line, skipped", str(place))
            elif header is None:
                header = [cell.strip() for cell in cells]
                _check_columns(place, columns, header, delimiter)
            elif len(cells) != len(header):
                raise place.error(
                    f"the row has {len(cells)} cells, the header {len(header)}: {', '.join(header)}; put cells with "
                    f"{'a tab' if delimiter == chr(9) else repr(delimiter)} or a quote into quotes"
                )
            else:
                if reader.line_num > place.number:
                    tally.add("row spans several lines (line breaks in quotes), kept", str(place))
                row = dict(zip(header, cells, strict=True))
                yield place, {column: row[column] for column in columns}
    except csv.Error as error:
        hint = "; if its quotes are plain letters, say quoted: false" if quoted else ""
        raise Place(path, begins).error(
            f"the row is not {'tsv' if delimiter == chr(9) else 'csv'}: {error}{hint}"
        ) from error
    if header is None:
        raise DataError(f"the file is empty; expected a header with {', '.join(columns)}", path, 1)


def _check_columns(place: Place, columns: Sequence[str], header: Sequence[str], delimiter: str = "") -> None:
    for column in columns:
        if column not in header:
            hint = "; say delimiter: ';'" if delimiter == "," and len(header) == 1 and ";" in header[0] else ""
            raise DataError(unknown("column", column, header) + hint, place.path)
        if list(header).count(column) > 1:
            raise DataError(f"the column {column!r} is there twice; rename one", place.path)


def _jsonl(path: Path, needed: Sequence[str], optional: Sequence[str], tally: Tally) -> Iterator[tuple[Place, Row]]:
    unseen = set(optional)
    known: dict[str, None] = {}
    for number, line in enumerate(text_lines(path, tally), start=1):
        place = Place(path, number)
        if not line.strip():
            tally.add("blank line, skipped", str(place))
            continue
        record = parse_object(line, place.error)
        for column in needed:
            if column not in record:
                raise place.error(unknown("column", column, tuple(record)))
        unseen -= record.keys()
        if unseen:
            known |= dict.fromkeys(record)
        yield place, {column: record.get(column) for column in (*needed, *optional)}
    for column in optional:
        if column in unseen and known:
            raise DataError(unknown("column", column, tuple(known)), path)


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[tuple[Place, Row]]:
    try:
        _check_columns(Place(path, 1, True), columns, column_names(path))
        for number, row in enumerate(parquet_rows(path, columns), start=1):
            yield Place(path, number, True), row
    except OSError as error:
        raise unreadable(path, error) from error
