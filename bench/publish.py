"""Writes what a person reads of a results folder: the table, the report in two forms, and its figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.report.figures import figures
from bench.report.html import render_html
from bench.report.markdown import render_markdown
from bench.report.rows import summary_csv
from bench.store import Store
from bench.types import StoreError, TrialResult

REPRODUCE = "run.json"


def publish(store: Store, results: Sequence[TrialResult], config_text: str, command: str) -> Path:
    """Write summary.csv, report.md, report.html and figures/ for these results; returns the page's path."""
    facts = {"command": command, "config": config_text, "trials": [result.trial.id for result in results]}
    store.write(REPRODUCE, json.dumps(facts, ensure_ascii=False, indent=1).encode() + b"\n")
    store.write("summary.csv", summary_csv(results).encode())
    for name, payload in figures(results).items():
        store.write(f"figures/{name}", payload)
    store.write("report.md", render_markdown(results, config_text, command).encode())
    return store.write("report.html", render_html(results, config_text, command).encode())


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
    return results, publish(store, results, config_text, command)
