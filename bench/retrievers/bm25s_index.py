"""The bm25s library's own index, built from a stream of documents, and kept on disk to be mapped into memory.

The library wants every document's words at once and goes through them several times. It is given them as 32-bit numbers
end to end, four bytes a word, and made to sort its matrix as scipy does, in linear time and in less than half of the
memory of its own way; the scores are the same (a test compares them).

A kept index is a folder with the library's files and, written last, ``kept.json`` with the sha256 of each. It is named
by the corpus, by the rule that makes words, and by the versions of the libraries; one that does not match its checksums
is set aside, told in the log, and made anew.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench import SCORING
from bench.retrievers import tokens
from bench.types import Document, StoreError, canonical_json
from bench.whole import damage, folder_for, set_aside

KEPT = "kept.json"
LIBRARIES = ("bm25s", "rjieba", "PyStemmer")


@dataclass(frozen=True, slots=True)
class Words:
    """What the library indexes: ``ids`` are the numbers of each document's words, ``vocab`` maps a word to its number.

    The names are the library's. ``ids`` is gone through several times.
    """

    ids: _Numbers
    vocab: dict[str, int]


class _Numbers:
    """Per document a list of numbers, made when it is asked for."""

    def __init__(self, corpus: Sequence[Document], vocab: dict[str, int]) -> None:
        self._numbers, self._ends = array("i"), array("q", [0])
        for document in corpus:
            self._numbers.extend(vocab.setdefault(word, len(vocab)) for word in tokens.tokenise(document.content))
            self._ends.append(len(self._numbers))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[list[int]]:
        for start, end in pairwise(self._ends):
            yield self._numbers[start:end].tolist()


def build(corpus: Sequence[Document]) -> Any:
    """The library's model over ``corpus``, in memory; without a ``vocab_dict`` where the corpus has not one word."""
    import bm25s

    vocab: dict[str, int] = {}
    numbers = _Numbers(corpus, vocab)
    model = bm25s.BM25(csc_backend="scipy")
    model.vocab_dict = {}
    if vocab:  # the library cannot index a corpus without a single word
        model.index(Words(numbers, vocab), show_progress=False)
    return model


def kept(parent: Path, checksum: str, corpus: Sequence[Document]) -> tuple[Any, bool]:
    """The model over ``corpus``, its arrays mapped from a folder in ``parent``, and whether it was there before.

    ``checksum`` stands for the corpus. Raises StoreError when the folder cannot be written.
    """
    folder = parent / f"bm25s-{_name(checksum)}"
    model = _load(folder)
    if model is not None:
        return model, True
    built = build(corpus)
    if not built.vocab_dict:
        return built, False
    try:
        _save(built, folder)
    except OSError as error:
        raise StoreError(f"the index cannot be kept in {parent}: {error}; free space or name another") from error
    return _mapped(folder), False


def _name(checksum: str) -> str:
    rule = hashlib.sha256(Path(tokens.__file__).read_bytes()).hexdigest()
    versions = [f"{name} {version(name)}" for name in LIBRARIES]
    made_of = {
        "corpus": checksum, "rule": rule, "versions": versions, "unicode": unicodedata.unidata_version,
        "scoring": SCORING,
    }  # fmt: skip
    return hashlib.sha256(canonical_json(made_of).encode()).hexdigest()


def _mapped(folder: Path) -> Any:
    import bm25s

    return bm25s.BM25.load(folder, mmap=True, show_progress=False)


def _load(folder: Path) -> Any:
    if not folder.exists():
        return None
    try:
        stated = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        if stated != _checksums(folder):
            raise ValueError("its checksums are others")
        return _mapped(folder)
    except (OSError, ValueError, LookupError, TypeError) as error:
        damage.warning("the index in %s is damaged (%s): set aside, and made anew", folder, error)
        with suppress(OSError):
            set_aside(folder)
        return None


def _save(model: Any, folder: Path) -> None:
    with folder_for(folder) as made:
        model.save(made, show_progress=False)
        (made / KEPT).write_text(canonical_json(_checksums(made)), encoding="utf-8")


def _checksums(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name != KEPT:
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
