"""What a first stage is: it indexes a corpus once and then ranks documents for queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bench.machine.meter import Stopwatch
from bench.types import Document, Query, Run

Progress = Callable[[int, int], None]
"""Called now and then while indexing with how many documents are done, and how many there are."""


def untold(done: int, total: int) -> None:
    """Progress that nobody watches."""


class Retriever(Protocol):
    @property
    def index_from_cache(self) -> bool:
        """Whether the last ``index`` read its work from a cache, so that its time is not that of indexing."""

    def index(self, corpus: Sequence[Document]) -> None:
        """Take ``corpus`` in, in place of any corpus before. Raises DataError when it has no documents."""

    def search(self, queries: Sequence[Query], k: int, stages: Stopwatch | None = None) -> Run:
        """At most ``k`` documents per query, as ordered by ``rank``; every query has an entry, which may be empty.

        ``stages`` is given the time of ``embed`` (dense only) and of ``search``. Raises ValueError for k below 1.
        """
