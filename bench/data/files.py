"""Lines of a text file, plain or gzip, each with its number; what the file's bytes can get wrong is caught here."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.data.notices import Tally
from bench.types import DataError

BOM = b"\xef\xbb\xbf"
GZIP_MAGIC = b"\x1f\x8b"
LONGEST_LINE = 2**26
"""Bytes of one line, its end included: 64 MiB. A longer one is refused as soon as it has been read so far, so that a
file of one endless line, or a small archive of one, costs no more memory than this."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end. ``number`` is 1-based; ``place`` is ``<name in the set>:<number>``.

    ``start`` is where its first byte lies in the decompressed file.
    """

    number: int
    text: str
    place: str
    start: int


class TextFile:
    """A file of a labelled set, known by its name in the set (``corpus.jsonl``), whether or not it is compressed.

    ``checksum`` is the sha256 of the decompressed bytes; it is complete once ``lines`` has been read to its end.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.path = _find(folder, name)
        self._digest = hashlib.sha256()

    @property
    def checksum(self) -> str:
        return self._digest.hexdigest()

    def error(self, message: str, line: int | None = None) -> DataError:
        return DataError(message, self.path, line)

    def lines(self, tally: Tally) -> Iterator[Line]:
        """Every line that is not blank, in order. Byte-order mark, CR LF and blank lines are counted in ``tally``.

        Raises DataError for a file that cannot be read, a damaged gzip stream, and bytes that are not UTF-8.
        """
        self._digest = hashlib.sha256()
        number = end = 0
        try:
            with self.open() as stream:
                for number, raw in enumerate(raw_lines(stream, self.error), start=1):
                    self._digest.update(raw)
                    end += len(raw)
                    place = f"{self.name}:{number}"
                    unmarked = _without_mark(raw, number, place, tally)
                    text = self._decode(unmarked, number)
                    if text.endswith("\r"):
                        text = text[:-1]
                        tally.add("line ends in CR LF (Windows), read as LF", place)
                    if text.strip():
                        yield Line(number, text, place, end - len(unmarked))
                    else:
                        tally.add("blank line, skipped", place)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            message = f"the gzip stream is damaged or cut short ({error}); fetch the file again"
            raise self.error(message, number + 1) from error
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror or error}") from error

    @property
    def compressed(self) -> bool:
        return self.path.name.endswith(".gz")

    def open(self) -> IO[bytes] | gzip.GzipFile:
        """The decompressed bytes, from the start."""
        if self.compressed:
            return gzip.open(self.path, "rb")
        return self.path.open("rb")

    def _decode(self, raw: bytes, number: int) -> str:
        try:
            return raw.removesuffix(b"\n").decode("utf-8")
        except UnicodeDecodeError as error:
            hint = "save the file as UTF-8"
            if number == 1 and raw.startswith(GZIP_MAGIC):
                hint = "the file looks compressed: give its name the ending .gz"
            elif number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                hint = "the file looks like UTF-16: save it as UTF-8"
            bad = raw[error.start : error.start + 1].hex()
            raise self.error(f"byte {error.start + 1} of the line (0x{bad}) is not UTF-8; {hint}", number) from error


def raw_lines(stream: IO[bytes] | gzip.GzipFile, error: Callable[[str, int], DataError]) -> Iterator[bytes]:
    """Every line with its end. What ``error`` makes of a message and a number is raised for one that is too long."""
    number = 0
    while raw := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            raise error(
                f"the line is longer than {LONGEST_LINE // 2**20} MiB, as no text is; cut it, or fetch the file again",
                number,
            )
        yield raw


def _without_mark(raw: bytes, number: int, place: str, tally: Tally) -> bytes:
    if number == 1 and raw.startswith(BOM):
        tally.add("file begins with a byte-order mark, skipped", place)
        return raw[len(BOM) :]
    return raw


def _find(folder: Path, name: str) -> Path:
    plain, packed = folder / name, folder / f"{name}.gz"
    try:
        found = [path for path in (plain, packed) if path.exists()]
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", plain) from error
    if len(found) > 1:
        raise DataError(f"both {name} and {name}.gz are there; remove the one that is not meant", folder)
    if not found:
        raise DataError(f"{name} (or {name}.gz) is missing; a set in the BEIR layout has it", folder)
    return found[0]
