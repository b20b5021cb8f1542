"""Engine ``vllm``: vLLM inside this process, given our token ids, so that template and truncation are ours.

The original Qwen3-Reranker is loaded the way vLLM's documentation gives (``runner="pooling"`` and three overrides of
its configuration): vLLM then makes the one-row head ``w_yes - w_no`` itself. A one-label conversion is loaded as it is.
Scores are logits: the sigmoid is switched off.

The prefix cache is on, so what prompts begin with is computed once when they do not all fit one pass; whole blocks
only, whose size depends on the device. It is emptied before every ``score_many``, for otherwise a second pass over the
same queries would time the cache. ``batch_size`` is vLLM's ``max_num_seqs``, None its own. It fills a pass as it sees
fit, so ``forward_calls`` counts the lists of prompts handed to it, and ``forward_tokens`` what the cache did not hold.

vLLM reserves most of a GPU's memory when it starts, whatever the model needs: a peak of device memory is that reserve.

Run on a CPU with vLLM 0.32, where scores are within 1.2e-5 of the engine ``transformers`` in fp32; not yet on a GPU.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.hub import ModelFiles, check_code, code_was_run, fingerprint, locate_model, own_code
from bench.machine.device import resolve_device, resolve_dtype
from bench.machine.meter import Stopwatch
from bench.rerankers.base import Engine
from bench.rerankers.checkpoint import load_tokenizer
from bench.rerankers.prompt import Prompt, PromptBuilder, check_positions, cut_pairs
from bench.rerankers.scores import nest
from bench.rerankers.template import find_template
from bench.types import ConfigError, DeviceError, Dtype, Hub, ModelError, Request, Scored, ScoreError, Work

OVERRIDES = {
    "architectures": ["Qwen3ForSequenceClassification"],
    "classifier_from_token": ["no", "yes"],
    "is_original_qwen3_reranker": True,
}
DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


class VllmReranker(Engine):
    """A Qwen3 reranker, causal or with one label, loaded by vLLM. Raises ModelError, DeviceError or ConfigError."""

    name = "vllm"
    takes = ("trust_remote_code",)
    own_batch_size = None

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
        import torch

        if (batch_size is not None and batch_size < 1) or max_length < 1:
            raise ConfigError(f"batch_size {batch_size} and max_length {max_length} must be at least 1")
        self.template = find_template(template)
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.batch_size, self.max_length = batch_size, max_length
        vllm = _import_vllm(self.device)
        self._trusted = trust_remote_code
        self._path, self._revision = locate_model(str(model), revision, hub, trusted=trust_remote_code)
        check_code(str(model), self._path, trusted=trust_remote_code)
        overrides, self._positions = _configuration(str(model), self._path)
        self._builder = PromptBuilder(
            load_tokenizer(str(model), revision, hub, trusted=trust_remote_code), self.template, max_length
        )
        start = time.perf_counter()
        try:
            self._llm = vllm.LLM(
                model=str(self._path),
                runner="pooling",
                hf_overrides=overrides,
                dtype=DTYPES[self.dtype],
                max_model_len=min(max_length, self._positions),
                enable_prefix_caching=True,
                load_format="safetensors",
                trust_remote_code=trust_remote_code,
                seed=0,
                **({} if batch_size is None else {"max_num_seqs": batch_size}),
            )
        except torch.OutOfMemoryError:
            raise
        except (ValueError, RuntimeError, TypeError, OSError) as error:
            first = (str(error).strip() or "no message").splitlines()[0]
            raise ModelError(
                f"vLLM cannot load the model {str(model)!r}: {type(error).__name__}: {first[:400]}"
            ) from error
        self.load_s = time.perf_counter() - start
        self._params = vllm.PoolingParams(use_activation=False)
        self.notes = ("vLLM reserves device memory beforehand: a peak is its reserve, not the model's need",)
        if trust_remote_code and own_code(self._path):
            self.notes = (*self.notes, code_was_run(str(model), self._revision))

    @property
    def files(self) -> ModelFiles:
        return ModelFiles(self._path, self._revision, fingerprint(self._path, code=self._trusted))

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        """Logit differences, yes over no: per request one float per document, in the order given.

        Raises DataError or ConfigError for a text that cannot be a prompt, ScoreError for an answer that is not one
        finite number.
        """
        stages = stages or Stopwatch()
        self._llm.reset_prefix_cache()
        with stages.time("tokenise"):
            prompts = [prompt for row in self._builder.build_many(requests) for prompt in row]
        check_positions(prompts, self._positions)
        with stages.time("rerank"):
            outputs = self._classify(prompts)
        if progress is not None:
            progress(len(prompts))
        scores = [_only_number(output) for output in outputs]
        tokens = sum(map(len, prompts))
        work = Work(
            pairs=len(prompts),
            forward_calls=int(bool(prompts)),
            tokens=tokens,
            forward_tokens=tokens - sum(int(getattr(output, "num_cached_tokens", 0) or 0) for output in outputs),
            padding_tokens=0,
            truncated_pairs=sum(prompt.cut_tokens > 0 for prompt in prompts),
            truncated_tokens=sum(prompt.cut_tokens for prompt in prompts),
        )
        return Scored(nest(scores, requests), work, cut_pairs(prompts, requests))

    def _classify(self, prompts: Sequence[Prompt]) -> Sequence[Any]:
        if not prompts:
            return []
        outputs: Sequence[Any] = self._llm.classify(
            [{"prompt_token_ids": prompt.tokens} for prompt in prompts], pooling_params=self._params, use_tqdm=False
        )
        if len(outputs) != len(prompts):
            raise ScoreError(f"vLLM gave {len(outputs)} scores for {len(prompts)} prompts")
        return outputs


def _import_vllm(device: str) -> Any:
    """The package, with its engine kept in this process, where memory is metered. Raises ConfigError or DeviceError."""
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    try:
        import vllm
        from vllm.platforms import current_platform
    except ImportError as error:
        raise ConfigError(
            f"the engine 'vllm' needs the package vllm, which cannot be imported ({error}): "
            "pip install 'rerankbench[vllm]', or choose another engine"
        ) from error
    kind = str(current_platform.device_type)
    if not device.startswith(kind):
        raise DeviceError(
            f"this vLLM was built for {kind or 'no device found here'}, and the device asked for is {device}; "
            f"set device: {kind or 'another'} or choose another engine"
        )
    return vllm


def _configuration(name: str, path: Path) -> tuple[dict[str, Any], int]:
    """What to override for vLLM, and the positions the model knows. Raises ModelError for another kind of model."""
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        architecture = str(config["architectures"][0])
        positions = int(config["max_position_embeddings"])
        labels = len(config.get("id2label") or {}) or 1
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError(f"the model {name!r} has no config.json that says what it is: {error!r}") from error
    if architecture == "Qwen3ForCausalLM":
        return OVERRIDES, positions
    if architecture == "Qwen3ForSequenceClassification" and labels == 1:
        return {}, positions
    raise ModelError(
        f"the model {name!r} is a {architecture} with {labels} label{'s' * (labels != 1)}; this engine serves Qwen3 "
        "rerankers, causal or with one label. Another one may be served by engine: sentence-transformers, or by a vLLM "
        "of its own and engine: http"
    )


def _only_number(output: Any) -> float:
    values = list(output.outputs.probs)
    if len(values) != 1:
        raise ScoreError(f"vLLM gave {len(values)} numbers for one pair; the model is no reranker with one score")
    return float(values[0])
