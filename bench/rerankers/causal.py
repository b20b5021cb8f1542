"""What every engine over a causal checkpoint shares: its options, the loading, and facts for the report."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from bench.hub import ModelFiles, fingerprint
from bench.machine.device import resolve_device, resolve_dtype
from bench.rerankers.base import Engine
from bench.rerankers.checkpoint import Checkpoint, load_checkpoint
from bench.rerankers.template import find_template
from bench.types import ConfigError, Dtype, Hub


class CausalEngine(Engine):
    """A causal language model that answers "yes" or "no", loaded.

    ``device`` None or ``auto`` takes CUDA, MPS, CPU in this order; ``dtype`` auto is fp32 on a CPU, bf16 on CUDA that
    has it, else fp16. ``batch_size`` counts documents per forward pass (None: the engine's own), ``max_length`` tokens
    of a whole prompt. ``trust_remote_code`` has code run that comes with the model, in an engine that takes it.
    Raises ModelError, DeviceError or ConfigError.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        device: str | None = None,
        dtype: Dtype = "auto",
        batch_size: int | None = None,
        max_length: int = 8192,
        template: str = "qwen3",
        revision: str | None = None,
        hub: Hub = "huggingface",
        trust_remote_code: bool = False,
    ) -> None:
        if trust_remote_code and "trust_remote_code" not in self.takes:
            raise ConfigError(f"the engine {self.name!r} runs no code of a model's own; leave trust_remote_code out")
        batch_size = self.own_batch_size if batch_size is None else batch_size
        if (batch_size is not None and batch_size < 1) or max_length < 1:
            raise ConfigError(f"batch_size {batch_size} and max_length {max_length} must be at least 1")
        self.template = find_template(template)
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.batch_size, self.max_length = batch_size, max_length
        loaded = load_checkpoint(
            str(model), revision, hub, self._loading_device, self.dtype, self.loads_classifiers,
            trusted=trust_remote_code,
        )  # fmt: skip
        self.tokenizer, self.load_s, self.notes = loaded.tokenizer, loaded.load_s, loaded.notes
        self._path, self._revision, self._trusted = loaded.path, loaded.revision, trust_remote_code
        self._keep(loaded)

    loads_classifiers: ClassVar[bool] = True
    """Whether a conversion with one label and a head of its own will do."""

    @property
    def _loading_device(self) -> str:
        return self.device

    @abstractmethod
    def _keep(self, loaded: Checkpoint) -> None:
        """Take from the checkpoint what the engine needs; the rest is freed."""

    @property
    def files(self) -> ModelFiles:
        """Computed when asked for: the fingerprint reads every byte of the weights, which is no part of loading."""
        return ModelFiles(self._path, self._revision, fingerprint(self._path, code=self._trusted))
