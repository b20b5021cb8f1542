"""A sentence-transformers model as a function: texts -> unit vectors."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from bench.device import torch_dtype
from bench.types import ModelError

LIBRARIES = ("sentence-transformers", "transformers", "tokenizers", "torch")


class Encoder:
    """A loaded model. Vectors leave it as 32-bit floats of length 1, whatever ``dtype`` it computes in."""

    def __init__(self, model: Any, device: str, dtype: str, max_length: int | None, batch_size: int) -> None:
        self.model, self.device, self.dtype = model, device, dtype
        self.max_length, self.batch_size = max_length, batch_size

    def own_prompt(self, role: Literal["query", "document"]) -> str:
        """What the model's authors put before a text of this role; empty where they put nothing."""
        return str((self.model.prompts or {}).get(role) or "")

    def encode(self, texts: Sequence[str], prompt: str) -> Any:
        """A tensor of shape (texts, dimensions) on the device.

        ``prompt`` is put in front of every text; an empty one means none, also where the model has one of its own.
        Vectors are scaled in fp32, not in the model's dtype: rounding to 8 bits after scaling would blur the cosines.
        """
        from torch.nn.functional import normalize

        vectors = self.model.encode(
            list(texts),
            prompt=prompt,
            batch_size=self.batch_size,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        return normalize(vectors.float(), dim=1)


def load_encoder(path: Path, device: str, dtype: str, max_length: int | None, batch_size: int) -> Encoder:
    """The model in the folder ``path``, on ``device`` in ``dtype`` (``fp32``, ``fp16``, ``bf16``).

    ``max_length`` bounds the tokens of a text, prompt included; None leaves the model's own bound. Code that comes
    with a model is never run. Raises ModelError for a model that cannot be loaded or does not take ``max_length``.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    number_format = torch_dtype(dtype)
    try:
        with _quiet("sentence_transformers"):
            model = SentenceTransformer(
                str(path),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"dtype": number_format},
            )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever the libraries raise, the folder is what the user can mend
        raise ModelError(f"{path} cannot be loaded as an embedding model: {type(error).__name__}: {error}") from error
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
