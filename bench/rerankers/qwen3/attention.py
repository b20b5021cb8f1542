"""Attention of a pack: each span over its prefix and itself. What every kernel is given and gives back.

``queries`` [R, heads, d] are the rows that are asked for, span after span: all rows of every span, or with ``last``
only the last row of each document. ``keys`` and ``values`` [T, kv_heads, d] are the pack's own, ``prefixes`` those
that exist before it. The result is [R, heads * d].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.rerankers.qwen3.packing import CARRIED, Pack

KeysValues = Any
"""(keys, values), [P, kv_heads, d] each, of one layer; None for a prefix that is not there."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a pack's spans lie: rows ``start`` to ``stop``, behind the prefix ``parent``; its prefixes' lengths."""

    pack: Pack
    starts: tuple[int, ...]
    stops: tuple[int, ...]
    prefix_lengths: tuple[int, ...]
    positions: tuple[int, ...]
    last_rows: tuple[int, ...]
    filling: int

    def asked(self, *, last: bool) -> int:
        """Rows whose attention is wanted."""
        return len(self.last_rows) if last else len(self.positions) - self.filling


def lay_out(pack: Pack, prefix_lengths: Sequence[int], step: int = 1) -> Layout:
    """``prefix_lengths`` of what exists before the pack: the system turn and the carried head, 0 for what does not.

    Rows of ``filling`` behind the last span make their number a multiple of ``step``; nothing sees them.
    """
    starts, stops, last_rows = [], [], []
    positions: list[int] = []
    lengths, row = list(prefix_lengths), 0
    for span in pack.spans:
        before = lengths[span.parent]
        starts.append(row)
        row += len(span.tokens)
        stops.append(row)
        positions += range(before, before + len(span.tokens))
        if span.shared:
            lengths.append(before + len(span.tokens))
        else:
            last_rows.append(row - 1)
    filling = -row % step
    positions += [0] * filling
    return Layout(pack, tuple(starts), tuple(stops), tuple(lengths), tuple(positions), tuple(last_rows), filling)


def becomes(layout: Layout, number: int, keys: Any, values: Any, prefixes: Sequence[KeysValues]) -> KeysValues:
    """Prefix ``number`` behind the pack: one that was there before, or what one of its heads has become."""
    import torch

    if number < len(prefixes) and prefixes[number] is not None:
        return prefixes[number]
    heads = [place for place, span in enumerate(layout.pack.spans) if span.shared]
    place = heads[number - CARRIED - 1]
    start, stop = layout.starts[place], layout.stops[place]
    before_keys, before_values = prefixes[layout.pack.spans[place].parent]
    return torch.cat([before_keys, keys[start:stop]]), torch.cat([before_values, values[start:stop]])


class Attention(Protocol):
    """Made for one layout, called once per layer; see the module for what is given and what comes back."""

    def __call__(self, queries: Any, keys: Any, values: Any, prefixes: Sequence[KeysValues], last: bool) -> Any: ...
