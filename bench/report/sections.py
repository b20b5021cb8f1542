"""The sections of a report. To add one: a function ``Report -> Section | None`` and its name in ``SECTIONS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bench.proof import unproven
from bench.report import facts, study_sections, sweep_sections, tables, words
from bench.report.blocks import Block, Bullets, Code, Paragraph, Report, Section
from bench.report.claims import claims
from bench.report.doubted import heard
from bench.report.figures import font_warnings
from bench.report.groups import Group, by_dataset, full_label, measures, primary, variants
from bench.report.notes import tracer_note
from bench.report.pairs import Pair, directions, paired
from bench.report.phrases import no_measurement
from bench.report.say import t
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
    parts = [*claimed, t("{trials} on {datasets}", trials=words.plural(len(results), "trial"), datasets=sets)]
    if finished < len(results):
        parts.append(t("{n} did not finish", n=len(results) - finished))
    started = min((result.started_at for result in results if result.started_at), default="")
    if started:
        zone = " UTC" if started.endswith(("+00:00", "Z")) else ""
        parts.append(t("begun {time}", time=f"{words.clean(started)[:16].replace('T', ' ')}{zone}"))
    return " · ".join(parts)


def verdict(report: Report) -> Section | None:
    """The answer to the first question, a sentence for each dataset."""
    if (report.rulings and not report.results) or report.study is not None:
        return None
    all_groups = by_dataset(report.results)
    found = paired(all_groups, primary(report.results))
    blocks: list[Block] = [Paragraph(text, "verdict", label) for label, text in verdicts(all_groups, found)]
    if not report.results:
        blocks.append(Paragraph(t("There are no results to report.")))
    barred = unclaimed(all_groups, found)
    if barred:
        blocks.append(Paragraph(barred, "note"))
    blocks += tracer_note(report)
    return Section("verdict", t("Verdict"), tuple(blocks))


def main(report: Report) -> Section | None:
    if not report.results or _is_told_by_study(report):
        return None
    said, names, blocks = variants(report.results), measures(report.results), list[Block]()
    measure, found = primary(report.results), _told_pairs(report)
    for whole, (group, choice) in zip(by_dataset(report.results), first_cells(report.results), strict=True):
        signs = directions(whole.finished, found.get(group.slug, ()))
        blocks.append(tables.main_table(group, names, choice.said(said), signs, measure))
        if choice.left_out:
            section = t("All of them: section “{section}”.", section=t("All cells"))
            blocks.append(Paragraph(words.sentences((sentence(choice), section))))
        legend = tables.signs_in_words(group, signs, measure)
        if legend:
            blocks.append(Paragraph(legend))
    note = t(
        "Quality: mean over queries, with its bootstrap 95% interval. Latency: single queries, one at a time. "
        "Queries and pairs per second: all timed queries offered at once, measured apart from latency. Memory: the "
        "peak of the whole process. Bold: best of its column, which alone is no evidence of a difference. "
        "{missing}: not measured, or plays no part.",
        missing=words.MISSING,
    )
    return Section("results", t("Quality and cost"), (*blocks, Paragraph(note)))


def comparisons(report: Report) -> Section | None:
    """The tests behind the verdict, where there are several."""
    found = _told_pairs(report)
    if sum(len(pairs) for pairs in found.values()) < 2:
        return None
    table = tables.pairs_table(found, by_dataset(report.results), variants(report.results))
    note = t(
        "Difference: mean over queries with its paired bootstrap 95% interval. p: paired randomisation test, "
        "two-sided; Holm-adjusted over this table. Bold: interval and adjusted p (below 0.05) agree that there is a "
        "difference."
    )
    return Section("comparisons", t("Against the first stage"), (table, Paragraph(note)))


def _told_pairs(report: Report) -> Mapping[str, Sequence[Pair]]:
    """Those that this report speaks of: a study has comparisons of its own."""
    return {} if report.study is not None else paired(by_dataset(report.results), primary(report.results))


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
    note = t(
        "Ceiling: share of the relevant documents among the first stage's candidates at this depth, with its 95% "
        "interval; no reranker of these candidates can recover the rest. Tied scores: share of neighbours among the "
        "first 10 whose scores are equal, so that only their ids order them. Order of ties: the span between the "
        "smallest and the largest mean over all orders of equal scores, of the measure that has the widest. "
        "Unjudged@10: share of the first 10 that nobody has judged, the mean over queries; measures count them as not "
        "relevant. Pairs scored, tokens and padding: of the pass over all queries that quality is judged by; without "
        "one, of one round of the timed queries. Pairs cut short: documents that did not fit the maximum length."
    )
    return Section(
        "audit", t("Ceiling, ties and truncation"), (*found, *_decided_by_ties(report, said), Paragraph(note))
    )


def _decided_by_ties(report: Report, said: dict[str, str]) -> list[Block]:
    """A warning of the figures that another order of equal scores could move, once for trials that share them."""
    where: dict[str, list[str]] = {}
    for group in by_dataset(report.results):
        for result in group.finished:
            decided = decided_by_ties(result.quality.ties) if result.quality else {}
            if result.quality and decided:
                figures = words.clauses(
                    t(
                        "{measure} is {value}, and could be {low} to {high}, {mean} on average",
                        measure=words.measure_title(name),
                        value=words.score(result.quality.means[name].mean),
                        low=words.score(of.low),
                        high=words.score(of.high),
                        mean=words.score(of.expected),
                    )
                    for name, of in decided.items()
                )
                where.setdefault(figures, []).append(_on(result, group.label, said))
    return [
        Paragraph(
            t("{trials}: {figures}.", trials=_some(places), figures=figures),
            "note",
            t("Decided by the order of equal scores"),
        )
        for figures, places in where.items()
    ]


def _on(result: TrialResult, dataset: str, said: dict[str, str]) -> str:
    return t("{trial} on {dataset}", trial=full_label(result, said), dataset=dataset)


def problems(report: Report) -> Section | None:
    said = variants(report.results)
    labels = {result.trial.id: group.label for group in by_dataset(report.results) for result in group.results}
    blocks: list[Block] = [
        Paragraph(no_measurement(words.clean(fault)), "note", t("Not a measurement:"))
        for fault in unproven(report.results)
    ]
    lost: dict[tuple[str, str], list[str]] = {}
    for result in report.results:
        if result.status != "ok" and not result.implied_by:
            message = words.clean_lines(result.message) or t("No message was left.")
            where = _on(result, labels[result.trial.id], said)
            lost.setdefault((tables.status(result), message), []).append(where)
    blocks += [
        Code(t("{trials}: {status}", trials=words.clauses(places) if len(places) <= _NAMED else _some(places),
               status=status), message)
        for (status, message), places in lost.items()
    ]  # fmt: skip
    implied = _implied(report, said)
    if implied:
        blocks += [Paragraph(t("Not tried, because a smaller cell ran out of memory (implied):")), Bullets(implied)]
    items = warnings_told(report.results)
    items += font_warnings(report.results)
    if items:
        blocks.append(Bullets(tuple(items)))
    return Section("problems", t("Failed trials and warnings"), tuple(blocks)) if blocks else None


def warnings_told(results: Sequence[TrialResult]) -> list[str]:
    """Each warning once, with the trials that have it."""
    said = variants(results)
    labels = {result.trial.id: group.label for group in by_dataset(results) for result in group.results}
    return [
        t(
            "{warning} ({trials})",
            warning=warning,
            trials=_some([_on(each, labels[each.trial.id], said) for each in of]),
        )
        for warning, of in heard(results).items()
    ]


_NAMED = 3
"""Up to so many trials that ended alike are all named above their message."""


def _implied(report: Report, said: dict[str, str]) -> tuple[str, ...]:
    """For each trial that ran out of memory, those that it spared."""
    spared: dict[str, list[str]] = {}
    for result in report.results:
        if result.implied_by:
            spared.setdefault(result.implied_by, []).append(full_label(result, said))
    known = {result.trial.id: full_label(result, said) for result in report.results}
    return tuple(
        t("by {trial}: {spared}", trial=known.get(cause) or t("trial {id}", id=cause), spared=words.clauses(labels))
        for cause, labels in spared.items()
    )


def _some(where: list[str]) -> str:
    distinct = list(dict.fromkeys(where))
    if len(distinct) == 1:
        return distinct[0]
    return t("{first} and {others}", first=distinct[0], others=words.plural(len(distinct) - 1, "other trial"))


def datasets(report: Report) -> Section | None:
    all_groups = by_dataset(report.results)
    if not all_groups:
        return None
    blocks: list[Block] = [facts.dataset_table(all_groups)]
    for group in all_groups:
        odd = facts.notices(group)
        if odd:
            blocks += [Paragraph(t("Found while reading {dataset}:", dataset=group.label)), Bullets(odd)]
    return Section("datasets", t("Datasets"), tuple(blocks))


def reproduce(report: Report) -> Section:
    blocks: list[Block] = []
    if report.command:
        blocks.append(Code(t("Command"), words.clean_lines(report.command)))
    if report.config_text:
        blocks.append(Code(t("Configuration"), words.clean_lines(report.config_text)))
    if any(result.environment for result in report.results):
        blocks.append(facts.environment_table(report.results))
    lacking = facts.unmeasured(report.results)
    if lacking:
        blocks.append(Bullets(lacking))
    if report.results:
        labels = {result.trial.id: group.label for group in by_dataset(report.results) for result in group.results}
        blocks.append(tables.setup_table(report.results, variants(report.results), labels))
    return Section("reproduce", t("Environment and how to reproduce"), tuple(blocks))


SECTIONS: tuple[Callable[[Report], Section | None], ...] = (
    claims,
    study_sections.instructions,
    study_sections.queries,
    study_sections.scores,
    verdict,
    main,
    sweep_sections.tier_section,
    comparisons,
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
