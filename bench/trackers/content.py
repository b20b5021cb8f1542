"""Pure: what a tracker is told of a trial. Names and lengths are those that every tracker takes."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import __version__
from bench.claims.words import Ruling
from bench.config.fields import live_values
from bench.finished import found_by_run
from bench.report.rows import summary_rows
from bench.report.words import clean
from bench.secrets import shown_address, without_secrets
from bench.study.study import Study
from bench.types import TrialResult

_LONGEST_PART = 60
LONGEST = 500
"""Characters of a parameter or tag: what the least of the stores takes. The trial's own file has the whole."""

_SETTINGS = (
    "dataset", "pipeline", "device", "dtype", "batch_size", "max_length", "depth", "status", "trial", "engine",
    "template", "quantisation", "token_budget", "server_p99_bound_s", "implied_by", "message",
)  # fmt: skip
"""Columns of summary.csv that are no measurements."""


def parameters(result: TrialResult) -> dict[str, str]:
    """The fields that decide something in this trial; one that is left to others (None) is left out."""
    values = {name: value for name, value in live_values(result.trial).items() if value is not None}
    if "url" in values:
        values["url"] = shown_address(values["url"])
    return {name: _said(value) for name, value in values.items()}


def measures(result: TrialResult) -> dict[str, float]:
    """Every figure of the trial's row in summary.csv, means with the ends of their intervals; ``ndcg@10`` is
    ``ndcg_at_10``."""
    row = summary_rows([result])[0]
    found = {metric_name(name): value for name, value in row.items() if name not in _SETTINGS}
    if result.wall_s is not None:
        found["wall_s"] = result.wall_s
    return {name: float(value) for name, value in found.items() if _is_number(value)}


def tags(result: TrialResult) -> dict[str, str]:
    """What the trial was about and what became of it."""
    facts = result.dataset
    said: dict[str, Any] = {
        "trial": result.trial.id,
        "dataset": facts.get("name") or result.trial.dataset,
        "split": facts.get("split") or result.trial.split,
        "checksum": facts.get("checksum"),
        "status": result.status,
        "message": result.message,
        "implied_by": result.implied_by,
        "warnings": len(result.warnings) or None,
        "version": __version__,
    }
    return {name: _said(value) for name, value in said.items() if value not in (None, "")}


def files(result: TrialResult, folder: Path) -> list[Path]:
    """The trial's own file and the ranking that was judged, where they are in the results folder."""
    names = [f"trials/{result.trial.id}.json", *([result.run_file] if result.run_file else [])]
    return [folder / name for name in names if (folder / name).is_file()]


def published(folder: Path) -> list[Path]:
    """What a person reads of a results folder, as far as it is there."""
    names = ["report.html", "report.md", "summary.csv", "run.json"]
    for found, table in (("claims.json", "claims.csv"), ("ab.json", "ab.csv")):  # an earlier run's may still lie there
        names += [table, found] if found_by_run(folder, found) is not None else []
    return [*(folder / name for name in names if (folder / name).is_file()), *sorted((folder / "figures").glob("*.*"))]


def milliseconds(result: TrialResult) -> tuple[int, int] | None:
    """When the trial began and ended, since 1970; None where it was not noted."""
    try:
        begun = datetime.fromisoformat(result.started_at)
    except ValueError:
        return None
    start = begun if begun.tzinfo else begun.replace(tzinfo=UTC)
    return int(start.timestamp() * 1000), int((start.timestamp() + (result.wall_s or 0)) * 1000)


def metric_name(*parts: str) -> str:
    """The name of a figure: parts of letters of any script, digits, ``_``, ``.`` and ``-``, slashes between them."""
    said = (re.sub(r"[^\w.-]+", "_", part.replace("@", "_at_")).strip("_.-") or "_" for part in parts)
    return "/".join(part[:_LONGEST_PART] for part in said)


def _said(value: Any) -> str:
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = without_secrets(clean(plain))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def overall(
    results: Sequence[TrialResult], rulings: Sequence[Ruling] = (), study: Study | None = None
) -> dict[str, float]:
    """Figures of the run as a whole: how many trials and claims came out how, and what a study found on test."""
    found = {
        metric_name(f"trials_{name}"): float(n) for name, n in Counter(result.status for result in results).items()
    }
    found |= {
        metric_name(f"claims_{name}"): float(n) for name, n in Counter(ruling.verdict for ruling in rulings).items()
    }
    for each in study.contrasts if study is not None else ():
        if each.side == "test":
            figures = {**asdict(each.difference), "p_holm": each.p_holm}
            place = (each.dataset, each.measure, each.arm)
            found |= {metric_name(*place, name): value for name, value in figures.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}
