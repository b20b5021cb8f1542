"""What a URL says: where to ask, and in which of the three forms."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from bench.rerankers.remote.wire import WIRES, Wire
from bench.secrets import secret_in_address, shown_address
from bench.types import ConfigError

KEY_VARIABLE = "RERANKBENCH_API_KEY"
SEGMENTS = {"rerank": "rerank", "score": "score"}
"""The last segment of a path -> the form it stands for."""


@dataclass(frozen=True, slots=True)
class Address:
    """``url`` is asked; ``shown`` is it without its query, for messages; ``reason`` says why ``wire`` is spoken.

    ``is_here``: the server is on this machine. ``in_the_clear``: what is sent to it can be read on the way.
    """

    url: str
    shown: str
    wire: Wire
    reason: str
    is_here: bool

    @property
    def in_the_clear(self) -> bool:
        return self.url.startswith("http:") and not self.is_here


def read_url(url: str | None) -> Address:
    """Raises ConfigError, saying how a URL should look, for one that names no endpoint or carries a password."""
    usual = "such as http://127.0.0.1:8000/score (vLLM), https://host/v1/rerank, or http://127.0.0.1:8080/rerank#tei"
    if not url:
        raise ConfigError(f"the engine 'http' needs a url, the whole address of the endpoint, {usual}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"the url {shown_address(url)!r} cannot be read: {error}; give one {usual}") from None
    if (secret := secret_in_address(url)) is not None:
        raise ConfigError(
            f"the url has {secret} in it, which would stand in every result; leave it out, and put the key in "
            f"${KEY_VARIABLE}, which is sent as a bearer token"
        )
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(
            f"the url {shown_address(url)!r} is no http address; give the whole address of the endpoint, {usual}"
        )
    shown = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    segment = parts.path.rstrip("/").rpartition("/")[2]
    name = parts.fragment or SEGMENTS.get(segment, "")
    if name not in WIRES:
        what = f"#{parts.fragment}" if parts.fragment else f"the last part of its path, {segment!r},"
        raise ConfigError(
            f"the url {shown} does not say how its server is spoken to: {what} is none of /rerank, /score, #rerank, "
            f"#score and #tei; give one {usual}"
        )
    reason = f"because the url says #{name}" if parts.fragment else f"because the url ends in /{segment}"
    asked = urlunsplit((parts.scheme, parts.netloc, parts.path, parts.query, ""))
    return Address(asked, shown, WIRES[name], reason, _is_here(host))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
