"""Files of a data set's repository on ModelScope, through its own client (an extra of this package)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.fetch.errors import OutOfReachError
from bench.fetch.offline import OFFLINE, is_offline
from bench.hub.modelscope import knock, modelscope_endpoint
from bench.hub.reach import HUB_DEADLINE_S, quiet_loggers, short, within
from bench.secrets import without_secrets
from bench.types import ConfigError, Progress

BRANCH = "master"
"""ModelScope gives no commit that a card could pin; what the files hold is checked by the card's counts."""


def from_modelscope(repository: str, revision: str, patterns: Sequence[str], tell: Progress) -> Path:
    """The client checks each file's sha256 against the hub's list while it downloads; ``MODELSCOPE_CACHE`` keeps them.

    Raises OutOfReachError, and ConfigError where the client is not installed.
    """
    where = without_secrets(f"{repository} on modelscope ({modelscope_endpoint()})")
    try:
        from modelscope.hub.snapshot_download import dataset_snapshot_download
    except ImportError as error:
        raise ConfigError(
            f"{where}: its client cannot be imported ({error}); the hub modelscope needs an extra: "
            'pip install "rerankbench[modelscope]"'
        ) from error
    if is_offline():
        raise OutOfReachError(f"{where}: {OFFLINE}; its client cannot tell whether its cache is whole")
    with quiet_loggers("modelscope", "modelscope_hub"):
        try:
            within(HUB_DEADLINE_S, lambda: knock(modelscope_endpoint()))
            tell(f"download {repository}", 0, 0)
            return Path(dataset_snapshot_download(repository, revision=revision, allow_patterns=list(patterns) or None))
        except Exception as error:
            raise OutOfReachError(f"{where}: it gave no files ({short(error)})") from error
