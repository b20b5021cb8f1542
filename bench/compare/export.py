"""Pure: a comparison as Markdown for a pull request, and as JSON for machines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.compare.comparison import Compared, Comparison
from bench.compare.rulings import Ruling
from bench.compare.sections import lead, sections
from bench.report.markdown import document


def render_markdown(comparison: Comparison, rulings: Sequence[Ruling]) -> str:
    return document("RerankBench comparison", lead(comparison), sections(comparison, rulings))


def as_json(comparison: Comparison, rulings: Sequence[Ruling]) -> dict[str, Any]:
    """Everything that was computed. ``change`` is a share; null where A is 0 or one of the two was not measured."""
    return {
        "a": comparison.name_a,
        "b": comparison.name_b,
        "holds": all(ruling.holds for ruling in rulings) and not comparison.refused,
        "tests": comparison.tests,
        "gates": [
            {
                "gate": str(ruling.gate),
                "holds": ruling.holds,
                "trials": [_finite(asdict(outcome)) for outcome in ruling.outcomes],
            }
            for ruling in rulings
        ],
        "pairs": [_pair(each) for each in comparison.compared],
        "only_a": list(comparison.only_a),
        "only_b": list(comparison.only_b),
    }


def _pair(compared: Compared) -> dict[str, Any]:
    pair = compared.pair
    return {
        "label": compared.label,
        "trial_a": pair.a.trial.id,
        "trial_b": pair.b.trial.id,
        "matched_by": "id" if pair.by_id else ["dataset", "split", "pipeline", *pair.axes],
        "status_a": pair.a.status,
        "status_b": pair.b.status,
        "refused": compared.refused or None,
        "differs": list(compared.differing),
        "other_hardware": compared.other_hardware,
        "measures": [asdict(each) for each in compared.differences],
        "costs": [_finite(asdict(each)) for each in compared.costs],
    }


def _finite(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in facts.items()
    }
