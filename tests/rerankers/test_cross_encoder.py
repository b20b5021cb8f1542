"""The engine ``sentence-transformers``: our prompt in another library's hands, and what the library lets through."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.machine.meter import Stopwatch
from bench.rerankers.chat_template import as_chat_template
from bench.rerankers.cross_encoder import CrossEncoderReranker
from bench.rerankers.padded import PaddedReranker
from bench.rerankers.prompt import PromptBuilder
from bench.rerankers.template import TEMPLATES
from bench.types import ConfigError, ModelError, Request, ScoreError

INSTRUCTION = "Given a web search query, retrieve relevant passages"
DOCUMENTS = ("the quick brown fox", "", "keeps the server safe " * 60, "如何安全地读取CSV文件?\n\n第二行 😀", " a ")


def requests(template: str = "qwen3") -> list[Request]:
    first, second = (INSTRUCTION, "另一个指令") if TEMPLATES[template].takes_instruction else ("", "")
    return [
        Request("fire wall?", DOCUMENTS, first),
        Request("dog\n", DOCUMENTS[:3], second),
        Request("nothing", (), first),
        Request("fox", ("a",), first),
    ]


def flat(rows: list[list[float]]) -> list[float]:
    return [value for row in rows for value in row]


def prompt_ids(engine: CrossEncoderReranker, instruction: str, query: str, document: str) -> list[int]:
    """What the library makes of one pair."""
    features = engine._log._preprocess([(query, document)], prompt=instruction or None)
    return list(features["input_ids"][0].tolist())


def one_label(source: Path, folder: Path, labels: int = 1) -> Path:
    """The causal checkpoint as a conversion: its score head is the row of "yes" less that of "no"."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3ForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(source)
    causal = AutoModelForCausalLM.from_pretrained(source)
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    causal.config.num_labels, causal.config.pad_token_id = labels, tokenizer.pad_token_id
    model = Qwen3ForSequenceClassification(causal.config)
    model.model.load_state_dict(causal.model.state_dict())
    weight = causal.lm_head.weight.detach()
    with torch.no_grad():
        model.score.weight.copy_((weight[yes] - weight[no]).repeat(labels, 1))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer XLM-R with one label and 62 positions to use, as bge-reranker is made."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForSequenceClassification

    backend = Tokenizer(models.WordPiece(unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words = ["the quick fox keeps the dog and the server safe behind a fire wall"]
    backend.train_from_iterator(
        words, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    )
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
        pad_token_id=1,
        num_labels=1,
    )
    folder = tmp_path_factory.mktemp("encoder")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        XLMRobertaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# ------------------------------------------------------------------------------------------------- the prompt


@pytest.mark.parametrize("template", list(TEMPLATES))
@pytest.mark.parametrize("max_length", [8192, 200])
def test_the_prompt_is_ours_token_for_token_also_when_cut(template: str, max_length: int, tiny: Path) -> None:
    engine = CrossEncoderReranker(tiny, device="cpu", template=template, max_length=max_length)
    builder = PromptBuilder(PaddedReranker(tiny, device="cpu").tokenizer, TEMPLATES[template], max_length)
    for request in requests(template):
        for document in request.documents:
            expected = builder.build(request.instruction, request.query, document)
            assert prompt_ids(engine, request.instruction, request.query, document) == expected.tokens


def test_the_prompt_is_ours_with_qwens_own_tokenizer(tiny_qwen: Path) -> None:
    engine = CrossEncoderReranker(tiny_qwen, device="cpu")
    builder = PromptBuilder(PaddedReranker(tiny_qwen, device="cpu").tokenizer, TEMPLATES["qwen3"], 4096)
    for document in (*DOCUMENTS, "ends in newlines\n\n", "NUL \0 inside"):
        expected = builder.build("另一个指令", "CSV?\n", document).tokens
        assert prompt_ids(engine, "另一个指令", "CSV?\n", document) == expected


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_a_chat_template_renders_the_template(name: str) -> None:
    import jinja2

    template = TEMPLATES[name]
    texts = ["find {{ x }}" if template.takes_instruction else "", "q {% if %}\n", "\n d 'quoted\" \\ "]
    messages = [
        {"role": role, "content": text} for role, text in zip(("system", "query", "document"), texts, strict=True)
    ]
    rendered = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(as_chat_template(template))
    assert rendered.render(messages=messages) == template.text(*texts)


# ------------------------------------------------------------------------------------------------------ scores


@pytest.mark.parametrize("template", list(TEMPLATES))
@pytest.mark.parametrize("max_length", [8192, 200])
def test_scores_and_counts_are_those_of_transformers(template: str, max_length: int, tiny: Path) -> None:
    options: dict[str, Any] = {"device": "cpu", "batch_size": 3, "template": template, "max_length": max_length}
    ours = PaddedReranker(tiny, **options).score_many(requests(template))
    theirs = CrossEncoderReranker(tiny, **options).score_many(requests(template))
    assert flat(theirs.scores) == pytest.approx(flat(ours.scores), abs=1e-4)
    assert theirs.work.tokens == ours.work.tokens
    assert theirs.work.truncated_pairs == ours.work.truncated_pairs
    assert theirs.work.truncated_tokens == ours.work.truncated_tokens
    assert (theirs.work.truncated_pairs > 0) == (max_length == 200)


def test_a_conversion_scores_as_its_original(tiny: Path, tmp_path: Path) -> None:
    engine = CrossEncoderReranker(one_label(tiny, tmp_path / "seq"), device="cpu", batch_size=3)
    expected = PaddedReranker(tiny, device="cpu").score_many(requests())
    assert flat(engine.score_many(requests()).scores) == pytest.approx(flat(expected.scores), abs=1e-4)
    assert engine.notes == ("prompts are cut at 4096 tokens, the most that the model takes; max_length asked for 8192",)


def test_an_encoder_reads_the_pair_and_no_prompt(encoder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    engine = CrossEncoderReranker(encoder, device="cpu", batch_size=2)
    documents = ("keeps the server safe", "the dog " * 60, "", "fire")
    scored = engine.score_many([Request("fire wall", documents, "find"), Request("fire wall", documents, "other")])
    tokenizer, model = (
        AutoTokenizer.from_pretrained(encoder),
        AutoModelForSequenceClassification.from_pretrained(encoder),
    )
    expected = []
    for document in documents:
        entered = tokenizer([("fire wall", document)], truncation="longest_first", max_length=62, return_tensors="pt")
        with torch.no_grad():
            expected.append(model(**entered).logits.item())
    assert scored.scores[0] == pytest.approx(expected, abs=1e-5)
    assert scored.scores[1] == pytest.approx(expected, abs=1e-5)
    whole = len(tokenizer("fire wall", documents[1])["input_ids"])
    assert (scored.work.truncated_pairs, scored.work.truncated_tokens) == (2, 2 * (whole - 62))
    assert engine.unit == "logit"
    assert "neither the template nor the instruction" in engine.notes[0]
    assert "cut at 62 tokens" in engine.notes[1]


def test_work_is_what_entered_the_model(tiny: Path) -> None:
    engine = CrossEncoderReranker(tiny, device="cpu", batch_size=3)
    entered: list[tuple[int, int]] = []
    engine._model.model.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: entered.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    told: list[int] = []
    stages = Stopwatch()
    work = engine.score_many(requests(), stages, told.append).work
    assert work.forward_calls == len(entered) == 3  # two instructions: six pairs and three
    assert work.forward_tokens == sum(rows * width for rows, width in entered)
    assert work.forward_tokens == work.tokens + work.padding_tokens
    assert told == [3, 6, 9]
    assert stages.seconds["tokenise"] > 0
    assert stages.seconds["rerank"] > 0


# ---------------------------------------------------------------------------------------------------- refusals


def rewritten(source: Path, target: Path, **config: Any) -> Path:
    shutil.copytree(source, target)
    held = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(held | config))
    return target


def test_a_random_head_is_refused(tiny: Path, encoder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    untied = rewritten(tiny, tmp_path / "untied", tie_word_embeddings=False)
    with pytest.raises(ModelError, match=r"no head: lm_head\.weight is not in its files"):
        CrossEncoderReranker(untied, device="cpu")
    bare = rewritten(encoder, tmp_path / "bare")
    weights = {name: held for name, held in load_file(bare / "model.safetensors").items() if "classifier" not in name}
    save_file(weights, bare / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"no head: classifier\.dense\.bias"):
        CrossEncoderReranker(bare, device="cpu")


def test_several_labels_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has 2 labels, and a reranker has one score"):
        CrossEncoderReranker(one_label(tiny, tmp_path / "two", labels=2), device="cpu")


def test_a_tokenizer_without_the_words_is_refused(make_checkpoint: Callable[..., Path]) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<unk>": 0, "yes": 1, "maybe": 2}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = make_checkpoint(tokenizer=PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>"))
    with pytest.raises(ModelError, match=r"'no' as one token"):
        CrossEncoderReranker(folder, device="cpu", template="none")
    with pytest.raises(ModelError, match=r"'<\|im_start\|>' and '<\|im_end\|>' and 'no'"):
        CrossEncoderReranker(folder, device="cpu")


def test_a_checkpoint_saved_by_the_library_keeps_its_own_template(tiny: Path, tmp_path: Path) -> None:
    first = CrossEncoderReranker(tiny, device="cpu", template="qwen3-eval")
    first._model.save_pretrained(str(tmp_path / "saved"))
    again = CrossEncoderReranker(tmp_path / "saved", device="cpu", template="qwen3", max_length=4096)
    assert again.notes == ("the checkpoint brings its own chat template, which was used in place of 'qwen3'",)
    assert again.score_many(requests()).scores == first.score_many(requests()).scores


def test_a_chat_template_that_drops_the_pair_is_an_error_that_says_so(tiny: Path, tmp_path: Path) -> None:
    CrossEncoderReranker(tiny, device="cpu")._model.save_pretrained(str(tmp_path / "saved"))
    chat = '{% for message in messages if message.role == "user" %}{{ message.content }}{% endfor %}'
    (tmp_path / "saved" / "chat_template.jinja").write_text(chat)
    engine = CrossEncoderReranker(tmp_path / "saved", device="cpu")
    with pytest.raises(ModelError, match="cannot carry a 'query'/'document' pair"):
        engine.score_many(requests())


def test_broken_files_are_model_errors(tiny: Path, tmp_path: Path) -> None:
    broken = rewritten(tiny, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be read"):
        CrossEncoderReranker(broken, device="cpu")
    foreign = rewritten(tiny, tmp_path / "foreign", model_type="no-such-model")
    with pytest.raises(ModelError, match="cannot be loaded by sentence-transformers"):
        CrossEncoderReranker(foreign, device="cpu")


def test_an_instruction_without_a_place_and_a_score_without_a_number(tiny: Path, tmp_path: Path) -> None:
    engine = CrossEncoderReranker(tiny, device="cpu", template="none")
    with pytest.raises(ConfigError, match="no place for an instruction"):
        engine.score_many([Request("q", ("d",), "find")])
    from safetensors.torch import load_file, save_file

    nan = rewritten(tiny, tmp_path / "nan")
    weights = load_file(nan / "model.safetensors")
    weights["model.norm.weight"][:] = float("nan")
    save_file(weights, nan / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ScoreError, match="nan"):
        CrossEncoderReranker(nan, device="cpu").score_many([Request("q", ("d",), "find")])
