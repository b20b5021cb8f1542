"""Pairs drawn at random, so that a machine can be profiled before anything is downloaded.

A document is a row of words that are one token each for the tokenizer at hand, so its length in tokens is exactly the
length drawn for it. Speed and memory are then those of real text of that length; there is nothing to judge.

A drawn workload stands where a labelled set's folder does, under a name that holds all of it: ``drawn:{"queries":…}``.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.reading import unknown
from bench.types import ConfigError, Dataset, Document, ModelError, Query, Request, canonical_json

if TYPE_CHECKING:
    from bench.rerankers.template import Template

PREFIX = "drawn:"
NAME = "drawn workload"
FEWEST_WORDS = 50
LARGEST_SIGMA = 10.0
"""At this spread nearly every length is one of the two bounds; far above it, exp overflows."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """``documents`` per query, of lengths that are lognormal about the median and clipped to the bounds (tokens)."""

    queries: int = 4
    documents: int = 32
    median_tokens: int = 180
    sigma: float = 0.8
    min_tokens: int = 20
    max_tokens: int = 512
    query_tokens: int = 12
    seed: int = 0


def wrong_with(asked: Drawn) -> str | None:
    """What nobody could draw, in words; None for a sensible workload."""
    for name in ("queries", "documents", "query_tokens", "min_tokens"):
        if getattr(asked, name) < 1:
            return f"{name} must be at least 1"
    if not asked.min_tokens <= asked.median_tokens <= asked.max_tokens:
        return "min_tokens, median_tokens and max_tokens must be in this order"
    if not 0 <= asked.sigma <= LARGEST_SIGMA:
        return f"sigma must be from 0, which makes every document as long as the median, to {LARGEST_SIGMA:g}"
    return None


# ------------------------------------------------------------------------------------------------------ names


def drawn_name(asked: Mapping[str, Any]) -> str:
    """The name of the workload that a mapping describes: equal workloads have equal names. Raises ConfigError."""
    return PREFIX + canonical_json(asdict(_checked(asked)))


def is_drawn(dataset: str) -> bool:
    """Whether a trial's dataset is a drawn workload, and not a folder."""
    return dataset.startswith(PREFIX)


def parse_drawn(dataset: str) -> Drawn:
    """The workload of that name; what the name leaves out is as by default. Raises ConfigError."""
    try:
        asked = json.loads(dataset.removeprefix(PREFIX)) if is_drawn(dataset) else None
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise ConfigError(f'{dataset!r} is not the name of a drawn workload, such as {PREFIX}{{"queries":4}}')
    return _checked(asked)


def _checked(asked: Any) -> Drawn:
    if not isinstance(asked, Mapping):
        raise ConfigError(f"the drawn workload is {asked!r}; expected a mapping such as {{queries: 4, documents: 32}}")
    known = tuple(field.name for field in fields(Drawn))
    for key, value in asked.items():
        if key not in known:
            raise ConfigError(unknown("key of the drawn workload", str(key), known))
        if type(value) is not int and not (key == "sigma" and type(value) is float):
            kind = "number" if key == "sigma" else "whole number"
            raise ConfigError(f"the drawn workload's {key} is {value!r}; expected a {kind}")
    drawn = Drawn(**asked)
    if problem := wrong_with(drawn):
        raise ConfigError(f"the drawn workload cannot be drawn: {problem}")
    return replace(drawn, sigma=abs(float(drawn.sigma)))  # 1 and 1.0, 0.0 and -0.0 are one workload each


# ---------------------------------------------------------------------------------------------------- drawing


def drawn_lengths(asked: Drawn) -> list[list[int]]:
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


def drawn_requests(asked: Drawn, tokenizer: Any, template: Template, instruction: str) -> tuple[Request, ...]:
    """Texts of words that are one token each, so that a document has exactly the tokens drawn for it.

    Raises ModelError for a tokenizer with which that cannot be done.
    """
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

    lengths = drawn_lengths(asked)
    requests = tuple(
        Request(text(asked.query_tokens), tuple(text(length) for length in row), instruction) for row in lengths
    )
    for row, request in zip(lengths, requests, strict=True):
        _check_counts(row, [template.document_piece(document) for document in request.documents], tokenizer)
    return requests


def one_token_words(tokenizer: Any) -> list[str]:
    """Lower-case English letters that are one token behind a space, in alphabetical order."""
    vocabulary = tokenizer.get_vocab()
    words = {str(tokenizer.decode([id])) for id in vocabulary.values()}
    letters = sorted(word[1:] for word in words if word[:1] == " " and word[1:].isascii() and word[1:].isalpha())
    return [word for word in letters if word.islower() and _count(tokenizer, f" {word}") == 1]


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _check_counts(lengths: Sequence[int], pieces: Sequence[str], tokenizer: Any) -> None:
    for length, piece in zip(lengths, pieces, strict=True):
        if (count := _count(tokenizer, piece)) != length:
            raise ModelError(
                f"the model's tokenizer reads {length} words of one token each as {count} tokens, so documents of "
                "given lengths cannot be drawn for it; use a labelled set as the workload"
            )


# --------------------------------------------------------------------------------------------- as a labelled set


def drawn_dataset(asked: Drawn, tokenizer: Any, template: Template, instruction: str) -> Dataset:
    """The workload as a set without judgements, whose queries name their documents for the retriever ``given``.

    Its checksum is that of the texts, which depend on the tokenizer and the template, and not on the instruction.
    Raises ModelError as ``drawn_requests`` does.
    """
    requests = drawn_requests(asked, tokenizer, template, instruction)
    corpus: list[Document] = []
    queries: list[Query] = []
    for number, request in enumerate(requests, start=1):
        documents = [Document(f"q{number}-d{n}", text) for n, text in enumerate(request.documents, start=1)]
        corpus += documents
        queries.append(Query(f"q{number}", request.query, {"candidates": [document.id for document in documents]}))
    texts = [[request.query, *request.documents] for request in requests]
    return Dataset(
        name=NAME,
        split="",
        corpus=tuple(corpus),
        queries=tuple(queries),
        qrels={},
        checksum=hashlib.sha256(canonical_json(texts).encode()).hexdigest(),
        path=Path(),
        licence="",
        revision="",
        description=_description(asked),
    )


def drawn_facts(asked: Drawn) -> dict[str, Any]:
    """What a result says of the workload, in place of a labelled set's facts; it takes no tokenizer to know them."""
    return {
        "name": NAME,
        "split": "",
        "documents": asked.queries * asked.documents,
        "queries": asked.queries,
        "judgements": 0,
        "languages": [],
        "licence": "",
        "revision": "",
        "checksum": "",
        "description": _description(asked),
        "notices": [],
    }


def _description(asked: Drawn) -> str:
    spread = (
        f"lengths are lognormal about a median of {asked.median_tokens} tokens with sigma {asked.sigma:g}, clipped to "
        f"between {asked.min_tokens} and {asked.max_tokens}"
        if asked.sigma
        else f"each is {asked.median_tokens} tokens long"
    )
    return (
        f"Words drawn at random (seed {asked.seed}): {asked.queries} queries of {asked.query_tokens} tokens, each with "
        f"{asked.documents} documents of its own; {spread}. Nothing is judged, so only speed and memory are measured."
    )
