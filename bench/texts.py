"""Documents for the ``score`` command, from a file that a person has at hand."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from bench.data.records import parse_object
from bench.types import DataError


def read_documents(path: Path) -> list[str]:
    """One document per line that is not blank; in a .jsonl the ``title`` and ``text`` of each line. ``-`` is stdin.

    Raises DataError.
    """
    try:
        text = sys.stdin.read().removeprefix("\ufeff") if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError("no such file; give a text file with one document per line, a .jsonl, or -", path) from error
    except (OSError, ValueError) as error:  # ValueError: bytes that are not UTF-8, or a path with a NUL in it
        raise DataError(f"cannot be read as UTF-8 text: {error}", path) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise DataError("holds no document; each line that is not blank is one", path)
    return [_record(line, path, number) if path.suffix == ".jsonl" else line for number, line in lines]


def _record(line: str, path: Path, number: int) -> str:
    record = parse_object(line, partial(DataError, path=path, line=number))
    title, text = record.get("title"), record.get("text")
    if not isinstance(text, str) or not isinstance(title, str | None):
        raise DataError('expected a JSON object whose "text", and "title" if there is one, are texts', path, number)
    return f"{title or ''} {text}".strip()
