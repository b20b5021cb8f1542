"""The sections of what a sweep, a load or an energy meter adds; each is there only if there is something to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.derived import joules_per_query, no_quality
from bench.report import sweep_tables, tables
from bench.report.blocks import Block, Paragraph, Report, Section, Table
from bench.report.figures import PLOTS, pictures
from bench.report.groups import Group, by_dataset, measures, primary, variants
from bench.report.phrases import without_quality
from bench.report.plot_latency import chosen as latency_cells
from bench.report.plot_load import loaded
from bench.report.say import t
from bench.report.sweep import MANY, Choice, choose, is_sweep
from bench.report.tiers import tiers
from bench.report.words import listed
from bench.types import TrialResult

NOTHING = Choice((), 0)


def figure(report: Report, kind: str) -> Section | None:
    """The figures of a kind, and in words which datasets have none because they can have no quality."""
    found = pictures(report.results, kind)
    blocks: list[Block] = [found] if found else []
    if PLOTS[kind].of_quality and (found or kind == "quality"):  # once is enough where no figure is left
        blocks += _without_quality(report, of_sweeps=PLOTS[kind].of_sweeps)
    return Section(kind, PLOTS[kind].title(), tuple(blocks)) if blocks else None


def _without_quality(report: Report, *, of_sweeps: bool) -> list[Block]:
    said: dict[str, list[str]] = {}
    for group in by_dataset(report.results):
        if is_sweep(group) or not of_sweeps:
            barred = [result for result in group.finished if no_quality(result) and result.quality is None]
            for why in dict.fromkeys(no_quality(result) for result in barred):
                names = dict.fromkeys(result.trial.pipeline for result in barred if no_quality(result) == why)
                whole = len(barred) == len(group.finished)
                part = t("{pipelines} on {where}", pipelines=listed(list(names)), where=group.label)
                said.setdefault(why, []).append(group.label if whole else part)
    return [
        Paragraph(t("{why} ({where}).", why=_as_a_sentence(without_quality(why)), where=listed(where)))
        for why, where in said.items()
    ]


def _as_a_sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def tier_section(report: Report) -> Section | None:
    groups = [group for group in by_dataset(report.results) if is_sweep(group)]
    blocks: list[Block] = []
    for group in groups:
        for tier, sentence in tiers(group.results):
            labelled = tier if len(groups) == 1 else t("{label}: {said}", label=group.label, said=tier)
            blocks.append(Paragraph(sentence, "verdict", labelled))
    return Section("tiers", t("Best settings"), tuple(blocks)) if blocks else None


def heat(report: Report) -> Section | None:
    return figure(report, "heat")


def tradeoff_memory(report: Report) -> Section | None:
    return figure(report, "tradeoff-memory")


def latency(report: Report) -> Section | None:
    found = pictures(report.results, "latency")
    if found is None:
        return None
    note = t(
        "Percentiles with their distribution-free 95% intervals, where there are queries enough to have one (p50 needs "
        "6, p95 72, p99 368). Offline rounds: how often all timed queries were offered at once; their variation is the "
        "standard deviation over the mean."
    )
    measure = primary(report.results)
    made = _per_dataset(
        report,
        sweep_tables.latency_table,
        lambda group: latency_cells(group, measure) if is_sweep(group) else NOTHING,
    )
    return Section("latency", PLOTS["latency"].title(), (found, *made, Paragraph(note)))


def load(report: Report) -> Section | None:
    found = pictures(report.results, "load")
    if found is None:
        return None
    note = t(
        "The highest rate of arrivals at which every query was answered and 99% of them within the bound, no lower "
        "rate having failed. Queries a batch: how many were waiting and answered together, in the mean."
    )
    made = _per_dataset(
        report,
        sweep_tables.load_table,
        lambda group: _first(loaded(group.results), t("those that keep up with the highest rates")),
    )
    return Section("load", PLOTS["load"].title(), (found, *made, Paragraph(note)))


def memory(report: Report) -> Section | None:
    return figure(report, "memory")


def padding(report: Report) -> Section | None:
    return figure(report, "padding")


def roofline(report: Report) -> Section | None:
    return figure(report, "roofline")


def energy(report: Report) -> Section | None:
    measure = primary(report.results)
    made = _per_dataset(
        report,
        sweep_tables.energy_table,
        lambda group: choose([r for r in group.finished if joules_per_query(r) is not None], measure),
    )
    note = t(
        "What the whole processor or device used while all timed queries were offered at once, idle power and other "
        "programs included; so figures of two kinds of device do not compare."
    )
    return Section("energy", t("Energy"), (*made, Paragraph(note))) if made else None


def agreement(report: Report) -> Section | None:
    made = _per_dataset(report, sweep_tables.agreement_table, _worst_first)
    note = t(
        "Each cell's own scores of its timed queries against those of the quality pass, which batched them otherwise. "
        "Largest difference: of any document's score, as a probability (or in the engine's own unit where it gives "
        "none). Top 10 changed: queries whose first ten are not the same documents in the same order. Forward passes "
        "and tokens a pass are those of one round of all timed queries: they show that the setting took effect."
    )
    return Section("agreement", t("Do scores depend on the batch?"), (*made, Paragraph(note))) if made else None


def _worst_first(group: Group) -> Choice:
    compared = [(r.agreement.largest_difference, r) for r in group.finished if r.agreement]
    if not is_sweep(group) or len(compared) <= MANY:
        return _first([r for _, r in compared] if is_sweep(group) else [], "")
    return _first([r for _, r in sorted(compared, key=lambda pair: -pair[0])], t("those with the largest differences"))


def all_cells(report: Report) -> Section | None:
    """The whole table of each dataset of which the first one shows the best cells only."""
    said, names, measure = variants(report.results), measures(report.results), primary(report.results)
    made = [
        tables.main_table(group, names, said)
        for group in by_dataset(report.results)
        if choose(group.results, measure).left_out
    ]
    return Section("cells", t("All cells"), tuple(made)) if made else None


def _per_dataset(
    report: Report,
    make: Callable[[str, Sequence[TrialResult], Mapping[str, str]], Table],
    cells: Callable[[Group], Choice],
) -> list[Table]:
    """A table per dataset that has cells for it."""
    said = variants(report.results)
    made = []
    for group in by_dataset(report.results):
        choice = cells(group)
        if choice.results:
            made.append(make(label(group, choice), choice.results, said))
    return made


def _first(results: Sequence[TrialResult], why: str) -> Choice:
    return Choice(tuple(results[:MANY]), len(results), why=why)


def label(group: Group, choice: Choice) -> str:
    """The dataset's name and, if the table does not show all of its cells, how many and which."""
    if not choice.left_out:
        return group.label
    n = len(choice.results)
    if choice.why and not choice.reasons:
        return t("{label}: {n} of {total} cells, {which}", label=group.label, n=n, total=choice.of, which=choice.why)
    return t("{label}: {n} of {total} cells", label=group.label, n=n, total=choice.of)
