"""Where things are kept that any run on this machine may use again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """$RERANKBENCH_CACHE, or else the folder rerankbench in $XDG_CACHE_HOME or in ~/.cache; it may not exist yet."""
    own = os.environ.get("RERANKBENCH_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(shared) / "rerankbench"


def datasets_folder() -> Path:
    """Labelled sets that were fetched or converted, in BEIR layout."""
    return cache_root() / "datasets"
