"""A checkpoint's folder -> a ``CrossEncoder``, with the refusals that the library leaves out.

It fills a head that the files lack with random numbers and says so in a log; it takes an unknown word's id for that of
"yes"; it goes on with a classifier of several labels. Each is a ModelError here. Pickles are never read, and code that
comes with a model is not run, but for a caller that says ``trusted``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.hub import check_code, needs_code, own_code
from bench.hub.watched import check_whole, watched_loading
from bench.rerankers.chat_template import as_chat_template
from bench.rerankers.checkpoint import quiet_transformers
from bench.rerankers.template import Template
from bench.types import ModelError

OWN_CONFIG = ("modules.json", "config_sentence_transformers.json")


@dataclass(frozen=True, slots=True)
class Kind:
    """``causal``: a language model with its head; ``encoder``: reads a pair without a prompt; neither: a conversion.

    ``own_prompt``: the folder was saved by the library, and what it says of prompts is taken as it is.
    ``tensors`` are the names in its files.
    """

    causal: bool
    encoder: bool
    own_prompt: bool
    tensors: frozenset[str]


def kind_of(path: Path) -> Kind:
    """Raises ModelError for a folder whose ``config.json`` or weights cannot be read."""
    root = path
    own = any((path / name).is_file() for name in OWN_CONFIG)
    try:
        if (path / "modules.json").is_file():
            root = path / json.loads((path / "modules.json").read_text(encoding="utf-8"))[0]["path"]
        config = json.loads((root / "config.json").read_text(encoding="utf-8"))
        names = tensor_names(root)
    except Exception as error:  # the safetensors package raises its own kind, derived from nothing else
        raise ModelError(f"the model in {path} cannot be read: {type(error).__name__}: {error}") from error
    causal = any(str(name).endswith("ForCausalLM") for name in config.get("architectures") or ())
    return Kind(causal, not causal and "score.weight" not in names, own, names)


def tensor_names(folder: Path) -> frozenset[str]:
    """The names in a folder's safetensors files; of the weights only the headers are read."""
    from safetensors import safe_open

    names: set[str] = set()
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="numpy") as tensors:
            names.update(tensors.keys())
    return frozenset(names)


def load_cross_encoder(
    name: str, path: Path, kind: Kind, template: Template, device: str, dtype: str, *, trusted: bool = False
) -> Any:
    """On ``device`` in ``dtype``, its sigmoid off. Raises ModelError; out of memory is left as torch says it."""
    import torch
    from sentence_transformers import CrossEncoder

    from bench.machine.device import torch_dtype

    check_code(name, path, trusted=trusted)
    ours = not kind.encoder and not kind.own_prompt
    try:
        with quiet_transformers(), watched_loading() as missing:
            model = CrossEncoder(
                str(path),
                device=device,
                trust_remote_code=trusted,
                local_files_only=True,
                activation_fn=torch.nn.Identity(),
                model_kwargs={"dtype": torch_dtype(dtype), "use_safetensors": True},
                processor_kwargs={"chat_template": as_chat_template(template)} if ours else None,
            )
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # whatever the libraries raise, the folder is what the user can mend
        if not trusted and (code := own_code(path)) and "custom code" in str(error):
            raise ModelError(needs_code(name, path, code[0])) from error
        first = (str(error).strip() or "no message").splitlines()[0]
        raise ModelError(
            f"the model {name!r} in {path} cannot be loaded by sentence-transformers: {type(error).__name__}: "
            f"{first[:300]}"
        ) from error
    if model.num_labels != 1:
        raise ModelError(f"the model {name!r} has {model.num_labels} labels, and a reranker has one score for a pair")
    _check_head(name, model.model, kind.tensors)
    check_whole(name, missing)
    if ours:
        _check_words(name, model.tokenizer, kind, template)
    return model


def longest_prompt(model: Any) -> int:
    """Tokens the model takes: the tokenizer's bound or the positions, less those that a RoBERTa keeps for padding."""
    bound = int(model.max_seq_length)
    for module in model.model.modules():
        known = getattr(getattr(module, "position_embeddings", None), "num_embeddings", None)
        if isinstance(getattr(module, "padding_idx", None), int) and known is not None:
            bound = min(bound, known - module.padding_idx - 1)
    return bound


def _check_head(name: str, model: Any, tensors: frozenset[str]) -> None:
    """Everything outside the backbone must be in the files, or be tied to what is."""
    body = f"{model.base_model_prefix}."
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    head = {key for key, _ in model.named_parameters() if not key.startswith(body)}
    if absent := sorted(head - tied - tensors):
        raise ModelError(
            f"the model {name!r} has no head: {absent[0]} is not in its files, and a random one would give random "
            "scores; a reranker was trained with one"
        )


def _check_words(name: str, tokenizer: Any, kind: Kind, template: Template) -> None:
    words = ["<|im_start|>", "<|im_end|>"] if "<|im_start|>" in template.system else []
    if kind.causal:
        words += ["yes", "no"]
    vocabulary = tokenizer.get_vocab()
    if absent := [word for word in words if word not in vocabulary]:
        raise ModelError(
            f"the model {name!r} does not have {' and '.join(map(repr, absent))} as one token, which the template "
            f"{template.name!r} and its answer are made of; use another template or another model"
        )
