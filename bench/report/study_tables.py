"""The tables of an instruction study."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report import words
from bench.report.blocks import Cell, Table
from bench.report.retold import spread_from, summed_arm
from bench.report.say import t
from bench.report.study_view import (
    StudyView,
    carried,
    chosen,
    difference,
    direction,
    name,
    of,
    one,
    p_value,
    score,
    side_name,
    small,
)
from bench.report.study_view import signed as signed_score
from bench.report.words import MISSING
from bench.study.words import Across, Arm, ArmCost, Contrast, Planned


def _compared_columns() -> tuple[str, ...]:
    return t("Difference"), "p", t("p, adjusted"), t("d"), t("Detectable"), t("Won / tied / lost")


def dev_table(study: StudyView, dataset: str, measure: str) -> Table | None:
    """The baseline, then every arm in the order of the study, by one measure; None where dev has no contrast of it."""
    found = of(study, dataset, measure, "dev")
    if not found:
        return None
    picked = chosen(study, dataset)
    own = one(round(each.baseline_mean, 12) for each in found)
    compared, title = _compared_columns(), words.measure_title(measure)
    note = t("baseline, chosen") if picked == study.baseline else t("baseline")
    rows = [(Cell(words.clean(study.baseline), note), Cell(score(own)), *[Cell(MISSING)] * len(compared))]
    rows += [(_arm(each, picked), Cell(score(each.mean)), *_compared(each)) for each in found]
    return Table(_caption(dataset, found, title), (t("Arm"), title, *compared), tuple(rows))


def test_table(study: StudyView, dataset: str) -> Table | None:
    """The chosen arm against the baseline by every measure; None where nothing was tested.

    Arms that earlier looks at the same test queries compared have rows too, if the study holds them.
    """
    found = [each for measure in study.measures for each in of(study, dataset, measure, "test")]
    if not found:
        return None
    picked = chosen(study, dataset)
    rows = tuple(
        (
            Cell(words.measure_title(each.measure)),
            _arm(each, picked),
            Cell(score(each.mean)),
            Cell(score(each.baseline_mean)),
            *_compared(each),
        )
        for each in found
    )
    columns = (t("Measure"), t("Arm"), t("Its mean"), t("Baseline"), *_compared_columns())
    against = t("against {baseline}", baseline=name(study.baseline))
    return Table(_caption(dataset, found, against), columns, rows, (0, 1))


def split_name(split: str) -> str:
    """`` (split train)``, after what was split."""
    return t(" (split {split})", split=words.clean(split))


def _arm(each: Contrast, picked: str | None) -> Cell:
    return Cell(words.clean(each.arm), t("chosen") if each.arm == picked else "")


def _caption(dataset: str, found: Sequence[Contrast], what: str) -> str:
    number, split = one(each.queries for each in found), one(each.split for each in found)
    return t(
        "{dataset}, {side}: {what}{over}{split}",
        dataset=words.clean(dataset),
        side=side_name(found[0].side),
        what=what,
        over=t(", {queries}", queries=words.plural(number, "query")) if number is not None else "",
        split=split_name(split) if split else "",
    )


def _compared(each: Contrast) -> tuple[Cell, ...]:
    shown = direction(each) != 0
    mean, span = difference(each.difference, shown)
    return (
        Cell(mean, span, best=shown),
        Cell(p_value(each.p)),
        Cell(p_value(each.p_holm)),
        Cell(MISSING if each.effect is None else signed_score(each.effect, 2)),
        Cell(small(each.detectable)),
        Cell(f"{each.wins:,} / {each.ties:,} / {each.losses:,}"),
    )


def across_table(found: Sequence[Across], baseline: str) -> Table:
    """Each arm's difference over several datasets."""
    rows = []
    for each in found:
        shown = carried(each.difference, each.p_holm)
        mean, span = difference(each.difference, shown)
        rows.append(
            (
                Cell(words.clean(summed_arm(each.arm))),
                Cell(words.measure_title(each.measure)),
                Cell(side_name(each.side)),
                Cell(words.count(each.sets)),
                Cell(mean, span, best=shown),
                Cell(p_value(each.p)),
                Cell(p_value(each.p_holm)),
                Cell(small(each.between_sd)),
            )
        )
    columns = (
        t("Arm"), t("Measure"), t("Side"), t("Datasets"), t("Difference"), "p", t("p, adjusted"),
        t("Spread between datasets"),
    )  # fmt: skip
    caption = t("Over all datasets, against {baseline}", baseline=name(baseline))
    return Table(caption, columns, tuple(rows), (0, 1, 2))


def planned_table(planned: Sequence[Planned]) -> Table:
    """What each side can show, told before its arms are compared."""
    rows = tuple(
        (
            Cell(words.clean(each.dataset)),
            Cell(side_name(each.side)),
            Cell(words.measure_title(each.measure)),
            Cell(words.count(each.queries)),
            Cell(words.count(each.comparisons)),
            Cell(small(each.sd), words.clean(spread_from(each.sd_from))),
            Cell(small(each.detectable)),
            Cell(small(each.wanted)),
            Cell(words.count(each.needed)),
        )
        for each in planned
    )
    columns = (
        t("Dataset"), t("Side"), t("Measure"), t("Queries"), t("Comparisons"), t("SD of differences"), t("Detectable"),
        t("Wanted"), t("Queries needed"),
    )  # fmt: skip
    return Table(t("What these numbers of queries can show"), columns, rows, (0, 1, 2))


def texts_table(arms: Sequence[Arm]) -> Table:
    """What each arm tells the reranker; a text of its own for a dataset has a row of its own.

    An arm that has texts for some datasets and none for all takes no part in the others.
    """
    rows = []
    for arm in arms:
        template = Cell(words.clean(arm.template) if arm.template else t("the study's"))
        if arm.text is not None or not arm.by_dataset:
            known = Cell(words.clean(arm.known_as) or MISSING)
            rows.append((Cell(words.clean(arm.name)), Cell(_told(arm, arm.text)), template, known))
        rows += [
            (
                Cell(words.clean(arm.name), t("on {dataset}", dataset=words.clean(dataset))),
                Cell(_told(arm, text)),
                template,
                Cell(MISSING),
            )
            for dataset, text in arm.by_dataset.items()
        ]
    columns = (t("Arm"), t("Instruction"), t("Template"), t("Library"))
    return Table(t("The instructions"), columns, tuple(rows), (0, 1, 2, 3))


def _told(arm: Arm, text: str | None) -> str:
    said = t("template default") if text is None else _quoted(text)
    if arm.query_field is None:
        return said
    return t("from the queries' field “{field}”; without it: {said}", field=words.clean(arm.query_field), said=said)


def _quoted(text: str) -> str:
    """In quotes, so that no text reads as a remark of ours; line breaks are shown as signs."""
    return f"“{words.clean(' ⏎ '.join(text.splitlines()))}”"


def costs_table(costs: Sequence[ArmCost]) -> Table:
    """What scoring each arm took."""
    rows = tuple(
        (
            Cell(words.clean(each.arm)),
            Cell(words.clean(each.dataset)),
            Cell(side_name(each.side)),
            Cell(words.count(each.pairs)),
            Cell(words.count(each.tokens)),
            Cell(words.count(each.forward_tokens)),
            Cell(words.seconds(each.seconds)),
        )
        for each in costs
    )
    columns = (
        t("Arm"), t("Dataset"), t("Side"), t("Pairs"), t("Tokens"), t("Tokens computed"), t("Time to score"),
    )  # fmt: skip
    return Table(t("What each arm took to score"), columns, rows, (0, 1, 2))
