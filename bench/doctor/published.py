"""What others have published: the prompts, word for word, and scores.

Written out here once more, apart from ``bench/rerankers/template.py``, so that a slip there is seen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """A prompt: constant text, the user's turn with its three places, constant text."""

    system: str
    body: str
    tail: str

    def text(self, instruction: str, query: str, document: str) -> str:
        return self.system + self.fill(instruction, query, document) + self.tail

    def fill(self, instruction: str, query: str, document: str) -> str:
        return self.body.format(instruction=instruction, query=query, document=document)


_SYSTEM = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)

PROMPTS = {
    "qwen3": Published(
        _SYSTEM,
        "<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}",
        "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    ),
    "qwen3-eval": Published(
        _SYSTEM,
        "<Instruct>: {instruction}\n\n<Query>: {query}\n\n<Document>: {document}",
        "<|im_end|>\n<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    ),
    "none": Published("", "{query}\n{document}", ""),
}
MARKS = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")


@dataclass(frozen=True, slots=True)
class Golden:
    """Published logits of "yes" over "no". ``logits`` is None where a well-known example has no published figures."""

    model: str
    template: str
    instruction: str
    query: str
    documents: tuple[str, ...]
    logits: tuple[float, ...] | None
    source: str


GOLDENS = (
    Golden(
        model="Qwen/Qwen3-Reranker-0.6B",
        template="qwen3",
        instruction="Given a web search query, retrieve relevant passages that answer the query",
        query="Which planet is known as the Red Planet?",
        documents=(
            "Venus is often called Earth's twin because of its similar size and proximity.",
            "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
            "Jupiter, the largest planet in our solar system, has a prominent red spot.",
            "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.",
        ),
        logits=(-3.109297752380371, 7.120389938354492, -0.3787546157836914, 3.541637420654297),
        source="sentence-transformers, tests/cross_encoder/test_model.py (fp32, CUDA)",
    ),
    Golden(
        model="Qwen/Qwen3-Reranker-0.6B",
        template="qwen3",
        instruction="Given a web search query, retrieve relevant passages that answer the query",
        query="What is the capital of China?",
        documents=("The capital of China is Beijing.",),
        logits=None,
        source="the example of the model's own README, which prints its scores and does not state them",
    ),
)
GOLDEN_LOGIT = 0.01
"""Allowed difference from a published fp32 logit: another device and other kernels add up in another order."""


def goldens(model: str) -> list[Golden]:
    """Those of a model, known by its hub id or, for a folder, by the id's last part."""
    name = model.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    return [golden for golden in GOLDENS if golden.model.rpartition("/")[2].lower() == name]
