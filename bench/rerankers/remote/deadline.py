"""A bound on the whole of a request, whatever a server does: send a byte now and then, or a header without end.

The client's own time-outs are for one wait each, and begin again with every byte. Here each wait of a connection is cut
to what is left until a deadline that the asking thread has set. Looking up a host's name is left to the system's
resolver, which has a bound of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

_WAITS = ("read", "write", "start_tls", "connect_tcp", "connect_unix_socket")


class Deadline(threading.local):
    """When the request of this thread must be over, by the monotonic clock; none while nothing is asked."""

    at: float | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        self.at = time.monotonic() + seconds
        try:
            yield
        finally:
            self.at = None


def keep(client: httpx2.Client, deadline: Deadline) -> None:
    """Have every connection that the client will open keep the deadline of the thread that uses it.

    The client lets nobody name what opens its connections, so that is put where it keeps it.
    """
    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Kept(pool._network_backend, deadline)


class _Kept:
    """What opens connections, or a connection, with each of its waits cut to what is left."""

    def __init__(self, held: Any, deadline: Deadline) -> None:
        self._held, self._deadline = held, deadline

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._held, name)
        return self._cut(name, found) if name in _WAITS else found

    def _cut(self, name: str, waits: Any) -> Any:
        import httpcore2

        def cut(*arguments: Any, timeout: float | None = None, **options: Any) -> Any:
            if name in ("read", "write"):
                arguments, timeout = arguments[:1], next(iter(arguments[1:]), timeout)
            if self._deadline.at is not None:
                left = self._deadline.at - time.monotonic()
                if left <= 0:
                    raise httpcore2.ReadTimeout
                timeout = left if timeout is None else min(timeout, left)
            made = waits(*arguments, timeout=timeout, **options)
            return _Kept(made, self._deadline) if hasattr(made, "start_tls") else made

        return cut
