"""The tables of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import derived
from bench.derived import joules_per_query, no_quality, padding_share, server_qps
from bench.report import groups, words
from bench.report.blocks import Cell, Table
from bench.report.groups import Group
from bench.report.pairs import Pair
from bench.report.phrases import without_quality
from bench.report.say import t
from bench.report.words import MISSING
from bench.types import Quality, Trial, TrialResult, Work

Value = float | int | None
LEADING = 2
"""Measures that stand before the cost."""
HIGHER, LOWER = "▲", "▼"
"""Signs of a figure that differs significantly from that of the pipeline's own first stage."""


@dataclass(frozen=True, slots=True)
class Column:
    """``id`` names it whatever language its title is in. ``better`` is which way: 1 more, -1 less."""

    id: str
    title: str
    value: Callable[[TrialResult], Value]
    write: Callable[[Any], str]
    better: int
    is_measure: bool = False


def main_table(
    group: Group,
    names: Sequence[str],
    said: Mapping[str, str],
    directions: Mapping[str, int] | None = None,
    compared: str = "",
) -> Table:
    """Pipelines × quality and cost; the best of each column in bold where there is more than one figure.

    Where no trial can have a quality the caption says so, in place of the measures. ``directions`` are trial id ->
    ``Pair.direction`` by the measure ``compared``: figures that a pair shows to differ have a sign in its column.
    """
    columns, written = main_columns(group, names), []
    leading = next((column.id for column in columns if column.is_measure), None)
    for column in columns:
        cells = _column_cells(column, group.results)
        if column.is_measure:
            signs = directions or {} if column.id == compared else {}
            cells = [
                _with_interval(cell, r, column.id, first=column.id == leading, direction=signs.get(r.trial.id, 0))
                for cell, r in zip(cells, group.results, strict=True)
            ]
        written.append(cells)
    rows = tuple((row_header(result, said), *(cells[i] for cells in written)) for i, result in enumerate(group.results))
    why = words.clauses(dict.fromkeys(without_quality(no_quality(r)) for r in group.results)) if leading is None else ""
    caption = t("{dataset} ({why})", dataset=group.label, why=why) if why else group.label
    return Table(caption, (t("Pipeline"), *(column.title for column in columns)), rows)


def signs_in_words(group: Group, directions: Mapping[str, int], measure: str) -> str:
    """What the signs in a main table mean, and which pipelines have which; empty where no trial was compared."""
    compared = [result for result in group.results if result.trial.id in directions]
    if not compared:
        return ""
    title = words.measure_title(measure)
    marked = {way: _counted(compared, [r for r in compared if directions[r.trial.id] == way]) for way in (1, -1)}
    if not any(marked.values()):
        return t(
            "No {measure} has a sign ({higher} higher, {lower} lower): of no pipeline is it shown to differ from that "
            "of the same first stage alone, which does not show that they are equal.",
            measure=title, higher=HIGHER, lower=LOWER,
        )  # fmt: skip
    told = [
        t("{sign} higher: {pipelines}", sign=HIGHER, pipelines=marked[1]) if marked[1] else "",
        t("{sign} lower: {pipelines}", sign=LOWER, pipelines=marked[-1]) if marked[-1] else "",
    ]
    return t(
        "{measure} against that of the same first stage alone: {signs}. A sign stands where the 95% interval of the "
        "paired difference and the Holm-adjusted p (below 0.05) agree.",
        measure=title,
        signs=words.clauses(filter(None, told)),
    )


def _counted(compared: Sequence[TrialResult], marked: Sequence[TrialResult]) -> str:
    """The pipelines, with how many of their compared cells where that is not all."""
    names = []
    for pipeline in groups.pipelines(marked):
        n, of = (sum(result.trial.pipeline == pipeline for result in some) for some in (marked, compared))
        name = f"“{words.clean(pipeline)}”"
        names.append(name if n == of else t("{n} of {all} cells of {pipeline}", n=n, all=of, pipeline=name))
    return words.listed(names)


def main_columns(group: Group, names: Sequence[str]) -> list[Column]:
    """What stands behind the pipelines' names.

    The cost comes after the first measures, so that both are in sight on a screen that does not hold every column.
    """
    measured = [_measure_column(name) for name in measured_here(group, names)]
    return [*measured[:LEADING], *cost_columns(group.results), *measured[LEADING:]]


def measured_here(group: Group, names: Sequence[str]) -> list[str]:
    """The measures that the group's table has: none where no trial of it can have a quality."""
    return list(names) if any(not no_quality(result) or result.quality for result in group.results) else []


def row_header(result: TrialResult, said: Mapping[str, str]) -> Cell:
    note = said.get(result.trial.id, "")
    if result.status != "ok":
        note = " · ".join(part for part in (note, status(result)) if part)
    return Cell(words.clean(result.trial.pipeline), note)


def status(result: TrialResult) -> str:
    """How a trial ended, in words."""
    if result.status == "oom":
        return t("out of memory (implied)") if result.implied_by else t("out of memory")
    named = {
        "ok": t("ok"),
        "failed": t("failed"),
        "timeout": t("over the time limit"),
        "unsupported": t("not supported here"),
    }
    return named.get(result.status, result.status)


def _measure_column(name: str) -> Column:
    def value(result: TrialResult) -> Value:
        interval = result.quality.means.get(name) if result.quality else None
        return interval.mean if interval else None

    return Column(name, words.measure_title(name), value, words.score, 1, is_measure=True)


def cost_columns(results: Sequence[TrialResult]) -> list[Column]:
    """The cost of a trial; a kind that no trial could measure, or that was not asked for, has no column.

    Latency and throughput have theirs wherever a trial was to be timed.
    """
    columns = [
        Column("latency_p50", t("Latency p50"), lambda r: derived.latency(r, 50), words.seconds, -1),
        Column("latency_p95", t("Latency p95"), lambda r: derived.latency(r, 95), words.seconds, -1),
        Column("queries_per_s", t("Queries/s"), derived.queries_per_second, words.figure3, 1),
        Column("pairs_per_s", t("Pairs/s"), derived.pairs_per_second, words.figure3, 1),
        Column("rss", t("Process memory"), lambda r: r.cost.peak_rss_bytes if r.cost else None, words.size, -1),
        Column("device", t("Device memory"), lambda r: r.cost.peak_device_bytes if r.cost else None, words.size, -1),
        Column("server_qps", t("Server queries/s"), server_qps, words.figure3, 1),
        Column("joules", t("J/query"), joules_per_query, words.figure3, -1),
    ]
    timed = any(result.trial.scenarios for result in results)
    always = ("latency_p50", "latency_p95", "queries_per_s") if timed else ()
    return [
        column
        for column in columns
        if column.id in always or any(column.value(result) is not None for result in results)
    ]


def _column_cells(column: Column, results: Sequence[TrialResult]) -> list[Cell]:
    values = [column.value(result) for result in results]
    known = [v for v in values if v is not None]
    texts = [MISSING if v is None else column.write(v) for v in values]
    best = column.write(max(known) if column.better > 0 else min(known)) if known else None
    if len({text for text in texts if text != MISSING}) == 1:
        best = None  # alone or all alike: none is best
    return [Cell(text, best=text == best) for text in texts]


def _with_interval(cell: Cell, result: TrialResult, name: str, *, first: bool, direction: int) -> Cell:
    interval = result.quality.means.get(name) if result.quality else None
    if interval is None:
        return Cell(cell.text, without_quality(no_quality(result)) if first else "")
    sign = {1: f"{HIGHER} ", -1: f"{LOWER} "}.get(direction, "")
    return Cell(cell.text, sign + words.span(interval), cell.best)


def pairs_table(found: Mapping[str, Sequence[Pair]], all_groups: Sequence[Group], said: Mapping[str, str]) -> Table:
    """Every reranking pipeline against its own first stage."""
    flat = [(group, pair) for group in all_groups for pair in found.get(group.slug, ())]
    title = words.measure_title(flat[0][1].measure)
    rows = tuple(
        (
            row_header(pair.after, said),
            Cell(group.label),
            Cell(groups.full_label(pair.before, dict(said))),
            Cell(f"{words.score(pair.before_mean)} → {words.score(pair.after_mean)}"),
            Cell(
                words.signed(pair.difference.mean),
                words.between(words.signed(pair.difference.low), words.signed(pair.difference.high)),
                best=pair.direction != 0,
            ),
            Cell(words.p_value(pair.p).removeprefix("p ").removeprefix("= ")),
            Cell(words.p_value(pair.adjusted_p).removeprefix("p ").removeprefix("= ")),
            Cell(words.count(pair.queries)),
        )
        for group, pair in flat
    )
    columns = (
        t("Pipeline"), t("Dataset"), t("Against"), title, t("Difference"), "p", t("p, Holm"), t("Queries"),
    )  # fmt: skip
    caption = t("Each reranking pipeline against its own first stage, on the same queries")
    return Table(caption, columns, rows, (0, 1, 2))


def audit_table(group: Group, said: Mapping[str, str]) -> Table:
    """What bounds or blurs the quality figures: the first stage's ceiling, ties, missing judgements, cut documents.

    Cells of one pipeline that read alike, as those do that share a quality pass, have one row.
    """
    alike: dict[tuple[str, tuple[Cell, ...]], list[TrialResult]] = {}
    for result in group.finished:
        alike.setdefault((result.trial.pipeline, _audit(result)), []).append(result)
    rows = tuple(
        (Cell(words.clean(pipeline), groups.in_common([said.get(r.trial.id, "") for r in results])), *cells)
        for (pipeline, cells), results in alike.items()
    )
    columns = (
        t("Pipeline"), t("Depth"), t("Ceiling"), t("Tied scores"), t("Order of ties"), t("Unjudged@10"),
        t("Pairs scored"), t("Pairs cut short"), t("Tokens read"), t("Tokens cut off"), t("Padding"),
    )  # fmt: skip
    return Table(group.label, columns, rows)


def _audit(result: TrialResult) -> tuple[Cell, ...]:
    quality = result.quality
    ceiling = Cell(MISSING, without_quality(no_quality(result)))
    if quality:
        ceiling = Cell(words.score(quality.ceiling.mean), words.span(quality.ceiling))
    tied = Cell(words.share(quality.tied_share if quality else None))
    unjudged = Cell(words.share(quality.unjudged.get("unjudged@10") if quality else None))
    depth = Cell(words.count(result.trial.depth))
    return (depth, ceiling, tied, _order_of_ties(quality), unjudged, *_work(_scored(result)))


def _order_of_ties(quality: Quality | None) -> Cell:
    """How far another order of tied scores could move a mean: the measure that it could move the most."""
    if not quality or not quality.ties:
        return Cell(MISSING)
    name, widest = max(quality.ties.items(), key=lambda item: item[1].high - item[1].low)
    if widest.high == widest.low:
        return Cell("0")
    width, title = f"{widest.high - widest.low:.3f}", words.measure_title(name)
    if width == "0.000":
        return Cell(t("under 0.001"), title)
    return Cell(width, f"{title} {widest.low:.3f}–{widest.high:.3f}")


def _scored(result: TrialResult) -> Work | None:
    """The counts of the quality pass, over all queries; without one, those of an offline round."""
    if result.quality and result.quality.work.pairs:
        return result.quality.work
    return result.cost.work if result.cost else None


def _work(work: Work | None) -> tuple[Cell, ...]:
    if work is None or not work.pairs:
        return tuple(Cell(MISSING) for _ in range(5))
    cut = work.truncated_pairs
    return (
        Cell(words.count(work.pairs)),
        Cell(MISSING) if cut is None else Cell(words.count(cut), words.share(cut / work.pairs)),
        Cell(words.count(work.tokens)),
        Cell(words.count(work.truncated_tokens)),
        Cell(words.share(padding_share(work))),
    )


def setup_table(results: Sequence[TrialResult], said: Mapping[str, str], labels: Mapping[str, str]) -> Table:
    """What each trial was: enough to find its raw result and to run it again."""
    rows = []
    for result in results:
        trial = result.trial
        reranks = trial.reranker is not None
        cost = result.cost
        rows.append(
            (
                row_header(result, said),
                Cell(labels[trial.id]),
                Cell(words.clean(trial.retriever)),
                _model(trial.embedder, trial.embedder_revision),
                _model(trial.reranker, trial.reranker_revision),
                Cell(_engine(trial) if reranks else MISSING),
                Cell(words.clean(derived.device(result))),
                Cell(derived.dtype(result) or MISSING),
                Cell(_batch(trial) if reranks else MISSING),
                Cell(words.count(trial.max_length if reranks else None)),
                Cell(words.count(trial.depth)),
                Cell(words.seconds(cost.load_s if cost else None)),
                Cell(words.seconds(cost.index_s if cost else None)),
                Cell(words.count(len(cost.latency_s) if cost else None)),
                Cell(trial.id, code=True),
            )
        )
    columns = (
        t("Pipeline"), t("Dataset"), t("Retriever"), t("Embedder"), t("Reranker"), t("Engine, template"), t("Device"),
        t("Dtype"), t("Batch"), t("Length"), t("Depth"), t("Load"), t("Index"), t("Timed queries"), t("Trial"),
    )  # fmt: skip
    return Table(t("Set-up of each trial"), columns, tuple(rows), (0, 1, 2, 3, 4, 5, 6, 7, 14))


def _engine(trial: Trial) -> str:
    also = () if trial.quantisation == "none" else (trial.quantisation,)
    return words.clean(words.series((trial.engine, trial.template, *also)))


def _batch(trial: Trial) -> str:
    return words.count(trial.batch_size) if not isinstance(trial.batch_size, str) else trial.batch_size


def _model(name: str | None, revision: str | None) -> Cell:
    return Cell(MISSING) if name is None else Cell(words.clean(name), words.clean(revision)[:12] if revision else "")
