"""Checkpoints of random weights in the shape of a published model: ``shape:qwen3-0.6b``.

They let a machine be profiled where no hub can be reached: time and memory of a forward pass depend on the shapes and
not on what the weights hold. What such a model answers says nothing about quality; its scores are of use for one thing,
to see whether two engines compute the same.

The weights are bf16 in safetensors, as published ones are, drawn from a stated seed: normal, scaled so that each
matrix keeps the size of what it reads (1/sqrt(inputs)). With the usual 0.02 all documents would get nearly one score,
and an exactness check would see nothing. For the same reason the gains of the query and key norms are 1.5: attention
then looks at a few tokens, as a trained model's does, and not at all alike.

The tokenizer is that of the shipped tiny reranker; of the vocabulary, its words alone are ever used. Prompts have
other lengths than with Qwen's own tokenizer, a document of a drawn number of tokens has exactly that number.

A sealed record in the folder has the size and checksum of each file: one that is not what was made is set aside,
logged, and made again. Sizes are looked at on every use. The weights are read for it where they are read anyway, for a
model's fingerprint, once in the process of a run and not again in those of its trials.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from bench.folders import cache_root
from bench.hub.folder import decisive_files, file_hash
from bench.sealed import opened, sealed
from bench.types import ModelError
from bench.whole import damage, folder_for, remove_unfinished, set_aside, write_atomically

SEED = 0
RECIPE = 1
"""Counts up whenever the same shape and seed would give other weights, so that no stale folder is taken for a new."""
RECORD = "made.sealed"
"""In the folder, as JSON; by its name none of the files that decide scores, so a fingerprint does not see it."""
NORM_GAIN = 1.5
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
BYTES_PER_WEIGHT = 2
_ROWS_AT_ONCE = 8192

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that decide a Qwen3 model's size. ``tied``: the embeddings serve as the head."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    tied: bool

    def config(self) -> dict[str, Any]:
        """``config.json`` of a causal model of this shape; the numbers of special tokens are the tokenizer's."""
        return {
            "architectures": ["Qwen3ForCausalLM"],
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": 4091,
            "dtype": "bfloat16",
            "eos_token_id": 4093,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate,
            "max_position_embeddings": 40960,
            "model_type": "qwen3",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "pad_token_id": 4091,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {"rope_theta": 1_000_000, "rope_type": "default"},
            "rope_theta": 1_000_000,
            "tie_word_embeddings": self.tied,
            "use_cache": True,
            "use_sliding_window": False,
            "vocab_size": self.vocabulary,
        }

    def tensors(self) -> list[dict[str, tuple[int, ...]]]:
        """Name -> dimensions of every tensor, in the groups that become one file each."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        layer: dict[str, tuple[int, ...]] = {
            "input_layernorm.weight": (self.hidden,),
            "self_attn.q_proj.weight": (queries, self.hidden),
            "self_attn.k_proj.weight": (keys, self.hidden),
            "self_attn.v_proj.weight": (keys, self.hidden),
            "self_attn.o_proj.weight": (self.hidden, queries),
            "self_attn.q_norm.weight": (self.head_dim,),
            "self_attn.k_norm.weight": (self.head_dim,),
            "post_attention_layernorm.weight": (self.hidden,),
            "mlp.gate_proj.weight": (self.intermediate, self.hidden),
            "mlp.up_proj.weight": (self.intermediate, self.hidden),
            "mlp.down_proj.weight": (self.hidden, self.intermediate),
        }
        embeddings: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocabulary, self.hidden)}
        layers = [
            {f"model.layers.{number}.{name}": size for name, size in layer.items()} for number in range(self.layers)
        ]
        head: dict[str, tuple[int, ...]] = {} if self.tied else {"lm_head.weight": (self.vocabulary, self.hidden)}
        return [embeddings, *layers, {"model.norm.weight": (self.hidden,)} | head]

    @property
    def weights(self) -> int:
        """How many numbers the checkpoint holds."""
        return sum(_product(size) for group in self.tensors() for size in group.values())


SHAPES: dict[str, Shape] = {
    "qwen3-0.6b": Shape(1024, 28, 16, 8, 128, 3072, 151_936, True),
    "qwen3-4b": Shape(2560, 36, 32, 8, 128, 9728, 151_669, True),
    "qwen3-8b": Shape(4096, 36, 32, 8, 128, 12_288, 151_936, False),
    "qwen3-tiny": Shape(64, 3, 4, 2, 16, 160, 4096, True),
}
"""By name. The vocabulary matters to engines that compute all logits alone; 151,936 is the base models' own."""


def find_shape(name: str) -> Shape:
    """Raises ModelError listing the known shapes."""
    if name not in SHAPES:
        raise ModelError(f"no shape {name!r} is known; there are {', '.join(SHAPES)}")
    return SHAPES[name]


def shapes_folder() -> Path:
    """Where these checkpoints are kept."""
    return cache_root() / "shapes"


def shape_checkpoint(name: str, tokenizer: Path, *, read: bool = True) -> Path:
    """The folder of the checkpoint of that shape, written the first time it is asked for, and again if it is damaged.

    ``tokenizer`` is the folder whose tokenizer it gets. The folder appears whole or not at all; one layer is held in
    memory at a time. Not ``read``: of its files only the sizes are looked at. Raises ModelError for an unknown shape
    and where it cannot be read or written.
    """
    shape = find_shape(name)
    folder = shapes_folder() / f"{name}-seed{SEED}-recipe{RECIPE}"
    from safetensors import SafetensorError

    size = shape.weights * BYTES_PER_WEIGHT
    try:
        if folder.is_dir() and _fault(folder, read=read) is None:
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            remove_unfinished(folder)  # of a process that died; the lock says that no other is at it
            _clear(folder, read=read)
            if not folder.is_dir():  # nor was another one quicker
                _check_room(name, size, folder.parent)
                log.warning("making random weights of the shape %s (%.1f GB) in %s, once", name, size / 1e9, folder)
                with folder_for(folder) as made:
                    _write(shape, name, made, tokenizer)
                    _record(made)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"random weights of the shape {name} ({size / 1e9:.1f} GB) cannot be kept in {folder.parent}: {error}. "
            "Set RERANKBENCH_CACHE to a folder that can be written and has room"
        ) from error
    return folder


def _clear(folder: Path, *, read: bool) -> None:
    """Have a folder out of the way that is not what was made."""
    if not folder.is_dir() or (fault := _fault(folder, read=read)) is None:
        return
    if not (folder / RECORD).exists():
        # Of a version that kept no checksums: to seal what lies there would seal its damage too, and all of it can be
        # drawn again, so nothing is lost and no gigabytes lie about set aside.
        log.warning("the random weights in %s have no checksums beside them: removed, and made anew", folder)
        shutil.rmtree(folder)
        return
    damage.warning("the random weights in %s are damaged (%s): set aside, and made anew", folder, fault)
    set_aside(folder)


def _fault(folder: Path, *, read: bool) -> str | None:
    """What is not as it was made, in words, or None."""
    try:
        facts: Mapping[str, Any] = json.loads(opened((folder / RECORD).read_bytes()))["files"]
        stated = {name: (int(size), str(checksum)) for name, (size, checksum) in facts.items()}
        found = {path.name: path for path in decisive_files(folder)}
        if odd := sorted(stated.keys() ^ found.keys()):
            return f"{odd[0]} {'is gone' if odd[0] in stated else 'was added'}"
        for name, (size, checksum) in stated.items():
            if found[name].stat().st_size != size:
                return f"another size: {name}"
            if read and file_hash(found[name]) != checksum:
                return f"another checksum: {name}"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is gone"
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"{RECORD} is not what was written"
    return None


def _record(folder: Path) -> None:
    files = {path.name: [path.stat().st_size, file_hash(path)] for path in decisive_files(folder)}
    write_atomically(folder / RECORD, sealed(json.dumps({"files": files}, indent=1).encode()))


def _check_room(name: str, size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < size * 1.05:
        raise ModelError(
            f"random weights of the shape {name} take {size / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left; "
            "set RERANKBENCH_CACHE to a folder with more room"
        )


def _write(shape: Shape, name: str, folder: Path, tokenizer: Path) -> None:
    from safetensors.torch import save_file

    groups = shape.tensors()
    places: dict[str, str] = {}
    for number, group in enumerate(groups, start=1):
        file = f"model-{number:05}-of-{len(groups):05}.safetensors"
        save_file({key: _drawn(key, size) for key, size in group.items()}, folder / file, {"format": "pt"})
        places |= dict.fromkeys(group, file)
    index = {"metadata": {"total_size": shape.weights * BYTES_PER_WEIGHT}, "weight_map": places}
    _write_json(folder / "model.safetensors.index.json", index)
    _write_json(folder / "config.json", shape.config())
    for file in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / file, folder / file)
    (folder / "README.md").write_text(
        f"Random weights in the shape of {name}, seed {SEED}, recipe {RECIPE}, made by rerankbench. They are for "
        "profiling a machine. What this model answers means nothing.\n",
        encoding="utf-8",
    )


def _drawn(key: str, size: tuple[int, ...]) -> Any:
    """A tensor in bf16; its seed comes from its name, so it does not depend on the order or number of the others."""
    import torch

    if len(size) == 1:
        return torch.full(size, NORM_GAIN if key.endswith(("q_norm.weight", "k_norm.weight")) else 1.0).bfloat16()
    digest = hashlib.sha256(f"{SEED}/{key}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7]))
    weights = torch.empty(size, dtype=torch.bfloat16)
    for start, stop in _chunks(size[0]):
        weights[start:stop] = torch.randn((stop - start, size[1]), generator=generator) / size[1] ** 0.5
    return weights


def _chunks(rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _ROWS_AT_ONCE, rows)) for start in range(0, rows, _ROWS_AT_ONCE))


def _product(size: tuple[int, ...]) -> int:
    product = 1
    for length in size:
        product *= length
    return product


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
