"""What a finished run has left in its folder: which trials, in which order, and how to run them again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.sealed import is_sealed, opened, sha256_of
from bench.store import Store, open_results
from bench.types import StoreError, TrialResult, canonical_json

REPRODUCE = "run.json"
"""The file that names them, with the checksums of what the run found; written last but for the report."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last run that was finished in a folder, its results in the order in which the report shows them."""

    results: tuple[TrialResult, ...]
    config_text: str
    command: str


def finished_run(folder: Path) -> Finished:
    """Nothing is written. Raises StoreError for a folder without a finished run, and where a part of it is lost."""
    facts = _facts(folder)
    by_id = {result.trial.id: result for result in Store(folder, to_read=True).results()}
    ids = list(dict.fromkeys(map(str, facts["trials"])))
    if missing := [trial_id for trial_id in ids if trial_id not in by_id]:
        raise StoreError(f"{folder} lacks the results of {', '.join(missing)}; run its config again")
    read = facts["inputs"]
    if other := [trial_id for trial_id in ids if read and digest(by_id[trial_id].inputs) != read.get(trial_id)]:
        raise StoreError(
            f"{folder} holds results of another run than the one that was finished there, over other files "
            f"({', '.join(other)}): that run was cut off; run its config again to finish it"
        )
    return Finished(tuple(by_id[trial_id] for trial_id in ids), str(facts["config"]), str(facts["command"]))


def digest(inputs: Mapping[str, str]) -> str:
    """Of what a result was made from: short, and equal for equal inputs."""
    return sha256_of(canonical_json(dict(inputs)).encode())[:16]


def found_by_run(folder: Path, name: str) -> bytes | None:
    """A file that the folder's last finished run wrote of what it found; None where it wrote none.

    What an earlier run has left is not shown. Raises StoreError for one that is not what that run wrote.
    """
    path = folder / name
    try:
        payload = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}; see who may read it") from error
    checksums = _facts(folder)["checksums"]
    if checksums is None:  # of a version that kept none
        return payload
    if name not in checksums:
        return None
    if checksums[name] != sha256_of(payload):
        raise StoreError(
            f"{path} is damaged, or of a run that was cut off; run its config into this folder again to make it anew"
        )
    return payload


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / REPRODUCE
    try:
        data = path.read_bytes()
        facts = json.loads(opened(data) if is_sealed(data) or b'"checksums"' in data else data)
        return {
            "trials": list(facts["trials"]),
            "config": facts["config"],
            "command": facts["command"],
            "checksums": dict(facts["checksums"]) if "checksums" in facts else None,
            "inputs": dict(facts.get("inputs") or {}),
        }
    except FileNotFoundError as error:
        raise StoreError(f"{folder} holds no finished run (no {REPRODUCE}); make one with `rerankbench run`") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{path} is damaged or cannot be read; run the config again to make it anew") from error


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
