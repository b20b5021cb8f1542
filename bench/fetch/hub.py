"""Files of a data set's repository on a hub, at one commit, each checked against what the hub says of it."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bench.fetch.errors import OutOfReachError
from bench.fetch.modelscope import from_modelscope
from bench.fetch.offline import OFFLINE, is_offline
from bench.hub.modules import is_inside
from bench.hub.reach import HUB_DEADLINE_S, quiet_loggers, short, within
from bench.secrets import without_secrets
from bench.types import DataError, Hub, Progress

PATIENCE_S = 5 * HUB_DEADLINE_S
"""For the list of a repository's files, which is long for a large one."""
LOOK_EVERY_S = 0.2
_SHA256_DIGITS, _SHA1_DIGITS = 64, 40


log = logging.getLogger(__name__)


class _SilentError(Exception):
    """The hub gave no answer, not even a no."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """``name`` is that of the contents: the sha256 of a large file, git's own hash of a small one."""

    size_bytes: int
    name: str


def hub_files(repository: str, revision: str, patterns: Sequence[str], hub: Hub, tell: Progress) -> Path:
    """A folder with the files of a data set's repository that match one of ``patterns`` (none: all of them), checked.

    ``revision`` is a commit on Hugging Face, a branch on ModelScope. The hub's own cache keeps them (``HF_HOME``,
    ``MODELSCOPE_CACHE``); ``HF_ENDPOINT`` names a mirror, and with ``HF_HUB_OFFLINE`` only the cache is looked into.
    Raises OutOfReachError for what cannot be had, and DataError for a file that is not what the hub says.
    """
    if hub == "modelscope":
        return from_modelscope(repository, revision, patterns, tell)
    return _from_huggingface(repository, revision, patterns, tell)


def _from_huggingface(repository: str, revision: str, patterns: Sequence[str], tell: Progress) -> Path:
    import huggingface_hub
    from huggingface_hub import constants, hf_api  # noqa: F401 (its loggers take their level when it is imported)

    where = without_secrets(f"{repository} on huggingface ({constants.ENDPOINT})")
    cache = Path(constants.HF_HUB_CACHE) / f"datasets--{repository.replace('/', '--')}"
    options: dict[str, Any] = {"repo_type": "dataset", "revision": revision, "allow_patterns": list(patterns) or None}
    if is_offline():
        return _cached(repository, options, where, f"{OFFLINE}, and the cache on this machine does not have it whole")
    with quiet_loggers("huggingface_hub"), _no_bars():
        tell(f"ask for {repository}", 0, 0)
        try:
            listed = _listing(repository, revision, patterns, where)
        except _SilentError as error:
            folder = _cached(repository, options, where, f"it did not answer ({error})")
            log.warning("using the cached copy of %s: it did not answer (%s)", where, error)
            return folder
        total = sum(each.size_bytes for each in listed.values())
        try:
            with _watched(cache / "blobs", listed, lambda done: tell(f"download {repository}", done, total)):
                folder = Path(huggingface_hub.snapshot_download(repository, **options))
        except Exception as error:
            reason = _refusal(error, repository, revision) or f"the download broke off ({short(error)}); run it again"
            raise OutOfReachError(f"{where}: {reason}") from error
    tell(f"check {repository}", 0, 0)
    _check(folder, patterns, listed, where)
    return folder


def _cached(repository: str, options: Mapping[str, Any], where: str, reason: str) -> Path:
    """What the client's cache holds of that commit, checked. Raises OutOfReachError where it is not whole."""
    import huggingface_hub

    try:
        folder = Path(huggingface_hub.snapshot_download(repository, local_files_only=True, **options))
    except Exception as error:
        raise OutOfReachError(f"{where}: {reason}") from error
    _check(folder, options["allow_patterns"] or (), {}, where)
    return folder


def _listing(repository: str, revision: str, patterns: Sequence[str], where: str) -> Mapping[str, _Listed]:
    import huggingface_hub
    from huggingface_hub.hf_api import RepoFile

    api = huggingface_hub.HfApi()

    def knock() -> Any:
        return api.dataset_info(repository, revision=revision, timeout=HUB_DEADLINE_S)

    def ask() -> list[Any]:
        return list(api.list_repo_tree(repository, recursive=True, revision=revision, repo_type="dataset"))

    try:
        within(HUB_DEADLINE_S, knock)  # says no at once; what comes after is tried again and again by the client
        entries = within(PATIENCE_S, ask)
    except Exception as error:
        if (reason := _refusal(error, repository, revision)) is None:
            raise _SilentError(short(error)) from error
        raise OutOfReachError(f"{where}: {reason}") from error
    files = {
        each.path: _Listed(each.size, each.lfs.sha256 if each.lfs else each.blob_id)
        for each in entries
        if isinstance(each, RepoFile)
    }
    wanted = {name: each for name, each in files.items() if _matches(name, patterns)}
    if odd := next((name for name in sorted(wanted) if not is_inside(name)), None):
        raise OutOfReachError(f"{where}: it lists {odd!r}, which leads out of its folder; nothing was fetched")
    if not wanted:
        there = ", ".join(sorted(files)[:12]) or "nothing"
        raise OutOfReachError(f"{where}: none of its files is one of {', '.join(patterns)}; it has {there}")
    return wanted


def _refusal(error: Exception, repository: str, revision: str) -> str | None:
    """The hub's own "no" in words, or None when it is the connection that failed."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return (
            "it is gated: accept its terms on its page, then set HF_TOKEN to a token of your account "
            "(or log in with `hf auth login`)"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such data set, or it is private and needs a token in HF_TOKEN"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"it is there, and has no revision {revision!r}"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"the hub lists a file and does not have it ({short(error)})"
    if isinstance(error, errors.HFValidationError):
        return f"{repository!r} is not the id of a data set"
    return None


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


# ------------------------------------------------------------------------------------------------------ checking


def _check(folder: Path, patterns: Sequence[str], listed: Mapping[str, _Listed], where: str) -> None:
    """Every file against its hash. In the client's cache a file is a link to one that has its hash for a name.

    A damaged file is removed from the cache, which would otherwise hand it out for ever. Raises DataError.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    missing = sorted(listed.keys() - set(names))
    if missing:
        raise DataError(f"{where}: {missing[0]} is listed and did not arrive")
    for name in (name for name in names if _matches(name, patterns)):
        path = folder / name
        stated = listed[name].name if name in listed else path.resolve().name
        found = _hash_like(stated, path)
        if found is not None and found != stated:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            kind = "sha256" if len(stated) == _SHA256_DIGITS else "git hash"
            raise DataError(
                f"the {kind} of {name} of {where} is {found}, expected {stated}; it was damaged on the way or on disk, "
                "and was removed: run the command again"
            )


def _hash_like(stated: str, path: Path) -> str | None:
    """The hash of that kind: sha256 of the bytes, or git's of a blob; None where ``stated`` is neither."""
    if len(stated) == _SHA256_DIGITS:
        digest = hashlib.sha256()
    elif len(stated) == _SHA1_DIGITS:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    else:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest()


# ------------------------------------------------------------------------------------------------------ progress


@contextmanager
def _watched(blobs: Path, listed: Mapping[str, _Listed], tell: Callable[[int], None]) -> Iterator[None]:
    """Tell now and then how many bytes of the listed files are on disk; the client's own bars differ by version."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            tell(_on_disk(blobs, listed))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    tell(_on_disk(blobs, listed))


def _on_disk(blobs: Path, listed: Mapping[str, _Listed]) -> int:
    """Bytes of the listed contents, of those that are still coming the part that is there."""
    sizes: dict[str, int] = {}
    try:
        for path in blobs.iterdir():
            name = path.name.partition(".")[0]
            sizes[name] = max(sizes.get(name, 0), path.stat().st_size)
    except OSError:
        pass  # the client renames files while this looks on
    return sum(min(each.size_bytes, sizes.get(each.name, 0)) for each in listed.values())


@contextmanager
def _no_bars() -> Iterator[None]:
    """The client's own bars would be drawn over ours."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    hidden = are_progress_bars_disabled()
    if not hidden:
        disable_progress_bars()
    try:
        yield
    finally:
        if not hidden:
            enable_progress_bars()
