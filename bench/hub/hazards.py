"""What a model's folder may not ask of the libraries that load it.

A checkpoint is taken for data, and several of its files are instructions to a library: read this pickle and not the
safetensors beside it, import that class, fetch a kernel or a second model from somewhere else. What is read in these
ways is neither safe nor in the fingerprint, so that a figure would not belong to what it names. Each is refused here
with a word on what to do, before a library sees the folder.

Code of the model's own is run for a trial that says ``trust_remote_code: true`` and for no other; the rest is refused
to that one too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.hub.folder import SHARD_INDEX
from bench.hub.modules import is_library_class, modules, read_json
from bench.types import ModelError

WEIGHTS = ("model.safetensors", SHARD_INDEX)
_OPTIONS = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")
_STEERING = frozenset({
    "adapter_kwargs", "allow_all_kernels", "code_revision", "config", "device_map", "file_name", "force_download",
    "from_flax", "from_tf", "gguf_file", "kernel_config", "offload_folder", "pretrained_model_name_or_path", "proxies",
    "state_dict", "use_kernels", "use_safetensors", "variant", "weights_only",
})  # fmt: skip
"""Arguments by which a loader is told what to read and how. The library itself drops ``trust_remote_code`` and sets
folder, revision and cache."""
_CONFIGS = (
    "config.json", "tokenizer_config.json", "generation_config.json", "processor_config.json",
    "*preprocessor_config.json", "sentence_*_config.json",
)  # fmt: skip


def hazard(folder: Path) -> str | None:
    """What in a model's folder would read a pickle or lead out of it, in words that say what to do, or None.

    Raises ModelError for a file that says how the model is read and cannot be read itself.
    """
    parts = modules(folder)
    return next((fault for path in _places(folder) for fault in _hazards(folder, path, path in parts)), None)


def _places(folder: Path) -> tuple[str, ...]:
    """The folder itself, from which an engine may load whatever its parts are, and the folders of its parts."""
    return tuple(dict.fromkeys(("", *modules(folder))))


def _configurations(place: Path) -> Iterator[tuple[str, Any]]:
    """The files that say how a part is loaded, by name, and what they hold."""
    for file in sorted(file for pattern in _CONFIGS for file in place.glob(pattern)):
        yield file.name, read_json(file)


def _hazards(folder: Path, path: str, is_part: bool) -> Iterator[str]:
    place = folder / path
    if (place / "adapter_config.json").is_file():
        yield (
            f"{_named(path, 'adapter_config.json')} would load an adapter, which may lie elsewhere, where a further "
            "library is installed, and no adapter elsewhere; merge it into the weights (peft: merge_and_unload) and "
            "save the model"
        )
    if is_part and (place / "pytorch_model.bin").is_file() and not any((place / name).is_file() for name in WEIGHTS):
        yield (
            f"the weights of its part {path or '.'!r} are a pickle (pytorch_model.bin), which runs code when it is "
            "read; save the model again with safetensors on a machine where you trust it"
        )
    for name, said in _configurations(place):
        if isinstance(said, dict):
            yield from _steered(_named(path, name), said)
        else:
            yield f"{_named(path, name)} is not a JSON object"
    if (place / SHARD_INDEX).is_file():
        index = read_json(place / SHARD_INDEX)
        shards = index.get("weight_map") if isinstance(index, dict) else None
        for shard in sorted(map(str, shards.values())) if isinstance(shards, dict) else ():
            if not _is_file_beside(shard):
                yield f"{_named(path, SHARD_INDEX)} names {shard!r}; a shard is a .safetensors file beside it"


def _steered(name: str, said: Mapping[str, Any]) -> Iterator[str]:
    weights = said.get("transformers_weights")
    if weights is not None and weights not in WEIGHTS:
        yield f"{name} has the weights read from {weights!r}; they are read from model.safetensors"
    for key in ("attn_implementation", "_attn_implementation", "_attn_implementation_internal"):
        if "/" in str(said.get(key) or ""):
            yield f"{name} has a kernel fetched and run ({key}: {said[key]!r}); leave {key} out of it"
    for key, value in said.items():
        if isinstance(value, dict):
            if key in _OPTIONS and (steers := sorted(_STEERING & value.keys())):
                yield f"{name} tells the loader what to read ({key}: {steers[0]}), which it may not; take it out"
            yield from _steered(f"{key} of {name}", value)


def _named(path: str, name: str) -> str:
    return f"{path}/{name}" if path not in ("", ".") else name


def _is_file_beside(name: str) -> bool:
    return "/" not in name and "\\" not in name and name.endswith(".safetensors") and name.isprintable()


# ------------------------------------------------------------------------------------------------- code of its own


def own_code(folder: Path) -> tuple[str, ...]:
    """The classes of its own that a model's folder names: ``auto_map`` of its configurations, types of its parts."""
    named: list[str] = []
    parts = modules(folder)
    for path in _places(folder):
        kind = parts.get(path, "")
        if kind and not is_library_class(kind):
            named.append(kind)
        for _, said in _configurations(folder / path):
            named += _classes(said.get("auto_map") if isinstance(said, dict) else None)
    return tuple(dict.fromkeys(named))


def _classes(auto_map: Any) -> Iterator[str]:
    """The names in ``auto_map``: of a configuration a mapping, of a tokenizer a pair, either of which may be None."""
    if isinstance(auto_map, dict):
        for value in auto_map.values():
            yield from _classes(value)
    elif isinstance(auto_map, list | tuple):
        for value in auto_map:
            yield from _classes(value)
    elif isinstance(auto_map, str):
        yield auto_map


def check_code(name: str, folder: Path, *, trusted: bool) -> None:
    """Raises ModelError for a model that cannot be loaded without code of its own, where that is not ``trusted``.

    And for trusted code that lies elsewhere, in another repository or nowhere: the fingerprint would not cover it.
    Whether a configuration's class is needed is known to transformers alone, which may have one of its own.
    """
    if not trusted:
        for kind in modules(folder).values():
            if kind and not is_library_class(kind):
                raise ModelError(needs_code(name, folder, kind))
        return
    for code in own_code(folder):
        elsewhere, _, module = code.rpartition("--")
        if elsewhere:
            raise ModelError(
                f"the model {name!r} has its code in another place ({code}), where it may change; put that code into "
                f"the model's folder and leave {elsewhere}-- out of auto_map"
            )
        file = f"{module.rpartition('.')[0].replace('.', '/')}.py"
        if not any((folder / path / file).is_file() for path in ("", *modules(folder))):
            raise ModelError(f"the model {name!r} in {folder} names the code {code}, and has no {file}")


def needs_code(name: str, folder: Path, code: str) -> str:
    """Why a model is refused whose code nobody has said to trust."""
    return (
        f"the model {name!r} asks for code of its own ({code}), which is not run: read it in {folder}, and where you "
        "trust it set trust_remote_code: true (for an embedder, or with engine transformers, sentence-transformers or "
        "vllm)"
    )


def code_was_run(name: str, revision: str) -> str:
    """The warning that stands beside the figures of a model whose code was trusted."""
    return f"code of {name} from {revision} was run on this machine"
