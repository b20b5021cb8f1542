"""Which texts go through an embedding model together: a number of texts, or as many as fill a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Batch = list[int]
"""Positions of texts."""


def by_count(lengths: Sequence[int], size: int) -> list[Batch]:
    """Batches of ``size`` texts, longest first, so that texts of like length share one."""
    order = _longest_first(lengths)
    return [order[start : start + size] for start in range(0, len(order), size)]


def by_tokens(lengths: Sequence[int], budget: int) -> list[Batch]:
    """Batches of at most ``budget`` tokens with padding, longest text first; a text beyond the budget goes alone.

    ``lengths`` are in tokens. A batch is as wide as its longest text, which is its first.
    """
    order = _longest_first(lengths)
    batches: list[Batch] = []
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        batches.append(order[start : start + size])
        start += size
    return batches


def grouped(batches: Sequence[Batch], least: int) -> Iterator[list[Batch]]:
    """Runs of batches with at least ``least`` texts in each but the last."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if sum(map(len, group)) >= least:
            yield group
            group = []
    if group:
        yield group


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda place: -lengths[place])
