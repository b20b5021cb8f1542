"""Rows of the files that sets are published in: Parquet, or JSON lines and tables with tabs, plain or gzip."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.data.files import TextFile
from bench.data.notices import Tally
from bench.data.parquet import parquet_rows, plain_columns
from bench.data.records import parse_object
from bench.types import DataError

Row = Mapping[str, Any]

ENDINGS = (".parquet", ".jsonl", ".jsonl.gz", ".tsv", ".tsv.gz")
"""The best first: where a repository has one table in several forms, that one is read."""


def ending(name: str) -> str | None:
    """Which of ``ENDINGS`` a file has, None for a file that is no table or is hidden."""
    if name.rpartition("/")[2].startswith("."):
        return None
    return next((each for each in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(each)), None)


def read_rows(path: Path) -> Iterator[Row]:
    """One mapping per row, in order; memory does not grow with the file. Raises DataError, with the line if any."""
    return _READERS[ending(path.name) or ".jsonl"](path)


def _parquet(path: Path) -> Iterator[Row]:
    try:
        yield from parquet_rows(path, plain_columns(path))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from error


def _json_lines(path: Path) -> Iterator[Row]:
    file = _text_file(path)
    for line in file.lines(Tally()):
        yield parse_object(line.text, partial(file.error, line=line.number))


def _tabs(path: Path) -> Iterator[Row]:
    """A table whose first line names the columns; BEIR's judgements have no quotes, and a quote is a character."""
    file = _text_file(path)
    lines = file.lines(Tally())
    first = next(lines, None)
    columns = [] if first is None else [column.strip() for column in first.text.split("\t")]
    for line in lines:
        values = line.text.split("\t")
        if len(values) != len(columns):
            raise file.error(f"{len(values)} columns where the first line names {len(columns)}", line.number)
        yield dict(zip(columns, values, strict=True))


def _text_file(path: Path) -> TextFile:
    return TextFile(path.parent, path.name.removesuffix(".gz"))


_READERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".jsonl.gz": _json_lines,
    ".tsv": _tabs,
    ".tsv.gz": _tabs,
}


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
