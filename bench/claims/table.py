"""Pure: ``claims.csv``, one row per claim. Of several figures each column holds all, parted by semicolons."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from bench.claims.printed import UNITS
from bench.claims.words import Finding, Ruling

COLUMNS = ("id", "verdict", "claimed", "measured", "low", "high", "reason")


def claims_csv(rulings: Sequence[Ruling]) -> str:
    """``measured``, ``low`` and ``high`` are in the unit of the figure as printed; empty where nothing was measured."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for ruling in rulings:
        claimed = "; ".join(finding.figure.printed.text for finding in ruling.findings)
        numbers = ("; ".join(_number(each, name) for each in ruling.findings) for name in ("value", "low", "high"))
        values = ("" if not column.strip("; ") else column for column in numbers)
        writer.writerow([ruling.claim.id, ruling.verdict, claimed, *values, ruling.reason])
    return out.getvalue()


def _number(finding: Finding, name: str) -> str:
    printed = finding.figure.printed
    if finding.evidence is None:
        return ""
    return f"{getattr(finding.evidence, name) / UNITS[printed.unit]:.{printed.decimals + 2}f}"
