"""The sections of a report. To add one: a function ``Report -> Section | None`` and its name in ``SECTIONS``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.proof import unproven
from bench.report import facts, study_sections, sweep_sections, tables, words
from bench.report.blocks import Block, Bullets, Code, Paragraph, Report, Section
from bench.report.claims import claims
from bench.report.figures import font_warnings
from bench.report.groups import Group, by_dataset, full_label, measures, primary, variants
from bench.report.notes import tracer_note
from bench.report.pairs import paired
from bench.report.sweep import MANY, Choice, choose, sentence
from bench.report.verdict import unclaimed, verdicts
from bench.ties import decided_by_ties
from bench.types import TrialResult


def summary(report: Report) -> str:
    """How many trials, on what, since when: one line under the title."""
    results = report.results
    finished = sum(result.status == "ok" for result in results)
    sets = words.plural(len(by_dataset(results)), "dataset")
    claimed = [words.plural(len(report.rulings), "claim")] if report.rulings else []
    parts = [*claimed, f"{words.plural(len(results), 'trial')} on {sets}"]
    if finished < len(results):
        parts.append(f"{len(results) - finished} did not finish")
    started = min((result.started_at for result in results if result.started_at), default="")
    if started:
        zone = " UTC" if started.endswith(("+00:00", "Z")) else ""
        parts.append(f"begun {words.clean(started)[:16].replace('T', ' ')}{zone}")
    return " · ".join(parts)


def verdict(report: Report) -> Section | None:
    if (report.rulings and not report.results) or report.study is not None:
        return None
    all_groups = by_dataset(report.results)
    found = paired(all_groups, primary(report.results))
    blocks: list[Block] = [Paragraph(text, "verdict", label) for label, text in verdicts(all_groups, found)]
    if not report.results:
        blocks.append(Paragraph("There are no results to report."))
    barred = unclaimed(all_groups, found)
    if barred:
        blocks.append(Paragraph(barred, "note"))
    blocks += tracer_note(report)
    if sum(len(pairs) for pairs in found.values()) > 1:
        blocks.append(tables.pairs_table(found, all_groups, variants(report.results)))
        blocks.append(
            Paragraph(
                "Difference: mean over queries with its paired bootstrap 95% interval. p: paired randomisation test, "
                "two-sided; Holm-adjusted over this table. Bold: interval and adjusted p (below 0.05) agree that "
                "there is a difference."
            )
        )
    return Section("verdict", "Verdict", tuple(blocks))


def main(report: Report) -> Section | None:
    if not report.results or _is_told_by_study(report):
        return None
    said, names, blocks = variants(report.results), measures(report.results), list[Block]()
    for group, choice in first_cells(report.results):
        blocks.append(tables.main_table(group, names, choice.said(said)))
        if choice.left_out:
            blocks.append(Paragraph(f"{sentence(choice)} All of them: section “All cells”."))
    note = (
        "Quality: mean over queries, with its bootstrap 95% interval. Latency: single queries, one at a time. "
        "Queries and pairs per second: all timed queries offered at once, measured apart from latency. Memory: the "
        "peak of the whole process. Bold: best of its column, which alone is no evidence of a difference. "
        f"{words.MISSING}: not measured, or plays no part."
    )
    return Section("results", "Quality and cost", (*blocks, Paragraph(note)))


def _is_told_by_study(report: Report) -> bool:
    """Whether the trials have nothing to say beside what the study says: quality alone, arm by arm."""
    return report.study is not None and not any(result.cost for result in report.results)


def first_cells(results: Sequence[TrialResult]) -> list[tuple[Group, Choice]]:
    """Each dataset with the cells that its first table shows, and how they were chosen."""
    measure = primary(results)
    chosen = [(group, choose(group.results, measure)) for group in by_dataset(results)]
    return [(replace(group, results=choice.results), choice) for group, choice in chosen]


def quality_figure(report: Report) -> Section | None:
    return None if _is_told_by_study(report) else sweep_sections.figure(report, "quality")


def tradeoff_figure(report: Report) -> Section | None:
    return sweep_sections.figure(report, "tradeoff")


def stages_figure(report: Report) -> Section | None:
    return sweep_sections.figure(report, "stages")


def audit(report: Report) -> Section | None:
    said = variants(report.results)
    found: list[Block] = []
    for whole, (group, choice) in zip(by_dataset(report.results), first_cells(report.results), strict=True):
        table = tables.audit_table(whole, said)
        if len(table.rows) > MANY:
            table = tables.audit_table(replace(group, label=sweep_sections.label(group, choice)), said)
        if table.rows:
            found.append(table)
    if not found:
        return None
    note = (
        "Ceiling: share of the relevant documents among the first stage's candidates at this depth, with its 95% "
        "interval; no reranker of these candidates can recover the rest. Tied scores: share of neighbours among the "
        "first 10 whose scores are equal, so that only their ids order them. Order of ties: the span between the "
        "smallest and the largest mean over all orders of equal scores, of the measure that has the widest. "
        "Unjudged@10: share of the first 10 that nobody has judged, the mean over queries; measures count them as not "
        "relevant. Pairs scored, tokens and padding: of the pass over all queries that quality is judged by; without "
        "one, of one round of the timed queries. Pairs cut short: documents that did not fit the maximum length."
    )
    return Section("audit", "Ceiling, ties and truncation", (*found, *_decided_by_ties(report, said), Paragraph(note)))


def _decided_by_ties(report: Report, said: dict[str, str]) -> list[Block]:
    """A warning of the figures that another order of equal scores could move, once for trials that share them."""
    where: dict[str, list[str]] = {}
    for group in by_dataset(report.results):
        for result in group.finished:
            decided = decided_by_ties(result.quality.ties) if result.quality else {}
            if result.quality and decided:
                figures = "; ".join(
                    f"{words.measure_title(name)} is {words.score(result.quality.means[name].mean)}, and could be "
                    f"{of.low:.3f} to {of.high:.3f}, {of.expected:.3f} on average"
                    for name, of in decided.items()
                )
                where.setdefault(figures, []).append(f"{full_label(result, said)} on {group.label}")
    return [
        Paragraph(f"{_some(places)}: {figures}.", "note", "Decided by the order of equal scores")
        for figures, places in where.items()
    ]


def problems(report: Report) -> Section | None:
    said = variants(report.results)
    labels = {result.trial.id: group.label for group in by_dataset(report.results) for result in group.results}
    blocks: list[Block] = [
        Paragraph(words.clean(fault), "note", "Not a measurement:") for fault in unproven(report.results)
    ]
    lost: dict[tuple[str, str], list[str]] = {}
    for result in report.results:
        if result.status != "ok" and not result.implied_by:
            message = words.clean_lines(result.message) or "No message was left."
            where = f"{full_label(result, said)} on {labels[result.trial.id]}"
            lost.setdefault((tables.status(result), message), []).append(where)
    blocks += [
        Code(f"{'; '.join(places) if len(places) <= _NAMED else _some(places)}: {status}", message)
        for (status, message), places in lost.items()
    ]
    implied = _implied(report, said)
    if implied:
        blocks += [Paragraph("Not tried, because a smaller cell ran out of memory (implied):"), Bullets(implied)]
    heard: dict[str, list[str]] = {}
    for result in report.results:
        where = f"{full_label(result, said)} on {labels[result.trial.id]}"
        for warning in result.warnings:
            heard.setdefault(words.clean(warning), []).append(where)
    items = [f"{text} ({_some(places)})" for text, places in heard.items()]
    items += font_warnings(report.results)
    if items:
        blocks.append(Bullets(tuple(items)))
    return Section("problems", "Failed trials and warnings", tuple(blocks)) if blocks else None


_NAMED = 3
"""Up to so many trials that ended alike are all named above their message."""


def _implied(report: Report, said: dict[str, str]) -> tuple[str, ...]:
    """For each trial that ran out of memory, those that it spared."""
    spared: dict[str, list[str]] = {}
    for result in report.results:
        if result.implied_by:
            spared.setdefault(result.implied_by, []).append(full_label(result, said))
    known = {result.trial.id: full_label(result, said) for result in report.results}
    return tuple(f"by {known.get(cause, f'trial {cause}')}: {'; '.join(labels)}" for cause, labels in spared.items())


def _some(where: list[str]) -> str:
    distinct = list(dict.fromkeys(where))
    return distinct[0] if len(distinct) == 1 else f"{distinct[0]} and {words.plural(len(distinct) - 1, 'other trial')}"


def datasets(report: Report) -> Section | None:
    all_groups = by_dataset(report.results)
    if not all_groups:
        return None
    blocks: list[Block] = [facts.dataset_table(all_groups)]
    for group in all_groups:
        odd = facts.notices(group)
        if odd:
            blocks += [Paragraph(f"Found while reading {group.label}:"), Bullets(odd)]
    return Section("datasets", "Datasets", tuple(blocks))


def reproduce(report: Report) -> Section:
    blocks: list[Block] = []
    if report.command:
        blocks.append(Code("Command", words.clean_lines(report.command)))
    if report.config_text:
        blocks.append(Code("Configuration", words.clean_lines(report.config_text)))
    if any(result.environment for result in report.results):
        blocks.append(facts.environment_table(report.results))
    lacking = facts.unmeasured(report.results)
    if lacking:
        blocks.append(Bullets(lacking))
    if report.results:
        labels = {result.trial.id: group.label for group in by_dataset(report.results) for result in group.results}
        blocks.append(tables.setup_table(report.results, variants(report.results), labels))
    return Section("reproduce", "Environment and how to reproduce", tuple(blocks))


SECTIONS: tuple[Callable[[Report], Section | None], ...] = (
    claims,
    study_sections.instructions,
    study_sections.queries,
    study_sections.scores,
    verdict,
    sweep_sections.tier_section,
    main,
    quality_figure,
    tradeoff_figure,
    sweep_sections.tradeoff_memory,
    sweep_sections.heat,
    sweep_sections.latency,
    stages_figure,
    sweep_sections.load,
    sweep_sections.memory,
    sweep_sections.padding,
    sweep_sections.roofline,
    sweep_sections.energy,
    sweep_sections.agreement,
    audit,
    sweep_sections.all_cells,
    problems,
    datasets,
    reproduce,
)


def build(report: Report) -> list[Section]:
    """Every section that has something to say."""
    return [section for make in SECTIONS if (section := make(report)) is not None]
