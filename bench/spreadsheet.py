"""The one place where CSV is written: a text in it stays a text in whatever program opens the file.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@`` or a tab as a formula, wherever the cell is from:
the name of a set, a pipeline or a query, or a message. So a text of that kind has an apostrophe put before it, which
spreadsheets take for "this is text". Numbers stay as they are, negative ones too, and so do texts that are nothing but
numbers, such as ``-0.013; 0.2``. Whoever reads such a table by program finds the apostrophe in these few texts; ids are
exact in the TREC and Parquet exports.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""The signs that begin a formula, their full width forms among them, which some programs take for the same."""
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)*|\.\d+)(?:[eE][+-]?\d+)?%?"
_NUMBERS = re.compile(rf"{_NUMBER}(?:; {_NUMBER})*", re.ASCII)


def csv_text(header: Sequence[str], rows: Iterable[Mapping[str, object] | Sequence[object]]) -> str:
    """A table as CSV with a header; None is an empty cell, and so is what a mapping lacks.

    Half a surrogate pair, which no file can hold, becomes a question mark.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(inert, header))
    for row in rows:
        values = [row.get(name) for name in header] if isinstance(row, Mapping) else row
        writer.writerow(map(inert, values))
    return out.getvalue().encode(errors="replace").decode()


def inert(value: object) -> object:
    """The cell as no spreadsheet runs it: with an apostrophe before a text that could be a formula.

    A carriage return becomes a line feed: alone it would end a row without being put into quotes.
    """
    if not isinstance(value, str):
        return value
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{value}" if _FORMULA.match(value) and not _NUMBERS.fullmatch(value) else value
