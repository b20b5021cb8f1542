"""A pack through the layers of a Qwen3 model: [T] token ids -> one logit of "yes" over "no" per document.

The residual stream is fp32 whatever the products are computed in: half-precision matrices then cost a fraction of the
error that rounding the stream after each layer does. In the last layer only keys and values are made of every token;
queries, output and MLP are of the documents' last tokens alone, which is where an answer is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.rerankers.qwen3.attention import Attention, Layout, becomes
from bench.rerankers.qwen3.matmul import gated
from bench.rerankers.qwen3.weights import Layer, Weights

Prefix = Any
"""Keys and values of every layer: one tensor [layers, 2, P, kv_heads, d].

One, and made before the first layer: small tensors that outlive a pass and lie among its large ones would keep the
allocator from using the space between them again, and the process would grow with every pack.
"""


def forward(
    weights: Weights, layout: Layout, attend: Attention, prefixes: Sequence[Prefix | None], dtype: Any
) -> tuple[Any, Prefix | None]:
    """Logits, float32 [documents], and the prefix that the pack is told to keep."""
    import torch

    device, eps, keep = weights.direction.device, weights.shape.eps, layout.pack.keep
    normalise, heads, multiply = weights.arithmetic
    ids = torch.tensor([token for span in layout.pack.spans for token in span.tokens], device=device)
    rotation = weights.rotation(torch.tensor(layout.positions, device=device))
    last_rows = torch.tensor(layout.last_rows, dtype=torch.long, device=device)
    stream = torch.nn.functional.pad(weights.embedding[ids].float(), (0, 0, 0, layout.filling))  # [T, H]
    kept = None if keep is None else _room(weights, layout.prefix_lengths[keep], dtype)
    for number, layer in enumerate(weights.layers):
        last = number == len(weights.layers) - 1
        inside = normalise(stream, layer.norm_in, eps, dtype)
        keys, values = _keys_values(layer, inside, rotation, weights)
        behind = [None if prefix is None else prefix[number] for prefix in prefixes]
        if kept is not None:
            kept[number, 0], kept[number, 1] = becomes(layout, keep or 0, keys, values, behind)
        if last:
            if not layout.last_rows:
                return stream.new_empty(0), kept
            stream, inside, rotation = stream[last_rows], inside[last_rows], rotation[last_rows]
        queries = heads(layer.query(inside), layer.query_norm, rotation, eps)
        mixed = attend(queries, keys, values, behind, last)
        stream = layer.output.plus(mixed, stream)
        inside = normalise(stream, layer.norm_mid, eps, dtype)
        stream = layer.down.plus(gated(layer.gate, layer.up, inside, multiply), stream)
    logits = normalise(stream, None, eps, torch.float32) @ weights.direction + weights.offset
    return logits, kept


def _room(weights: Weights, tokens: int, dtype: Any) -> Prefix:
    import torch

    shape = (len(weights.layers), 2, tokens, weights.shape.kv_heads, weights.shape.head_dim)
    return torch.empty(shape, dtype=dtype, device=weights.direction.device)


def _keys_values(layer: Layer, inside: Any, rotation: Any, weights: Weights) -> tuple[Any, Any]:
    """Keys, normalised and turned, and values, [T, kv_heads, d] each."""
    shape, both = weights.shape, layer.key_value(inside)
    width = shape.kv_heads * shape.head_dim
    keys = weights.arithmetic.heads(both[:, :width], layer.key_norm, rotation, shape.eps)
    return keys, both[:, width:].unflatten(1, (shape.kv_heads, shape.head_dim))
