"""The section of an instruction study: what was found first, then the figures, then what was asked and what it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bench.report import plot_study, study_tables, words
from bench.report.blocks import Block, Bullets, Paragraph, Picture, Pictures
from bench.report.fonts import renditions
from bench.report.groups import slug_of
from bench.report.retold import note
from bench.report.say import t
from bench.report.study_verdict import verdicts
from bench.report.study_view import StudyView, datasets, of, primary, side_name
from bench.study.words import ALPHA, POWER, Conclusion, Contrast, Planned

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def meanings() -> str:
    return t(
        "Difference: arm minus baseline, the mean over queries with its paired bootstrap 95% interval. p: how often "
        "chance alone would give a difference as large as this one (paired randomisation test, two-sided); adjusted: "
        "the same after Holm's adjustment over all comparisons of its side, on test for the planned number of looks "
        "too. d: the mean difference in units of the differences' standard deviation. Detectable: the smallest true "
        "difference that these queries would show in {power} of studies. Won, tied, lost: queries on which the arm is "
        "better than the baseline, the same, or worse. Bold: interval and adjusted p (below {level}) agree that there "
        "is a difference. Dev chooses, and flatters what it chooses: only test judges the chosen arm.",
        power=f"{POWER:.0%}",
        level=f"{ALPHA:g}",
    )


def pooled() -> str:
    return t(
        "Each dataset is one observation, however many queries it has; true differences may differ between datasets "
        "(random effects), and the intervals are those of Hartung and Knapp. From 2 to 4 datasets they are wide, so "
        "that a difference that is not shown here may well be there. Spread: the standard deviation of the true "
        "differences between datasets."
    )


def planning() -> str:
    return t(
        "Detectable: the true difference that is found in {power} of studies, a level of {level} being shared by the "
        "comparisons of the side. Queries needed: so many would do for the difference wanted.",
        power=f"{POWER:.0%}",
        level=f"{ALPHA:.0%}",
    )


def costs() -> str:
    return t(
        "Each arm as it was scored, be it in an earlier run: arms share the loaded model, the candidates and the "
        "documents' tokens, and an arm that is added to this folder costs its own scoring alone."
    )


def blocks(study: StudyView) -> tuple[Block, ...]:
    """All that a reader sees of a study, in the order of reading."""
    found: list[Block] = [Paragraph(text, "verdict", label) for label, text in verdicts(study)]
    if not found:
        found.append(Paragraph(t("Nothing was compared in this study.")))
    found += [*_looks(study), *_tables(study)]
    drawn = pictures(study)
    if drawn:
        found.append(drawn)
    if study.across:
        found += [study_tables.across_table(study.across, study.baseline), Paragraph(pooled())]
    if study.planned:
        found += [
            study_tables.planned_table(study.planned),
            Paragraph(words.sentences([planning(), *_too_few(study.planned)])),
        ]
    if study.arms:
        found.append(study_tables.texts_table(study.arms))
    if study.costs:
        found += [study_tables.costs_table(study.costs), Paragraph(costs())]
    notes = tuple(text for text in (*(words.clean(note(each)) for each in study.notes), *font_warnings(study)) if text)
    if notes:
        found.append(Bullets(notes))
    return tuple(found)


def _looks(study: StudyView) -> list[Block]:
    """How often each test set has been looked at; a note where that is more than was planned."""
    said = [_look(each) for each in study.conclusions]
    if not said:
        return []
    over = any(each.looks > each.planned_looks for each in study.conclusions)
    why = t("With each look at the same test set, a finding by chance becomes likelier.")
    return [Paragraph(words.sentences([*said, why]), "note" if over else "plain", t("Looks at test"))]


def _look(found: Conclusion) -> str:
    split = study_tables.split_name(found.test_split) if found.test_split else ""
    return t(
        "The test side of {dataset}{split} has been looked at {times}, of {planned} planned, in this results "
        "folder{more}.",
        dataset=words.clean(found.dataset),
        split=split,
        times=words.plural(found.looks, "time"),
        planned=words.count(found.planned_looks),
        more=t(": more often than planned") if found.looks > found.planned_looks else "",
    )


def _tables(study: StudyView) -> list[Block]:
    found: list[Block] = []
    for dataset in datasets(study):
        tables = [
            *(study_tables.dev_table(study, dataset, measure) for measure in study.measures),
            study_tables.test_table(study, dataset),
        ]
        found += [table for table in tables if table is not None]
    return [*found, Paragraph(meanings())] if found else []


def _too_few(planned: Sequence[Planned]) -> list[str]:
    """The sides that cannot show what is wanted."""
    short = [each for each in planned if each.queries < each.needed]
    if not short:
        return []
    named = dict.fromkeys(
        t(
            "{dataset} on {side} by {measure} ({queries} of {needed})",
            dataset=words.clean(each.dataset),
            side=side_name(each.side),
            measure=words.measure_title(each.measure),
            queries=words.count(each.queries),
            needed=words.count(each.needed),
        )
        for each in short
    )
    return [t("Too few for the difference wanted: {which}.", which=words.listed(list(named)))]


# ------------------------------------------------------------------------------------------------------------- figures


def pictures(study: StudyView) -> Pictures | None:
    """The figures with caption and text alternative; None if no dataset has one."""
    arms = _arms(study)
    items = tuple(
        Picture(name, words.clean(dataset), plot_study.alt(found, arms, dataset))
        for name, (dataset, found) in _figures(study).items()
    )
    return Pictures(plot_study.caption(primary(study)), items) if items else None


def drawn(study: StudyView) -> Mapping[str, Callable[[], Figure]]:
    """Name of each figure -> what makes it, to be called under the settings of ``bench.report.style``."""
    return {name: partial(_draw, study, dataset, found) for name, (dataset, found) in _figures(study).items()}


def font_warnings(study: StudyView) -> list[str]:
    """What the figures could not write in its own characters, and what they write in its place."""
    if not _figures(study):
        return []
    names = {**renditions(_arms(study), "arm"), **renditions(datasets(study), "dataset")}
    replaced = [
        t("“{written}” for {name}", written=text, name=words.clean(raw))
        for raw, text in names.items()
        if words.clean(raw) != text
    ]
    if not replaced:
        return []
    return [
        t(
            "No installed font has all characters of some names, so the figures write {names}.",
            names=words.clauses(replaced),
        )
    ]


def _draw(study: StudyView, dataset: str, found: list[Contrast]) -> Figure:
    arms = _arms(study)
    label = words.shorten(renditions(datasets(study), "dataset")[dataset], 24)
    return plot_study.draw(found, arms, f"{label}: gain of each arm", renditions(arms, "arm"))


def _arms(study: StudyView) -> list[str]:
    """Every arm in the order of the study, those last that only its contrasts name."""
    named = [arm.name for arm in study.arms]
    return list(dict.fromkeys([*named, study.baseline, *(n for c in study.contrasts for n in (c.arm, c.baseline))]))


def _figures(study: StudyView) -> dict[str, tuple[str, list[Contrast]]]:
    """Name of a figure -> its dataset and contrasts."""
    found: dict[str, tuple[str, list[Contrast]]] = {}
    for number, dataset in enumerate(datasets(study), 1):
        contrasts = of(study, dataset, primary(study))
        if plot_study.draws(contrasts):
            name = f"study-{slug_of(words.clean(dataset)) or f'dataset-{number}'}"
            while name in found:
                name = f"{name}-{number}"
            found[name] = (dataset, contrasts)
    return found
