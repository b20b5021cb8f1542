"""The claims section: each published figure beside the measured one, the verdict, and what was done otherwise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from bench.claims.printed import Printed
from bench.claims.verdict import LEVEL
from bench.claims.words import WEAKEST_FIRST, Evidence, Finding, Ruling, Verdict
from bench.report import retold, words
from bench.report.blocks import Block, Bullets, Cell, Paragraph, Report, Section, Table
from bench.report.say import t
from bench.report.words import MISSING


def meanings() -> str:
    return t(
        "reproduced: the very queries that the figure was printed for give it, within its printed precision or the "
        "stated tolerance. consistent: the interval covers it, but the test is weaker. underpowered: too few queries "
        "to tell. refuted: the interval excludes it, or the very same queries are clearly off. not testable here: "
        "something is missing, and the row says what. Intervals: {level} bootstrap, over queries.",
        level=f"{LEVEL:.0%}",
    )


def claims(report: Report) -> Section | None:
    if not report.rulings:
        return None
    blocks: list[Block] = [
        Paragraph(tally(report.rulings), "verdict"),
        claims_table(report.rulings),
        Paragraph(meanings()),
    ]
    blocks += [Paragraph(t("What each claim says, and how it was tested otherwise than claimed:"))]
    blocks.append(Bullets(tuple(_told(ruling) for ruling in report.rulings)))
    return Section("claims", t("Claims"), tuple(blocks))


def tally(rulings: Sequence[Ruling]) -> str:
    """How many claims have which verdict, in one sentence."""
    counts = Counter(ruling.verdict for ruling in rulings)
    parts = [
        t("{n} {verdict}", n=counts[verdict], verdict=verdict_name(verdict))
        for verdict in reversed(WEAKEST_FIRST)
        if counts[verdict]
    ]
    claims = words.plural(len(rulings), "claim")
    return t("{claims}: {verdicts}.", claims=claims, verdicts=words.series(parts))


def verdict_name(verdict: Verdict) -> str:
    match verdict:
        case "reproduced":
            return t("reproduced")
        case "consistent":
            return t("consistent")
        case "underpowered":
            return t("underpowered")
        case "refuted":
            return t("refuted")
        case "not testable here":
            return t("not testable here")


def claims_table(rulings: Sequence[Ruling]) -> Table:
    """One row per figure; a claim of several has its verdict in the first of them."""
    rows = []
    for ruling in rulings:
        several = len(ruling.findings) > 1
        for place, finding in enumerate(ruling.findings):
            head = Cell(words.clean(ruling.claim.id), words.clean(finding.figure.name) if several else "")
            rows.append(
                (
                    head,
                    *_figure(finding),
                    _verdict(ruling, finding, place),
                    Cell(words.clean(retold.finding(finding.reason))),
                )
            )
    columns = (t("Claim"), t("Claimed"), t("Measured"), t("Verdict"), t("Why"))
    return Table(t("Published figures and what came of them"), columns, tuple(rows), (0, 3, 4))


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
    if math.isinf(found.high):
        return t("{low} or more", low=low)
    return words.between(low, printed.shown(found.high))


def _verdict(ruling: Ruling, finding: Finding, place: int) -> Cell:
    own = finding.verdict
    several = place == 0 and len({each.verdict for each in ruling.findings}) > 1
    note = t("the claim: {verdict}", verdict=verdict_name(ruling.verdict)) if several else ""
    return Cell(verdict_name(own), note, best=own in ("reproduced", "refuted"))


def _told(ruling: Ruling) -> str:
    claim = ruling.claim
    first, *more = [part for part in (claim.source.title, claim.source.where, claim.source.date) if part] or [""]
    source = "".join([first, *(t(", {more}", more=part) for part in more)])
    said = t("{claim}: {statement} ({source})", claim=claim.id, statement=claim.statement, source=source)
    if ruling.deviations:
        otherwise = words.clauses(ruling.deviations)
        said += t(" Otherwise than claimed: {deviations}.", deviations=otherwise)
    return words.clean(said).replace("..", ".")
