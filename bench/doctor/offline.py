"""No network, for the length of a ``with``: what a machine without one would see."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Refuses every connection and every look-up of a name, puts the hub's client offline; gives what was tried."""
    from huggingface_hub import constants

    tried: list[str] = []
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
    offline = constants.HF_HUB_OFFLINE

    def refuse(where: Any) -> OSError:
        tried.append(str(where))
        return OSError(f"the doctor refuses the network: {where}")

    def refused_connect(self: socket.socket, address: Any) -> Any:
        if self.family == getattr(socket, "AF_UNIX", None):
            return connect(self, address)
        raise refuse(address)

    def refused_connect_ex(self: socket.socket, address: Any) -> Any:
        if self.family == getattr(socket, "AF_UNIX", None):
            return connect_ex(self, address)
        raise refuse(address)

    def refused_look_up(host: Any, *_: Any, **__: Any) -> Any:
        raise refuse(host)

    patches: tuple[tuple[Any, str, Any], ...] = (
        (socket.socket, "connect", refused_connect),
        (socket.socket, "connect_ex", refused_connect_ex),
        (socket, "getaddrinfo", refused_look_up),
        (constants, "HF_HUB_OFFLINE", True),
    )
    for holder, name, value in patches:
        setattr(holder, name, value)
    try:
        yield tried
    finally:
        for (holder, name, _), value in zip(patches, (connect, connect_ex, look_up, offline), strict=True):
            setattr(holder, name, value)
