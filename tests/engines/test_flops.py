"""The count of operations: against one made by hand, against torch's own counter, and what sharing saves."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.machine.flops import (
    ModelShape,
    PromptTokens,
    forward_flops,
    model_shape,
    needed_flops,
    unshared_flops,
)

SMALL = ModelShape(hidden=8, layers=2, heads=2, kv_heads=1, head_dim=3, intermediate=5)
KEYS_AND_VALUES = 2 * (8 * 3 + 8 * 3)
LINEAR = KEYS_AND_VALUES + 2 * (8 * 6 + 6 * 8 + 3 * 8 * 5)
ATTENTION = 4 * 6


def test_linear_maps_by_hand() -> None:
    assert SMALL.keys_and_values == KEYS_AND_VALUES == 96
    assert SMALL.linear == LINEAR == 528


def test_one_pair_by_hand() -> None:
    """Two tokens of system, one of head, three of document, one of tail: seven, seeing 1, 2, … 7."""
    workload = (PromptTokens(2, 1, ((3, 1),)),)
    first_layer = 7 * LINEAR + ATTENTION * (1 + 2 + 3 + 4 + 5 + 6 + 7)
    last_layer = 7 * KEYS_AND_VALUES + (LINEAR - KEYS_AND_VALUES) + ATTENTION * 7
    assert needed_flops(SMALL, workload) == first_layer + last_layer + 2 * 8


def test_what_is_shared_is_counted_once_by_hand() -> None:
    """Two queries of two documents each: the system turn once, a head per query, a document and tail per pair."""
    workload = (PromptTokens(2, 1, ((3, 1), (1, 1))), PromptTokens(2, 2, ((1, 1), (1, 1))))
    tokens = 2 + (1 + 4 + 2) + (2 + 2 + 2)
    seen = (1 + 2) + (3 + (4 + 5 + 6 + 7) + (4 + 5)) + ((3 + 4) + (5 + 6) + (5 + 6))
    first_layer = tokens * LINEAR + ATTENTION * seen
    last_layer = tokens * KEYS_AND_VALUES + 4 * (LINEAR - KEYS_AND_VALUES) + ATTENTION * (7 + 5 + 6 + 6)
    assert needed_flops(SMALL, workload) == first_layer + last_layer + 4 * 2 * 8


def test_alone_and_whole_by_hand() -> None:
    workload = (PromptTokens(2, 1, ((1, 1),)),)
    assert unshared_flops(SMALL, workload) == 2 * (5 * LINEAR + ATTENTION * (1 + 2 + 3 + 4 + 5)) + 2 * 8
    assert forward_flops(SMALL, 5) == 2 * 5 * LINEAR


def test_sharing_never_costs() -> None:
    for documents in (((1, 1),), ((9, 2), (4, 2)), ((20, 3),) * 7):
        workload = (PromptTokens(5, 3, documents),) * 2
        assert needed_flops(SMALL, workload) < unshared_flops(SMALL, workload)


def test_nothing_needs_nothing() -> None:
    assert needed_flops(SMALL, ()) == unshared_flops(SMALL, ()) == 0


def test_torchs_own_counter_agrees() -> None:
    """It counts attention as if every token saw every other, so that is put in the place of the causal count."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import Qwen3Config, Qwen3Model

    shape = ModelShape(hidden=16, layers=3, heads=4, kv_heads=2, head_dim=8, intermediate=24)
    config = Qwen3Config(
        vocab_size=32, hidden_size=16, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        intermediate_size=24, attn_implementation="eager",
    )  # fmt: skip
    length = 11
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        Qwen3Model(config).eval()(torch.zeros(1, length, dtype=torch.long), use_cache=False)
    square, causal = length * length, length * (length + 1) // 2
    own = unshared_flops(shape, (PromptTokens(0, 0, ((length, 0),)),)) - 2 * shape.hidden
    own += shape.layers * 4 * shape.query_width * (square - causal)
    assert counter.get_total_flops() == own


def test_shapes_of_known_families_only() -> None:
    config = {
        "model_type": "qwen3", "hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072,
    }  # fmt: skip
    shape = model_shape(config)
    assert shape == ModelShape(1024, 28, 16, 8, 128, 3072)
    assert shape.layers * shape.linear == pytest.approx(2 * 440.4e6, rel=1e-3)  # twice the weights of the layers
    assert model_shape({**config, "model_type": "bert"}) is None
    plain = {key: value for key, value in config.items() if key not in ("head_dim", "num_key_value_heads")}
    assert model_shape({**plain, "model_type": "llama"}) == ModelShape(1024, 28, 16, 16, 64, 3072)


@pytest.mark.parametrize("wrong", [0, -1, True, None, 1.5, math.inf, math.nan, "1024", [], [1], 2**24 + 1, 10**4000])
def test_a_figure_that_no_model_has_makes_no_shape(wrong: Any) -> None:
    """Written by whoever made the model's folder, and read before anything is loaded."""
    config = {
        "model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96,
    }  # fmt: skip
    shape = ModelShape(64, 2, 4, 2, 16, 96)
    assert model_shape(config) == shape
    for name in config:
        told_by_others = wrong is None and name in ("num_key_value_heads", "head_dim")
        assert (model_shape({**config, name: wrong}) is not None) is told_by_others, name
    assert model_shape({**config, "head_dim": None, "num_attention_heads": 65}) is None
    assert model_shape(wrong) is None


def test_products_hold_every_weight_of_a_layer() -> None:
    assert sum(2 * inputs * outputs for _, inputs, outputs in SMALL.products()) == SMALL.linear
