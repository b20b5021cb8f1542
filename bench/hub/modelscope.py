"""Models from ModelScope, through its own client (an extra of this package)."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from bench.hub.reach import HUB_DEADLINE_S, cached_or_fail, patterns, quiet_loggers, short, within
from bench.secrets import without_secrets
from bench.types import ModelError


def from_modelscope(name: str, revision: str | None, weights: bool, code: bool = False) -> tuple[Path, str]:
    """ModelScope gives no commit: the revision is the branch or tag asked for, and the fingerprint tells contents."""
    try:
        from modelscope import snapshot_download
    except ImportError as error:
        raise ModelError(
            f"the model {name!r} is to come from modelscope, whose client cannot be imported ({error}): "
            'pip install "rerankbench[modelscope]"'
        ) from error
    endpoint = modelscope_endpoint()
    where = without_secrets(f"modelscope ({endpoint})")
    branch = revision or "master"

    def fetch(**options: Any) -> Path:
        return Path(snapshot_download(name, revision=branch, allow_patterns=patterns(weights, code), **options))

    with quiet_loggers("modelscope", "modelscope_hub"):
        try:
            within(HUB_DEADLINE_S, lambda: knock(endpoint))
            return fetch(), branch
        except Exception as error:
            broken = error
        try:
            cached: Path | None = fetch(local_files_only=True)
        except Exception:
            cached = None
    return cached_or_fail(name, cached, where, f"it gave no model ({short(broken)})", weights)[0], branch


def modelscope_endpoint() -> str:
    """The address of the hub, or of the mirror that the environment names."""
    endpoint = os.environ.get("MODELSCOPE_ENDPOINT") or os.environ.get("MODELSCOPE_DOMAIN") or "www.modelscope.cn"
    return endpoint if "://" in endpoint else f"https://{endpoint}"


def knock(endpoint: str) -> None:
    """Return when ``endpoint`` answers anything at all; proxies from the environment are honoured."""
    try:
        urllib.request.urlopen(endpoint, timeout=HUB_DEADLINE_S).close()  # noqa: S310 (the user's own endpoint)
    except urllib.error.HTTPError as answer:
        answer.close()
