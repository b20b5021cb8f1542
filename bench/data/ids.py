"""Document ids of a large corpus in some thirty bytes each, where a list and a set of strings take two hundred.

Their UTF-8 text lies end to end, and 64 bits of a hash of each, in ascending order, find the place of one. Equal hashes
are told apart by the text, so that no collision can make two ids one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT_ONCE = 2**16
"""Ids that are strings at the same time while all are gone through."""


class Ids(Sequence[str]):
    """Ids in the order of the corpus. ``in`` and ``index`` take the time of a binary search. It can be pickled."""

    def __init__(self, text: bytes, ends: NDArray[Any], hashes: NDArray[Any]) -> None:
        """``ends``: where the text of each id ends, in bytes, after a 0. ``hashes``: of each id, as by ``hash64``."""
        import numpy as np

        self._text, self._ends = text, ends
        self._places = np.argsort(hashes, kind="stable")  # of equal hashes the first place comes first
        self._hashes = hashes[self._places]

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...

    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        if isinstance(place, slice):
            return tuple(self[n] for n in range(len(self))[place])
        place = range(len(self))[place]
        return self._text[self._ends[place] : self._ends[place + 1]].decode()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), AT_ONCE):
            for begin, end in pairwise(self._ends[start : start + AT_ONCE + 1].tolist()):
                yield self._text[begin:end].decode()

    def __contains__(self, identifier: object) -> bool:
        return isinstance(identifier, str) and self._find(identifier) is not None

    def index(self, identifier: str, start: int = 0, stop: int | None = None) -> int:
        """The first place of ``identifier``. Raises ValueError where it is not among ``[start:stop]``."""
        place = self._find(identifier)
        if place is None or place not in range(len(self))[start:stop]:
            raise ValueError(f"{identifier!r} is not among the ids")
        return place

    def repeated(self) -> list[int]:
        """The places, ascending, whose id has an earlier place too."""
        import numpy as np

        found: list[int] = []
        for number in np.unique(self._hashes[1:][self._hashes[1:] == self._hashes[:-1]]):
            seen: set[str] = set()
            for place in self._sharing(number):
                identifier = self[place]
                if identifier in seen:
                    found.append(place)
                seen.add(identifier)
        return sorted(found)

    def _find(self, identifier: str) -> int | None:
        import numpy as np

        places = self._sharing(np.uint64(hash64(identifier.encode(errors="surrogatepass"))))
        return next((place for place in places if self[place] == identifier), None)

    def _sharing(self, number: Any) -> list[int]:
        """The places of the ids with this hash, ascending."""
        first, last = self._hashes.searchsorted(number, "left"), self._hashes.searchsorted(number, "right")
        places: list[int] = self._places[first:last].tolist()
        return places


class IdsBuilder:
    """Takes ids one by one."""

    def __init__(self) -> None:
        self._text, self._ends, self._hashes = bytearray(), array("q", [0]), array("Q")

    def add(self, identifier: str) -> None:
        encoded = identifier.encode()
        self._text += encoded
        self._ends.append(len(self._text))
        self._hashes.append(hash64(encoded))

    def build(self) -> Ids:
        import numpy as np

        return Ids(bytes(self._text), np.array(self._ends), np.array(self._hashes, dtype=np.uint64))


def hash64(data: bytes) -> int:
    """64 bits that are the same in every process, which Python's own hash of a string is not."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")
