"""Pure: a report as one JSON document for machines, what ``--json`` prints.

Figures are numbers in full, as in summary.csv; what was not measured, plays no part or is no finite number is null.
Sentences are in the language that is being spoken; names of fields and of outcomes are English always.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from bench import __version__
from bench.claims.words import Finding, Ruling
from bench.proof import unproven
from bench.report import study_verdict
from bench.report.groups import by_dataset, dataset_name
from bench.report.rows import summary_rows
from bench.report.say import spoken
from bench.report.verdict import verdicts
from bench.study.study import Study
from bench.types import TrialResult

_FILES = {
    "html": "report.html", "markdown": "report.md", "csv": "summary.csv", "claims": "claims.csv", "contrasts": "ab.csv",
}  # fmt: skip


def as_json(
    results: Sequence[TrialResult],
    folder: Path,
    command: str = "",
    rulings: Sequence[Ruling] = (),
    study: Study | None = None,
) -> dict[str, Any]:
    """The whole document. ``folder`` holds the report, which is named in it and not looked at."""
    lacking = {"claims"} if not rulings else set()
    lacking |= {"contrasts"} if study is None else set()
    document: dict[str, Any] = {
        "rerankbench": __version__,
        "kind": "study" if study is not None else "claims" if rulings else "trials",
        "language": spoken(),
        "command": command,
        "folder": str(folder),
        "report": {kind: str(folder / name) for kind, name in _FILES.items() if kind not in lacking},
        "outcomes": dict(Counter(result.status for result in results)),
        "verdicts": [{"dataset": label, "text": text} for label, text in sentences(results, study)],
        "rows": summary_rows(results),
        "warnings": [
            {"trial": result.trial.id, "dataset": dataset_name(result), "pipeline": result.trial.pipeline, "text": text}
            for result in results
            for text in result.warnings
        ],
        "faults": unproven(results),
    }
    if rulings:
        document["claims"] = [_claim(ruling) for ruling in rulings]
    if study is not None:
        document["study"] = _study(study)
    plain: dict[str, Any] = as_plain(document)
    return plain


def sentences(results: Sequence[TrialResult], study: Study | None = None) -> list[tuple[str, str]]:
    """(dataset, what can be said), as the report begins."""
    return study_verdict.verdicts(study) if study is not None else verdicts(by_dataset(results))


def _claim(ruling: Ruling) -> dict[str, Any]:
    claim = ruling.claim
    return {
        "id": claim.id,
        "statement": claim.statement,
        "source": claim.source,
        "verdict": ruling.verdict,
        "reason": ruling.reason,
        "deviations": ruling.deviations,
        "figures": [_figure(finding) for finding in ruling.findings],
    }


def _figure(finding: Finding) -> dict[str, Any]:
    """``value``, ``low`` and ``high`` are shares, seconds or bytes, whatever the unit that was printed."""
    figure = finding.figure
    return {
        "name": figure.name,
        "measure": figure.measure,
        "pipeline": figure.pipeline or None,
        "minus": figure.minus,
        "dataset": figure.dataset,
        "claimed": figure.printed,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "measured": finding.evidence,
    }


def _study(study: Study) -> dict[str, Any]:
    return {
        "name": study.name,
        "baseline": study.baseline,
        "measures": study.measures,
        "arms": study.arms,
        "contrasts": [{**asdict(each), "direction": each.direction} for each in study.contrasts],
        "conclusions": study.conclusions,
        "across": study.across,
        "notes": study.notes,
    }


def as_plain(value: Any) -> Any:
    """What JSON can hold: no value that is not finite, no text that no file can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return as_plain(asdict(value))
    if isinstance(value, Mapping):
        return {as_plain(str(name)): as_plain(each) for name, each in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
