"""The pairs to be scored: drawn words of drawn lengths, or a labelled set's queries with their BM25 candidates."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.engines.config import DrawnWorkload, LabelledWorkload
from bench.engines.flops import PromptTokens
from bench.rerankers.prompt import PromptBuilder
from bench.rerankers.template import Template
from bench.types import ConfigError, ModelError, Request, canonical_json

FEWEST_WORDS = 50


@dataclass(frozen=True, slots=True)
class Workload:
    """``prompts`` are the same pairs' lengths in tokens, by the model's own tokenizer."""

    requests: tuple[Request, ...]
    prompts: tuple[PromptTokens, ...]

    @property
    def pairs(self) -> int:
        return sum(len(request.documents) for request in self.requests)

    @property
    def tokens(self) -> int:
        """Of all prompts, each counted whole."""
        return sum(sum(prompts.lengths) for prompts in self.prompts)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of the texts: equal ones, equal workload."""
        return hashlib.sha256(canonical_json([asdict(request) for request in self.requests]).encode()).hexdigest()[:16]


def make_workload(
    asked: DrawnWorkload | LabelledWorkload,
    tokenizer: Any,
    template: Template,
    instruction: str,
    max_length: int,
    base: Path,
) -> Workload:
    """Draw or look up the pairs and measure their prompts. Raises ConfigError, ModelError or DataError."""
    if isinstance(asked, DrawnWorkload):
        requests = drawn_requests(asked, tokenizer, template, instruction)
    else:
        requests = labelled_requests(asked, instruction, base)
    prompts = measured(requests, PromptBuilder(tokenizer, template, max_length))
    if isinstance(asked, DrawnWorkload):
        _check_lengths(asked, prompts)
    return Workload(requests, prompts)


def part(requests: Sequence[Request], pairs: int) -> tuple[Request, ...]:
    """The first ``pairs`` pairs, query by query: an engine that batches within a query gets batches as full as ever."""
    chosen = []
    for request in requests:
        documents = request.documents[:pairs]
        if documents:
            chosen.append(Request(request.query, documents, request.instruction))
        pairs -= len(documents)
    return tuple(chosen)


def drawn_lengths(asked: DrawnWorkload) -> list[list[int]]:
    """Tokens of each document, per query; the same for the same seed, whatever the tokenizer."""
    rng = random.Random(asked.seed)
    mean = math.log(asked.median_tokens)
    return [
        [
            min(asked.max_tokens, max(asked.min_tokens, round(rng.lognormvariate(mean, asked.sigma))))
            for _ in range(asked.documents)
        ]
        for _ in range(asked.queries)
    ]


def drawn_requests(asked: DrawnWorkload, tokenizer: Any, template: Template, instruction: str) -> tuple[Request, ...]:
    """Texts of words that are one token each, so that a document has exactly the tokens drawn for it."""
    words = one_token_words(tokenizer)
    openers = [word for word in words if _count(tokenizer, template.document_piece(word)) == 1]
    if min(len(words), len(openers)) < FEWEST_WORDS:
        raise ModelError(
            f"the model's tokenizer has only {min(len(words), len(openers))} words that are one token, and "
            f"{FEWEST_WORDS} are needed to draw documents of given lengths; use a labelled set as the workload"
        )
    rng = random.Random(asked.seed + 1)

    def text(tokens: int) -> str:
        return " ".join([rng.choice(openers), *rng.choices(words, k=tokens - 1)])

    return tuple(
        Request(text(asked.query_tokens), tuple(text(length) for length in lengths), instruction)
        for lengths in drawn_lengths(asked)
    )


def one_token_words(tokenizer: Any) -> list[str]:
    """Lower-case English letters that are one token behind a space, in alphabetical order."""
    vocabulary = tokenizer.get_vocab()
    words = {str(tokenizer.decode([id])) for id in vocabulary.values()}
    letters = sorted(word[1:] for word in words if word[:1] == " " and word[1:].isascii() and word[1:].isalpha())
    return [word for word in letters if word.islower() and _count(tokenizer, f" {word}") == 1]


def labelled_requests(asked: LabelledWorkload, instruction: str, base: Path) -> tuple[Request, ...]:
    """A seeded sample of queries, each with its best documents by BM25."""
    from bench.retrievers import load_retriever
    from bench.trial import load_trial_dataset
    from bench.types import Trial

    trial = Trial(asked.dataset, "BM25", asked.split, depth=asked.documents, max_queries=asked.queries, seed=asked.seed)
    dataset = load_trial_dataset(trial, base)
    retriever = load_retriever(trial, "cpu")
    retriever.index(dataset.corpus)
    run = retriever.search(dataset.queries, asked.documents)
    texts = {document.id: document.content for document in dataset.corpus}
    found = tuple(
        Request(query.text, tuple(texts[hit.doc_id] for hit in run[query.id]), instruction)
        for query in dataset.queries
        if run[query.id]
    )
    if not found:
        raise ConfigError(f"BM25 finds no document for any of {len(dataset.queries)} queries of {asked.dataset}")
    return found


def measured(requests: Sequence[Request], builder: PromptBuilder) -> tuple[PromptTokens, ...]:
    """The lengths of every prompt's parts as the engines build them, after any cut."""
    system = len(builder.system)
    return tuple(
        PromptTokens(
            system, len(row[0].head) - system, tuple((len(prompt.document), len(prompt.tail)) for prompt in row)
        )
        for row in builder.build_many(requests)
        if row
    )


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _check_lengths(asked: DrawnWorkload, prompts: Sequence[PromptTokens]) -> None:
    got = [[document for document, _ in queries.documents] for queries in prompts]
    if got != drawn_lengths(asked):
        raise ConfigError(
            "the drawn documents do not have the tokens drawn for them: max_length cuts them, or the tokenizer joins "
            "words; raise max_length, or use a labelled set as the workload"
        )
