"""Checkpoints of a few thousand weights, random but far from zero, so that scores differ."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CORPUS = [
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided.",
    'Note that the answer can only be "yes" or "no". yes no yes no yes no',
    "system user assistant Instruct Query Document Given a web search query, retrieve relevant passages",
    "the quick brown fox jumps over the lazy dog and a fire wall keeps the server safe",
]
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
THINK = ["<think>", "</think>"]


def own_tokenizer() -> Any:
    """A byte-level BPE with Qwen's marks, trained on four lines; ``<think>`` is not special, as in Qwen3's own."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, special_tokens=CONTROL, show_progress=False),
    )
    backend.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in THINK])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<|endoftext|>", eos_token="<|im_end|>", padding_side="right"
    )


def save_checkpoint(folder: Path, tokenizer: Any, seed: int = 0, **config: Any) -> Path:
    """A two-layer Qwen3 with grouped heads, random weights of spread 0.2, and ``tokenizer``."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 4096,
        "initializer_range": 0.2,
        "tie_word_embeddings": True,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(Qwen3Config(**(shape | config)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_quiet_thread() -> Iterator[None]:
    """Models this small lose time to threads; and nobody watches the progress bars."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_tokenizer() -> Any:
    """The tiny checkpoint's tokenizer, without the checkpoint."""
    return own_tokenizer()


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Save a checkpoint of one's own: ``make_checkpoint(tokenizer=…, seed=…, **config)`` -> its folder."""

    def make(tokenizer: Any = None, seed: int = 0, **config: Any) -> Path:
        return save_checkpoint(tmp_path / "model", tokenizer or own_tokenizer(), seed, **config)

    return make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a tokenizer of its own: needs nothing from outside."""
    return save_checkpoint(tmp_path_factory.mktemp("tiny"), own_tokenizer())


@pytest.fixture(scope="session")
def qwen_tokenizer(shared_data: Callable[[str], Path]) -> Any:
    """Qwen3's own tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(shared_data("qwen3-tokenizer"))


@pytest.fixture(scope="session")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory, shared_data: Callable[[str], Path]) -> Path:
    """A checkpoint of the same size with Qwen3's own tokenizer."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(shared_data("qwen3-tokenizer"))
    return save_checkpoint(tmp_path_factory.mktemp("tiny-qwen"), tokenizer)


class Conversation(BaseHTTPRequestHandler):
    """One connection to a test's server, which answers a POST as the test says."""

    protocol_version = "HTTP/1.1"
    answer: Callable[[Conversation, Any], None]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).answer(self, body)

    def reply(self, value: Any, status: int = 200, **headers: str) -> None:
        """JSON for a value, bytes as they are; ``Retry_After="1"`` is the header Retry-After."""
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        own = {"Content_Type": "application/json", "Content_Length": str(len(content))}
        for name, held in (own | headers).items():
            self.send_header(name.replace("_", "-"), held)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Callable[[Conversation, Any], None]], str]]:
    """Start a server on this machine: ``serve(answer)`` -> its address; ``answer(conversation, body)`` replies."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[Conversation, Any], None]) -> str:
        handler = type("Answering", (Conversation,), {"answer": staticmethod(answer)})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def score_url(serve: Callable[..., str]) -> str:
    """A server that speaks vLLM's ``/score``; its scores depend on the joined text alone."""

    def answer(conversation: Conversation, body: Any) -> None:
        prompts = [body["text_1"] + text for text in body["text_2"]]
        rows = [{"index": index, "score": len(text) % 89 / 10 - 4} for index, text in enumerate(prompts)]
        conversation.reply({"data": rows, "usage": {"prompt_tokens": sum(map(len, prompts))}})

    return f"{serve(answer)}/score"
