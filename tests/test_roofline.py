"""Operations of a trial's prompts: by its own tokenizer, cut at its length, or None and a reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.machine.flops import ModelShape, PromptTokens, model_shape, unshared_flops
from bench.machine.peak import PeakSample
from bench.rerankers.checkpoint import load_tokenizer
from bench.rerankers.prompt import build
from bench.rerankers.template import TEMPLATES
from bench.roofline import measured, model_flops, peak_rate, trial_peak
from bench.types import Request, Trial

TRACER = "asset:tracer-reranker"
REQUESTS = (
    Request("protect my server", ("use a firewall", "bread rises " * 40), "find passages"),
    Request("abacus", ("history of the abacus",), "find passages"),
)


def trial(**changes: Any) -> Trial:
    fields = {"reranker": TRACER, "engine": "packed", "device": "cpu", "dtype": "fp32", "max_length": 512}
    return Trial("set", "pipeline", **(fields | changes))


@pytest.fixture(scope="module")
def shape(root: Path) -> ModelShape:
    found = model_shape(json.loads((root / "bench/assets/tracer-reranker/config.json").read_text()))
    assert found is not None
    return found


@pytest.mark.parametrize("max_length", [512, 90])
@pytest.mark.parametrize("template", ["qwen3", "qwen3-eval"])
def test_every_prompt_counts_alone_and_whole(shape: ModelShape, template: str, max_length: int) -> None:
    tokenizer = load_tokenizer(TRACER)
    prompts = [
        build(tokenizer, TEMPLATES[template], request.query, document, instruction=request.instruction,
              max_length=max_length)
        for request in REQUESTS
        for document in request.documents
    ]  # fmt: skip
    assert any(prompt.cut_tokens for prompt in prompts) is (max_length == 90)
    alone = sum(unshared_flops(shape, (PromptTokens(0, 0, ((len(prompt), 0),)),)) for prompt in prompts)
    assert model_flops(trial(template=template, max_length=max_length), REQUESTS) == (float(alone), "")


def test_requests_without_documents_add_nothing() -> None:
    empty = Request("nothing found", (), "find passages")
    assert model_flops(trial(), (*REQUESTS, empty)) == model_flops(trial(), REQUESTS)
    assert model_flops(trial(), (empty,)) == (None, "nothing was reranked")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reranker": None}, "nothing was reranked"),
        ({"engine": "http", "url": "http://localhost/rerank"}, "another machine's"),
        ({"engine": "auto", "url": "http://localhost/rerank"}, "another machine's"),
        ({"reranker": "asset:absent"}, "no model asset:absent"),
        ({"max_length": 10}, "leaves no room"),
        ({"template": "absent"}, "unknown template"),
    ],
)
def test_what_cannot_be_counted_has_a_reason(changes: dict[str, Any], said: str) -> None:
    flops, reason = model_flops(trial(**changes), REQUESTS)
    assert flops is None
    assert said in reason


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"model_type": "bert"}', "type bert are not counted, only of qwen2, qwen3"),
        ('{"model_type": "qwen3"}', "cannot be read from its config.json: a width or a number of layers or heads is"),
        ('{"model_type": "qwen3", "hidden_size": 1e999, "num_attention_heads": 0}', "is missing, or is none that a"),
        (f'{{"model_type": {"[" * 100_000}{"]" * 100_000}}}', "cannot be read as JSON"),
        ("[]", "is not a JSON object"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_a_model_of_another_family(root: Path, tmp_path: Path, config: str, said: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(root / "bench/assets/tracer-reranker", folder)
    (folder / "config.json").write_text(config)
    other = trial(reranker=str(folder))
    flops, reason = model_flops(other, REQUESTS)
    assert flops is None
    assert said in reason
    assert trial_peak(other) == (None, reason)


def test_a_shape_s_checkpoint_counts_by_its_own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path))
    tiny, _ = model_flops(trial(reranker="shape:qwen3-tiny"), REQUESTS)
    assert tiny is not None
    assert tiny != model_flops(trial(), REQUESTS)[0]


def test_the_peak_is_the_fastest_way_at_its_best(shape: ModelShape, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def stand_in(*what: Any) -> list[PeakSample]:
        asked.append(what)
        return [PeakSample("mm", "fp32", 8, 100, 2.0), PeakSample("prepacked", "fp32", 8, 100, 0.5)]

    monkeypatch.setattr("bench.roofline.measure_peak", stand_in)
    assert peak_rate(shape, "fp32", "cpu") == 200.0
    assert trial_peak(trial()) == (200.0, "")
    assert asked == [(shape, "fp32", "cpu")] * 2


def test_a_peak_that_finds_no_memory_left_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*what: Any) -> list[PeakSample]:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def broken(*what: Any) -> list[PeakSample]:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("bench.roofline.measure_peak", full)
    rate, reason = trial_peak(trial())
    assert rate is None
    assert "too little memory" in reason
    monkeypatch.setattr("bench.roofline.measure_peak", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        trial_peak(trial())


def test_a_small_shape_s_rate_is_measured() -> None:
    """No stand-in: a rate of this machine, in operations per second."""
    rate = peak_rate(ModelShape(hidden=64, layers=1, heads=2, kv_heads=1, head_dim=32, intermediate=96), "fp32", "cpu")
    assert 1e7 < rate < 1e15


def test_parts_add_up_to_the_prompt() -> None:
    from bench.rerankers.prompt import PromptBuilder

    builder = PromptBuilder(load_tokenizer(TRACER), TEMPLATES["qwen3"], 512)
    lengths = [tokens for prompts in measured(REQUESTS, builder) for tokens in prompts.lengths]
    assert lengths == [len(prompt) for row in builder.build_many(REQUESTS) for prompt in row]
