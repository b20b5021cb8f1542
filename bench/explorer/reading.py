"""How far a reranker read: the characters of a document that fitted into its prompt."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.explorer.data import Reading
from bench.pipeline import own_instruction
from bench.rerankers.prompt import PromptBuilder
from bench.rerankers.template import find_template
from bench.trial import instruction_of
from bench.types import QualityPass, Query, Request, RerankBenchError, Trial

OURS = ("packed", "transformers", "vllm")
"""Engines whose prompts are cut by ``PromptBuilder``."""
MOST_CHARACTERS = 30_000_000
"""So much text is tokenised for one pipeline, at most."""


class Reader:
    """Answers for the queries of which a trial's quality pass cut candidates. ``reading`` says what it can know."""

    def __init__(self, trial: Trial, made: QualityPass | None, base: Path, most: int = MOST_CHARACTERS) -> None:
        cut = made.cut_pairs if made is not None else None
        self._trial, self._cut, self._left = trial, cut or {}, most
        self._builder: PromptBuilder | None = None
        self._seen: set[str] = set()
        self._ends: dict[str, array[int]] = {}
        self.reading: Reading = "whole"
        if trial.reranker is None or cut == {}:
            return
        self.reading = "engine"
        if cut and trial.engine in OURS:
            self._builder = _builder(trial, base)
            self.reading = "tokenizer" if self._builder is None else "known"

    def knows(self, query: Query) -> bool:
        """Whether any of the query's candidates was cut, at a place that can be found."""
        return self._builder is not None and query.id in self._cut

    def read(self, query: Query, contents: Sequence[str]) -> list[int | None]:
        """For each document the number of characters that were read; None where that is all, or not known."""
        fresh = set(contents) - self._seen
        characters = sum(map(len, fresh))
        if self._builder is None or not self.knows(query) or characters > self._left:
            self.reading = "some" if self.knows(query) else self.reading
            return [None] * len(contents)
        self._seen |= fresh
        self._left -= characters
        asked = own_instruction(query, self._trial.instruction_field)
        instruction = instruction_of(self._trial) if asked is None else asked
        prompts = self._builder.build_many([Request(query.text, tuple(contents), instruction)])[0]
        return [
            self._end(text, len(prompt.document)) if prompt.cut_tokens else None
            for text, prompt in zip(contents, prompts, strict=True)
        ]

    def _end(self, content: str, tokens: int) -> int:
        """The character of ``content`` at which its first ``tokens`` end."""
        template = find_template(self._trial.template)
        if content not in self._ends and self._builder is not None:
            encoded = self._builder.tokenizer(
                template.document_piece(content),
                add_special_tokens=False,
                split_special_tokens=True,
                return_offsets_mapping=True,
                verbose=False,
            )
            self._ends[content] = array("I", (end for _, end in encoded["offset_mapping"]))
        ends = self._ends[content]
        return max(0, min(ends[min(tokens, len(ends)) - 1] - len(template.gap), len(content))) if tokens else 0


def _builder(trial: Trial, base: Path) -> PromptBuilder | None:
    """None where the tokenizer is out of reach, or cannot say which characters a token is of."""
    from bench.hub import located
    from bench.rerankers.checkpoint import load_tokenizer

    try:
        tokenizer: Any = load_tokenizer(located(str(trial.reranker), base), trial.reranker_revision, trial.hub)
        if not tokenizer.is_fast:
            return None
        builder = PromptBuilder(tokenizer, find_template(trial.template), trial.max_length)
    except RerankBenchError:
        return None
    builder.keep_documents()
    return builder
