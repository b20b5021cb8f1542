"""What is in a tar, in one pass and in bounded memory: each entry's name, its bytes as they come, its faults.

The standard library reads the headers that stand before an entry (pax, long names, maps of sparse files) whole, keeps
them all, and follows them as deep as they go, before anybody is asked. Here a header has a bound, of what it says only
the next entry's name and size are taken, and both from one place. Sparse files have holes that no text has, and are
told as a fault. A header that is damaged is never taken for the end.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

LONGEST_HEADER_BYTES = 1 << 20
MOST_HEADERS = 16
"""In a row, before one entry."""
_BLOCK = 512
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_Given = TypeVar("_Given", str, int)


class Source(Protocol):
    """At most ``size`` bytes at a time, none at the end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """``stream`` gives the bytes until the next entry is asked for; None where it is a folder or has a ``fault``.

    One with a fault is not to be got past: of a tar it is the last.
    """

    name: str
    stream: Source | None
    fault: str = ""


@dataclass(slots=True)
class _Said:
    """What the headers before an entry say of it."""

    names: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    sparse: bool = False
    headers: int = 0
    header_bytes: int = 0


def tar_entries(source: Source) -> Iterator[Entry]:
    """Every entry up to the end. Raises tarfile.TarError, or EOFError where the bytes end too early."""
    said = _Said()
    while (info := _next_block(source, said)) is not None:
        if info.size < 0:
            raise tarfile.ReadError(f"{info.name!r} has {info.size} bytes")
        if info.type in _PAX or info.type in _LONG:
            _take_header(source, info, said)
            continue
        name, size = _the_only(said.names, info.name), _the_only(said.sizes, info.size)
        if said.sparse or info.type not in (*_PLAIN, tarfile.DIRTYPE):
            sparse = said.sparse or info.type == tarfile.GNUTYPE_SPARSE
            yield Entry(name, None, "which is a sparse file" if sparse else "which is a link or a device")
            raise tarfile.ReadError(f"{name!r} cannot be got past")
        if info.type == tarfile.DIRTYPE:
            yield Entry(name, None)
        else:
            piece = _Piece(source, size)
            yield Entry(name, piece)
            piece.skip(-size % _BLOCK)
        said = _Said()


def _next_block(source: Source, said: _Said) -> tarfile.TarInfo | None:
    """The next header, None at the end: a block of zeros, or no more bytes."""
    block = _exactly(source, _BLOCK, may_end=True)
    if not block.strip(b"\0"):
        if said.headers:
            raise tarfile.ReadError("the last header belongs to no entry")
        return None
    return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")


def _take_header(source: Source, info: tarfile.TarInfo, said: _Said) -> None:
    said.headers += 1
    said.header_bytes += info.size
    if said.header_bytes > LONGEST_HEADER_BYTES or said.headers > MOST_HEADERS:
        raise tarfile.ReadError(f"a header says that {info.size} bytes follow (header {said.headers} before one entry)")
    content = _exactly(source, info.size)
    _exactly(source, -info.size % _BLOCK)
    if info.type == tarfile.GNUTYPE_LONGNAME:
        said.names.append(_text(content.partition(b"\0")[0]))
    elif info.type in _PAX:
        _take_records(content, info.type == tarfile.XGLTYPE, said)


def _take_records(content: bytes, of_all: bool, said: _Said) -> None:
    """The records ``LENGTH KEY=VALUE`` of a pax header; one ``of_all`` entries gives them no name and no size."""
    place = 0
    while content[place : place + 1] not in (b"", b"\0"):
        digits, blank, _ = content[place : place + 12].partition(b" ")
        if not (digits.isdigit() and blank):
            raise tarfile.ReadError("a record of a pax header has no length")
        record = content[place : place + int(digits)]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if len(record) != int(digits) or not record.endswith(b"\n") or not equals:
            raise tarfile.ReadError("a record of a pax header has another length than it says")
        place += len(record)
        said.sparse |= key.startswith(b"GNU.sparse.")
        if key not in (b"path", b"size"):
            continue
        if of_all:
            raise tarfile.ReadError(f"a pax header gives all entries the same {_text(key)}")
        if key == b"path":
            said.names.append(_text(value))
        elif value.isdigit() and len(value) < 19:
            said.sizes.append(int(value))
        else:
            raise tarfile.ReadError("a pax header gives a size that is no number of bytes")


def _the_only(given: list[_Given], otherwise: _Given) -> _Given:
    if len(given) > 1:
        raise tarfile.ReadError("the headers before an entry say twice what it is called or how large it is")
    return given[0] if given else otherwise


def _text(said: bytes) -> str:
    return said.decode("utf-8", "surrogateescape")


class _Piece:
    """The next ``size`` bytes of a source."""

    def __init__(self, source: Source, size: int) -> None:
        self._source, self._left = source, size

    def read(self, size: int, /) -> bytes:
        if not self._left:
            return b""
        found = self._source.read(min(size, self._left))
        if not found:
            raise EOFError(f"it ends {self._left} bytes too early")
        self._left -= len(found)
        return found

    def skip(self, padding: int) -> None:
        while self.read(1 << 16):
            pass
        _exactly(self._source, padding)


def _exactly(source: Source, size: int, *, may_end: bool = False) -> bytes:
    """That many bytes; none where it ``may_end`` and does. Raises EOFError."""
    found = bytearray()
    while len(found) < size:
        more = source.read(size - len(found))
        if not more:
            if may_end and not found:
                break
            raise EOFError(f"it ends {size - len(found)} bytes too early")
        found += more
    return bytes(found)
