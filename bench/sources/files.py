"""Lines of text files, plain or gzip, and the places in them: what bytes can get wrong is caught here."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from bench.data.files import BOM, GZIP_MAGIC, raw_lines
from bench.data.notices import Tally
from bench.types import DataError


@dataclass(frozen=True, slots=True)
class Place:
    """A line (text) or a row (parquet) of a file, both counted from 1."""

    path: Path
    number: int
    is_row: bool = False

    def __str__(self) -> str:
        return f"{self.path.name}, row {self.number}" if self.is_row else f"{self.path.name}:{self.number}"

    def error(self, message: str) -> DataError:
        if self.is_row:
            return DataError(f"row {self.number}: {message}", self.path)
        return DataError(message, self.path, self.number)


def text_lines(path: Path, tally: Tally) -> Generator[str]:
    """Every line, with its end. A byte-order mark is counted and skipped.

    Raises DataError for a file that cannot be read, a damaged gzip stream, bytes that are not UTF-8, and a line beyond
    ``LONGEST_LINE``.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as stream:
            for number, raw in enumerate(raw_lines(stream, lambda said, at: DataError(said, path, at)), start=1):
                if number == 1 and raw.startswith(BOM):
                    tally.add("file begins with a byte-order mark, skipped", f"{path.name}:1")
                    raw = raw[len(BOM) :]  # noqa: PLW2901
                yield _decode(raw, path, number)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"the gzip stream is damaged or cut short ({error}); fetch the file again"
        raise DataError(message, path, number + 1) from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"cannot be read: {error.strerror or error}; paths start from the config's folder", path)


def sha256_of(path: Path) -> str:
    """Of the file's bytes as they lie there, in hexadecimal. Raises DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def _decode(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "save the file as UTF-8"
        if number == 1 and raw.startswith(GZIP_MAGIC):
            hint = "the file looks compressed: give its name the ending .gz"
        elif number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            hint = "the file looks like UTF-16: save it as UTF-8"
        bad = raw[error.start : error.start + 1].hex()
        raise DataError(f"byte {error.start + 1} of the line (0x{bad}) is not UTF-8; {hint}", path, number) from error
