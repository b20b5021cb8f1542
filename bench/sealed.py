"""JSON objects that tell whether they are still what was written: their last member is the checksum of all before it.

Any tool reads such a file as before. One that was written before there were seals has none; whether such a one is to be
believed is for its reader to say.
"""

from __future__ import annotations

import hashlib
import re

_SEALED = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n\}\n\Z')


class DamagedError(ValueError):
    """The bytes are not those that were written."""


def sealed(payload: bytes) -> bytes:
    """A JSON object, of one member at least, with its seal."""
    body = payload.rstrip().removesuffix(b"}").rstrip()
    return body + b',\n "sha256": "' + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n'


def is_sealed(data: bytes) -> bool:
    """Whether there is a seal at the end; nothing is said of what it seals."""
    return _SEALED.search(data) is not None


def opened(data: bytes) -> bytes:
    """The object without its seal. Raises DamagedError where there is none, or another contents' one."""
    found = _SEALED.search(data)
    if found is None:
        raise DamagedError("it has no seal")
    body = data[: found.start()]
    if hashlib.sha256(body).hexdigest().encode() != found[1]:
        raise DamagedError("its checksum is another")
    return body + b"\n}\n"


def sha256_of(payload: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(payload).hexdigest()
