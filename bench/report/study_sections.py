"""The sections of an instruction study: what it found, which queries, and what the scores are worth."""

from __future__ import annotations

from bench.report import calibration, study, study_queries
from bench.report.blocks import Block, Paragraph, Report, Section
from bench.report.notes import tracer_note
from bench.report.say import t
from bench.report.study_figures import reliability_names, shown_calibrations, slice_pictures
from bench.study.words import Contrast


def instructions(report: Report) -> Section | None:
    if report.study is None:
        return None
    return Section("instructions", t("Instruction study"), (*study.blocks(report.study), *tracer_note(report)))


def queries(report: Report) -> Section | None:
    """Of dev alone: a test query that somebody has read one by one is no test any more."""
    whole = report.study
    if whole is None:
        return None
    found: list[Block] = []
    for contrast in _shown(whole.contrasts, {(each.dataset, each.measure, each.arm) for each in whole.slices}):
        found += study_queries.blocks(contrast, whole.examples, whole.slices)
    if not found:
        return None
    drawn = slice_pictures(whole)
    lead = Paragraph(t("Queries of dev, of the chosen arm, or of the best other one where the baseline was chosen."))
    return Section("queries", t("Which queries gain and lose"), (lead, *((drawn,) if drawn else ()), *found))


def scores(report: Report) -> Section | None:
    whole = report.study
    if whole is None or not whole.calibrations:
        return None
    blocks = calibration.blocks(shown_calibrations(whole), reliability_names(whole), whole.calibrations)
    return Section("calibration", t("Are scores probabilities?"), blocks)


def _shown(contrasts: tuple[Contrast, ...], named: set[tuple[str, str, str]]) -> list[Contrast]:
    return [each for each in contrasts if each.side == "dev" and (each.dataset, each.measure, each.arm) in named]
