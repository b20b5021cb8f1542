"""Documents as they are shown: on one line, cut to size, and measured as JavaScript measures."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from bench.report.words import TURNING
from bench.types import Document

AROUND = 100
"""Characters that are shown before and after the place where a reranker stopped reading, at most."""


def clean(text: str) -> str:
    """One line of printable text: runs of white space become a space; control characters, lone surrogates and signs
    that turn round what follows them go, as they do in the rest of the report."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(char for char in line if unicodedata.category(char) not in ("Cc", "Cs") and char not in TURNING)


def units(text: str) -> int:
    """The length that JavaScript gives a text: a character beyond U+FFFF counts two."""
    return len(text) + sum(char > "\uffff" for char in text) if not text.isascii() else len(text)


def excerpt(document: Document, characters: int, stops: Iterable[int] = ()) -> list[Any]:
    """``[id, title, length, text]`` of a document, its text cut to ``characters``, and what surrounds its ``stops``.

    ``stops`` are characters of ``clean(document.content)`` that some reranker read to; they lie close together. Where
    they are beyond the beginning, an offset and a second piece of text follow.
    """
    whole = clean(document.content)
    title = min(len(clean(document.title)), len(whole))
    end = whole_character(whole, characters)
    found = [clean(document.id), units(whole[:title]), units(whole)]
    places = sorted(stops)
    if not places:
        return [*found, whole[:end]]
    around = min(AROUND, characters // 3)
    begin = whole_character(whole, max(0, places[0] - around))
    finish = whole_character(whole, min(places[-1], places[0] + 2 * around) + around)
    if begin <= end:
        return [*found, whole[: max(end, finish)]]
    return [*found, whole[:end], units(whole[:begin]), whole[begin:finish]]


def whole_character(text: str, end: int) -> int:
    """``end``, or a little before it, so that no accent is parted from its letter."""
    end = min(end, len(text))
    while 0 < end < len(text) and unicodedata.combining(text[end]):
        end -= 1
    return end


def find(corpus: Sequence[Document], wanted: set[str]) -> dict[str, Document]:
    """The documents of these ids; a corpus on disk is asked for each, another gone through once."""
    from bench.data.corpus import DiskCorpus

    if isinstance(corpus, DiskCorpus):
        return {doc_id: corpus[corpus.ids.index(doc_id)] for doc_id in sorted(wanted) if doc_id in corpus.ids}
    return {document.id: document for document in corpus if document.id in wanted}
