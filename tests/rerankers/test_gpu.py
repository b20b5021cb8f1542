"""The packed engine on a GPU: every attention kernel that the device has, against the CPU in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.rerankers.qwen3 import Qwen3Reranker
from bench.rerankers.scores import sigmoid
from bench.types import DeviceError, Request

DEVICE = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
pytestmark = pytest.mark.skipif(DEVICE is None, reason="neither CUDA nor MPS here")

REQUESTS = [
    Request("fire wall", tuple("the quick brown fox " * n for n in (1, 40, 7, 90, 0)), "find"),
    Request("dog", ("lazy " * 300, "a"), "other"),
]
MODEL = "asset:tracer-reranker"


@pytest.mark.parametrize(("dtype", "allowed"), [("fp32", 1e-4), ("fp16", 0.02), ("bf16", 0.1)])
@pytest.mark.parametrize("attention", ["auto", "padded", "varlen", "flash"])
@pytest.mark.parametrize("options", [{}, {"batch_size": 2}, {"deterministic": True}], ids=str)
def test_probabilities_are_those_of_the_cpu(
    dtype: Any, allowed: float, attention: str, options: dict[str, Any]
) -> None:
    exact = Qwen3Reranker(MODEL, device="cpu").score_many(REQUESTS).scores
    try:
        engine = Qwen3Reranker(MODEL, device=DEVICE, dtype=dtype, attention=attention, **options)
    except DeviceError as error:
        pytest.skip(str(error))
    found = engine.score_many(REQUESTS).scores
    for row, of_cpu in zip(found, exact, strict=True):
        assert max(abs(sigmoid(one) - sigmoid(other)) for one, other in zip(row, of_cpu, strict=True)) < allowed


def test_auto_is_a_kernel_of_the_device(tiny: Path) -> None:
    assert Qwen3Reranker(tiny, device=DEVICE, dtype="fp32").attention == "padded"
