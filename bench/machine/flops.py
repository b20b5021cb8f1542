"""The arithmetic a workload cannot do without, as a pure function of the model's shape and the prompts' lengths.

A prompt is system turn, instruction and query, document, tail. With causal attention a token's states depend on the
tokens before it alone, so a stretch that prompts have in common need be computed once:

    system             once
    instruction+query  once per query
    document+tail      once per pair

Per token and layer, one multiplication and one addition being two operations:

    linear maps   2 · (H·Dq + 2·H·Dkv + Dq·H + 3·H·I)     Dq = heads · head_dim, Dkv = kv_heads · head_dim
    attention     4 · Dq · v                              v = tokens it sees, itself included: q·k, then weights·v

The last layer's output is read at each prompt's last token only, so there every token needs its keys and values
(2 · 2·H·Dkv), and the last tokens alone need the rest. A score is one product with ``w_yes - w_no`` (2·H).

An engine may keep the system turn's states from an earlier call, and then computes a little less than this: under 1%
of a workload of some dozens of pairs.

Left out, because they are not matrix products: norms, rotations, softmax, activations, embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FAMILIES = ("qwen2", "qwen3", "llama", "mistral")
"""Model types with this layer: four attention maps and a gated feed-forward network."""
LARGEST_FIGURE = 2**24
"""Of a width or a number of layers or heads, some thousand times the largest model's. What is counted from more may be
beyond any float."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the count needs of a model: widths and numbers of heads and layers."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int

    @property
    def query_width(self) -> int:
        return self.heads * self.head_dim

    @property
    def key_width(self) -> int:
        return self.kv_heads * self.head_dim

    @property
    def keys_and_values(self) -> int:
        """Operations of one token's key and value maps in one layer."""
        return 2 * 2 * self.hidden * self.key_width

    @property
    def linear(self) -> int:
        """Operations of one token's linear maps in one layer."""
        return self.keys_and_values + 2 * (2 * self.hidden * self.query_width + 3 * self.hidden * self.intermediate)

    def products(self) -> tuple[tuple[str, int, int], ...]:
        """The layer's matrices as (name, inputs, outputs), those that read the same input joined into one."""
        return (
            ("query+key+value", self.hidden, self.query_width + 2 * self.key_width),
            ("output", self.query_width, self.hidden),
            ("gate+up", self.hidden, 2 * self.intermediate),
            ("down", self.intermediate, self.hidden),
        )


def model_shape(config: Any) -> ModelShape | None:
    """The shape in what a ``config.json`` holds; None for a family whose layer this file does not know, and where a
    figure is missing or none that a model can have."""
    if not isinstance(config, Mapping) or config.get("model_type") not in FAMILIES:
        return None
    hidden, layers = figure(config.get("hidden_size")), figure(config.get("num_hidden_layers"))
    heads, intermediate = figure(config.get("num_attention_heads")), figure(config.get("intermediate_size"))
    kv_heads = heads if (said := config.get("num_key_value_heads")) is None else figure(said)
    if hidden is None or layers is None or heads is None or kv_heads is None or intermediate is None:
        return None
    head_dim = figure(hidden // heads if (said := config.get("head_dim")) is None else said)
    return None if head_dim is None else ModelShape(hidden, layers, heads, kv_heads, head_dim, intermediate)


def figure(value: Any) -> int | None:
    """The whole number from 1 to ``LARGEST_FIGURE`` that stands in a ``config.json``; None for anything else."""
    return value if type(value) is int and 1 <= value <= LARGEST_FIGURE else None


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Tokens of one query's prompts: ``documents`` are (document, tail) of each pair."""

    system: int
    head: int
    documents: tuple[tuple[int, int], ...]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each whole prompt."""
        return tuple(self.system + self.head + document + tail for document, tail in self.documents)


def needed_flops(shape: ModelShape, workload: tuple[PromptTokens, ...]) -> int:
    """Operations of the workload when nothing is computed twice and nothing that is not read."""
    system = max((queries.system for queries in workload), default=0)
    total = _inner(shape, 0, system)
    for queries in workload:
        total += _inner(shape, queries.system, queries.head)
        prefix = queries.system + queries.head
        for document, tail in queries.documents:
            total += _inner(shape, prefix, document + tail) + _answer(shape, prefix + document + tail)
    return total


def unshared_flops(shape: ModelShape, workload: tuple[PromptTokens, ...]) -> int:
    """Operations of the workload with each pair computed alone and whole, its score read at the last token."""
    lengths = [length for queries in workload for length in queries.lengths]
    return sum(shape.layers * _full(shape, 0, length) + 2 * shape.hidden for length in lengths)


def forward_flops(shape: ModelShape, forward_tokens: int) -> int:
    """Operations of the linear maps alone for so many tokens through all layers.

    This is what can be said of an engine that tells how many tokens it computed and not which: attention is left out
    (some 3% at 200 tokens in the 0.6B shape), and so is what it may skip in the last layer.
    """
    return shape.layers * shape.linear * forward_tokens


def _inner(shape: ModelShape, before: int, tokens: int) -> int:
    """All layers but the last in full, and the last one's keys and values, for ``tokens`` behind ``before`` others."""
    return (shape.layers - 1) * _full(shape, before, tokens) + shape.keys_and_values * tokens


def _answer(shape: ModelShape, length: int) -> int:
    """What is left of the last layer at the last of ``length`` tokens, and the score."""
    return shape.linear - shape.keys_and_values + _attention(shape, length - 1, 1) + 2 * shape.hidden


def _full(shape: ModelShape, before: int, tokens: int) -> int:
    return shape.linear * tokens + _attention(shape, before, tokens)


def _attention(shape: ModelShape, before: int, tokens: int) -> int:
    """``tokens`` that follow ``before`` others: the first sees before + 1, the last before + tokens."""
    seen = tokens * before + tokens * (tokens + 1) // 2
    return 4 * shape.query_width * seen
