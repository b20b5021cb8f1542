"""The claims section: each published figure beside the measured one, the verdict, and what was done otherwise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from bench.claims.printed import Printed
from bench.claims.verdict import LEVEL
from bench.claims.words import WEAKEST_FIRST, Evidence, Finding, Ruling
from bench.report import words
from bench.report.blocks import Block, Bullets, Cell, Paragraph, Report, Section, Table
from bench.report.words import MISSING

MEANINGS = (
    "reproduced: the very queries that the figure was printed for give it, within its printed precision or the stated "
    "tolerance. consistent: the interval covers it, but the test is weaker. underpowered: too few queries to tell. "
    "refuted: the interval excludes it, or the very same queries are clearly off. not testable here: something is "
    f"missing, and the row says what. Intervals: {LEVEL:.0%} bootstrap, over queries."
)


def claims(report: Report) -> Section | None:
    if not report.rulings:
        return None
    blocks: list[Block] = [
        Paragraph(tally(report.rulings), "verdict"),
        claims_table(report.rulings),
        Paragraph(MEANINGS),
    ]
    blocks += [Paragraph("What each claim says, and how it was tested otherwise than claimed:")]
    blocks.append(Bullets(tuple(_told(ruling) for ruling in report.rulings)))
    return Section("claims", "Claims", tuple(blocks))


def tally(rulings: Sequence[Ruling]) -> str:
    """How many claims have which verdict, in one sentence."""
    counts = Counter(ruling.verdict for ruling in rulings)
    parts = [f"{counts[verdict]} {verdict}" for verdict in reversed(WEAKEST_FIRST) if counts[verdict]]
    return f"{words.plural(len(rulings), 'claim')}: {', '.join(parts)}."


def claims_table(rulings: Sequence[Ruling]) -> Table:
    """One row per figure; a claim of several has its verdict in the first of them."""
    rows = []
    for ruling in rulings:
        several = len(ruling.findings) > 1
        for place, finding in enumerate(ruling.findings):
            head = Cell(words.clean(ruling.claim.id), words.clean(finding.figure.name) if several else "")
            rows.append((head, *_figure(finding), _verdict(ruling, finding, place), Cell(words.clean(finding.reason))))
    columns = ("Claim", "Claimed", "Measured", "Verdict", "Why")
    return Table("Published figures and what came of them", columns, tuple(rows), (0, 3, 4))


def _figure(finding: Finding) -> tuple[Cell, Cell]:
    printed, found = finding.figure.printed, finding.evidence
    claimed = Cell(words.clean(printed.text))
    if found is None:
        return claimed, Cell(MISSING)
    return claimed, Cell(printed.shown(found.value), _between(finding.figure.printed, found))


def _between(printed: Printed, found: Evidence) -> str:
    if found.low == found.high:
        return ""
    low = printed.shown(found.low)
    return f"{low} or more" if math.isinf(found.high) else f"{low} to {printed.shown(found.high)}"


def _verdict(ruling: Ruling, finding: Finding, place: int) -> Cell:
    own = finding.verdict
    note = f"the claim: {ruling.verdict}" if place == 0 and len({each.verdict for each in ruling.findings}) > 1 else ""
    return Cell(own, note, best=own in ("reproduced", "refuted"))


def _told(ruling: Ruling) -> str:
    claim = ruling.claim
    source = ", ".join(part for part in (claim.source.title, claim.source.where, claim.source.date) if part)
    otherwise = f" Otherwise than claimed: {'; '.join(ruling.deviations)}." if ruling.deviations else ""
    return words.clean(f"{claim.id}: {claim.statement} ({source}){otherwise}").replace("..", ".")
