"""A fetched set against its card: does it hold what was published?"""

from __future__ import annotations

from collections.abc import Sequence

from bench.data import SplitReport
from bench.fetch.card import SetCard


def differences(card: SetCard, reports: Sequence[SplitReport]) -> tuple[str, ...]:
    """One sentence per count that is not the card's; nothing is said of counts that the card does not know.

    Queries are not compared: a card counts those with any judgement, a check those with a relevant document.
    """
    report = next((each for each in reports if each.split == card.split), None)
    if report is None:
        there = ", ".join(each.split for each in reports) or "none"
        return (f"{card.split}: the split that the card {card.name} is about is missing; there are {there}",)
    if report.counts is None:
        return ()
    relevant = sum(number for grade, number in report.counts.grades.items() if grade > 0)
    pairs = (("documents", report.counts.documents, card.corpus), ("relevant pairs", relevant, card.judgements))
    return tuple(
        f"{card.split}: {found:,} {what}, the card {card.name} expects {expected:,}; remove it and fetch it again"
        for what, found, expected in pairs
        if expected is not None and found != expected
    )
