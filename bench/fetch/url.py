"""One file from a web server, in as many pieces as the network allows, and checked before anything reads it.

What has arrived is kept as ``NAME.part`` with what the server said of the file beside it (``NAME.part.json``): a later
try, also of another process, asks for the rest only (``Range``), and only as long as it is the same file
(``If-Range``). A server that sends the whole file all the same is taken at its word, and a part that no longer fits is
thrown away.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.fetch.errors import OutOfReachError
from bench.fetch.offline import OFFLINE, is_offline
from bench.hub.reach import retry_after, short, within
from bench.types import DataError, Progress, StoreError

if TYPE_CHECKING:
    import httpx2

TRIES = 5
"""In a row without a single new byte; a slow line that keeps breaking gets on."""
TRIES_AT_NOBODY = 2
"""When there is no connection at all, and never was."""
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
CONNECT_S = 10.0
READ_S = 30.0
"""How long a server may send nothing."""
ANSWER_S = 45.0
"""For everything before the first byte: looking up the name, connecting, redirects, and the answer's head."""
MOST_REDIRECTS = 5
LARGEST_BYTES = 64 * 2**30
"""Of a file whose size nobody knows beforehand."""
_RANGE = re.compile(r"bytes (?P<first>[0-9]{1,18})-(?P<last>[0-9]{1,18})/(?P<total>[0-9]{1,18}|\*)")
_LENGTH = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file must be. Empty texts and None are not known."""

    sha256: str = ""
    md5: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What a server said of the file: how to know it again, and its length."""

    url: str
    etag: str = ""
    modified: str = ""
    total: int | None = None

    @property
    def mark(self) -> str:
        """For ``If-Range``: a strong ETag, or the date. A weak one does not promise the same bytes."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def same_file(self, other: _Told) -> bool:
        """Whether nothing that both say differs; an answer to a range may leave out what need not be said again."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified))
        return all(mine == theirs for mine, theirs in pairs if mine and theirs)


class _AgainError(Exception):
    """May go better next time; ``wait_s`` is what the server asks for, None where it does not say."""

    def __init__(self, what: str, wait_s: float | None = None, *, answered: bool = True) -> None:
        self.what, self.wait_s, self.answered = what, wait_s, answered
        super().__init__(what)


def download(url: str, target: Path, expected: Expected, tell: Progress) -> Path:
    """The file at ``url`` as ``target``, checked. Tells bytes. One that is there already is checked, not fetched.

    Raises OutOfReachError when it cannot be had, DataError when it is not what was expected (nothing is left then), and
    StoreError when the disk does not take it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            try:
                check_file(target, expected, url)
            except DataError:
                target.unlink()
            else:
                return target
        part = target.with_name(f"{target.name}.part")
        _fetch(url, part, expected, tell)
        try:
            check_file(part, expected, url)
        except DataError:
            _discard(part)
            raise
        part.replace(target)
        _notes(part).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{url} cannot be kept in {target.parent}: {error.strerror or error}. Set RERANKBENCH_CACHE to a folder "
            "that can be written and has room"
        ) from error
    return target


def check_file(path: Path, expected: Expected, origin: str) -> None:
    """Raises DataError that names both when size or checksum are not the expected ones."""
    size = path.stat().st_size
    if expected.size_bytes is not None and size != expected.size_bytes:
        raise DataError(f"{origin} has {size:,} bytes, expected {expected.size_bytes:,}; {_CHANGED}")
    for kind, stated in (("sha256", expected.sha256), ("md5", expected.md5)):
        if stated:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, partial(hashlib.new, kind, usedforsecurity=False)).hexdigest()
            if found != stated:
                raise DataError(f"the {kind} of {origin} is {found}, expected {stated}; {_CHANGED}")


_CHANGED = "it was changed where it is published or damaged on the way, and is not used"


def _fetch(url: str, part: Path, expected: Expected, tell: Progress) -> None:
    if is_offline():
        raise OutOfReachError(f"{url}: {OFFLINE}")
    import httpx2

    timeout = httpx2.Timeout(READ_S, connect=CONNECT_S)
    failures = 0

    def stays_encrypted(request: httpx2.Request) -> None:
        """Before anything is sent to where a redirect leads."""
        if url.startswith("https:") and request.url.scheme != "https":
            raise OutOfReachError(f"{url} redirects to an address without encryption, which is not followed")

    hooks: dict[str, list[Callable[..., Any]]] = {"request": [stays_encrypted]}
    with httpx2.Client(
        timeout=timeout, follow_redirects=True, max_redirects=MOST_REDIRECTS, event_hooks=hooks
    ) as client:
        while True:
            before = _size(part)
            try:
                _once(client, url, part, expected, tell)
                return
            except _AgainError as error:
                failures = 1 if _size(part) > before else failures + 1
                wait = error.wait_s
                nobody = not error.answered and not _size(part)
                if failures >= (TRIES_AT_NOBODY if nobody else TRIES) or (wait or 0) > LONGEST_WAIT_S:
                    kept = f"; {_size(part):,} bytes are kept for the next try" if _size(part) else ""
                    raise OutOfReachError(f"{url}: {error.what}{kept}") from error
                time.sleep(FIRST_WAIT_S * 2 ** (failures - 1) * random.uniform(0.5, 1.5) if wait is None else wait)


def _once(client: httpx2.Client, url: str, part: Path, expected: Expected, tell: Progress) -> None:
    """Fetch what is missing of ``part``. Raises _AgainError where another try may help."""
    told = _read_notes(part, url)
    start = _size(part) if told is not None and told.mark else 0
    if told is not None and start and start == told.total:
        return
    if not start:
        _discard(part)
        told = None
    headers = {"Accept-Encoding": "identity"}
    if told is not None:
        headers |= {"Range": f"bytes={start}-", "If-Range": told.mark}
    with _answer(client, url, headers) as response:
        if response.status_code == 416:
            _discard(part)
            raise _AgainError("the part kept here is not a part of the file any more", wait_s=0.0)
        _check_status(url, response)
        said = _said(url, response)
        if response.status_code == 206:
            place = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if told is None or place is None or int(place["first"]) != start or not said.same_file(told):
                _discard(part)
                raise _AgainError("the server sent another piece, or a piece of another file", wait_s=0.0)
            said = _Told(url, said.etag, said.modified, None if place["total"] == "*" else int(place["total"]))
        else:
            start = 0
        if expected.size_bytes is not None and said.total not in (None, expected.size_bytes):
            _discard(part)
            raise DataError(f"{url} has {said.total:,} bytes, expected {expected.size_bytes:,}; {_CHANGED}")
        _check_room(part, (said.total or expected.size_bytes or 0) - start)
        _notes(part).write_text(json.dumps(asdict(said)), encoding="utf-8")
        total = said.total or expected.size_bytes
        _receive(response, part, start, total, tell)


def _receive(response: httpx2.Response, part: Path, start: int, total: int | None, tell: Progress) -> None:
    """Append the body to the first ``start`` bytes of the part. Raises _AgainError when it ends before ``total``."""
    import httpx2

    stage, done = f"download {part.name.removesuffix('.part')}", start
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        try:
            for chunk in response.iter_raw():  # as they come: pieces of a fixed size would lose the last before a cut
                done += len(chunk)
                if total is not None and done > total:
                    raise _AgainError(f"the server sent more than the {total:,} bytes that it announced")
                if done > LARGEST_BYTES:
                    _discard(part)
                    raise OutOfReachError(
                        f"{part.name} goes on after {LARGEST_BYTES:,} bytes, the most that is fetched"
                    )
                file.write(chunk)
                tell(stage, done, total or 0)
        except httpx2.TransportError as error:
            raise _AgainError(f"the connection broke off after {done:,} bytes ({short(error)})") from error
    if total is not None and done < total:
        raise _AgainError(f"the connection ended after {done:,} of {total:,} bytes")


@contextmanager
def _answer(client: httpx2.Client, url: str, headers: dict[str, str]) -> Iterator[httpx2.Response]:
    """The server's answer with its body unread, within a deadline that also holds for looking up the name."""
    import httpx2

    def ask() -> httpx2.Response:
        return client.send(client.build_request("GET", url, headers=headers), stream=True)

    try:
        response = within(ANSWER_S, ask)
    except httpx2.TooManyRedirects as error:
        raise OutOfReachError(f"{url} redirects more than {MOST_REDIRECTS} times") from error
    except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
        raise OutOfReachError(f"{url} cannot be asked: {short(error)}") from error
    except (httpx2.TransportError, TimeoutError) as error:
        raise _AgainError(f"it did not answer ({short(error)})", answered=False) from error
    try:
        yield response
    finally:
        response.close()


def _check_status(url: str, response: httpx2.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status in (401, 403):
        raise OutOfReachError(
            f"{url} is not given to everybody ({status}); fetch it as its publisher asks and give it with --from"
        )
    if status == 429 or status >= 500:
        raise _AgainError(f"the server answered {status}", retry_after(response.headers.get("Retry-After")))
    gone = "there is no such file" if status in (404, 410) else "the server answered"
    raise OutOfReachError(f"{url}: {gone} ({status})")


def _said(url: str, response: httpx2.Response) -> _Told:
    length = response.headers.get("Content-Length", "")
    return _Told(
        url,
        response.headers.get("ETag", ""),
        response.headers.get("Last-Modified", ""),
        int(length) if _LENGTH.fullmatch(length) and response.status_code == 200 else None,
    )


def _check_room(part: Path, bytes_to_come: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if bytes_to_come > free:
        raise StoreError(
            f"{part.parent} has {free / 1e9:.1f} GB left and {bytes_to_come / 1e9:.1f} GB are to come; set "
            "RERANKBENCH_CACHE to a folder with more room"
        )


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_notes(part: Path, url: str) -> _Told | None:
    """What was said of the part when it was begun; None where that is not known, or was of another address."""
    try:
        told: Any = _Told(**json.loads(_notes(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return told if told.url == url and part.exists() else None


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
