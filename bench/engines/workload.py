"""The pairs to be scored: drawn words of drawn lengths, or a labelled set's queries with their BM25 candidates."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.engines.config import DrawnWorkload, LabelledWorkload
from bench.machine.flops import PromptTokens
from bench.rerankers.prompt import PromptBuilder
from bench.rerankers.template import Template
from bench.roofline import measured
from bench.synthetic import drawn_lengths, drawn_requests
from bench.types import ConfigError, Request, canonical_json


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
        requests = drawn_requests(asked.drawn, tokenizer, template, instruction)
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


def labelled_requests(asked: LabelledWorkload, instruction: str, base: Path) -> tuple[Request, ...]:
    """A seeded sample of queries, each with its best documents by BM25."""
    from bench.data import contents_of
    from bench.retrievers import load_retriever
    from bench.trial import load_trial_dataset
    from bench.types import Trial

    trial = Trial(asked.dataset, "BM25", asked.split, depth=asked.documents, max_queries=asked.queries, seed=asked.seed)
    dataset = load_trial_dataset(trial, base)
    retriever = load_retriever(trial, "cpu")
    retriever.index(dataset.corpus)
    run = retriever.search(dataset.queries, asked.documents)
    texts = contents_of(dataset.corpus)
    found = tuple(
        Request(query.text, tuple(texts[hit.doc_id] for hit in run[query.id]), instruction)
        for query in dataset.queries
        if run[query.id]
    )
    if not found:
        raise ConfigError(f"BM25 finds no document for any of {len(dataset.queries)} queries of {asked.dataset}")
    return found


def _check_lengths(asked: DrawnWorkload, prompts: Sequence[PromptTokens]) -> None:
    got = [[document for document, _ in queries.documents] for queries in prompts]
    if got != drawn_lengths(asked.drawn):
        raise ConfigError(
            "max_length cuts documents, so that they do not have the tokens drawn for them; raise max_length, or lower "
            "the workload's max_tokens"
        )
