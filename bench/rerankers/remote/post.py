"""One JSON request to a server that may be busy, slow, wrong or gone: tried again where that can help, never for ever.

Connections that fail, time-outs, 429 and 5xx are tried again, four times in all, after a wait that doubles and varies
(so that many clients do not come back together) or that the server names in ``Retry-After``. Redirects are not
followed: the key would go where nobody sent it. For the same reason a server on this machine is never asked through a
proxy; another one is, where the environment names a proxy for it, and sees an ``https`` request's host and no more.
"""

from __future__ import annotations

import json
import os
import random
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.hub.reach import retry_after
from bench.rerankers.remote.address import KEY_VARIABLE, Address
from bench.rerankers.remote.deadline import Deadline, keep
from bench.secrets import BLOTTED, secret_values, without_secrets
from bench.types import ConfigError, ModelError

if TYPE_CHECKING:
    import httpx2

TRIES = 4
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
LARGEST_ANSWER_BYTES = 64 * 2**20
_PIECE_BYTES = 2**16
_LOOKED_AT = 2**16
"""Bytes or characters of an answer in which a secret is looked for, before a beginning of it is quoted."""


class _AgainError(Exception):
    """What went wrong this time, and for how long the server asks to be left alone (None: it does not say)."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        self.what, self.wait_s = what, wait_s
        super().__init__(what)


def read_key() -> str | None:
    """The key from the environment, None without one. Raises ConfigError, not quoting it, for what no header holds."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"${KEY_VARIABLE} holds something that is no key: blanks, line ends or letters beyond ASCII")
    return key or None


class Poster:
    """Connections to one address. May be used by many threads at once."""

    def __init__(self, address: Address, key: str | None, timeout_s: float, connections: int) -> None:
        import httpx2

        self._address, self._key, self._timeout_s = address, key, timeout_s
        held = [] if key is None else [*secret_values({KEY_VARIABLE: key}), key]
        self._secrets = sorted(held, key=len, reverse=True)
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
        }
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._client = httpx2.Client(
            headers=headers,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=not address.is_here,
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )
        self._deadline = Deadline()
        keep(self._client, self._deadline)

    def close(self) -> None:
        self._client.close()

    def post(self, body: Mapping[str, Any], documents: int, model: str) -> tuple[Any, int]:
        """The answer's JSON, and how many tries it took. Raises ModelError with the key blotted out."""
        content = json.dumps(body, ensure_ascii=False).encode()
        asked = f"the server at {self._address.shown}, asked for {documents} scores of the model {model!r},"
        for number in range(1, TRIES + 1):
            try:
                return self._once(content, asked), number
            except _AgainError as error:
                wait = error.wait_s
                if wait is not None and wait > LONGEST_WAIT_S:
                    raise ModelError(
                        self.safe(f"{asked} {error.what} and wants to be left alone for {wait:.0f} s; try later")
                    ) from None
                if number == TRIES:
                    raise ModelError(
                        self.safe(
                            f"{asked} failed {TRIES} times, the last time because it {error.what}; see that it runs, "
                            "give it more time (timeout_s) or less to do (batch_size, concurrency)"
                        )
                    ) from None
                time.sleep(FIRST_WAIT_S * 2 ** (number - 1) * random.uniform(0.5, 1.5) if wait is None else wait)
        raise AssertionError("unreachable")

    def _once(self, content: bytes, asked: str) -> Any:
        import httpx2

        try:
            with (
                self._deadline.within(self._timeout_s),
                self._client.stream("POST", self._address.url, content=content) as response,
            ):
                body = self._read(response, asked)
        except httpx2.TimeoutException:
            raise _AgainError(f"did not answer within {self._timeout_s:g} s") from None
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            raise ModelError(self.safe(f"{asked} cannot be asked: {error}")) from None
        except (httpx2.TransportError, zlib.error) as error:
            raise _AgainError(f"could not be reached or broke off ({type(error).__name__}: {error})") from None
        if response.status_code == 429 or response.status_code >= 500:
            raise _AgainError(
                f"answered {response.status_code}{self._quote(body)}", retry_after(response.headers.get("Retry-After"))
            )
        if response.status_code != 200:
            raise ModelError(self.safe(f"{asked} {self._refusal(response, body)}"))
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            kind = response.headers.get("Content-Type", "no content type")
            raise ModelError(
                self.safe(f"{asked} answered with something that is no JSON ({kind}){self._quote(body)}; check the url")
            ) from None

    def _read(self, response: httpx2.Response, asked: str) -> bytes:
        """The whole body, unless it grows too large or takes too long; a server may trickle, or pack a great deal."""
        body = bytearray()
        for piece in self._pieces(response, asked):
            body += piece
            if len(body) > LARGEST_ANSWER_BYTES:
                raise ModelError(
                    self.safe(f"{asked} answered with more than {LARGEST_ANSWER_BYTES} bytes, which are no scores")
                )
            if self._deadline.at is not None and time.monotonic() > self._deadline.at:
                raise _AgainError(f"did not finish its answer within {self._timeout_s:g} s")
        return bytes(body)

    def _pieces(self, response: httpx2.Response, asked: str) -> Iterator[bytes]:
        """The body as it comes, and a packed one, though none was asked for, in pieces of a bounded size."""
        said = response.headers.get("Content-Encoding", "identity").strip()
        encoding = said.lower()
        if encoding in ("identity", ""):
            yield from response.iter_raw()
            return
        if encoding not in ("gzip", "x-gzip", "deflate"):
            shown = self.begin(said, 40)
            raise ModelError(
                self.safe(f"{asked} answered in the encoding {shown!r}, which was not asked for; check the url")
            )
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, told by the header
        for packed in response.iter_raw():
            yield unpack.decompress(packed, _PIECE_BYTES)
            while unpack.unconsumed_tail:
                yield unpack.decompress(unpack.unconsumed_tail, _PIECE_BYTES)
        yield unpack.flush()
        if not unpack.eof:
            raise zlib.error("the packed answer is cut short")

    def _refusal(self, response: httpx2.Response, body: bytes) -> str:
        status, said = response.status_code, self._quote(body)
        form = f"it was spoken to in the form {self._address.wire.name!r}, {self._address.reason}"
        if 300 <= status < 400:
            place = response.headers.get("Location", "nowhere")
            return f"redirects ({status}) to {self.safe(place)!r}, which is not followed; give the final address as url"
        if status in {401, 403}:
            held = f"refused the key in ${KEY_VARIABLE}" if self._key else f"wants a key; put it in ${KEY_VARIABLE}"
            return f"{held} ({status}{said})"
        if status == 404:
            return f"knows no such path or model (404{said}); check the url and the reranker's name"
        if status == 413:
            return f"finds the request too large (413{said}); set a smaller batch_size or shorten the documents"
        return f"answered {status}{said}; {form}"

    def safe(self, text: str) -> str:
        """The text without the key, which a server may quote, and without a proxy's user and password."""
        for secret in self._secrets:
            text = text.replace(secret, BLOTTED)
        return without_secrets(text)

    def begin(self, text: str, most: int) -> str:
        """The first characters of what a server says, on one line and safe: half a key would not be known for one."""
        said = self.safe(text[:_LOOKED_AT])
        if len(text) > _LOOKED_AT and self._secrets:
            said = said[: -len(self._secrets[0])]  # where one may have been cut
        said = " ".join(said.split())
        return said if len(said) <= most else f"{said[:most]}…"

    def _quote(self, body: bytes) -> str:
        said = self.begin(body[: 4 * (_LOOKED_AT + 1)].decode(errors="replace"), 300)
        return f": {said}" if said else ""
