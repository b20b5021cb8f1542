"""An arm against the baseline query by query: how many it won and lost, in which slices, and the largest of both."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report import words
from bench.report.blocks import Block, Cell, Paragraph, Table
from bench.report.say import t
from bench.report.slice_names import feature_name, value_name
from bench.report.study_view import side_name
from bench.report.words import MISSING
from bench.study.examples import EACH, Example, ExampleDocument, shortened
from bench.study.slices import FEWEST, Slice
from bench.study.words import Contrast
from bench.types import ScoreUnit

_NAME_COLUMNS = 28
_QUERY_CHARACTERS = 160


def reading() -> str:
    return t(
        "The queries that changed most, each with the first five documents of either ranking and every relevant one, "
        "at most ten in all. “Before” is the baseline, “after” the arm. They were picked for the size of their change: "
        "they show what can happen, not how often. In bold is the better rank of a relevant document."
    )


def blocks(contrast: Contrast, examples: Sequence[Example], slices: Sequence[Slice]) -> tuple[Block, ...]:
    """What belongs to ``contrast`` among the examples and slices; the largest gains and losses that it holds.

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
        found.append(Paragraph(reading()))
    for kind in ("win", "loss"):
        largest = [each for each in shown if each.outcome == kind][:EACH]
        found += [_example_table(each, place, len(largest)) for place, each in enumerate(largest, 1)]
    return tuple(found)


def outcomes(contrast: Contrast) -> str:
    """``… : 12 wins, 140 ties, 8 losses.``"""
    wins, ties, losses = contrast.wins, contrast.ties, contrast.losses
    return t(
        "{measure} of “{arm}” against “{baseline}” on the {queries} of {side}: {wins}, {ties}, {losses}.",
        measure=words.measure_title(contrast.measure),
        arm=words.clean(contrast.arm),
        baseline=words.clean(contrast.baseline),
        queries=words.plural(contrast.queries, "query"),
        side=side_name(contrast.side),
        wins=t("1 win") if wins == 1 else t("{wins} wins", wins=words.count(wins)),
        ties=t("1 tie") if ties == 1 else t("{ties} ties", ties=words.count(ties)),
        losses=t("1 loss") if losses == 1 else t("{losses} losses", losses=words.count(losses)),
    )


def caution(slices: Sequence[Slice]) -> str:
    """How much the slices' intervals bear."""
    tested = sum(each.difference is not None for each in slices)
    few = t("A slice of fewer than {fewest} queries has none.", fewest=FEWEST) if tested < len(slices) else ""
    said = t(
        "Slices are for exploring: nobody planned them, and those of different features share queries. Each interval "
        "is a paired 95% one, not adjusted for their number ({n} here): about one in twenty excludes 0 by chance where "
        "there is no effect at all.",
        n=words.count(tested),
    )
    return words.sentences([said, few])


def _of(each: Contrast | Example | Slice) -> tuple[str, str, str, str]:
    return each.dataset, each.side, each.measure, each.arm


def _name(text: str) -> str:
    return words.shorten(words.clean(text), _NAME_COLUMNS)


def _slice_table(contrast: Contrast, slices: Sequence[Slice], feature: str) -> Table:
    rows = tuple(_slice_row(each) for each in slices if each.feature == feature)
    called = feature_name(feature)
    caption = t(
        "{measure} by {feature}, {dataset}",
        measure=words.measure_title(contrast.measure),
        feature=words.clean(called),
        dataset=words.clean(contrast.dataset),
    )
    columns = (_name(called), t("Queries"), _name(contrast.baseline), _name(contrast.arm), t("Difference"))
    return Table(caption, columns, rows)


def _slice_row(each: Slice) -> tuple[Cell, ...]:
    interval = each.difference
    if interval is None:
        difference = Cell(MISSING, t("too few"))
    else:
        spread = words.between(words.signed(interval.low), words.signed(interval.high))
        difference = Cell(words.signed(interval.mean), spread if interval.low < interval.high else t("all alike"))
    means = (Cell(words.score(mean)) for mean in (each.before_mean, each.after_mean))
    value = words.clean(value_name(each.feature, each.value))
    return Cell(value), Cell(words.count(each.queries)), *means, difference


def _example_table(example: Example, place: int, total: int) -> Table:
    caption = t(
        "{outcome}{place}: {measure} {before} → {after}, “{query}” ({query_id})",
        outcome=t("Gain") if example.outcome == "win" else t("Loss"),
        place=t(" {place} of {total}", place=place, total=total) if total > 1 else "",
        measure=words.measure_title(example.measure),
        before=words.score(example.before),
        after=words.score(example.after),
        query=shortened(words.clean(example.query), _QUERY_CHARACTERS),
        query_id=words.clean(example.query_id),
    )
    score = _score_title(example.unit)
    columns = (
        t("Judged"), t("Document"), t("Rank before"), t("Rank after"), t("{score} before", score=score),
        t("{score} after", score=score),
    )  # fmt: skip
    rows = tuple(_document_row(document, example.unit) for document in example.documents)
    return Table(caption, columns, rows, (0, 1))


def _score_title(unit: ScoreUnit) -> str:
    return "P(yes)" if unit == "probability" else t("Score") if unit == "score" else t("Logit")


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
        return t("not judged")
    return t("relevant, {grade}", grade=grade) if grade else t("not relevant")


def _better(rank: int | None, other: int | None) -> bool:
    return rank is not None and (other is None or rank < other)


def _score(value: float | None, unit: ScoreUnit) -> str:
    """A probability near 0 or 1 is not rounded to either."""
    if value is None:
        return MISSING
    if unit != "probability":
        return words.figure3(value).replace("-", "−")
    return t("under 0.001") if 0 < value < 0.001 else t("over 0.999") if 0.999 < value < 1 else words.score(value)
