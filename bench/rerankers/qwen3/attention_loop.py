"""Attention on a CPU: span by span, in blocks of rows. Nothing is padded, and a block's future is left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bench.rerankers.qwen3.attention import KeysValues, Layout

BLOCK = 128
"""Query rows whose scores are held at once."""


class Loop:
    """One span after another: on a CPU faster than any kernel over the whole pack, and nothing is padded."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def __call__(self, queries: Any, keys: Any, values: Any, prefixes: Sequence[KeysValues], last: bool) -> Any:
        import torch

        layout, known = self._layout, list(prefixes)
        out = queries.new_empty(len(queries), queries.shape[1] * queries.shape[2])
        row = 0
        for span, start, stop in zip(layout.pack.spans, layout.starts, layout.stops, strict=True):
            before_keys, before_values = known[span.parent]
            all_keys = torch.cat([before_keys, keys[start:stop]])
            all_values = torch.cat([before_values, values[start:stop]])
            if span.shared:
                known.append((all_keys, all_values))
            rows = stop - start if not last else 0 if span.shared else 1
            if rows:
                _attend(queries[row : row + rows], all_keys, all_values, out[row : row + rows])
            row += rows
        out[row:] = 0
        return out


def _attend(queries: Any, keys: Any, values: Any, out: Any) -> None:
    """[n, heads, d] over [p + n, kv_heads, d], of which the last n are the queries' own: two products and a softmax.

    Query heads that share a key head lie in one matrix, so no key is copied. All of it is done in fp32: on a CPU with
    fast bf16 products torch's fused attention in bf16 takes half as long again, and rounds.
    """
    import torch

    rows, heads, dim = queries.shape
    total, kv_heads, _ = keys.shape
    group = heads // kv_heads
    own = total - rows
    keys, values = keys.float().permute(1, 2, 0), values.float().transpose(0, 1)  # [kv, d, p + n], [kv, p + n, d]
    queries = queries.float().view(rows, kv_heads, group, dim).permute(1, 2, 0, 3)  # [kv, group, n, d]
    out = out.view(rows, kv_heads, group, dim)
    for start in range(0, rows, BLOCK):
        stop = min(start + BLOCK, rows)
        size, seen = stop - start, own + stop
        asked = queries[:, :, start:stop].reshape(kv_heads, group * size, dim) * (1 / math.sqrt(dim))
        scores = torch.bmm(asked, keys[:, :, :seen])
        if size > 1:
            future = scores.new_full((size, size), -math.inf).triu_(1)
            scores.view(kv_heads, group, size, seen)[..., own + start :] += future
        weights = torch.softmax(scores, dim=-1)
        mixed = torch.bmm(weights, values[:, :seen])
        out[start:stop] = mixed.view(kv_heads, group, size, dim).permute(2, 0, 1, 3)
