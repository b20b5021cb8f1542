"""A model's name becomes a folder of files that can be read, or one error that says what to do.

A name is looked up in this order: ``asset:NAME`` (shipped with this package), an existing folder, a hub's id. Only
safetensors weights are fetched or accepted: a pickle runs code when it is read. With no network the complete copy in
the hub's cache is used; without one the failure takes seconds, not the minutes of a client that keeps retrying.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlparse

from bench.types import Hub, ModelError

T = TypeVar("T")

HUB_DEADLINE_S = 6.0
"""How long a hub may take to say that it is there (name look-up, connection and answer together)."""

FILE_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
SHARD_INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
ASSETS = Path(__file__).resolve().parent / "assets"

log = logging.getLogger(__name__)
_hashes: dict[tuple[Path, int, int], str] = {}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A checkpoint on disk. ``revision`` is the hub's commit, ``asset`` or ``local``.

    ``fingerprint`` is the sha256 over the names and contents of the files that decide scores; two folders with the
    same fingerprint give the same scores, wherever they lie and whatever they are called.
    """

    path: Path
    revision: str
    fingerprint: str


def resolve_model(name: str, revision: str | None = None, hub: Hub = "huggingface") -> ModelFiles:
    """Find ``name`` on this machine or fetch it from ``hub``.

    Raises ModelError, naming the model, the place, the missing file and the ways out, when it cannot be had whole.
    """
    path, found = locate_model(name, revision, hub)
    return ModelFiles(path=path, revision=found, fingerprint=fingerprint(path))


def locate_model(
    name: str, revision: str | None = None, hub: Hub = "huggingface", *, weights: bool = True
) -> tuple[Path, str]:
    """The folder and revision of ``resolve_model`` without its hash, for which every byte of the weights is read.

    Without ``weights`` only the tokenizer is asked for: nothing large is fetched, and the folder may lack the rest.
    """
    path, found = _locate(name, revision, hub, weights)
    if (fault := folder_fault(path, weights=weights)) is not None:
        raise ModelError(f"the model {name!r} in {path} cannot be used: {fault}")
    return path, found


def _locate(name: str, revision: str | None, hub: Hub, weights: bool) -> tuple[Path, str]:
    if name.startswith("asset:"):
        return _asset(name.removeprefix("asset:")), "asset"
    folder = Path(name).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise ModelError(f"{name!r} is a local folder and has no revision {revision!r}; leave the revision out")
        return folder.resolve(), "local"
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name, re.ASCII) or name.startswith(".") or folder.exists():
        raise ModelError(
            f"no such model folder: {name!r}. Give a folder, a hub id such as 'Qwen/Qwen3-Reranker-0.6B', or asset:NAME"
        )
    fetch = _from_modelscope if hub == "modelscope" else _from_huggingface
    return fetch(name, revision, weights)


def _asset(name: str) -> Path:
    shipped = sorted(entry.name for entry in ASSETS.iterdir() if entry.is_dir()) if ASSETS.is_dir() else []
    if name not in shipped:
        raise ModelError(f"no model asset:{name} is shipped with this package; it has {', '.join(shipped) or 'none'}")
    return ASSETS / name


# ---------------------------------------------------------------------------------------------- is it complete?


def folder_fault(folder: Path, *, weights: bool = True) -> str | None:
    """What keeps ``folder`` from being loaded, in words that name the file, or None."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return _fault(names, lambda name: _read_json(folder / name), weights)


def _fault(names: Collection[str], read_json: Callable[[str], Any], weights: bool) -> str | None:
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
            shards = set(index["weight_map"].values())
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


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}") from error


# ------------------------------------------------------------------------------------------------- fingerprint


def fingerprint(folder: Path) -> str:
    """sha256 (hexadecimal) over the relative names and contents of the files that decide scores."""
    digest = hashlib.sha256()
    for path in _decisive_files(folder):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{_file_hash(path)}\n".encode())
    return digest.hexdigest()


def _decisive_files(folder: Path) -> list[Path]:
    """Configuration, weights and tokenizer: in the folder itself and in the modules it names, nowhere deeper."""
    places = {folder}
    if (folder / "modules.json").is_file():
        places |= {folder / str(module["path"]) for module in _read_json(folder / "modules.json")}
    return sorted(
        {path for place in places for pattern in FILE_PATTERNS for path in place.glob(pattern) if path.is_file()}
    )


def _file_hash(path: Path) -> str:
    """sha256 of one file, remembered for this process as long as its size and time of change stay."""
    real = path.resolve()
    stat = real.stat()
    key = (real, stat.st_size, stat.st_mtime_ns)
    if key not in _hashes:
        with real.open("rb") as file:
            _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _hashes[key]


# ------------------------------------------------------------------------------------------------ Hugging Face


def _from_huggingface(name: str, revision: str | None, weights: bool) -> tuple[Path, str]:
    import huggingface_hub
    from huggingface_hub import constants, errors

    where = f"huggingface ({constants.ENDPOINT})"
    cached = _huggingface_cache(name, revision)
    if huggingface_hub.is_offline_mode():
        return _cached_or_fail(name, cached, where, "HF_HUB_OFFLINE is set, so the hub was not asked", weights)
    if cached is not None and cached.name == revision and folder_fault(cached, weights=weights) is None:
        return cached, cached.name  # a commit never changes: nothing to ask
    with _quiet_huggingface():
        try:
            info = _within(
                HUB_DEADLINE_S,
                lambda: huggingface_hub.HfApi().model_info(name, revision=revision, timeout=HUB_DEADLINE_S),
            )
        except Exception as error:
            if (reason := _refusal(error, name, revision)) is not None:
                raise ModelError(_no_model(name, where, reason)) from error
            return _cached_or_fail(name, cached, where, f"it did not answer ({_short(error)})", weights)
        listed = {sibling.rfilename for sibling in info.siblings or []}
        if (fault := _fault(listed, lambda _: None, weights)) is not None and "modules.json" not in listed:
            raise ModelError(_no_model(name, where, fault))
        try:
            path = Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=_patterns(weights)))
        except errors.RemoteEntryNotFoundError as error:
            asked = unquote(urlparse(str(error.response.url)).path).rpartition("/resolve/")[2].partition("/")[2]
            raise ModelError(_no_model(name, where, f"the hub lists {asked} and does not have it")) from error
        except Exception as error:
            return _cached_or_fail(name, cached, where, f"the download broke off ({_short(error)})", weights)
    return path, path.name


def _huggingface_cache(name: str, revision: str | None) -> Path | None:
    """The cached snapshot of ``revision``, complete or not: any client may have left it there."""
    import huggingface_hub

    for file in ("config.json", "modules.json", *TOKENIZERS):
        found = huggingface_hub.try_to_load_from_cache(name, file, revision=revision)
        if isinstance(found, str):
            return Path(found).parent
    return None


def _refusal(error: Exception, name: str, revision: str | None) -> str | None:
    """The hub's own "no" in words, or None when it is the connection that failed."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "it is gated: accept its terms on its page and log in with `hf auth login`"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such model (or it is private and needs `hf auth login`)"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"the model is there, and has no revision {revision!r}"
    if isinstance(error, errors.HFValidationError):
        return f"{name!r} is not a model id"
    return None


@contextmanager
def _quiet_huggingface() -> Iterator[None]:
    """Silence the client's retry warnings, and its progress bars where nobody watches."""
    from huggingface_hub import constants
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    hide = not sys.stderr.isatty() and constants.HF_HUB_DISABLE_PROGRESS_BARS is None
    hide = hide and not are_progress_bars_disabled()
    if hide:
        disable_progress_bars()
    try:
        with _quiet_loggers("huggingface_hub"):
            yield
    finally:
        if hide:
            enable_progress_bars()


# -------------------------------------------------------------------------------------------------- ModelScope


def _from_modelscope(name: str, revision: str | None, weights: bool) -> tuple[Path, str]:
    """ModelScope gives no commit: the revision is the branch or tag asked for, and the fingerprint tells contents."""
    try:
        from modelscope import snapshot_download
    except ImportError as error:
        raise ModelError(
            f"the model {name!r} is to come from modelscope, whose client cannot be imported ({error}): "
            'pip install "rerankbench[modelscope]"'
        ) from error
    endpoint = os.environ.get("MODELSCOPE_ENDPOINT") or os.environ.get("MODELSCOPE_DOMAIN") or "www.modelscope.cn"
    endpoint = endpoint if "://" in endpoint else f"https://{endpoint}"
    where = f"modelscope ({endpoint})"
    branch = revision or "master"

    def fetch(**options: Any) -> Path:
        return Path(snapshot_download(name, revision=branch, allow_patterns=_patterns(weights), **options))

    with _quiet_loggers("modelscope", "modelscope_hub"):
        try:
            _within(HUB_DEADLINE_S, lambda: _knock(endpoint))
            return fetch(), branch
        except Exception as error:
            broken = error
        try:
            cached: Path | None = fetch(local_files_only=True)
        except Exception:
            cached = None
    return _cached_or_fail(name, cached, where, f"it gave no model ({_short(broken)})", weights)[0], branch


def _knock(endpoint: str) -> None:
    """Return when ``endpoint`` answers anything at all; proxies from the environment are honoured."""
    try:
        urllib.request.urlopen(endpoint, timeout=HUB_DEADLINE_S).close()  # noqa: S310 (the user's own endpoint)
    except urllib.error.HTTPError as answer:
        answer.close()


# ------------------------------------------------------------------------------------------------------ shared


@contextmanager
def _quiet_loggers(*names: str) -> Iterator[None]:
    """Only errors from these loggers and those beneath them."""
    loggers = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    for logger, _ in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)


def _within(seconds: float, call: Callable[[], T]) -> T:
    """``call()``, given up after ``seconds``: looking up a host's name has no time limit of its own.

    Raises TimeoutError. The abandoned call ends with its thread, which does not keep the process alive.
    """
    outcome: list[T] = []
    failure: list[Exception] = []

    def work() -> None:
        try:
            outcome.append(call())
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return outcome[0]


def _patterns(weights: bool) -> list[str]:
    return [pattern for pattern in FILE_PATTERNS if weights or pattern != "*.safetensors"]


def _cached_or_fail(name: str, cached: Path | None, where: str, reason: str, weights: bool) -> tuple[Path, str]:
    fault = (
        "no file of it (config.json, tokenizer.json, model.safetensors)"
        if cached is None
        else folder_fault(cached, weights=weights)
    )
    if cached is not None and fault is None:
        log.warning("using the cached copy of %s: %s", name, reason)
        return cached, cached.name
    copy = f"The cache on this machine holds {fault}" if cached is None else f"The cached copy is incomplete: {fault}"
    raise ModelError(_no_model(name, where, f"{reason}. {copy}"))


def _no_model(name: str, where: str, reason: str) -> str:
    other, mirror, command = (
        ("huggingface", "MODELSCOPE_ENDPOINT to a mirror", f"modelscope download --model {name}")
        if where.startswith("modelscope")
        else ("modelscope", "HF_ENDPOINT to a mirror, such as https://hf-mirror.com", f"hf download {name}")
    )
    return (
        f"cannot get the model {name!r} from {where}: {reason}.\n"
        "What helps, one of:\n"
        "  give the path of a local folder that has config.json, tokenizer.json and model.safetensors\n"
        f"  use the other hub (`hub: {other}`)\n"
        f"  set {mirror}\n"
        f"  fetch it beforehand where there is a network (`{command}`) and copy the folder here"
    )


def _short(error: Exception) -> str:
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first[:200]}"
