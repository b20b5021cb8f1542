"""Models from Hugging Face, or from a server that speaks its language (HF_ENDPOINT)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import unquote, urlparse

from bench.hub.folder import TOKENIZERS, folder_fault, listing_fault
from bench.hub.modules import is_inside
from bench.hub.reach import HUB_DEADLINE_S, cached_or_fail, no_model, patterns, quiet_loggers, short, within
from bench.secrets import without_secrets
from bench.types import ModelError


def from_huggingface(name: str, revision: str | None, weights: bool, code: bool = False) -> tuple[Path, str]:
    """The folder and commit; ``code`` has the model's code fetched too. Raises ModelError."""
    import huggingface_hub
    from huggingface_hub import constants, errors

    where = without_secrets(f"huggingface ({constants.ENDPOINT})")
    cached = _huggingface_cache(name, revision)
    if huggingface_hub.is_offline_mode():
        return cached_or_fail(name, cached, where, "HF_HUB_OFFLINE is set, so the hub was not asked", weights)
    if cached is not None and cached.name == revision and not code and folder_fault(cached, weights=weights) is None:
        return cached, cached.name  # a commit never changes: nothing to ask, but for code that was not fetched then
    with _quiet_huggingface():
        try:
            info = within(
                HUB_DEADLINE_S,
                lambda: huggingface_hub.HfApi().model_info(name, revision=revision, timeout=HUB_DEADLINE_S),
            )
        except Exception as error:
            if (reason := _refusal(error, name, revision)) is not None:
                raise ModelError(no_model(name, where, reason)) from error
            return cached_or_fail(name, cached, where, f"it did not answer ({short(error)})", weights)
        listed = {sibling.rfilename for sibling in info.siblings or []}
        wanted = patterns(weights, code)
        if odd := next((file for file in sorted(listed) if _matches(file, wanted) and not is_inside(file)), None):
            reason = f"it lists the file {odd!r}, which leads out of the model's folder; nothing was fetched"
            raise ModelError(no_model(name, where, reason))
        if (fault := listing_fault(listed, lambda _: None, weights)) is not None and "modules.json" not in listed:
            raise ModelError(no_model(name, where, fault))
        try:
            path = Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=wanted))
        except errors.RemoteEntryNotFoundError as error:
            asked = unquote(urlparse(str(error.response.url)).path).rpartition("/resolve/")[2].partition("/")[2]
            raise ModelError(no_model(name, where, f"the hub lists {asked} and does not have it")) from error
        except Exception as error:
            return cached_or_fail(name, cached, where, f"the download broke off ({short(error)})", weights)
    return path, path.name


def _matches(file: str, wanted: list[str]) -> bool:
    return any(fnmatch(file, pattern) for pattern in wanted)


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
        with quiet_loggers("huggingface_hub"):
            yield
    finally:
        if hide:
            enable_progress_bars()
