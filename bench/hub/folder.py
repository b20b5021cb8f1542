"""A checkpoint's folder: is it complete, and which contents decide its scores?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from bench.hub.modules import modules, read_json

FILE_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
"""What a checkpoint is made of here. No pickles: they run code when they are read."""
CODE = "*.py"
"""Code that comes with a model; part of it for a trial that trusts it alone."""
TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
SHARD_INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")

_hashes: dict[tuple[Path, int, int, int], str] = {}


def folder_fault(folder: Path, *, weights: bool = True) -> str | None:
    """What keeps ``folder`` from being loaded, in words that name the file, or None."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return listing_fault(names, lambda name: read_json(folder / name), weights)


def listing_fault(names: Collection[str], read_json: Callable[[str], Any], weights: bool) -> str | None:
    """The same for a bare listing; ``read_json`` gives None for what has not been fetched yet."""
    root = ""
    if "modules.json" in names:  # a sentence-transformers model may keep its transformer in a folder of its own
        modules = read_json("modules.json") or []
        try:
            paths = [str(module["path"]) for module in modules]
            static = bool(modules) and "Static" in str(modules[0]["type"])
        except (TypeError, KeyError):
            return "modules.json is not a list of modules with `path` and `type`"
        if static and weights:
            return None if any(name.endswith(".safetensors") for name in names) else "it has no model.safetensors"
        root = f"{paths[0]}/" if paths and paths[0] and f"{paths[0]}/config.json" in names else ""
    if weights and f"{root}config.json" not in names:
        return "it has no config.json"
    if not any(prefix + file in names for file in TOKENIZERS for prefix in {root, ""}):
        return "it has no tokenizer (tokenizer.json)"
    return _weights_fault(names, root, read_json) if weights else None


def _weights_fault(names: Collection[str], root: str, read_json: Callable[[str], Any]) -> str | None:
    if f"{root}model.safetensors" in names:
        return None
    if f"{root}{SHARD_INDEX}" in names:
        index = read_json(f"{root}{SHARD_INDEX}")
        if index is None:
            return None
        try:
            shards = set(map(str, index["weight_map"].values()))
        except (TypeError, KeyError, AttributeError):
            return f"{SHARD_INDEX} has no weight_map"
        absent = sorted(shard for shard in shards if root + shard not in names)
        return f"{SHARD_INDEX} names shards that are missing: {', '.join(absent)}" if absent else None
    pickles = sorted(name for name in names if name.endswith(PICKLES))
    if pickles:
        return (
            f"it has no model.safetensors, only pickled weights ({pickles[0]}), which run code when read; convert "
            "them with `model.save_pretrained(folder)` on a machine where you trust them"
        )
    return "it has no model.safetensors"


def fingerprint(folder: Path, *, code: bool = False) -> str:
    """sha256 (hexadecimal) over the relative names and contents of the files that decide scores.

    ``code``: the model's own code, which is run for a trial that trusts it, is among them.
    """
    digest = hashlib.sha256()
    for path in decisive_files(folder, code=code):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def decisive_files(folder: Path, *, code: bool = False) -> list[Path]:
    """Configuration, weights and tokenizer: in the folder itself and in the parts it names, nowhere deeper; and all
    code anywhere in it, where that is run."""
    places = {folder, *(folder / path for path in modules(folder))}
    found = {path for place in places for pattern in FILE_PATTERNS for path in place.glob(pattern) if path.is_file()}
    return sorted(found | ({path for path in folder.rglob(CODE) if path.is_file()} if code else set()))


def file_hash(path: Path) -> str:
    """sha256 of one file, remembered for this process as long as its size and times of change stay.

    The time of its contents may be set back, and is by tools that copy or unpack; that of its entry may not.
    """
    real = path.resolve()
    stat = real.stat()
    key = (real, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    if key not in _hashes:
        with real.open("rb") as file:
            _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _hashes[key]
