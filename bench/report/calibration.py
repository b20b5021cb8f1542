"""What scores are worth as probabilities, as blocks of a report: an answer in words, then the figures behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.calibration.words import ArmCalibration, Bin, Reliability, Temperature, ThresholdRow, WantedPrecision
from bench.report import plot_reliability, words
from bench.report.blocks import Block, Bullets, Cell, Paragraph, Picture, Pictures, Table
from bench.report.retold import lacking, treatment
from bench.report.say import t
from bench.report.study_view import side_name
from bench.report.wanted import came_of
from bench.report.words import MISSING
from bench.study.words import Side
from bench.types import Interval

SHOWN = (0.1, 0.25, 0.5, 0.75, 0.9, 0.94, 0.95, 0.99)
"""The thresholds of the report; the results hold more."""
NEAR = 0.05
PictureNames = Mapping[tuple[str, str, Side], str]
SIDES: tuple[Side, ...] = ("dev", "test")


def about() -> str:
    return t(
        "A pair is a query and one of its reranked candidates. Relevant documents that the first stage did not find "
        "are not among them, and the share that is relevant depends on the candidates: harder ones, or more of them, "
        "would give other figures at the same score. Candidates that nobody judged are left out or counted as not "
        "relevant, as the table says. Intervals are 95%, over queries."
    )


def meanings() -> str:
    return t(
        "ECE: the mean distance between score and relevant share, over ten bins of scores. It is never below 0, so "
        "chance alone makes some of it: “by chance” is what perfectly calibrated scores like these would show. Its "
        "interval lies high for the same reason, and can lie above the figure. Brier: the mean squared error of the "
        "scores, beside that of giving every pair the relevant share of all."
    )


def wanting() -> str:
    return t(
        "Each threshold is the lowest that reaches the wanted precision on dev. The lowest of many is one that luck "
        "helped, so a little less is to be expected on test. Recall is of the relevant documents among the candidates."
    )


def scaling() -> str:
    return t(
        "All logits are divided by the temperature, which was fitted on dev: above 1 it makes scores less sure, below "
        "1 surer. It changes no order. NLL is the mean negative log-likelihood per pair, in nats; lower is better."
    )


def blocks(
    calibrations: Sequence[ArmCalibration], picture_names: PictureNames, everything: Sequence[ArmCalibration] = ()
) -> tuple[Block, ...]:
    """What a report says of the arms' probabilities, in the order given; nothing of none.

    The summary table has those of ``everything`` where that is given: other arms too.

    ``picture_names`` holds, by dataset, arm and side, the names of the figures that were drawn.
    """
    if not calibrations:
        return ()
    found: list[Block] = [*_answers(calibrations), Paragraph(about())]
    measured = [each for each in calibrations if each.dev or each.test]
    if measured:
        summed = [each for each in everything or measured if each.dev or each.test]
        found += [summary_table(summed), Paragraph(meanings())]
    if pictures := _pictures(measured, picture_names):
        found.append(pictures)
    found += [threshold_table(each) for each in measured]
    if wanted := [(each, each.wanted) for each in calibrations if each.wanted]:
        found += [wanted_table(wanted), Paragraph(wanting())]
    if fitted := [(each, each.temperature) for each in calibrations if each.temperature]:
        found += [temperature_table(fitted), Paragraph(scaling())]
    if missing := tuple(
        t("{name}: {note}.", name=_name(each), note=words.clean(lacking(each.note)))
        for each in calibrations
        if each.note
    ):
        found += [Paragraph(t("What is missing, and why:")), Bullets(missing)]
    return tuple(found)


def _answers(calibrations: Sequence[ArmCalibration]) -> Iterator[Paragraph]:
    for dataset in dict.fromkeys(each.dataset for each in calibrations):
        said = (answer(each) for each in calibrations if each.dataset == dataset)
        yield Paragraph(words.sentences([t("Does 0.94 mean 94%?"), *said]), label=words.clean(dataset))


def answer(calibration: ArmCalibration) -> str:
    """Whether scores of 0.9 and more mean what they say, on test where there is one, with the figures."""
    side: Side = "test" if calibration.test else "dev"
    found = plot_reliability.side_of(calibration, side)
    head = words.clean(calibration.arm)
    if found is None:
        return t("{arm}: cannot be told, see below.", arm=head)
    top = found.bins[-1]
    if top.mean_score is None or top.relevant_share is None or top.share_low is None or top.share_high is None:
        return t(
            "{arm}: cannot be told; of {pairs} on {side} none is scored {low} to {high}.",
            arm=head,
            pairs=words.plural(found.pairs, "pair"),
            side=side_name(side),
            low=f"{top.low:g}",
            high=f"{top.high:g}",
        )
    share = f"{top.relevant_share:.1%}"
    figures = t(
        "of the {pairs} on {side} scored {low} to {high}, on average {mean}, {relevant} relevant ({span})",
        pairs=words.plural(top.pairs, "pair"),
        side=side_name(side),
        low=f"{top.low:g}",
        high=f"{top.high:g}",
        mean=f"{top.mean_score:.1%}",
        relevant=t("{share} is", share=share) if top.pairs == 1 else t("{share} are", share=share),
        span=words.between(f"{top.share_low:.1%}", f"{top.share_high:.1%}"),
    )
    said = t("{arm}: {verdict}; {figures}.", arm=head, verdict=_verdict(top), figures=figures)
    unjudged = _counted(calibration, found)
    return words.sentences([said, t("Among them, what nobody judged counts as not relevant.") if unjudged else ""])


def _verdict(top: Bin) -> str:
    mean, share, low, high = top.mean_score, top.relevant_share, top.share_low, top.share_high
    assert mean is not None and share is not None and low is not None and high is not None
    if mean - NEAR <= low and high <= mean + NEAR:
        return t("yes, to within {points} points", points=f"{100 * NEAR:g}")
    if low <= mean <= high:
        return t("it may, but these queries are too few to tell")
    if abs(share - mean) <= NEAR:
        return t("nearly, but less than that") if share < mean else t("nearly, but more than that")
    return t("no, less than that") if share < mean else t("no, more than that")


def _counted(calibration: ArmCalibration, found: Reliability) -> bool:
    return calibration.unjudged == "not relevant" and found.unjudged_share > 0


def summary_table(calibrations: Sequence[ArmCalibration]) -> Table:
    """A row per dataset, arm and side."""
    columns = (
        t("Set"), t("Arm"), t("Side"), t("Pairs"), t("Relevant"), t("Unjudged"), "ECE", t("By chance"), "Brier",
        t("Of the base rate"),
    )  # fmt: skip
    rows = tuple(
        _summary_row(each, side, found)
        for each in calibrations
        for side in SIDES
        if (found := plot_reliability.side_of(each, side))
    )
    grades = {each.relevant_from for each in calibrations}
    named = words.listed([str(grade) for grade in sorted(grades)])
    graded = t("; relevant from a grade of {grades} on", grades=named) if grades != {1} else ""
    return Table(t("Scores as probabilities, against judgements{graded}", graded=graded), columns, rows, (0, 1, 2))


def _summary_row(calibration: ArmCalibration, side: Side, found: Reliability) -> tuple[Cell, ...]:
    return (
        *_named(calibration),
        Cell(side_name(side)),
        Cell(words.count(found.pairs), words.plural(found.queries, "query")),
        Cell(words.share(found.relevant_share)),
        Cell(words.share(found.unjudged_share), treatment(calibration.unjudged or "") if found.unjudged_share else ""),
        _score(found.ece, found.queries),
        Cell(words.score(found.ece_floor)),
        _score(found.brier, found.queries),
        Cell(words.score(found.brier_of_base_rate)),
    )


def _pictures(calibrations: Sequence[ArmCalibration], names: PictureNames) -> Pictures | None:
    items = tuple(
        Picture(
            names[key], t("{name}, {side}", name=_name(each), side=side_name(side)), plot_reliability.alt(each, side)
        )
        for each in calibrations
        for side in SIDES
        if (key := (each.dataset, each.arm, side)) in names and plot_reliability.draws(each, side)
    )
    return Pictures(plot_reliability.caption(), items) if items else None


def threshold_table(calibration: ArmCalibration) -> Table:
    """Precision, recall and the share kept at some thresholds, for each side that there is."""
    found: tuple[tuple[Side, Sequence[ThresholdRow] | None], ...] = (
        ("dev", calibration.thresholds_dev),
        ("test", calibration.thresholds_test),
    )
    sides = {side: {row.at: row for row in rows} for side, rows in found if rows}
    rows = tuple(
        (Cell(f"{at:g}"), *(cell for by_threshold in sides.values() for cell in _kept(by_threshold[at])))
        for at in SHOWN
        if all(at in by_threshold for by_threshold in sides.values())
    )
    figures = (t("Precision"), t("Recall"), t("Kept"))
    columns = (t("Score from"), *(_of(figure, side) for side in sides for figure in figures))
    return Table(t("{name}: what is kept from a score on", name=_name(calibration)), columns, rows)


def _of(figure: str, side: Side) -> str:
    """``Recall, dev``."""
    return t("{figure}, {side}", figure=figure, side=side_name(side))


def _kept(row: ThresholdRow) -> tuple[Cell, ...]:
    return (
        Cell(f"{row.precision.mean:.1%}", _between(row.precision)) if row.precision else Cell(MISSING),
        Cell(words.share(row.recall)),
        Cell(words.share(row.kept), words.count(row.pairs)),
    )


def wanted_table(wanted: Sequence[tuple[ArmCalibration, WantedPrecision]]) -> Table:
    recall = t("Recall")
    columns = (
        t("Set"), t("Arm"), t("Wanted"), t("Score from"), _of(recall, "dev"), _of(recall, "test"),
        t("What came of it"),
    )  # fmt: skip
    rows = tuple(
        (
            *_named(calibration),
            Cell(f"{100 * found.precision:g}%"),
            Cell(MISSING if found.threshold is None else str(found.threshold)),
            Cell(words.share(found.dev.recall if found.dev else None)),
            Cell(words.share(found.test.recall if found.test else None)),
            Cell(came_of(found)),
        )
        for calibration, found in wanted
    )
    return Table(t("The threshold for a wanted precision"), columns, rows, (0, 1, 6))


def temperature_table(fitted: Sequence[tuple[ArmCalibration, Temperature]]) -> Table:
    figures = (_of(figure, side) for side in SIDES for figure in ("NLL", "ECE"))
    columns = (t("Set"), t("Arm"), t("Temperature"), *figures)
    rows = tuple(
        (
            *_named(calibration),
            Cell(words.figure3(found.value), words.plural(found.queries, "query")),
            _change(found.nll_before, found.nll_after),
            _change(found.ece_before, found.ece_after),
            _change(found.test_nll_before, found.test_nll_after),
            _change(found.test_ece_before, found.test_ece_after),
        )
        for calibration, found in fitted
    )
    return Table(t("Temperature scaling, before and after"), columns, rows, (0, 1))


def _change(before: float | None, after: float | None) -> Cell:
    return Cell(MISSING) if before is None or after is None else Cell(f"{words.score(before)} → {words.score(after)}")


def _score(found: Interval, queries: int) -> Cell:
    """One query tells nothing about spread."""
    return Cell(words.score(found.mean), words.span(found) if queries > 1 else "")


def _between(found: Interval) -> str:
    return f"{found.low:.1%}–{found.high:.1%}"


def _named(calibration: ArmCalibration) -> tuple[Cell, Cell]:
    return Cell(words.clean(calibration.dataset)), Cell(words.clean(calibration.arm))


def _name(calibration: ArmCalibration) -> str:
    return t("{dataset}, {arm}", dataset=words.clean(calibration.dataset), arm=words.clean(calibration.arm))
