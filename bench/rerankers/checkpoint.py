"""Loading a language model that answers "yes" or "no", and refusing whatever only looks like one.

It is a causal model, whose head has a row for each word of its vocabulary, or a conversion with one label, whose single
row is ``w_yes - w_no`` already. A classifier with several labels, a checkpoint without its head or one with missing
tensors would all load somehow, fill the gaps with random numbers and give scores. Here each of them is a ModelError.
Code that comes with a model is not run, but for a caller that says ``trusted``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import ERROR, getLogger
from pathlib import Path
from typing import Any

from bench.hub import check_code, code_was_run, locate_model, needs_code, own_code
from bench.types import Hub, ModelError

PAD_TOKENS = ("<|endoftext|>",)
CHATTY = ("torchao", "torch.utils._pytree")
"""Loggers that report, while transformers loads, which kernels of other machines are not to be had on this one."""
HEAD_SCALES = ("final_logit_softcapping", "logits_scaling", "logit_scale")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model. ``yes`` and ``no`` are token ids; ``load_s``: seconds from files found to weights on device.

    ``answer`` is the direction (float32 [H], on the device) and offset that turn a last hidden state into the logit of
    "yes" over "no". ``notes`` say what was assumed, for the report.
    """

    name: str
    path: Path
    revision: str
    tokenizer: Any
    model: Any
    yes: int
    no: int
    answer: tuple[Any, float]
    pad: int
    load_s: float
    notes: tuple[str, ...]


def load_checkpoint(
    name: str,
    revision: str | None,
    hub: Hub,
    device: str,
    dtype: str,
    takes_classifier: bool = True,
    *,
    trusted: bool = False,
) -> Checkpoint:
    """Load onto ``device`` (cpu, cuda:0, mps) in ``dtype`` (fp32, fp16, bf16); ``trusted`` has the model's code run.

    Raises ModelError for a model that cannot be had or has no trained head that says "yes" or "no". Running out of
    memory is left to the caller, as torch says it.
    """
    import transformers

    from bench.machine.device import torch_dtype

    path, found = locate_model(name, revision, hub, trusted=trusted)
    check_code(name, path, trusted=trusted)
    start = time.perf_counter()
    with quiet_transformers():
        config = _loaded(name, "configuration", transformers.AutoConfig.from_pretrained, path, trusted)
        classifies = _check_architecture(name, config, takes_classifier)
        tokenizer = _loaded(name, "tokenizer", transformers.AutoTokenizer.from_pretrained, path, trusted)
        yes, no = _answer_id(name, tokenizer, "yes"), _answer_id(name, tokenizer, "no")
        if yes == no:
            raise ModelError(f'the model {name!r} has one token ({yes}) for both "yes" and "no"')
        kind = "AutoModelForSequenceClassification" if classifies else "AutoModelForCausalLM"
        model, info = _loaded(
            name,
            "weights",
            getattr(transformers, kind).from_pretrained,
            path,
            trusted,
            config=config,
            dtype=torch_dtype(dtype),
            use_safetensors=True,
            output_loading_info=True,
        )
        _check_weights(name, info)
        if not classifies:
            _check_head(name, model, max(yes, no))
        model = model.to(device).eval()
        answer = label_row(name, model) if classifies else answer_rows(model, yes, no)
    load_s = time.perf_counter() - start
    pad, notes = _pad(tokenizer)
    if classifies:
        notes = (*notes, "a conversion with one label: its own row stands for yes minus no")
    if trusted and own_code(path):
        notes = (*notes, code_was_run(name, found))
    return Checkpoint(name, path, found, tokenizer, model, yes, no, answer, pad, load_s, notes)


def load_tokenizer(name: str, revision: str | None = None, hub: Hub = "huggingface", *, trusted: bool = False) -> Any:
    """A model's tokenizer alone; no weights are fetched or read. Raises ModelError."""
    from transformers import AutoTokenizer

    path, _ = locate_model(name, revision, hub, weights=False, trusted=trusted)
    with quiet_transformers():
        return _loaded(name, "tokenizer", AutoTokenizer.from_pretrained, path, trusted)


def _loaded(name: str, what: str, loader: Any, path: Path, trusted: bool, **options: Any) -> Any:
    """What transformers loads, with its many kinds of complaint turned into one."""
    try:
        return loader(path, local_files_only=True, trust_remote_code=trusted, **options)
    except MemoryError:
        raise
    except Exception as error:
        import torch

        if isinstance(error, torch.OutOfMemoryError):
            raise
        if not trusted and (code := own_code(path)) and "custom code" in str(error):
            raise ModelError(needs_code(name, path, code[0])) from error
        first = (str(error).strip() or "no message").splitlines()[0]
        raise ModelError(
            f"the {what} of the model {name!r} in {path} cannot be read: {type(error).__name__}: {first[:300]}"
        ) from error


def _check_architecture(name: str, config: Any, takes_classifier: bool) -> bool:
    """Whether this is a conversion with one label. Raises ModelError for what is neither that nor a causal model."""
    architectures = tuple(map(str, getattr(config, "architectures", None) or ()))
    if any(architecture.endswith("ForSequenceClassification") for architecture in architectures):
        labels = int(config.num_labels)
        if takes_classifier and labels == 1:
            return True
        raise ModelError(
            f"the model {name!r} is a sequence classifier ({', '.join(architectures)}, {labels} "
            f'label{"s" * (labels != 1)}): it has a score head of its own and no "yes" or "no" to read. Use the '
            "causal checkpoint it was made from, such as Qwen/Qwen3-Reranker-0.6B, or another engine"
        )
    if architectures and not any(architecture.endswith("ForCausalLM") for architecture in architectures):
        raise ModelError(
            f"the model {name!r} is a {', '.join(architectures)}, and this engine reads a causal language model "
            "(…ForCausalLM)"
        )
    return False


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
    if "score.weight" in missing:
        raise ModelError(
            f"the model {name!r} has no head: it calls itself a sequence classifier and has no score.weight, and a "
            "random one would give random scores"
        )
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


def answer_rows(model: Any, yes: int, no: int) -> tuple[Any, float]:
    """``w_yes - w_no``, float32 [H], on the head's device, and the difference of their biases."""
    head = model.get_output_embeddings()
    weight, bias = head.weight.detach(), getattr(head, "bias", None)
    offset = 0.0 if bias is None else float(bias[yes].float() - bias[no].float())
    return weight[yes].float() - weight[no].float(), offset


def label_row(name: str, model: Any) -> tuple[Any, float]:
    """The single row of a one-label conversion's head, float32 [H], and its bias."""
    head = getattr(model, "score", None)
    if head is None or not hasattr(head, "weight") or head.weight.shape[0] != 1:
        raise ModelError(
            f"the model {name!r} ({type(model).__name__}) is no language model with one score at its last position; an "
            "encoder such as bge-reranker is served by engine: sentence-transformers"
        )
    bias = getattr(head, "bias", None)
    return head.weight.detach()[0].float(), 0.0 if bias is None else float(bias[0])


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
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no load report: what matters in it becomes an error here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    others = {name: getLogger(name) for name in CHATTY}
    levels = {name: logger.level for name, logger in others.items()}
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for logger in others.values():
        logger.setLevel(ERROR)
    try:
        yield
    finally:
        for name, logger in others.items():
            logger.setLevel(levels[name])
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
