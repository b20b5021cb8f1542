"""What a finished run has left in its folder: which trials, in which order, and how to run them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench.store import Store, open_results
from bench.types import StoreError, TrialResult

REPRODUCE = "run.json"
"""The file that names them; written last but for the report."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last run that was finished in a folder, its results in the order in which the report shows them."""

    results: tuple[TrialResult, ...]
    config_text: str
    command: str


def finished_run(folder: Path) -> Finished:
    """Nothing is written. Raises StoreError for a folder without a finished run, and where a part of it is lost."""
    path = folder / REPRODUCE
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        wanted, config_text, command = map(str, facts["trials"]), str(facts["config"]), str(facts["command"])
    except FileNotFoundError as error:
        raise StoreError(f"{folder} holds no finished run (no {REPRODUCE}); make one with `rerankbench run`") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read; run the config again to make it anew") from error
    by_id = {result.trial.id: result for result in Store(folder, to_read=True).results()}
    ids = list(dict.fromkeys(wanted))
    if missing := [trial_id for trial_id in ids if trial_id not in by_id]:
        raise StoreError(f"{folder} lacks the results of {', '.join(missing)}; run its config again")
    return Finished(tuple(by_id[trial_id] for trial_id in ids), config_text, command)


def finished_results(folder: Path) -> tuple[TrialResult, ...]:
    """The results of the folder's last finished run, in its order; of a folder without one, every stored result.

    A folder may hold more than its last run: trials of earlier ones, with other settings. Nothing is written.
    Raises StoreError for a folder that holds no results, or damaged ones.
    """
    stored = open_results(folder)
    found = finished_run(folder).results if (folder / REPRODUCE).exists() else stored.results()
    if not found:
        raise StoreError(f"{folder} holds no result of any trial; run a config into it first")
    return found
