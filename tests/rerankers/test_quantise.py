"""The packed engine's weights of 8 and 4 bits. torchao is an extra; `make test-extras` runs these with it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.rerankers.qwen3 import Qwen3Reranker
from bench.types import ConfigError, DeviceError, Request

REQUESTS = [Request("fire wall", ("the quick fox", "keeps the server safe " * 20, "a"), "find")]


@pytest.mark.skipif(not find_spec("torchao"), reason="torchao is not installed; `make test-extras` has it")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "dtype", "allowed"),
    [("int8", "fp32", 0.2), ("int8-dynamic", "fp32", 0.4), ("int8", "bf16", 0.3), ("int4", "bf16", 3.0)],
)
def test_quantised_scores_are_near(tiny: Path, kind: str, dtype: Any, allowed: float) -> None:
    exact = Qwen3Reranker(tiny, device="cpu").score_many(REQUESTS).scores[0]
    engine = Qwen3Reranker(tiny, device="cpu", dtype=dtype, quantisation=kind)
    scores = engine.score_many(REQUESTS).scores[0]
    assert 0 < max(abs(one - other) for one, other in zip(scores, exact, strict=True)) < allowed
    assert type(engine._weights.layers[0].down.weight).__name__ != "Tensor"  # the axis took effect


def test_quantisation_says_what_it_lacks(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"unknown quantisation 'int2'; known: none, int8"):
        Qwen3Reranker(tiny, device="cpu", quantisation="int2")
    with pytest.raises(DeviceError, match=r"int4 has no usable kernel on a CPU in fp32; set dtype: bf16"):
        Qwen3Reranker(tiny, device="cpu", quantisation="int4")
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(ConfigError, match=r"needs torchao.*rerankbench\[quantisation\]"):
        Qwen3Reranker(tiny, device="cpu", quantisation="int8")
