"""What can keep a set from being had, as opposed to what is wrong with it."""

from __future__ import annotations

from bench.types import DataError


class OutOfReachError(DataError):
    """A place gave nothing: no network, no such file, no leave. Another place may still have the set."""
