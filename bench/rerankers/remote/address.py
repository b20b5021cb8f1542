"""What a URL says: where to ask, and in which of the three forms."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from bench.rerankers.remote.wire import WIRES, Wire
from bench.types import ConfigError

SEGMENTS = {"rerank": "rerank", "score": "score"}
"""The last segment of a path -> the form it stands for."""


@dataclass(frozen=True, slots=True)
class Address:
    """``url`` is asked; ``shown`` is it without its query, for messages; ``reason`` says why ``wire`` is spoken."""

    url: str
    shown: str
    wire: Wire
    reason: str
    in_the_clear: bool


def read_url(url: str | None) -> Address:
    """Raises ConfigError, saying how a URL should look, for one that names no endpoint or carries a password."""
    usual = "such as http://127.0.0.1:8000/score (vLLM), https://host/v1/rerank, or http://127.0.0.1:8080/rerank#tei"
    if not url:
        raise ConfigError(f"the engine 'http' needs a url, the whole address of the endpoint, {usual}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"the url {url!r} cannot be read: {error}; give one {usual}") from error
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the url has a user or password in it, which would stand in every result; leave them out")
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"the url {url!r} is no http address; give the whole address of the endpoint, {usual}")
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
    return Address(asked, shown, WIRES[name], reason, parts.scheme == "http" and not _is_here(host))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
