"""Attention of a whole pack at once, for devices where one large call beats many small ones.

The keys that a span sees do not lie together: its prefix comes first, then its own. Where they lie is worked out once
per pack as an index into (system turn, carried head, pack), and gathered in each layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from bench.rerankers.qwen3.attention import KeysValues, Layout
from bench.rerankers.qwen3.packing import CARRIED, SYSTEM


@dataclass(frozen=True, slots=True)
class Sight:
    """Per span that asks: how many rows ask (the last ones of those it sees), and the places of all that it sees."""

    rows: tuple[int, ...]
    seen: tuple[tuple[int, ...], ...]


def sight(layout: Layout, *, last: bool) -> Sight:
    """What every span sees, or with ``last`` what the last row of every document does."""
    lengths = layout.prefix_lengths
    pack = lengths[SYSTEM] + lengths[CARRIED]
    chains: list[tuple[int, ...]] = [tuple(range(lengths[SYSTEM])), tuple(range(lengths[SYSTEM], pack))]
    rows, seen = [], []
    for span, start, stop in zip(layout.pack.spans, layout.starts, layout.stops, strict=True):
        places = (*chains[span.parent], *range(pack + start, pack + stop))
        if span.shared:
            chains.append(places)
        if not (last and span.shared):
            rows.append(1 if last else stop - start)
            seen.append(places)
    return Sight(tuple(rows), tuple(seen))


def gather(own: Any, prefixes: Sequence[Any], places: Any) -> Any:
    """[..., kv_heads, d] of the rows at ``places`` in (system turn, carried head, pack)."""
    import torch

    return torch.cat([*(prefix for prefix in prefixes if prefix is not None), own])[places]


def filled_up(rows: Any, count: int) -> Any:
    """``rows`` and, behind them, rows of zeros up to ``count``."""
    import torch

    return rows if len(rows) == count else torch.nn.functional.pad(rows, (0, 0, 0, count - len(rows)))


class Varlen:
    """A kernel for sequences of any lengths, laid end to end: torch's own flash attention, or that of flash-attn.

    ``kernel(queries, keys, values, cu_rows, cu_seen, most_rows, most_seen)``: cumulative lengths as int32; a row sees
    all keys of its sequence but those behind its own place, counted from the end.
    """

    def __init__(self, layout: Layout, device: str, kernel: Callable[..., Any]) -> None:
        self._layout, self._device, self._kernel = layout, device, kernel
        self._prepared: dict[bool, tuple[Any, ...]] = {}

    def __call__(self, queries: Any, keys: Any, values: Any, prefixes: Sequence[KeysValues], last: bool) -> Any:
        if last not in self._prepared:
            self._prepared[last] = self._prepare(last)
        places, *lengths = self._prepared[last]
        all_keys = gather(keys, [None if pair is None else pair[0] for pair in prefixes], places)
        all_values = gather(values, [None if pair is None else pair[1] for pair in prefixes], places)
        asked = queries[: self._layout.asked(last=last)]
        return filled_up(self._kernel(asked, all_keys, all_values, *lengths).flatten(1), len(queries))

    def _prepare(self, last: bool) -> tuple[Any, ...]:
        import torch

        found = sight(self._layout, last=last)
        sizes = [len(places) for places in found.seen]
        return (
            torch.tensor([place for places in found.seen for place in places], device=self._device),
            torch.tensor([0, *accumulate(found.rows)], dtype=torch.int32, device=self._device),
            torch.tensor([0, *accumulate(sizes)], dtype=torch.int32, device=self._device),
            max(found.rows),
            max(sizes),
        )


class Padded:
    """torch's plain attention over spans filled up to one length: slower, and at home on every device and format."""

    def __init__(self, layout: Layout, device: str) -> None:
        self._layout, self._device = layout, device
        self._prepared: dict[bool, tuple[Any, ...]] = {}

    def __call__(self, queries: Any, keys: Any, values: Any, prefixes: Sequence[KeysValues], last: bool) -> Any:
        import torch

        if last not in self._prepared:
            self._prepared[last] = self._prepare(last)
        rows, places, mask, valid = self._prepared[last]
        all_keys = gather(keys, [None if pair is None else pair[0] for pair in prefixes], places)  # [S, K, kv_heads, d]
        all_values = gather(values, [None if pair is None else pair[1] for pair in prefixes], places)
        mixed = torch.nn.functional.scaled_dot_product_attention(
            queries[rows].transpose(1, 2),
            all_keys.transpose(1, 2),
            all_values.transpose(1, 2),
            attn_mask=mask,
            enable_gqa=True,
        )
        return filled_up(mixed.transpose(1, 2)[valid].flatten(1), len(queries))

    def _prepare(self, last: bool) -> tuple[Any, ...]:
        """Rows [S, R], places [S, K], mask [S, 1, R, K] and which of the rows are no filling, [S, R].

        Filling stands at the end and takes the place of row or key 0; a row of filling sees every key, for a row that
        sees none would be NaN.
        """
        import torch

        found = sight(self._layout, last=last)
        rows, seen = torch.tensor(found.rows), torch.tensor([len(places) for places in found.seen])
        row, key = torch.arange(int(rows.max())), torch.arange(int(seen.max()))
        first = torch.tensor([0, *accumulate(found.rows)][:-1])
        valid = row < rows[:, None]
        mask = key <= (seen - rows)[:, None, None] + row[:, None]  # [S, R, K]
        places = torch.zeros(len(seen), len(key), dtype=torch.long)
        for number, of_span in enumerate(found.seen):
            places[number, : len(of_span)] = torch.tensor(of_span)
        prepared = ((first[:, None] + row) * valid, places, (mask | ~valid[..., None])[:, None], valid)
        return tuple(tensor.to(self._device) for tensor in prepared)
