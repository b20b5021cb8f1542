"""What looks like a reranker and is none is refused, never filled up with random numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.rerankers.checkpoint import load_checkpoint, load_tokenizer
from bench.types import ModelError

Make = Callable[..., Path]


def load(folder: Path) -> Any:
    return load_checkpoint(str(folder), None, "huggingface", "cpu", "fp32")


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def drop_tensor(folder: Path, *names: str, **add: Any) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    for name in names:
        del tensors[name]
    save_file(tensors | add, folder / "model.safetensors", metadata={"format": "pt"})


def test_answers_are_found_by_name(tiny: Path) -> None:
    loaded = load(tiny)
    assert loaded.tokenizer.convert_ids_to_tokens([loaded.yes, loaded.no]) == ["yes", "no"]
    assert loaded.notes == ()
    assert loaded.load_s > 0


def test_a_sequence_classifier_is_refused(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    edit(folder / "config.json", architectures=["Qwen3ForSequenceClassification"])
    with pytest.raises(ModelError, match=r"sequence classifier.*causal checkpoint"):
        load(folder)


def test_another_architecture_is_refused(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    edit(folder / "config.json", architectures=["Qwen3Model"])
    with pytest.raises(ModelError, match=r"Qwen3Model.*ForCausalLM"):
        load(folder)


def test_a_missing_head_is_refused(make_checkpoint: Make) -> None:
    folder = make_checkpoint(tie_word_embeddings=False)
    drop_tensor(folder, "lm_head.weight")
    with pytest.raises(ModelError, match="no head"):
        load(folder)


def test_an_untied_head_is_read(make_checkpoint: Make) -> None:
    loaded = load(make_checkpoint(tie_word_embeddings=False))
    assert loaded.model.get_output_embeddings().weight is not loaded.model.get_input_embeddings().weight


def test_missing_tensors_are_refused(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    drop_tensor(folder, "model.layers.1.mlp.up_proj.weight")
    with pytest.raises(ModelError, match=r"lacks 1 tensors.*layers\.1\.mlp\.up_proj"):
        load(folder)


def test_tensors_of_another_shape_are_refused(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    edit(folder / "config.json", intermediate_size=48)
    with pytest.raises(ModelError, match="weights"):
        load(folder)


def test_remote_code_is_not_run(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    (folder / "modeling_own.py").write_text("raise SystemExit('remote code ran')\n")
    edit(
        folder / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnModel"},
    )
    with pytest.raises(
        ModelError, match=r"asks for code of its own \(modeling_own\.OwnConfig\).*trust_remote_code: true"
    ):
        load(folder)


def test_a_broken_weights_file_is_refused(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="weights of the model"):
        load(folder)


def test_a_missing_padding_token_is_replaced_and_noted(make_checkpoint: Make, small_tokenizer: Any) -> None:
    folder = make_checkpoint()
    edit(folder / "tokenizer_config.json", pad_token=None)
    loaded = load(folder)
    assert loaded.pad == loaded.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert loaded.notes == ("the tokenizer has no padding token; <|endoftext|> is used",)


def test_a_tokenizer_needs_no_weights(make_checkpoint: Make) -> None:
    folder = make_checkpoint()
    (folder / "model.safetensors").unlink()
    assert load_tokenizer(str(folder)).convert_tokens_to_ids("yes") > 0
    with pytest.raises(ModelError, match=r"no model\.safetensors"):
        load(folder)


def word_tokenizer(words: str) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(["[UNK]", *words.split()])}, unk_token="[UNK]")
    )
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")


def test_answers_that_are_no_single_token_are_refused(make_checkpoint: Make) -> None:
    with pytest.raises(ModelError, match="'no' as one token"):
        load(make_checkpoint(tokenizer=word_tokenizer("yes maybe")))


def test_a_tokenizer_of_another_model_is_refused(make_checkpoint: Make) -> None:
    with pytest.raises(ModelError, match="belongs to another model"):
        load(make_checkpoint(tokenizer=word_tokenizer("a b c d e no yes"), vocab_size=4))
