"""A corpus too large to hold: documents stay in their file, and are read when they are asked for.

Kept in memory are where each document's line begins and its id, some forty bytes a document. ``corpus.jsonl`` was read
and checked whole before; that it is still the same file is seen by its size and its time of change, at every opening.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, overload

from bench.data.ids import Ids
from bench.types import DataError, Document

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT_ONCE = 2**16
"""Line starts that are Python numbers at the same time while documents are gone through."""

BUFFER_BYTES, ONE_DOCUMENT_BYTES = 2**20, 2**13
"""What is read at a time of many documents, and of one."""


class DiskCorpus(Sequence[Document]):
    """Documents in the order of an uncompressed ``corpus.jsonl``; a slice is a tuple of documents.

    Iterating reads the file once, from front to back; an index or a slice opens it anew. It can be pickled: another
    process then reads the same file. ``checksum`` is the file's sha256; two such corpora are equal when theirs are.
    """

    def __init__(self, path: Path, checksum: str, starts: NDArray[Any], ids: Ids, stamp: tuple[int, int]) -> None:
        """``starts``: the byte at which each document's line begins. ``stamp``: of the file when it was checked."""
        self.path, self.checksum, self.ids = path, checksum, ids
        self._starts, self._stamp = starts, stamp

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Document: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Document, ...]: ...

    def __getitem__(self, place: int | slice) -> Document | tuple[Document, ...]:
        """Raises IndexError, and DataError for a file that is not the one that was checked."""
        chosen = range(len(self))[place]
        if isinstance(chosen, range):
            with self._open() as file:
                return tuple(self._read(file, ((self.ids[n], int(self._starts[n])) for n in chosen)))
        with self._open(ONE_DOCUMENT_BYTES) as file:
            return next(self._read(file, [(self.ids[chosen], int(self._starts[chosen]))]))

    def __iter__(self) -> Iterator[Document]:
        with self._open() as file:
            yield from self._read(file, zip(self.ids, self._all_starts(), strict=True))

    def __eq__(self, other: object) -> bool:
        return self.checksum == other.checksum if isinstance(other, DiskCorpus) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.checksum)

    def __repr__(self) -> str:
        return f"DiskCorpus({str(self.path)!r}, {len(self)} documents)"

    def _all_starts(self) -> Iterator[int]:
        for first in range(0, len(self._starts), AT_ONCE):
            yield from self._starts[first : first + AT_ONCE].tolist()

    @contextmanager
    def _open(self, buffering: int = BUFFER_BYTES) -> Iterator[IO[bytes]]:
        try:
            with self.path.open("rb", buffering=buffering) as file:
                if stamp(os.fstat(file.fileno())) != self._stamp:
                    raise DataError("the file has changed since it was checked; run again", self.path)
                yield file
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", self.path) from error

    def _read(self, file: IO[bytes], lines: Iterable[tuple[str, int]]) -> Iterator[Document]:
        for identifier, start in lines:
            file.seek(start)
            record = json.loads(file.readline().decode())
            yield Document(identifier, record["text"], record.get("title") or "")


class _Contents(Mapping[str, str]):
    """Document id -> content, read from the disk when it is asked for."""

    def __init__(self, corpus: DiskCorpus) -> None:
        self._corpus = corpus

    def __getitem__(self, identifier: str) -> str:
        try:
            return self._corpus[self._corpus.ids.index(identifier)].content
        except ValueError:
            raise KeyError(identifier) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._corpus.ids)

    def __len__(self) -> int:
        return len(self._corpus)


def stamp(status: os.stat_result) -> tuple[int, int]:
    """What tells a file from itself after a change: its size in bytes, and when it was changed in nanoseconds."""
    return status.st_size, status.st_mtime_ns


def ids_of(corpus: Sequence[Document]) -> Sequence[str]:
    """The ids of a corpus in its order, without reading one that is on disk."""
    return corpus.ids if isinstance(corpus, DiskCorpus) else [document.id for document in corpus]


def contents_of(corpus: Sequence[Document]) -> Mapping[str, str]:
    """Document id -> what the stages read of it; of a corpus on disk each is read when it is asked for."""
    if isinstance(corpus, DiskCorpus):
        return _Contents(corpus)
    return {document.id: document.content for document in corpus}
