"""Counting what is odd but harmless, so that it is told once and with its first place."""

from __future__ import annotations

from bench.types import Notice


class Tally:
    """Occurrences by message, in the order in which the messages first came up."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, str]] = {}

    def add(self, message: str, example: str, count: int = 1) -> None:
        """Count ``message`` ``count`` times more; ``example`` (a place, or an id) is kept from the first time."""
        earlier, first = self._seen.get(message, (0, example))
        self._seen[message] = (earlier + count, first)

    def notices(self) -> tuple[Notice, ...]:
        return tuple(Notice(message, count, example) for message, (count, example) in self._seen.items())
