"""An arm against the baseline query by query: how many it won and lost, in which slices, and the largest of both."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report import words
from bench.report.blocks import Block, Cell, Paragraph, Table
from bench.report.words import MISSING
from bench.study.examples import EACH, Example, ExampleDocument, Outcome, shortened
from bench.study.slices import FEWEST, Slice
from bench.study.words import Contrast
from bench.types import ScoreUnit

_NAME_COLUMNS = 28
_QUERY_CHARACTERS = 160
_TITLES: dict[Outcome, str] = {"win": "Gain", "loss": "Loss"}
_SCORES: dict[ScoreUnit, str] = {"probability": "P(yes)", "score": "Score", "logit": "Logit"}
READING = (
    "The queries that changed most, each with the first five documents of either ranking and every relevant one, at "
    "most ten in all. “Before” is the baseline, “after” the arm. They were picked for the size of their change: they "
    "show what can happen, not how often. In bold is the better rank of a relevant document."
)


def blocks(contrast: Contrast, examples: Sequence[Example], slices: Sequence[Slice]) -> tuple[Block, ...]:
    """What belongs to ``contrast`` among the examples and slices; at most five gains and five losses.

    Nothing where the contrast has no queries.
    """
    if not contrast.queries:
        return ()
    mine = [each for each in slices if _of(each) == _of(contrast)]
    shown = [each for each in examples if (*_of(each), each.baseline) == (*_of(contrast), contrast.baseline)]
    found: list[Block] = [Paragraph(outcomes(contrast), label=words.clean(contrast.dataset))]
    found += [_slice_table(contrast, mine, name) for name in dict.fromkeys(each.feature for each in mine)]
    if mine:
        found.append(Paragraph(caution(mine)))
    if shown:
        found.append(Paragraph(READING))
    for kind in ("win", "loss"):
        largest = [each for each in shown if each.outcome == kind][:EACH]
        found += [_example_table(each, place, len(largest)) for place, each in enumerate(largest, 1)]
    return tuple(found)


def outcomes(contrast: Contrast) -> str:
    """``… : 12 wins, 140 ties, 8 losses.``"""
    losses = f"{contrast.losses:,} {'loss' if contrast.losses == 1 else 'losses'}"
    return (
        f"{words.measure_title(contrast.measure)} of “{words.clean(contrast.arm)}” against "
        f"“{words.clean(contrast.baseline)}” on the {words.plural(contrast.queries, 'query')} of "
        f"{contrast.side}: {words.plural(contrast.wins, 'win')}, {words.plural(contrast.ties, 'tie')}, {losses}."
    )


def caution(slices: Sequence[Slice]) -> str:
    """How much the slices' intervals bear."""
    tested = sum(each.difference is not None for each in slices)
    few = f" A slice of fewer than {FEWEST} queries has none." if tested < len(slices) else ""
    return (
        "Slices are for exploring: nobody planned them, and those of different features share queries. Each interval "
        f"is a paired 95% one, not adjusted for their number ({tested:,} here): about one in twenty excludes 0 by "
        f"chance where there is no effect at all.{few}"
    )


def _of(each: Contrast | Example | Slice) -> tuple[str, str, str, str]:
    return each.dataset, each.side, each.measure, each.arm


def _name(text: str) -> str:
    return words.shorten(words.clean(text), _NAME_COLUMNS)


def _slice_table(contrast: Contrast, slices: Sequence[Slice], feature: str) -> Table:
    rows = tuple(_slice_row(each) for each in slices if each.feature == feature)
    caption = f"{words.measure_title(contrast.measure)} by {words.clean(feature)}, {words.clean(contrast.dataset)}"
    columns = (_name(feature), "Queries", _name(contrast.baseline), _name(contrast.arm), "Difference")
    return Table(caption, columns, rows)


def _slice_row(each: Slice) -> tuple[Cell, ...]:
    interval = each.difference
    if interval is None:
        difference = Cell(MISSING, "too few")
    else:
        spread = f"{words.signed(interval.low)} to {words.signed(interval.high)}"
        difference = Cell(words.signed(interval.mean), spread if interval.low < interval.high else "all alike")
    means = (Cell(words.score(mean)) for mean in (each.before_mean, each.after_mean))
    return Cell(words.clean(each.value)), Cell(words.count(each.queries)), *means, difference


def _example_table(example: Example, place: int, total: int) -> Table:
    number = f" {place} of {total}" if total > 1 else ""
    caption = (
        f"{_TITLES[example.outcome]}{number}: {words.measure_title(example.measure)} {words.score(example.before)} → "
        f"{words.score(example.after)}, “{shortened(words.clean(example.query), _QUERY_CHARACTERS)}” "
        f"({words.clean(example.query_id)})"
    )
    score = _SCORES[example.unit]
    columns = ("Judged", "Document", "Rank before", "Rank after", f"{score} before", f"{score} after")
    rows = tuple(_document_row(document, example.unit) for document in example.documents)
    return Table(caption, columns, rows, (0, 1))


def _document_row(document: ExampleDocument, unit: ScoreUnit) -> tuple[Cell, ...]:
    before, after = document.rank_before, document.rank_after
    return (
        Cell(_judged(document.grade), words.clean(document.doc_id)),
        Cell(words.clean(document.text)),
        Cell(words.count(before), best=document.relevant and _better(before, after)),
        Cell(words.count(after), best=document.relevant and _better(after, before)),
        Cell(_score(document.score_before, unit)),
        Cell(_score(document.score_after, unit)),
    )


def _judged(grade: int | None) -> str:
    if grade is None or grade < 0:
        return "not judged"
    return f"relevant, {grade}" if grade else "not relevant"


def _better(rank: int | None, other: int | None) -> bool:
    return rank is not None and (other is None or rank < other)


def _score(value: float | None, unit: ScoreUnit) -> str:
    """A probability near 0 or 1 is not rounded to either."""
    if value is None:
        return MISSING
    if unit != "probability":
        return words.figure3(value).replace("-", "−")
    return "under 0.001" if 0 < value < 0.001 else "over 0.999" if 0.999 < value < 1 else words.score(value)
