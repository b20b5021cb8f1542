"""Document embeddings kept on disk, each entry named by everything that decides its numbers.

An entry is two files: ``<name>.npy`` and ``<name>.json`` (what it is, and the sha256 of the ``.npy``). Both are written
under another name and moved into place, the ``.json`` last: an entry without one is not there. An entry that does not
match its checksum is renamed to ``*.damaged``, told in the log, and computed anew.

Vectors are written as they come, some rows at a time, and read through a memory map: neither takes memory for all.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.types import StoreError, canonical_json
from bench.whole import damage, replaced, set_aside, write_atomically

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

    def name(self, texts: Iterable[str]) -> str:
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

    def get_or_compute(
        self, key: EmbeddingKey, texts: Iterable[str], count: int, compute: Callable[[], Iterable[Vectors]]
    ) -> Vectors:
        """The vectors of ``count`` texts, float32 of shape (count, dimensions), mapped from disk, not to be written to.

        ``texts`` are gone through once. ``compute`` is called where they are not kept; it gives the rows in order, as
        many at a time as it likes. Raises StoreError when the folder cannot be written.
        """
        array = self.folder / f"{key.name(texts)}.npy"
        vectors = _read(array, count)
        if vectors is None:
            _write(array, compute(), count, {"key": asdict(key), "texts": count})
            vectors = _mapped(array)
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
        vectors = _mapped(array)
        if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.shape[:1] != (count,):
            raise ValueError(f"it does not hold {count} rows of float32")
    except (OSError, EOFError, ValueError, LookupError, TypeError) as error:
        damage.warning("the embeddings in %s are damaged (%s): set aside, and computed anew", array, error)
        for path in (facts, array):
            with suppress(OSError):
                set_aside(path)
        return None
    return vectors


def _mapped(array: Path) -> Vectors:
    vectors: Vectors = np.load(array, mmap_mode="r", allow_pickle=False)
    return vectors


def _write(array: Path, blocks: Iterable[Vectors], count: int, facts: dict[str, Any]) -> None:
    """Write the rows as they come; what ``blocks`` raises passes through and leaves nothing behind."""
    rest = iter(blocks)
    first = next(rest)  # before anything is written, for it tells the number of dimensions
    digest, rows = hashlib.sha256(), 0
    with _telling(array.parent):
        array.parent.mkdir(parents=True, exist_ok=True)
        with replaced(array) as file:

            def write(data: bytes | memoryview) -> None:
                file.write(data)
                digest.update(data)

            write(_header((count, first.shape[1])))
            for block in chain([first], rest):
                write(np.ascontiguousarray(block, dtype=np.float32).data.cast("B"))
                rows += len(block)
            if rows != count:
                raise ValueError(f"{rows} vectors came for {count} texts")
        facts["sha256"] = digest.hexdigest()
        write_atomically(array.with_suffix(".json"), canonical_json(facts).encode())


def _header(shape: tuple[int, int]) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array_header_1_0(held, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return held.getvalue()


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"the embeddings cannot be kept in {folder}: {error}; free space or name another") from error
