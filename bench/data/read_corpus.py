"""Reads and checks ``corpus.jsonl``, once and in bounded memory: a small corpus is held, a large one stays on disk."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from bench.data.corpus import BUFFER_BYTES, DiskCorpus, stamp
from bench.data.files import Line, TextFile
from bench.data.ids import IdsBuilder
from bench.data.notices import Tally
from bench.data.records import read_records, refuse_repeated, text_field
from bench.folders import cache_root
from bench.types import Document, StoreError
from bench.whole import Presence, replaced

HELD_BYTES = 2**25
"""A corpus file of up to so many bytes, decompressed, is held in memory: 32 MiB, where each pass over it is short."""

CHANGED = "the file has changed while it was read; run again"


def read_corpus(file: TextFile, tally: Tally) -> tuple[Sequence[Document], Container[str]]:
    """The documents, and their ids.

    A compressed file beyond ``HELD_BYTES`` is also decompressed into the cache, under the sha256 of its content.
    Raises DataError for what is wrong with the file, StoreError where there is no room for the copy.
    """
    documents: list[Document] | None = []
    ids, numbers, starts = IdsBuilder(), array("q"), array("q")
    before = _stamp(file.path)
    for line, identifier, record in read_records(file, tally):
        document = _document(file, line, identifier, record, tally)
        ids.add(identifier)
        numbers.append(line.number)
        starts.append(line.start)
        if line.start > HELD_BYTES:
            documents = None
        if documents is not None:
            documents.append(document)
    known = ids.build()
    refuse_repeated(file, [(known[place], numbers[place]) for place in known.repeated()])
    if not starts:
        raise file.error("the corpus has no documents; expected one object a line with _id, title and text")
    if documents is not None:
        return tuple(documents), known
    path = _decompressed(file) if file.compressed else file.path
    after = _stamp(path)
    if after is None or (after != before and not file.compressed):
        raise file.error(CHANGED)
    return DiskCorpus(path, file.checksum, _numbers(starts), known, after), known


def _document(file: TextFile, line: Line, identifier: str, record: dict[str, Any], tally: Tally) -> Document:
    if record.get("title", "") is None:
        tally.add("title is null, read as empty", line.place)
        record["title"] = ""
    title = text_field(file, line, record, "title") if "title" in record else ""
    document = Document(identifier, text_field(file, line, record, "text"), title)
    if not document.content:
        tally.add("document has neither title nor text, kept", line.place)
    if not record.keys() <= {"_id", "title", "text", "metadata"}:
        tally.add("document has fields other than _id, title, text and metadata, not read", line.place)
    return document


def _stamp(path: Path) -> tuple[int, int] | None:
    """None for a file that is not there; opening it says so."""
    try:
        return stamp(path.stat())
    except OSError:
        return None


def _numbers(values: array[int]) -> Any:
    import numpy as np

    return np.array(values)


def _decompressed(file: TextFile) -> Path:
    """The copy of a compressed file in the cache, made unless it is there and is what it is named after."""
    path = cache_root() / "corpora" / f"{file.checksum}.jsonl"
    try:
        if path.exists():
            with path.open("rb") as kept:
                if hashlib.file_digest(kept, "sha256").hexdigest() == file.checksum:
                    return path
        path.parent.mkdir(parents=True, exist_ok=True)
        presence = Presence(path.parent, path.parent / "writers.lock")
        try:
            digest = hashlib.sha256()
            with replaced(path) as copy, file.open() as stream:
                while block := stream.read(BUFFER_BYTES):
                    digest.update(block)
                    copy.write(block)
                if digest.hexdigest() != file.checksum:
                    raise file.error(CHANGED)
        finally:
            presence.leave()
    except OSError as error:
        raise StoreError(
            f"the corpus cannot be decompressed into {path.parent}: {error.strerror or error}. Free space, set "
            f"RERANKBENCH_CACHE to a folder with room, or decompress {file.path} yourself"
        ) from error
    return path
