"""A prompt as token lists that are cut and joined without surprises.

A prompt is ``head + document + tail``: the head holds the system turn, the instruction and the query; the tail closes
the user's turn and opens the assistant's. Only the document is ever cut, so the position that is read for "yes" or
"no" is always the one the model was trained to answer at. For Qwen's tokenizer the pieces joined are the same tokens
as the whole prompt tokenised at once (tested), so nothing is lost by encoding a head once for all its documents.

Control tokens in the data are text. ``split_special_tokens`` alone is not enough for that: it breaks up only the
added tokens that are marked special, and Qwen3's ``<think>``, ``</think>`` and ``<tool_call>`` are not.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple

from bench.printable import refuse_surrogates
from bench.rerankers.template import Template
from bench.types import ConfigError, ModelError, Request

Part = Literal["system", "instruction", "query", "document", "tail"]
Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids. ``head`` and ``tail`` are shared between prompts; ``cut_tokens`` of the document were left out."""

    head: Tokens
    document: Tokens
    tail: Tokens
    cut_tokens: int = 0

    @property
    def tokens(self) -> list[int]:
        return [*self.head, *self.document, *self.tail]

    def __len__(self) -> int:
        return len(self.head) + len(self.document) + len(self.tail)


class ViewedToken(NamedTuple):
    id: int
    text: str
    part: Part


@dataclass(frozen=True, slots=True)
class PromptView:
    """A prompt for people: every token with its text and the part it belongs to, and what was cut.

    A token that holds part of a character shows as U+FFFD.
    """

    tokens: tuple[ViewedToken, ...]
    cut_tokens: int
    cut_text: str
    max_length: int


class PromptBuilder:
    """Turns texts into prompts of at most ``max_length`` tokens. Constant parts are encoded once.

    Raises ModelError when the tokenizer lacks the chat marks the template is made of. The tokenizer is changed in one
    way: its added tokens all become special ones, so that they can be told apart from the same characters in data.
    """

    def __init__(self, tokenizer: Any, template: Template, max_length: int) -> None:
        self.tokenizer, self.template, self.max_length = tokenizer, template, max_length
        absent = [mark for mark in ("<|im_start|>", "<|im_end|>") if not _is_one_token(tokenizer, mark)]
        if absent and "<|im_start|>" in template.system:
            raise ModelError(
                f"the template {template.name!r} needs the chat marks {' and '.join(absent)}, which the model's "
                "tokenizer does not have; use the template 'none' or another model"
            )
        added = _added_tokens(tokenizer)
        _make_special(tokenizer, added)
        self._control = {id for id in added if id != tokenizer.unk_token_id}
        self._kept: dict[str, array[int]] | None = None
        self.system = self._constant(template.system)
        self.tail = self._constant(template.tail)

    def keep_documents(self) -> None:
        """From now on keep every document's tokens, four bytes each: for documents that are scored again and again."""
        self._kept = {} if self._kept is None else self._kept

    def build(self, instruction: str, query: str, document: str) -> Prompt:
        return self.build_many([Request(query, (document,), instruction)])[0][0]

    def build_many(self, requests: Sequence[Request]) -> list[list[Prompt]]:
        """One prompt per document of each request, in order; each distinct text is encoded once.

        Raises DataError for text that is not Unicode (a lone surrogate), ConfigError when a query leaves no room for a
        document within ``max_length`` or the template has no place for an instruction that was given.
        """
        for request in requests:
            check_request(request, self.template)
        instructions = self._encode({self.template.instruction_piece(request.instruction) for request in requests})
        queries = self._encode({self.template.query_piece(request.query) for request in requests})
        documents = self._encode_documents(
            {self.template.document_piece(text) for request in requests for text in request.documents}
        )
        prompts = []
        for request in requests:
            query = queries[self.template.query_piece(request.query)]
            head = self.system + instructions[self.template.instruction_piece(request.instruction)] + query
            prompts.append(
                [self._fit(head, documents[self.template.document_piece(text)], request) for text in request.documents]
            )
        return prompts

    def inspect(self, instruction: str, query: str, document: str) -> PromptView:
        """The prompt of one pair, token by token."""
        prompt = self.build(instruction, query, document)
        whole = self._encode({self.template.document_piece(document)})[self.template.document_piece(document)]
        query_tokens = self._encode({self.template.query_piece(query)})[self.template.query_piece(query)]
        parts: tuple[tuple[Part, Tokens], ...] = (
            ("system", self.system),
            ("instruction", prompt.head[len(self.system) : len(prompt.head) - len(query_tokens)]),
            ("query", query_tokens),
            ("document", prompt.document),
            ("tail", self.tail),
        )
        return PromptView(
            tokens=tuple(ViewedToken(id, self._show([id]), part) for part, ids in parts for id in ids),
            cut_tokens=prompt.cut_tokens,
            cut_text=self._show(whole[len(prompt.document) :]),
            max_length=self.max_length,
        )

    def _fit(self, head: Tokens, document: Tokens, request: Request) -> Prompt:
        room = self.max_length - len(head) - len(self.tail)
        if room < min(1, len(document)):
            fixed = len(head) + len(self.tail)
            raise ConfigError(
                f"max_length {self.max_length} leaves no room for a document: the query {_begin(request.query)} with "
                f"its instruction and the template takes {fixed} tokens; set max_length to {fixed + 1} at the very "
                "least, or shorten the query or the instruction"
            )
        return Prompt(head, document[:room], self.tail, cut_tokens=max(0, len(document) - room))

    def _constant(self, text: str) -> Tokens:
        return tuple(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) if text else ()

    def _encode(self, texts: Iterable[str]) -> dict[str, Tokens]:
        """Each text as tokens, none of them a control token."""
        distinct = [text for text in texts if text]
        encoded: dict[str, Tokens] = {"": ()}
        if distinct:
            output = self.tokenizer(
                distinct,
                add_special_tokens=False,
                split_special_tokens=True,
                return_attention_mask=False,
                verbose=False,
            )
            encoded.update(zip(distinct, map(self._without_control, output["input_ids"]), strict=True))
        return encoded

    def _encode_documents(self, texts: set[str]) -> dict[str, Tokens]:
        if self._kept is None:
            return self._encode(texts)
        fresh = self._encode(texts - self._kept.keys())
        self._kept.update((text, array("i", tokens)) for text, tokens in fresh.items())
        return {text: fresh.get(text) or tuple(self._kept[text]) for text in texts}

    def _without_control(self, ids: Sequence[int]) -> Tokens:
        """A vocabulary of whole words can only spell a control token as itself; there it becomes the unknown word."""
        if self._control.isdisjoint(ids):
            return tuple(ids)
        unknown = self.tokenizer.unk_token_id
        replaced = (unknown if id in self._control else id for id in ids)
        return tuple(id for id in replaced if id is not None)

    def _show(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


def build(
    tokenizer: Any, template: Template, query: str, document: str, *, instruction: str, max_length: int
) -> Prompt:
    """One prompt; for many, keep a PromptBuilder."""
    return PromptBuilder(tokenizer, template, max_length).build(instruction, query, document)


def inspect(
    tokenizer: Any, template: Template, query: str, document: str, *, instruction: str, max_length: int
) -> PromptView:
    """One prompt, token by token, as the engines read it."""
    return PromptBuilder(tokenizer, template, max_length).inspect(instruction, query, document)


def check_request(request: Request, template: Template) -> None:
    """Raises ConfigError for an instruction the template has no place for, DataError for text that is not Unicode."""
    if request.instruction and not template.takes_instruction:
        raise ConfigError(
            f"the template {template.name!r} has no place for an instruction, and one was given: "
            f"{_begin(request.instruction)}; leave it out or choose another template"
        )
    refuse_surrogates("instruction", request.instruction)
    refuse_surrogates("query", request.query)
    for index, document in enumerate(request.documents):
        refuse_surrogates(f"document {index} of the query {_begin(request.query)}", document)


def cut_pairs(prompts: Sequence[Prompt], requests: Sequence[Request]) -> list[int]:
    """Per request, how many of its documents were cut; ``prompts`` are those of all requests, in order."""
    cut = iter(prompt.cut_tokens > 0 for prompt in prompts)
    return [sum(islice(cut, len(request.documents))) for request in requests]


def check_positions(prompts: Iterable[Prompt], positions: int | None) -> None:
    """Raises ConfigError for a prompt longer than the model's ``max_position_embeddings``."""
    longest = max(map(len, prompts), default=0)
    if positions is not None and longest > positions:
        raise ConfigError(
            f"a prompt has {longest} tokens and the model knows {positions} positions; "
            f"set max_length to {positions} or less"
        )


def _is_one_token(tokenizer: Any, text: str) -> bool:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) == 1


def _added_tokens(tokenizer: Any) -> dict[int, Any]:
    return {int(id): token for id, token in tokenizer.added_tokens_decoder.items()}


def _make_special(tokenizer: Any, added: dict[int, Any]) -> None:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    plain = [token for token in added.values() if not token.special]
    if backend is not None and plain:
        from tokenizers import AddedToken

        backend.add_special_tokens(
            [
                AddedToken(
                    token.content,
                    special=True,
                    single_word=token.single_word,
                    lstrip=token.lstrip,
                    rstrip=token.rstrip,
                    normalized=token.normalized,
                )
                for token in plain
            ]
        )


def _begin(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
