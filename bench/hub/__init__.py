"""A model's name becomes a folder of files that can be read, or one error that says what to do.

A name is looked up in this order: ``asset:NAME`` (shipped with this package), ``shape:NAME`` (random weights in the
shape of a published model, for profiling), an existing folder, a hub's id. Only safetensors weights are fetched or
accepted: a pickle runs code when it is read. Nor is a folder accepted that has a library read something else (see
``bench.hub.hazards``). Code that comes with a model is fetched for a trial that trusts it. With no network the complete
copy in the hub's cache is used; without one the failure takes seconds, not the minutes of a client that keeps retrying.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.hub.folder import fingerprint, folder_fault
from bench.hub.hazards import check_code, code_was_run, hazard, needs_code, own_code
from bench.hub.huggingface import from_huggingface
from bench.hub.modelscope import from_modelscope
from bench.hub.shapes import find_shape, shape_checkpoint
from bench.types import Hub, ModelError

__all__ = [
    "ModelFiles",
    "check_code",
    "code_was_run",
    "fingerprint",
    "folder_fault",
    "locate_model",
    "located",
    "needs_code",
    "own_code",
    "resolve_model",
]

ASSETS = Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A checkpoint on disk. ``revision`` is the hub's commit, ``asset``, ``shape`` or ``local``.

    ``fingerprint`` is the sha256 over the names and contents of the files that decide scores; two folders with the
    same fingerprint give the same scores, wherever they lie and whatever they are called.
    """

    path: Path
    revision: str
    fingerprint: str


def resolve_model(
    name: str, revision: str | None = None, hub: Hub = "huggingface", *, trusted: bool = False
) -> ModelFiles:
    """Find ``name`` on this machine or fetch it from ``hub``; ``trusted``: its code too, which is fingerprinted.

    Raises ModelError, naming the model, the place, the missing file and the ways out, when it cannot be had whole, or
    cannot be loaded without code of its own that nobody trusts.
    """
    if name.startswith("shape:"):
        _shape(name.removeprefix("shape:"), weights=True, read=True)  # made anew where a byte is another than was made
    path, found = locate_model(name, revision, hub, trusted=trusted)
    check_code(name, path, trusted=trusted)
    return ModelFiles(path=path, revision=found, fingerprint=fingerprint(path, code=trusted))


def located(name: str, base: Path) -> str:
    """A model name as its loader wants it: a path written relative to the config becomes absolute, an id stays."""
    return str((base / name).resolve()) if name.startswith((".", "/")) else name


def locate_model(
    name: str, revision: str | None = None, hub: Hub = "huggingface", *, weights: bool = True, trusted: bool = False
) -> tuple[Path, str]:
    """The folder and revision of ``resolve_model`` without its hash, for which every byte of the weights is read.

    Without ``weights`` only the tokenizer is asked for: nothing large is fetched, and the folder may lack the rest.
    ``trusted`` has the model's code fetched; whoever runs it has called ``check_code``.
    """
    path, found = _locate(name, revision, hub, weights, trusted)
    if (fault := folder_fault(path, weights=weights) or hazard(path)) is not None:
        raise ModelError(f"the model {name!r} in {path} cannot be used: {fault}")
    return path, found


def _locate(name: str, revision: str | None, hub: Hub, weights: bool, trusted: bool) -> tuple[Path, str]:
    if name.startswith("asset:"):
        return _asset(name.removeprefix("asset:")), "asset"
    if name.startswith("shape:"):
        return _shape(name.removeprefix("shape:"), weights), "shape"
    folder = Path(name).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise ModelError(f"{name!r} is a local folder and has no revision {revision!r}; leave the revision out")
        return folder.resolve(), "local"
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name, re.ASCII) or name.startswith(".") or folder.exists():
        raise ModelError(
            f"no such model folder: {name!r}. Give a folder, a hub id such as 'Qwen/Qwen3-Reranker-0.6B', or asset:NAME"
        )
    fetch = from_modelscope if hub == "modelscope" else from_huggingface
    return fetch(name, revision, weights, trusted)


def _asset(name: str) -> Path:
    shipped = sorted(entry.name for entry in ASSETS.iterdir() if entry.is_dir()) if ASSETS.is_dir() else []
    if name not in shipped:
        raise ModelError(f"no model asset:{name} is shipped with this package; it has {', '.join(shipped) or 'none'}")
    return ASSETS / name


def _shape(name: str, weights: bool, read: bool = False) -> Path:
    """Random weights with the shipped reranker's tokenizer, which is all there is to find when no weights are asked."""
    find_shape(name)
    tokenizer = _asset("tracer-reranker")
    return shape_checkpoint(name, tokenizer, read=read) if weights else tokenizer
