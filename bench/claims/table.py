"""Pure: ``claims.csv``, one row per claim. Of several figures each column holds all, parted by semicolons."""

from __future__ import annotations

from collections.abc import Sequence

from bench.claims.printed import UNITS
from bench.claims.words import Finding, Ruling
from bench.spreadsheet import csv_text

COLUMNS = ("id", "verdict", "claimed", "measured", "low", "high", "reason")


def claims_csv(rulings: Sequence[Ruling]) -> str:
    """``measured``, ``low`` and ``high`` are in the unit of the figure as printed; empty where nothing was measured."""
    return csv_text(COLUMNS, map(_row, rulings))


def _row(ruling: Ruling) -> list[str]:
    claimed = "; ".join(finding.figure.printed.text for finding in ruling.findings)
    numbers = ("; ".join(_number(each, name) for each in ruling.findings) for name in ("value", "low", "high"))
    values = ("" if not column.strip("; ") else column for column in numbers)
    return [ruling.claim.id, ruling.verdict, claimed, *values, ruling.reason]


def _number(finding: Finding, name: str) -> str:
    printed = finding.figure.printed
    if finding.evidence is None:
        return ""
    return f"{getattr(finding.evidence, name) / UNITS[printed.unit]:.{printed.decimals + 2}f}"
