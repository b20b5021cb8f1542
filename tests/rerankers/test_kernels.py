"""The packed engine's kernels: each attention against the loop, the products, and quantised weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from bench.rerankers.qwen3.arithmetic import gate, heads, heads_on_cpu, normalise
from bench.rerankers.qwen3.attention_loop import Loop
from bench.rerankers.qwen3.attention_whole import Padded, Varlen
from bench.rerankers.qwen3.kernels import choose_attention, probe
from bench.rerankers.qwen3.matmul import Plain, Prepacked, can_prepack, gated
from bench.types import DeviceError

ONEDNN = can_prepack("cpu", torch.float32)
HEADS = [(16, 8, 128), (4, 4, 8), (6, 2, 16), (8, 1, 32)]


def varlen_by_the_book(
    queries: Any, keys: Any, values: Any, cu_rows: Any, cu_seen: Any, most_rows: int, most_seen: int
) -> Any:
    """What a kernel for sequences of any length promises, with its mask at the end: the contract of flash attention."""
    assert cu_rows.dtype == cu_seen.dtype == torch.int32
    rows, seen = cu_rows.diff(), cu_seen.diff()
    assert (int(rows.max()), int(seen.max())) == (most_rows, most_seen)
    out = []
    for query, key, value in zip(
        queries.split(rows.tolist()), keys.split(seen.tolist()), values.split(seen.tolist()), strict=True
    ):
        group = query.shape[1] // key.shape[1]
        scores = torch.einsum("qhd,khd->hqk", query, key.repeat_interleave(group, 1)) / math.sqrt(query.shape[2])
        future = torch.ones(len(query), len(key), dtype=torch.bool).triu(1 + len(key) - len(query))
        weights = scores.masked_fill(future, -math.inf).softmax(-1)
        out.append(torch.einsum("hqk,khd->qhd", weights, value.repeat_interleave(group, 1)))
    return torch.cat(out)


@pytest.mark.parametrize("heads", HEADS)
def test_every_attention_agrees_with_the_loop(heads: tuple[int, int, int]) -> None:
    assert probe(lambda layout: Padded(layout, "cpu"), "cpu", "fp32", heads) < 1e-5
    assert probe(lambda layout: Varlen(layout, "cpu", varlen_by_the_book), "cpu", "fp32", heads) < 1e-5


def test_the_loop_agrees_with_the_book() -> None:
    """An oracle that shares no code with the loop: plain softmax over each sequence."""
    assert probe(lambda layout: Varlen(layout, "cpu", varlen_by_the_book), "cpu", "fp32", (16, 8, 128)) < 1e-5


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_the_loop_in_half_precision(dtype: str) -> None:
    assert 0 < probe(Loop, "cpu", dtype, (16, 8, 128)) < 0.03


def test_the_probe_sees_a_kernel_with_its_mask_at_the_start() -> None:
    """Some kernels align a shorter query with the first keys; that would let nothing of the document be seen."""

    def aligned_left(queries: Any, keys: Any, values: Any, cu_rows: Any, cu_seen: Any, *most: int) -> Any:
        out = []
        for query, key, value in zip(
            queries.split(cu_rows.diff().tolist()),
            keys.split(cu_seen.diff().tolist()),
            values.split(cu_seen.diff().tolist()),
            strict=True,
        ):
            out.append(varlen_by_the_book(
                query, key[: len(query)], value[: len(query)],
                torch.tensor([0, len(query)], dtype=torch.int32), torch.tensor([0, len(query)], dtype=torch.int32),
                len(query), len(query),
            ))  # fmt: skip
        return torch.cat(out)

    assert probe(lambda layout: Varlen(layout, "cpu", aligned_left), "cpu", "fp32", (4, 2, 16)) > 0.5


def test_a_kernel_that_fails_its_probe_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.rerankers.qwen3 import kernels

    wrong = lambda name, device: lambda layout: lambda *given: given[0].flatten(1)  # noqa: E731
    monkeypatch.setattr(kernels, "_maker", wrong)
    with pytest.raises(DeviceError, match=r"its output is off by"):
        choose_attention("auto", "cpu", "fp32", (4, 2, 16))


def test_auto_on_a_cpu_is_the_loop() -> None:
    assert choose_attention("auto", "cpu", "fp32", (4, 2, 16))[0] == "loop"
    assert choose_attention("padded", "cpu", "bf16", (4, 2, 16))[0] == "padded"
    with pytest.raises(DeviceError, match="flash"):
        choose_attention("flash", "cpu", "bf16", (4, 2, 16))


@pytest.mark.skipif(not ONEDNN, reason="torch without oneDNN")
@pytest.mark.parametrize("rows", [0, 1, 7, 130])
def test_prepacked_products_are_the_plain_ones(rows: int) -> None:
    x, other = torch.randn(rows, 64), torch.randn(rows, 96)
    gate_weight, up_weight = torch.randn(96, 64), torch.randn(96, 64)
    plain, packed = Plain(gate_weight), Prepacked(gate_weight)
    assert torch.allclose(plain(x), packed(x), atol=1e-4)
    assert torch.allclose(plain.plus(x, other), packed.plus(x, other), atol=1e-4)
    both = gated(packed, Prepacked(up_weight), x, gate)
    assert torch.allclose(gated(plain, Plain(up_weight), x, gate), both, atol=1e-3)


def test_a_residual_of_full_precision_stays_so() -> None:
    x, stream = torch.randn(5, 64).bfloat16(), torch.randn(5, 32)
    weight = torch.randn(32, 64).bfloat16()
    for matmul in (Plain(weight), *([Prepacked(weight)] if can_prepack("cpu", torch.bfloat16) else [])):
        assert matmul.plus(x, stream).dtype == torch.float32


def test_both_ways_to_turn_agree() -> None:
    angles, projected, norm = torch.randn(9, 8), torch.randn(9, 3 * 16), torch.rand(16)
    rotation = torch.stack([angles.cos(), angles.sin()], dim=-1)
    turned = heads(projected, norm, rotation, 1e-6)
    assert torch.allclose(turned, heads_on_cpu(projected, norm, rotation, 1e-6), atol=1e-6)
    assert torch.allclose(
        normalise(projected, norm.repeat(3), 1e-6, torch.float32),
        torch.nn.functional.rms_norm(projected, (48,), norm.repeat(3), 1e-6),
        atol=1e-5,
    )
