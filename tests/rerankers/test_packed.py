"""The engine ``packed``: what goes together, what is shared, and that a score depends on its pair alone."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rerankers import choose_engine, load_reranker
from bench.rerankers.padded import PaddedReranker
from bench.rerankers.prompt import Prompt
from bench.rerankers.qwen3 import Qwen3Reranker
from bench.rerankers.qwen3.packing import CARRIED, SYSTEM, Pack, plan
from bench.rerankers.qwen3.shape import unservable
from bench.types import ConfigError, DeviceError, ModelError, Request, ScoreError, Trial

Make = Callable[..., Path]
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "lazy",
    "dog",
    "and",
    "a",
    "fire",
    "wall",
    "keeps",
    "server",
    "safe",
    "yes",
    "no",
]


def text(rng: random.Random, most: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, most)))


def requests(seed: int, queries: int = 4, documents: int = 7, most: int = 60) -> list[Request]:
    rng = random.Random(seed)
    return [
        Request(text(rng, 8), tuple(text(rng, most) for _ in range(rng.randint(0, documents))), text(rng, 4))
        for _ in range(queries)
    ]


def flat(rows: Sequence[Sequence[float]]) -> list[float]:
    return [value for row in rows for value in row]


def largest_difference(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> float:
    return max((abs(x - y) for x, y in zip(flat(a), flat(b), strict=True)), default=0.0)


# ----------------------------------------------------------------------------------------------------- packing

tokens = st.lists(st.integers(0, 3), max_size=12).map(tuple)
SYSTEM_TURN = (7, 7, 7)
prompts = st.lists(
    st.tuples(st.sampled_from([(1,), (1, 2), (2, 2, 2)]), tokens, st.sampled_from([(), (9, 9)])).map(
        lambda parts: Prompt((*SYSTEM_TURN, *parts[0]), parts[1], parts[2])
    ),
    max_size=25,
)


def unpacked(packs: Sequence[Pack]) -> dict[int, tuple[int, ...]]:
    """Per document the tokens it sees, read off the packs alone."""
    found, carried = {}, None
    for pack in packs:
        known: list[Any] = [SYSTEM_TURN, carried]
        for span in pack.spans:
            seen = (*known[span.parent], *span.tokens)
            if span.document is None:
                known.append(seen)
            else:
                found[span.document] = seen
        carried = None if pack.keep is None else known[pack.keep]
    return found


@given(prompts, st.none() | st.integers(1, 60), st.none() | st.integers(1, 6), st.booleans())
def test_every_prompt_is_seen_whole_and_once(
    given: list[Prompt], token_budget: int | None, batch_size: int | None, alone: bool
) -> None:
    packs = plan(given, SYSTEM_TURN, token_budget=token_budget, batch_size=batch_size, alone=alone)
    assert unpacked(packs) == {place: tuple(prompt.tokens) for place, prompt in enumerate(given)}
    assert sum(len(pack.documents) for pack in packs) == len(given)
    for pack in packs:
        assert all(span.tokens for span in pack.spans if span.document is not None)
        assert len(pack.documents) <= (batch_size or len(given)) or alone
        if token_budget is not None and not alone:
            assert pack.tokens <= token_budget or len(pack.documents) == 1
        if alone:
            assert len(pack.spans) == 1


@given(prompts, st.none() | st.integers(1, 60), st.none() | st.integers(1, 6))
def test_a_head_is_computed_once_per_neighbourhood(
    given: list[Prompt], token_budget: int | None, batch_size: int | None
) -> None:
    packs = plan(given, SYSTEM_TURN, token_budget=token_budget, batch_size=batch_size)
    heads = [span.tokens for pack in packs for span in pack.spans if span.shared]
    assert all(one != other for one, other in itertools.pairwise(heads))


def test_packs_are_of_like_size() -> None:
    documents = [Prompt((*SYSTEM_TURN, 1), (0,) * 100, ()) for _ in range(41)]
    sizes = [pack.tokens for pack in plan(documents, SYSTEM_TURN, token_budget=1000)]
    assert len(sizes) == 5
    assert max(sizes) - min(sizes) <= 101


def test_a_carried_head_is_named_and_not_computed_again() -> None:
    documents = [Prompt((*SYSTEM_TURN, 1), (0,) * 3, (9,)) for _ in range(3)]
    first, second, third = plan(documents, SYSTEM_TURN, batch_size=1)
    assert [span.parent for span in first.spans] == [SYSTEM, CARRIED + 1]
    assert (first.keep, second.keep, third.keep) == (CARRIED + 1, CARRIED, None)
    assert [span.parent for span in second.spans] == [CARRIED]


# ------------------------------------------------------------------------------------------------------ scores


@pytest.mark.parametrize("attention", ["loop", "padded"])
@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"token_budget": 90}, {"deterministic": True}])
def test_scores_are_those_of_one_pair_at_a_time(tiny: Path, attention: str, options: dict[str, Any]) -> None:
    packed = Qwen3Reranker(tiny, device="cpu", attention=attention, **options)
    singly = PaddedReranker(tiny, device="cpu", batch_size=1)
    for seed in range(6):
        given = requests(seed)
        assert largest_difference(packed.score_many(given).scores, singly.score_many(given).scores) < 1e-5


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), budget=st.integers(20, 600))
def test_neighbours_and_budgets_change_nothing(tiny: Path, seed: int, budget: int) -> None:
    given = requests(seed)
    whole = Qwen3Reranker(tiny, device="cpu", token_budget=budget).score_many(given).scores
    engine = Qwen3Reranker(tiny, device="cpu")
    alone = [
        [engine.score_many([Request(one.query, (text,), one.instruction)]).scores[0][0] for text in one.documents]
        for one in given
    ]
    assert largest_difference(whole, alone) < 1e-5


def test_long_documents_go_through_many_blocks_of_attention(tiny: Path) -> None:
    given = [Request("fire", ("the quick fox " * 200, "dog " * 130, "a"), "find")]
    singly = PaddedReranker(tiny, device="cpu", batch_size=1).score_many(given)
    assert singly.work.tokens > 900
    packed = Qwen3Reranker(tiny, device="cpu").score_many(given)
    assert largest_difference(packed.scores, singly.scores) < 1e-5


def test_shared_prefixes_are_computed_once(tiny: Path) -> None:
    engine = Qwen3Reranker(tiny, device="cpu")
    given = [Request("fire wall", tuple("abcdefgh"), "find"), Request("dog", tuple("abc"), "find")]
    work = engine.score_many(given).work
    assert work.forward_calls == 1
    prompts = engine._builder.build_many(given)
    system = len(engine._builder.system)
    heads = sum(len(row[0].head) - system for row in prompts)
    own = sum(len(prompt.document) + len(prompt.tail) for row in prompts for prompt in row)
    assert work.forward_tokens - work.padding_tokens == heads + own
    assert work.forward_tokens % 64 == 0
    assert work.tokens == sum(len(prompt) for row in prompts for prompt in row) > 2 * work.forward_tokens


def test_the_system_turn_goes_through_the_layers_once(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Qwen3Reranker(tiny, device="cpu")
    packs: list[Pack] = []
    forward = engine._forward
    monkeypatch.setattr(engine, "_forward", lambda pack, prefixes: packs.append(pack) or forward(pack, prefixes))
    for seed in (1, 2):
        engine.score_many(requests(seed))
    assert [pack.spans[0].tokens for pack in packs].count(engine._builder.system) == 1


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_deterministic_scores_are_equal_bit_for_bit_whatever_the_batch(tiny: Path, dtype: Any) -> None:
    given = requests(3, queries=3, documents=9)
    engine = Qwen3Reranker(tiny, device="cpu", dtype=dtype, deterministic=True)
    together = engine.score_many(given).scores
    assert engine.score_many(given[::-1]).scores == together[::-1]
    for one, row in zip(given, together, strict=True):
        shuffled = Request(one.query, one.documents[::-1], one.instruction)
        assert engine.score_many([shuffled]).scores[0] == row[::-1]
        for document, score in zip(one.documents, row, strict=True):
            assert engine.score_many([Request(one.query, (document,), one.instruction)]).scores[0] == [score]
    other = Qwen3Reranker(tiny, device="cpu", dtype=dtype, deterministic=True, batch_size=2, token_budget=50)
    assert other.score_many(given).scores == together


def test_half_precision_keeps_the_stream_and_the_head_in_full(tiny: Path) -> None:
    import torch

    full = Qwen3Reranker(tiny, device="cpu").score_many(requests(5)).scores
    half = Qwen3Reranker(tiny, device="cpu", dtype="bf16")
    scores = half.score_many(requests(5)).scores
    assert half._weights.embedding.dtype == torch.bfloat16
    assert half._weights.direction.dtype == torch.float32
    assert 0 < largest_difference(full, scores) < 0.5
    assert any(torch.tensor(value).to(torch.bfloat16).item() != value for value in flat(scores))


def test_scores_that_are_not_numbers_name_the_pair(tiny: Path) -> None:
    import torch

    engine = Qwen3Reranker(tiny, device="cpu")
    damaged = torch.full_like(engine._weights.direction, math.nan)
    object.__setattr__(engine._weights, "direction", damaged)
    with pytest.raises(ScoreError, match=r"request 1, document 0.*'the query'.*nan"):
        engine.score_many([Request("none", (), "i"), Request("the query", ("d",), "i")])


# ------------------------------------------------------------------------------------------- other checkpoints


@pytest.mark.parametrize(
    "config",
    [
        {"tie_word_embeddings": False},
        {"num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 4},
        {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16},
        {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16, "hidden_size": 48},  # as in 4B: not H
        {"num_hidden_layers": 1},
        {"num_hidden_layers": 5, "rms_norm_eps": 1e-5},
        {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0,
                             "original_max_position_embeddings": 1024}},
    ],
    ids=",".join,
)  # fmt: skip
def test_other_shapes_are_served(make_checkpoint: Make, config: dict[str, Any]) -> None:
    folder = make_checkpoint(seed=2, **config)
    given = requests(7)
    singly = PaddedReranker(folder, device="cpu", batch_size=1).score_many(given).scores
    assert largest_difference(Qwen3Reranker(folder, device="cpu").score_many(given).scores, singly) < 1e-5
    assert max(flat(singly)) - min(flat(singly)) > 0.1


def test_sharded_weights_are_read(make_checkpoint: Make) -> None:
    from transformers import AutoModelForCausalLM

    folder = make_checkpoint()
    before = Qwen3Reranker(folder, device="cpu").score_many(requests(1)).scores
    model = AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    assert Qwen3Reranker(folder, device="cpu").score_many(requests(1)).scores == before


def test_norm_weights_that_are_not_one_are_folded_in(make_checkpoint: Make) -> None:
    """Fresh checkpoints have norms of weight one, which would hide a norm left out."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = make_checkpoint()
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_(torch.rand_like(parameter) + 0.5)
    model.save_pretrained(folder)
    given = requests(8)
    singly = PaddedReranker(folder, device="cpu", batch_size=1).score_many(given).scores
    assert largest_difference(Qwen3Reranker(folder, device="cpu").score_many(given).scores, singly) < 1e-5
    half = Qwen3Reranker(folder, device="cpu", dtype="bf16").score_many(given).scores
    assert largest_difference(half, singly) < 0.5


@pytest.mark.parametrize("engine", [Qwen3Reranker, PaddedReranker])
def test_a_conversion_with_one_label_scores_as_the_model_it_was_made_from(make_checkpoint: Make, engine: Any) -> None:
    folder = make_checkpoint()
    given = requests(9)
    before = engine(folder, device="cpu").score_many(given).scores
    convert(folder)
    converted = engine(folder, device="cpu")
    assert largest_difference(converted.score_many(given).scores, before) < 1e-5
    assert converted.notes == ("a conversion with one label: its own row stands for yes minus no",)


def convert(folder: Path) -> None:
    """Turn a causal checkpoint into a sequence classifier of one label, whose row is yes minus no."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3ForSequenceClassification

    causal = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    causal.config.num_labels = 1
    model = Qwen3ForSequenceClassification(causal.config)
    model.model.load_state_dict(causal.model.state_dict())
    head = causal.get_output_embeddings().weight.detach()
    model.score.weight.data = (head[yes] - head[no])[None].clone()
    model.save_pretrained(folder)


# ----------------------------------------------------------------------------------- what it cannot serve


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM, not a Qwen3ForCausalLM"),
        ({"architectures": None}, "names no architecture"),
        ({"hidden_act": "gelu"}, "gelu, not silu"),
        ({"attention_bias": True}, "biases"),
        ({"use_sliding_window": True}, "sliding window"),
        ({"quantization_config": {"quant_method": "gptq"}}, "stored quantised"),
        ({"rope_parameters": {"rope_type": "dynamic"}}, "dynamic"),
        ({"rope_scaling": {"type": "longrope"}}, "longrope"),
        ({"rope_scaling": None}, None),
    ],
)
def test_what_cannot_be_served_is_told_from_the_config(changes: dict[str, Any], reason: str | None) -> None:
    said = unservable({"architectures": ["Qwen3ForCausalLM"], "hidden_act": "silu"} | changes)
    assert said is None if reason is None else reason in str(said)


def test_auto_is_packed_for_qwen3_and_transformers_for_others(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    trial = Trial(dataset="d", pipeline="p", reranker=str(folder))
    assert load_reranker(trial, "cpu", "fp32").name == "packed"
    biased = make_checkpoint(attention_bias=True)
    with pytest.raises(ModelError, match=r"cannot serve.*biases; set engine: transformers"):
        Qwen3Reranker(biased, device="cpu")
    engine = load_reranker(trial, "cpu", "fp32")
    assert engine.name == "transformers"
    assert engine.notes == (
        f"the packed engine cannot serve {biased}: its attention has biases; the engine transformers scored it instead",
    )
    assert choose_engine(trial)[1] == engine.notes[0]


def test_a_model_without_a_readable_config_is_an_error(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json"):
        choose_engine(Trial(dataset="d", pipeline="p", reranker=str(folder)))


def test_bad_options_are_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="token_budget is 0"):
        Qwen3Reranker(tiny, device="cpu", token_budget=0)
    with pytest.raises(ConfigError, match=r"unknown attention 'fast'; known: auto, loop"):
        Qwen3Reranker(tiny, device="cpu", attention="fast")
    with pytest.raises(DeviceError, match=r"attention 'varlen' cannot be used on cpu"):
        Qwen3Reranker(tiny, device="cpu", attention="varlen")
    trial = Trial(dataset="d", pipeline="p", reranker=str(tiny), engine="transformers", token_budget=9)
    with pytest.raises(ConfigError, match=r"engine 'transformers' has no token_budget.*belongs to: packed"):
        load_reranker(trial, "cpu", "fp32")
