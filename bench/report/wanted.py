"""What came of a wanted precision, from its numbers: ``WantedPrecision.said`` in the language being spoken."""

from __future__ import annotations

from bench.calibration.words import ThresholdRow, WantedPrecision
from bench.report import words
from bench.report.say import t


def came_of(found: WantedPrecision) -> str:
    """What the threshold keeps on dev, and whether that held on test."""
    if found.threshold is None:
        return t("On dev no threshold reaches a precision of {precision}.", precision=f"{found.precision:.1%}")
    if found.dev is None:
        return words.clean(found.said)
    on_dev = t("On dev a score of {score} or more keeps {kept}.", score=found.threshold, kept=_keeps(found.dev))
    return words.sentences([on_dev, _held(found.precision, found.test)])


def _held(wanted: float, row: ThresholdRow | None) -> str:
    if row is None:
        return t("No test side was measured, so nothing shows whether it holds.")
    if row.precision is None:
        return t("On test no candidate scores as high, so nothing shows whether it holds.")
    kept = _keeps(row)
    if row.precision.mean >= wanted:
        if row.precision.low >= wanted:
            return t("It held: on test it keeps {kept}.", kept=kept)
        return t("It held, though the interval allows for less: on test it keeps {kept}.", kept=kept)
    if row.precision.high < wanted:
        return t("It did not hold: on test it keeps {kept}.", kept=kept)
    return t("It fell short, though the interval allows for as much: on test it keeps {kept}.", kept=kept)


def _keeps(row: ThresholdRow) -> str:
    found = row.precision
    if found is None:
        return words.plural(row.pairs, "pair")
    span = words.between(f"{found.low:.1%}", f"{found.high:.1%}")
    return t(
        "{pairs}, of which {share} are relevant ({span})",
        pairs=words.plural(row.pairs, "pair"),
        share=f"{found.mean:.1%}",
        span=span,
    )
