"""Document embeddings kept on disk, each entry named by everything that decides its numbers.

An entry is two files: ``<name>.npy`` and ``<name>.json`` (what it is, and the sha256 of the ``.npy``). Both are written
under another name and moved into place, the ``.json`` last: an entry without one is not there. An entry that does not
match its checksum is renamed to ``*.damaged``, told in the log, and computed anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from bench.types import StoreError, canonical_json

log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbeddingKey:
    """What, besides the texts, decides embeddings.

    ``fingerprint`` is that of the model's files. ``device`` is its kind (``cpu``, ``cuda``, ``mps``): kernels differ in
    the last digits. ``libraries`` are names with the versions whose change may change numbers.
    """

    fingerprint: str
    role: Literal["query", "document"]
    prompt: str
    max_length: int | None
    dtype: str
    device: str
    normalised: bool
    libraries: tuple[str, ...]

    def name(self, texts: Sequence[str]) -> str:
        """sha256 (hexadecimal) over this key and the texts in their order."""
        digest = hashlib.sha256(canonical_json(asdict(self)).encode())
        for text in texts:
            data = text.encode()
            digest.update(b"%d:" % len(data))  # the length keeps ["ab", "c"] apart from ["a", "bc"]
            digest.update(data)
        return digest.hexdigest()


class EmbeddingCache:
    """A folder of entries. Processes may share it: each moves whole files into place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get_or_compute(self, key: EmbeddingKey, texts: Sequence[str], compute: Callable[[], Vectors]) -> Vectors:
        """The vectors of ``texts``, float32 of shape (texts, dimensions): from disk, or from ``compute`` and then kept.

        Raises StoreError when the folder cannot be written.
        """
        array = self.folder / f"{key.name(texts)}.npy"
        vectors = _read(array, len(texts))
        if vectors is None:
            vectors = compute()
            _write(array, vectors, {"key": asdict(key), "texts": len(texts)})
        return vectors


def _read(array: Path, count: int) -> Vectors | None:
    facts = array.with_suffix(".json")
    if not facts.exists():
        return None
    try:
        stated = json.loads(facts.read_text(encoding="utf-8"))["sha256"]
        with array.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != stated:
                raise ValueError("its checksum is another")
        vectors = np.load(array, allow_pickle=False)
        if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.shape[:1] != (count,):
            raise ValueError(f"it does not hold {count} rows of float32")
    except (OSError, EOFError, ValueError, LookupError, TypeError) as error:
        log.warning("the embeddings in %s are damaged (%s): set aside, and computed anew", array, error)
        for path in (facts, array):
            with suppress(OSError):
                path.replace(path.with_name(path.name + ".damaged"))
        return None
    return vectors


def _write(array: Path, vectors: Vectors, facts: dict[str, Any]) -> None:
    try:
        array.parent.mkdir(parents=True, exist_ok=True)
        _replace(array, lambda file: np.save(file, vectors, allow_pickle=False))
        with array.open("rb") as file:
            facts["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        _replace(array.with_suffix(".json"), lambda file: file.write(canonical_json(facts).encode()))
    except OSError as error:
        raise StoreError(
            f"the embeddings cannot be kept in {array.parent}: {error}; free space or name another"
        ) from error


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Have ``path`` hold what ``write`` writes, at once or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
