"""Loading a causal language model that answers "yes" or "no", and refusing whatever only looks like one.

A sequence classifier, a checkpoint without its head or one with missing tensors would all load somehow, fill the gaps
with random numbers and give scores. Here each of them is a ModelError. Remote code is never run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.hub import locate_model
from bench.types import Hub, ModelError

PAD_TOKENS = ("<|endoftext|>",)
HEAD_SCALES = ("final_logit_softcapping", "logits_scaling", "logit_scale")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model. ``yes`` and ``no`` are token ids; ``load_s``: seconds from files found to weights on device.

    ``notes`` say what was assumed, for the report.
    """

    name: str
    path: Path
    revision: str
    tokenizer: Any
    model: Any
    yes: int
    no: int
    pad: int
    load_s: float
    notes: tuple[str, ...]


def load_checkpoint(name: str, revision: str | None, hub: Hub, device: str, dtype: str) -> Checkpoint:
    """Load onto ``device`` (cpu, cuda:0, mps) in ``dtype`` (fp32, fp16, bf16).

    Raises ModelError for a model that cannot be had or is not a causal language model with "yes", "no" and its own
    head. Running out of memory is left to the caller, as torch says it.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from bench.device import torch_dtype

    path, found = locate_model(name, revision, hub)
    start = time.perf_counter()
    with _quiet_transformers():
        config = _loaded(name, "configuration", AutoConfig.from_pretrained, path)
        _check_architecture(name, config)
        tokenizer = _loaded(name, "tokenizer", AutoTokenizer.from_pretrained, path)
        yes, no = _answer_id(name, tokenizer, "yes"), _answer_id(name, tokenizer, "no")
        if yes == no:
            raise ModelError(f'the model {name!r} has one token ({yes}) for both "yes" and "no"')
        model, info = _loaded(
            name,
            "weights",
            AutoModelForCausalLM.from_pretrained,
            path,
            config=config,
            dtype=torch_dtype(dtype),
            use_safetensors=True,
            output_loading_info=True,
        )
        _check_weights(name, info)
        _check_head(name, model, max(yes, no))
        model = model.to(device).eval()
    load_s = time.perf_counter() - start
    pad, notes = _pad(tokenizer)
    return Checkpoint(name, path, found, tokenizer, model, yes, no, pad, load_s, notes)


def load_tokenizer(name: str, revision: str | None = None, hub: Hub = "huggingface") -> Any:
    """A model's tokenizer alone; no weights are fetched or read. Raises ModelError."""
    from transformers import AutoTokenizer

    path, _ = locate_model(name, revision, hub, weights=False)
    with _quiet_transformers():
        return _loaded(name, "tokenizer", AutoTokenizer.from_pretrained, path)


def _loaded(name: str, what: str, loader: Any, path: Path, **options: Any) -> Any:
    """What transformers loads, with its many kinds of complaint turned into one."""
    try:
        return loader(path, local_files_only=True, trust_remote_code=False, **options)
    except MemoryError:
        raise
    except Exception as error:
        import torch

        if isinstance(error, torch.OutOfMemoryError):
            raise
        first = (str(error).strip() or "no message").splitlines()[0]
        raise ModelError(
            f"the {what} of the model {name!r} in {path} cannot be read: {type(error).__name__}: {first[:300]}"
        ) from error


def _check_architecture(name: str, config: Any) -> None:
    architectures = tuple(getattr(config, "architectures", None) or ())
    if any(architecture.endswith("ForSequenceClassification") for architecture in architectures):
        raise ModelError(
            f"the model {name!r} is a sequence classifier ({', '.join(architectures)}): it has a score head of its own "
            'and no "yes" or "no" to read. Use the causal checkpoint it was made from, such as Qwen/Qwen3-Reranker-0.6B'
        )
    if architectures and not any(architecture.endswith("ForCausalLM") for architecture in architectures):
        raise ModelError(
            f"the model {name!r} is a {', '.join(architectures)}, and this engine reads a causal language model "
            "(…ForCausalLM)"
        )


def _answer_id(name: str, tokenizer: Any, answer: str) -> int:
    """The id of ``answer``, found by name: ids differ between vocabularies."""
    token = tokenizer.convert_tokens_to_ids(answer)
    spelled = tokenizer(answer, add_special_tokens=False)["input_ids"]
    if token is None or tokenizer.convert_ids_to_tokens(token) != answer or list(spelled) != [token]:
        raise ModelError(
            f"the model {name!r} does not have {answer!r} as one token (it is spelled {list(spelled)}), so no logit "
            "says it"
        )
    return int(token)


def _check_weights(name: str, info: dict[str, Any]) -> None:
    missing = sorted(map(str, info.get("missing_keys") or ()))
    if any(key.endswith("lm_head.weight") for key in missing):
        raise ModelError(
            f"the model {name!r} has no head: lm_head.weight is neither in its files nor tied to the embeddings "
            "(tie_word_embeddings is false), and a random one would give random scores"
        )
    if missing:
        raise ModelError(
            f"the model {name!r} lacks {len(missing)} tensors that its config.json asks for, first {missing[0]!r}; "
            "they would be random numbers. Get the checkpoint again"
        )
    if wrong := sorted(map(str, info.get("mismatched_keys") or ())):
        raise ModelError(f"the model {name!r} has tensors of another shape than its config.json says, first {wrong[0]}")


def _check_head(name: str, model: Any, highest: int) -> None:
    head = model.get_output_embeddings()
    if head is None or not hasattr(head, "weight") or model.base_model is model:
        raise ModelError(
            f"the model {name!r} ({type(model).__name__}) keeps its head where this engine does not find it"
        )
    if highest >= head.weight.shape[0]:
        raise ModelError(
            f"the model {name!r} has {head.weight.shape[0]} rows in its head, and its tokenizer puts an answer at "
            f"{highest}: the tokenizer belongs to another model"
        )
    scales = [scale for scale in HEAD_SCALES if getattr(model.config, scale, None) not in (None, 1, 1.0)]
    if scales:
        raise ModelError(
            f"the model {name!r} bends its logits ({', '.join(scales)}), which this engine does not follow"
        )


def _pad(tokenizer: Any) -> tuple[int, tuple[str, ...]]:
    """An id to fill batches with. Padding is masked, so any id does; which one is noted when it is a guess."""
    if tokenizer.pad_token_id is not None:
        return int(tokenizer.pad_token_id), ()
    for token in (*PAD_TOKENS, tokenizer.eos_token):
        if token is not None:
            id = tokenizer.convert_tokens_to_ids(token)
            if id is not None and id != tokenizer.unk_token_id:
                return int(id), (f"the tokenizer has no padding token; {token} is used",)
    return 0, ("the tokenizer has no padding and no end token; id 0 is used",)


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """No progress bars and no load report: what matters in it becomes an error here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
