"""Documents for the ``score`` command, from a file that a person has at hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.types import DataError


def read_documents(path: Path) -> list[str]:
    """One document per line that is not blank; in a .jsonl the ``title`` and ``text`` of each line. ``-`` is stdin.

    Raises DataError.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError("no such file; give a text file with one document per line, a .jsonl, or -", path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as UTF-8 text: {error}", path) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise DataError("holds no document; each line that is not blank is one", path)
    return [_record(line, path, number) if path.suffix == ".jsonl" else line for number, line in lines]


def _record(line: str, path: Path, number: int) -> str:
    try:
        record = json.loads(line)
        return f"{record.get('title') or ''} {record['text']}".strip()
    except (ValueError, KeyError, AttributeError) as error:
        raise DataError('is not a JSON object with a "text"', path, number) from error
