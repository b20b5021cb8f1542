"""The results that a folder's report shows: what is taken elsewhere, and what is compared."""

from __future__ import annotations

import json
from pathlib import Path

from bench.publish import REPRODUCE
from bench.store import open_results
from bench.types import StoreError, TrialResult


def finished_results(folder: Path) -> tuple[TrialResult, ...]:
    """The results of the folder's last finished run, in its order; of a folder without one, every stored result.

    A folder may hold more: trials of earlier runs, with other settings. Nothing is written.
    Raises StoreError for a folder that holds no results, or damaged ones.
    """
    stored = open_results(folder).results()
    if not stored:
        raise StoreError(f"{folder} holds no result of any trial; run a config into it first")
    path = folder / REPRODUCE
    if not path.exists():
        return stored
    try:
        wanted = [str(trial_id) for trial_id in json.loads(path.read_text(encoding="utf-8"))["trials"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read; run the config again to make it anew") from error
    by_id = {result.trial.id: result for result in stored}
    if missing := [trial_id for trial_id in wanted if trial_id not in by_id]:
        raise StoreError(f"{folder} lacks the results of {', '.join(missing)}; run its config again")
    return tuple(by_id[trial_id] for trial_id in dict.fromkeys(wanted))
