"""Writes what a person reads of a results folder: the table, the report in two forms, and its figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from bench.claims.table import claims_csv
from bench.claims.words import Ruling
from bench.report.figures import figures
from bench.report.html import render_html
from bench.report.markdown import render_markdown
from bench.report.rows import summary_csv
from bench.store import Store
from bench.types import StoreError, TrialResult

REPRODUCE = "run.json"
CLAIMS = "claims.json"
_RULINGS = TypeAdapter(tuple[Ruling, ...])


def publish(
    store: Store, results: Sequence[TrialResult], config_text: str, command: str, rulings: Sequence[Ruling] = ()
) -> Path:
    """Write summary.csv, report.md, report.html and figures/ for these results; returns the page's path.

    Of claims, what was found is kept as claims.csv and, whole, as claims.json.
    """
    facts = {"command": command, "config": config_text, "trials": [result.trial.id for result in results]}
    store.write(REPRODUCE, json.dumps(facts, ensure_ascii=False, indent=1).encode() + b"\n")
    store.write("summary.csv", summary_csv(results).encode())
    if rulings:
        store.write("claims.csv", claims_csv(rulings).encode())
        store.write(CLAIMS, _RULINGS.dump_json(tuple(rulings), indent=1) + b"\n")
    for name, payload in figures(results).items():
        store.write(f"figures/{name}", payload)
    store.write("report.md", render_markdown(results, config_text, command, rulings).encode())
    return store.write("report.html", render_html(results, config_text, command, rulings).encode())


def republish(folder: Path) -> tuple[list[TrialResult], Path]:
    """The same from what a finished run has left. Raises StoreError for a folder without one."""
    path = folder / REPRODUCE
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        wanted, config_text, command = facts["trials"], facts["config"], facts["command"]
    except FileNotFoundError as error:
        raise StoreError(f"{folder} holds no finished run (no {REPRODUCE}); make one with `rerankbench run`") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read; run the config again to make it anew") from error
    store = Store(folder)
    by_id = {result.trial.id: result for result in store.results()}
    missing = [trial_id for trial_id in wanted if trial_id not in by_id]
    if missing:
        raise StoreError(f"{folder} lacks the results of {', '.join(missing)}; run its config again")
    results = [by_id[trial_id] for trial_id in wanted]
    return results, publish(store, results, config_text, command, read_rulings(folder))


def read_rulings(folder: Path) -> tuple[Ruling, ...]:
    """What a claims file's run has found; nothing where there was none. Raises StoreError for a damaged file."""
    path = folder / CLAIMS
    if not path.exists():
        return ()
    try:
        return _RULINGS.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read; run the claims file again to make it anew") from error
