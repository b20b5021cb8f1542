"""A sentence-transformers model as a function: texts -> unit vectors."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from bench.hub import check_code, needs_code, own_code
from bench.hub.watched import check_whole, watched_loading
from bench.machine.device import torch_dtype
from bench.printable import refuse_surrogates
from bench.retrievers.batches import Batch, by_count, by_tokens
from bench.types import ModelError

LIBRARIES = ("sentence-transformers", "transformers", "tokenizers", "torch")


CPU_TOKENS, DEVICE_TOKENS = 2**11, 2**14
"""Tokens per forward pass, padding included, when nobody sets a number of texts.

On a CPU 1,000 to 2,000 tokens are fastest, as ``timing embed`` measures. Elsewhere a
pass wants more work; that figure is 64 texts of 256 tokens, and has not been measured.
"""

PLAIN_BATCH = 64
"""Texts at a time where tokens cannot be counted, as for a table of word vectors, which has no padding to save."""

COUNTED_AT_ONCE = 512
"""Texts whose tokens are held in memory together while they are counted."""


class Encoder:
    """A loaded model. Vectors leave it as 32-bit floats of length 1, whatever ``dtype`` it computes in.

    ``batch_size`` is the number of texts per forward pass; None fills a pass with tokens, ``token_budget`` of them.
    """

    def __init__(self, model: Any, device: str, dtype: str, max_length: int | None, batch_size: int | None) -> None:
        self.model, self.device, self.dtype = model, device, dtype
        self.max_length, self.batch_size = max_length, batch_size
        self.token_budget = CPU_TOKENS if device == "cpu" else DEVICE_TOKENS

    @property
    def counts_tokens(self) -> bool:
        """Whether the model is a transformer with a tokenizer, so that a text has a length in tokens."""
        return hasattr(self.model[0], "auto_model") and callable(getattr(self.model, "tokenizer", None))

    def own_prompt(self, role: Literal["query", "document"]) -> str:
        """What the model's authors put before a text of this role; empty where they put nothing."""
        return str((self.model.prompts or {}).get(role) or "")

    def encode(self, texts: Sequence[str], prompt: str) -> Any:
        """A tensor of shape (texts, dimensions) on the device; there is at least one text.

        ``prompt`` is put in front of every text; an empty one means none, also where the model has one of its own.
        """
        import torch

        if len(texts) == 1:
            return self.encode_batches([texts], prompt)
        batches = self.batches(texts, prompt)
        vectors = self.encode_batches([[texts[i] for i in batch] for batch in batches], prompt)
        in_order = torch.empty_like(vectors)
        in_order[[place for batch in batches for place in batch]] = vectors
        return in_order

    def batches(self, texts: Sequence[str], prompt: str) -> list[Batch]:
        """Positions of ``texts`` by forward pass, longest texts first."""
        if self.batch_size is None and self.counts_tokens:
            return by_tokens(self.token_lengths(texts, prompt), self.token_budget)
        return by_count([len(text) for text in texts], self.batch_size or PLAIN_BATCH)

    def encode_batches(self, batches: Sequence[Sequence[str]], prompt: str) -> Any:
        """As ``encode``, one forward pass for each of ``batches``; the vectors of all texts in the order given.

        Vectors are scaled in fp32, not in the model's dtype: rounding to 8 bits after scaling would blur the cosines.
        """
        import torch
        from torch.nn.functional import normalize

        for batch in batches:
            _check(batch)
        parts = [
            self.model.encode(
                list(batch), prompt=prompt, batch_size=len(batch), convert_to_tensor=True, show_progress_bar=False
            )
            for batch in batches
        ]
        return normalize(torch.cat(parts).float(), dim=1)

    def token_lengths(self, texts: Sequence[str], prompt: str) -> list[int]:
        """Tokens of each text with its prompt, as many as the model reads; they serve to plan batches, no more."""
        bound = self.model.max_seq_length
        lengths: list[int] = []
        for start in range(0, len(texts), COUNTED_AT_ONCE):
            _check(texts[start : start + COUNTED_AT_ONCE])
            part = [prompt + text for text in texts[start : start + COUNTED_AT_ONCE]]
            tokens = self.model.tokenizer(part, return_attention_mask=False, verbose=False)["input_ids"]
            lengths += [len(ids) if bound is None else min(len(ids), bound) for ids in tokens]
        return lengths


def _check(texts: Sequence[str]) -> None:
    """Raises DataError for text that is not Unicode, of which the tokenizer says something that helps nobody."""
    for text in texts:
        refuse_surrogates("text to be embedded", text)


def load_encoder(
    path: Path, device: str, dtype: str, max_length: int | None, batch_size: int | None, *, trusted: bool = False
) -> Encoder:
    """The model in the folder ``path``, on ``device`` in ``dtype`` (``fp32``, ``fp16``, ``bf16``).

    ``max_length`` bounds the tokens of a text, prompt included; None leaves the model's own bound. Code that comes
    with a model is run where it is ``trusted`` and nowhere else, and pickles are never read. Raises ModelError for a
    model that cannot be loaded or does not take ``max_length``.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    check_code(str(path), path, trusted=trusted)
    number_format = torch_dtype(dtype)
    try:
        with _quiet("sentence_transformers"), watched_loading() as missing:
            model = SentenceTransformer(
                str(path),
                device=device,
                trust_remote_code=trusted,
                local_files_only=True,
                model_kwargs={"dtype": number_format, "use_safetensors": True},
            )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever the libraries raise, the folder is what the user can mend
        if not trusted and (code := own_code(path)) and "custom code" in str(error):
            raise ModelError(needs_code(str(path), path, code[0])) from error
        raise ModelError(f"{path} cannot be loaded as an embedding model: {type(error).__name__}: {error}") from error
    check_whole(str(path), missing, "pooler")  # which reads the last hidden states and gives the vectors nothing
    for module in model:
        if not hasattr(module, "auto_model"):  # the transformer has its format already, and keeps some buffers in fp32
            module.to(number_format)
    if max_length is not None:
        _set_max_length(model, max_length, path)
    return Encoder(model, device, dtype, max_length, batch_size)


def library_versions() -> tuple[str, ...]:
    """Name and minor version of each library whose kernels or token rules make the numbers."""
    return tuple(f"{name} {'.'.join(version(name).split('.')[:2])}" for name in LIBRARIES)


def _set_max_length(model: Any, max_length: int, path: Path) -> None:
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    if config is None:
        raise ModelError(f"the model {path} has no bound on length to set; leave embedder_max_length out")
    positions = getattr(config, "max_position_embeddings", None)
    if max_length < 1 or (positions is not None and max_length > positions):
        bound = f"1 to {positions}" if positions is not None else "at least 1"
        raise ModelError(f"embedder_max_length is {max_length}; the model {path} takes {bound}")
    model.max_seq_length = max_length


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence a library's log below errors: its remarks on loading concern people who train models."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
