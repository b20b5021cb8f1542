"""The engine ``vllm`` against a stand-in for the package: what it is given, and what becomes of its answers.

The conformance tests run the real one where it is installed.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bench.rerankers.padded import PaddedReranker
from bench.rerankers.vllm_engine import OVERRIDES, VllmReranker
from bench.types import ConfigError, DeviceError, ModelError, Request, ScoreError

REQUESTS = [
    Request("fire wall", ("the quick fox", "keeps the server safe " * 60), "find"),
    Request("nothing", (), "find"),
    Request("dog", ("a",), "find"),
]


class StandIn:
    """Takes the place of ``vllm.LLM``: the score of a prompt is its length, 16 of its tokens were in the cache."""

    def __init__(self, **options: Any) -> None:
        self.options, self.prompts, self.resets = options, list[list[int]](), 0

    def reset_prefix_cache(self) -> bool:
        self.resets += 1
        return True

    def classify(self, prompts: Sequence[Any], *, pooling_params: Any, use_tqdm: bool) -> list[Any]:
        assert pooling_params.use_activation is use_tqdm is False
        self.prompts += [prompt["prompt_token_ids"] for prompt in prompts]
        return [self.output([float(len(prompt["prompt_token_ids"]))]) for prompt in prompts]

    def output(self, probs: list[float]) -> Any:
        return SimpleNamespace(outputs=SimpleNamespace(probs=probs), num_cached_tokens=16)


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The stand-in, in place of the package."""
    package, platforms = ModuleType("vllm"), ModuleType("vllm.platforms")
    package.LLM = StandIn
    package.PoolingParams = SimpleNamespace
    platforms.current_platform = SimpleNamespace(device_type="cpu")
    monkeypatch.setitem(sys.modules, "vllm", package)
    monkeypatch.setitem(sys.modules, "vllm.platforms", platforms)
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "ERROR")
    return package


def changed(tiny: Path, folder: Path, **config: Any) -> Path:
    """The checkpoint with other words in its ``config.json``; the stand-in reads no weights."""
    folder.mkdir()
    for file in tiny.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    held = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(held | config))
    return folder


@pytest.mark.usefixtures("vllm")
def test_how_it_is_loaded(tiny: Path) -> None:
    engine: Any = VllmReranker(tiny, device="cpu", dtype="bf16", max_length=500)
    assert engine._llm.options == {
        "model": str(tiny.resolve()),
        "runner": "pooling",
        "hf_overrides": OVERRIDES,
        "dtype": "bfloat16",
        "max_model_len": 500,
        "enable_prefix_caching": True,
        "load_format": "safetensors",
        "trust_remote_code": False,
        "seed": 0,
    }
    longer: Any = VllmReranker(tiny, device="cpu", max_length=99_999, batch_size=7)
    assert longer._llm.options["max_model_len"] == 4096
    assert longer._llm.options["max_num_seqs"] == 7
    assert (engine.unit, engine.device, engine.dtype) == ("logit", "cpu", "bf16")
    assert engine.files.path == tiny.resolve()
    assert "reserves device memory" in engine.notes[0]


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize("template", ["qwen3", "qwen3-eval"])
@pytest.mark.parametrize("max_length", [8192, 200])
def test_the_prompts_are_ours(template: str, max_length: int, tiny: Path) -> None:
    engine: Any = VllmReranker(tiny, device="cpu", template=template, max_length=max_length)
    ours = PaddedReranker(tiny, device="cpu", template=template, max_length=max_length)
    scored, told = engine.score_many(REQUESTS, None, (progress := list[int]()).append), ours.score_many(REQUESTS)
    expected = [prompt.tokens for row in ours._builder.build_many(REQUESTS) for prompt in row]
    assert engine._llm.prompts == expected
    assert scored.scores == [[len(expected[0]), len(expected[1])], [], [len(expected[2])]]
    assert progress == [3]
    assert scored.work.tokens == told.work.tokens
    assert scored.work.forward_tokens == told.work.tokens - 3 * 16
    assert (scored.work.forward_calls, scored.work.padding_tokens) == (1, 0)
    assert scored.work.truncated_tokens == told.work.truncated_tokens
    assert (scored.work.truncated_pairs > 0) == (max_length == 200)


@pytest.mark.usefixtures("vllm")
def test_the_cache_is_emptied_each_time(tiny: Path) -> None:
    engine: Any = VllmReranker(tiny, device="cpu")
    for count in (1, 2, 3):
        engine.score_many(REQUESTS)
        assert engine._llm.resets == count


@pytest.mark.usefixtures("vllm")
def test_a_conversion_is_loaded_as_it_is(tiny: Path, tmp_path: Path) -> None:
    sequence = {"architectures": ["Qwen3ForSequenceClassification"], "id2label": {"0": "LABEL_0"}}
    engine: Any = VllmReranker(changed(tiny, tmp_path / "one", **sequence), device="cpu")
    assert engine._llm.options["hf_overrides"] == {}


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "a LlamaForCausalLM with 1 label;.*engine: sentence-transformers"),
        (
            {"architectures": ["Qwen3ForSequenceClassification"], "id2label": {"0": "a", "1": "b"}},
            "with 2 labels; this engine serves Qwen3 rerankers",
        ),
        ({"architectures": None}, r"no config\.json that says what it is"),
    ],
)
def test_another_kind_of_model_is_refused(config: dict[str, Any], message: str, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        VllmReranker(changed(tiny, tmp_path / "other", **config), device="cpu")


@pytest.mark.parametrize(
    ("probs", "message"), [([0.1, 0.9], "2 numbers for one pair"), ([], "0 numbers"), ([math.nan], "is nan")]
)
def test_an_answer_that_is_no_score(probs: list[float], message: str, tiny: Path, vllm: Any) -> None:
    vllm.LLM = type("Odd", (StandIn,), {"output": lambda self, _: StandIn.output(self, probs)})
    with pytest.raises(ScoreError, match=message):
        VllmReranker(tiny, device="cpu").score_many(REQUESTS)


def test_fewer_answers_than_prompts(tiny: Path, vllm: Any) -> None:
    vllm.LLM = type("Few", (StandIn,), {"classify": lambda self, prompts, **_: []})
    with pytest.raises(ScoreError, match="0 scores for 3 prompts"):
        VllmReranker(tiny, device="cpu").score_many(REQUESTS)


def test_what_vllm_refuses_is_a_model_error(tiny: Path, vllm: Any) -> None:
    def refuse(**options: Any) -> None:
        raise ValueError("head size 8 is not supported\nand more")

    vllm.LLM = refuse
    with pytest.raises(ModelError, match=r"vLLM cannot load the model .*ValueError: head size 8 is not supported$"):
        VllmReranker(tiny, device="cpu")


def test_without_the_package_the_error_says_how_to_get_it(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ConfigError, match=r"needs the package vllm.*pip install 'rerankbench\[vllm\]'"):
        VllmReranker(tiny, device="cpu")


def test_a_build_for_another_device_is_refused(tiny: Path, vllm: Any) -> None:
    sys.modules["vllm.platforms"].current_platform.device_type = "cuda"
    with pytest.raises(DeviceError, match="built for cuda, and the device asked for is cpu; set device: cuda"):
        VllmReranker(tiny, device="cpu")


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize("options", [{"batch_size": 0}, {"max_length": 0}, {"template": "qwen4"}])
def test_bad_options_are_refused(options: dict[str, Any], tiny: Path) -> None:
    with pytest.raises(ConfigError):
        VllmReranker(tiny, device="cpu", **options)
