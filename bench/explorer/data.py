"""The form in which queries and documents travel into the report: gzip over two lines of JSON.

The first line says what it is (``Head``), so that nobody has to read the rest to know; the second is the body::

    {"documents": [[id, title, length, text], [id, title, length, text, offset, text], …],
     "queries": [[id, text, [field value, …], [measure or null, …], traps, left out, [document, …]], …]}

A query's document is ``[place among documents, grade or null, [rank, …], [score, …]]``, ranks and scores by pipeline,
and rank 0 where a ranking lacks it; where a reranker did not read it whole, ``{pipeline: characters read}`` follows.
``traps`` has bit *i* set where pipeline *i* fell into one; ``left out`` counts relevant documents that are not shown.
Field values are places among the field's values. ``title`` is how much of the text is title. All lengths and offsets
count UTF-16 units, as JavaScript does.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

VERSION = 1
_LONGEST_HEAD = 2**26
"""Bytes; no head comes near it."""
_AT_ONCE = 2**20
_FLAGS = slice(3, 4)
"""Where gzip says what else its head has. Here that is nothing; Python passes over some flags, browsers do not."""
Reading = Literal["whole", "known", "some", "engine", "tokenizer"]
"""What is known of documents that a reranker did not read to their end: there are none; how far it read; that for some;
nothing, because its engine does not say or cuts in its own way; nothing, because its tokenizer is out of reach."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A pipeline as it is shown. ``unit`` is ``probability`` or ``score``, ``mean`` its mean of the measure."""

    name: str
    unit: str
    depth: int
    mean: float
    reading: Reading = "whole"


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What the data are cut to: ``first`` documents of each ranking, ``documents`` of a query, their ``characters``.

    ``queries`` and ``pipelines`` were left out altogether.
    """

    first: int
    documents: int
    characters: int
    queries: int = 0
    pipelines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What a payload is about. ``trials`` are the ids of those whose rankings it shows.

    ``compare`` are the places of the two pipelines that are compared to begin with. ``study``: these are the dev
    queries of an instruction study.
    """

    set: str
    split: str
    measure: str
    queries: int
    pipelines: tuple[Shown, ...]
    compare: tuple[int, int]
    fields: tuple[Field, ...]
    cut: Cut
    trials: tuple[str, ...]
    study: bool = False
    version: int = VERSION


_HEAD = TypeAdapter(Head)


def pack(head: Head, body: Mapping[str, Any]) -> bytes:
    """Equal data give equal bytes."""
    lines = "".join(_line(each) for each in (asdict(head), body))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(lines.encode(errors="replace"))
    return packed.getvalue()


def read_head(payload: bytes) -> Head:
    """Raises ValueError for bytes that are no payload, that are damaged anywhere, or one of another version.

    The body is read to its end, for the checksum that stands there, and not held.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(payload)) as file:
            line = file.readline(_LONGEST_HEAD)
            while file.read(_AT_ONCE):
                pass
        if payload[_FLAGS] != b"\0":
            raise gzip.BadGzipFile("it has flags that were not written")
        head = _HEAD.validate_json(line)
    except (OSError, EOFError, zlib.error, ValidationError) as error:
        raise ValueError(f"these are no data of an explorer ({type(error).__name__})") from error
    if head.version != VERSION:
        raise ValueError(f"these data of an explorer have version {head.version}, and {VERSION} is known")
    return head


def unpack(payload: bytes) -> tuple[Head, dict[str, Any]]:
    """The inverse of ``pack``. Raises ValueError as ``read_head`` does."""
    head = read_head(payload)
    return head, json.loads(gzip.decompress(payload).split(b"\n")[1])


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
