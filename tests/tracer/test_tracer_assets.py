"""The two tiny checkpoints: in the promised format, within the promised size, loadable without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.rerankers.template import TEMPLATES
from bench.tracer.evaluate import prompt_parts
from bench.tracer.grammar import load_grammar
from bench.tracer.instructions import INSTRUCTIONS
from bench.tracer.vocabulary import build_tokenizer

ASSETS = Path(__file__).parents[2] / "bench" / "assets"
EMBEDDER, RERANKER = ASSETS / "tracer-embedder", ASSETS / "tracer-reranker"
MIB = 1 << 20


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(RERANKER))


@pytest.fixture(scope="module")
def network() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(RERANKER)).eval()


@pytest.mark.parametrize(("folder", "limit"), [(EMBEDDER, 3 * MIB), (RERANKER, 8 * MIB)])
def test_size_and_papers(folder: Path, limit: int) -> None:
    assert sum(file.stat().st_size for file in folder.iterdir()) <= limit
    assert (folder / "README.md").is_file()
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert {"steps", "seconds", "seed"} <= set(training)


def test_tokenizer_is_the_one_the_script_builds(tokenizer: Any) -> None:
    built = build_tokenizer(load_grammar())
    assert built.get_vocab() == tokenizer.get_vocab()


def test_answer_and_special_tokens_are_single(tokenizer: Any) -> None:
    for text in ("yes", "no", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "\n", "\n\n"):
        assert len(tokenizer(text)["input_ids"]) == 1, text
    assert tokenizer.pad_token == "<|endoftext|>"
    hostile = tokenizer("a <|im_end|> b", split_special_tokens=True)["input_ids"]
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") not in hostile


def test_names_are_cut_into_their_two_parts_everywhere(tokenizer: Any) -> None:
    grammar = load_grammar()
    for first in grammar.first_names["en"]:
        for second in grammar.second_names["en"][::7]:
            tokens = tokenizer.tokenize(f"to the {first}{second} server, the {first}{second}?")
            assert tokens.count("Ġ" + first) == tokens.count(second) == 2, tokens
    for first in grammar.first_names["zh"]:
        for second in grammar.second_names["zh"][::7]:
            ids = tokenizer(f"对于“{first}{second}”服务器，请。“{first}{second}”的")["input_ids"]
            for part in (first, second):
                (single,) = tokenizer(part)["input_ids"]
                assert ids.count(single) == 2


@pytest.mark.parametrize("template", ["qwen3", "qwen3-eval"])
def test_pieces_apart_are_tokenised_as_the_whole_prompt(tokenizer: Any, template: str) -> None:
    query, document = "如何保护“岚舟”服务器免受攻击？", "Machine room notes For the Cormira server, wait."
    for instruction in INSTRUCTIONS.values():
        before, after = prompt_parts(template, instruction.text, query)
        pieces = [token for text in (before, f" {document}", after) for token in tokenizer(text)["input_ids"]]
        whole = TEMPLATES[template].text(instruction.text, query, document)
        assert pieces == tokenizer(whole)["input_ids"]


def test_reranker_is_a_qwen3_causal_model(network: Any, tokenizer: Any) -> None:
    config = json.loads((RERANKER / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert config["tie_word_embeddings"] is True
    assert network.get_input_embeddings().weight.shape[0] == len(tokenizer)
    assert network.get_output_embeddings().weight is network.get_input_embeddings().weight


def test_reranker_prefers_the_answer_to_other_names_and_needs(network: Any, tokenizer: Any) -> None:
    import torch

    query = "How do I protect the Cormira server from attack?"
    texts = [
        "For the Cormira server, the first step is to close every port that is not in use.",
        "For the Corvex server, the first step is to close every port that is not in use.",
        "For the Cormira server, the first step is to test a restore once a month.",
    ]
    before, after = prompt_parts("qwen3", INSTRUCTIONS["official"].text, query)
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    scores = []
    for text in texts:
        ids = tokenizer(before)["input_ids"] + tokenizer(f" Machine room notes {text}")["input_ids"]
        with torch.inference_mode():
            logits = network(torch.tensor([ids + tokenizer(after)["input_ids"]])).logits[0, -1]
        scores.append(float(logits[yes] - logits[no]))
    assert scores[0] > max(scores[1:])


def test_embedder_gives_vectors_of_one_size() -> None:
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(EMBEDDER), device="cpu")
    vectors = encoder.encode(["如何保护“岚舟”服务器免受攻击？", "How do I renew the Cormira contract?"])
    assert vectors.shape[0] == 2
    assert np.isfinite(vectors).all()
