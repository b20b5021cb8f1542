"""The tables of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import derived
from bench.derived import joules_per_query, no_quality, padding_share, server_qps
from bench.report import groups, words
from bench.report.blocks import Cell, Table
from bench.report.groups import Group
from bench.report.pairs import Pair
from bench.report.words import MISSING
from bench.types import Quality, Trial, TrialResult, Work

Value = float | int | None
Column = tuple[str, Callable[[TrialResult], Value], Callable[[Any], str], int]
"""Heading, value of a trial, how it is written, and which way is better: 1 more, -1 less."""
LEADING = 2
"""Measures that stand before the cost."""


def main_table(group: Group, names: Sequence[str], said: Mapping[str, str]) -> Table:
    """Pipelines × quality and cost; the best of each column in bold where there is more than one figure.

    The cost stands behind the first measures, so that both are in sight on a screen that does not hold every column.
    Where no trial can have a quality the caption says so, in place of the measures.
    """
    measured = [(_measure_column(name), name) for name in measured_here(group, names)]
    cost = [(column, None) for column in cost_columns(group.results)]
    columns, written = [], []
    for column, name in (*measured[:LEADING], *cost, *measured[LEADING:]):
        cells = _column_cells(column, group.results)
        if name is not None:
            first = name == measured[0][1]
            cells = [_with_interval(cell, r, name, first) for cell, r in zip(cells, group.results, strict=True)]
        columns.append(column)
        written.append(cells)
    rows = tuple((row_header(result, said), *(cells[i] for cells in written)) for i, result in enumerate(group.results))
    why = "; ".join(dict.fromkeys(no_quality(result) for result in group.results)) if not measured else ""
    caption = f"{group.label} ({why})" if why else group.label
    return Table(caption, ("Pipeline", *(column[0] for column in columns)), rows)


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
        return "out of memory (implied)" if result.implied_by else "out of memory"
    named = {"timeout": "over the time limit", "unsupported": "not supported here"}
    return named.get(result.status, result.status)


def _measure_column(name: str) -> Column:
    def value(result: TrialResult) -> Value:
        interval = result.quality.means.get(name) if result.quality else None
        return interval.mean if interval else None

    return words.measure_title(name), value, words.score, 1


def cost_columns(results: Sequence[TrialResult]) -> list[Column]:
    """The cost of a trial; a kind that no trial could measure, or that was not asked for, has no column.

    Latency and throughput have theirs wherever a trial was to be timed.
    """
    columns: list[Column] = [
        ("Latency p50", lambda r: derived.latency(r, 50), words.seconds, -1),
        ("Latency p95", lambda r: derived.latency(r, 95), words.seconds, -1),
        ("Queries/s", derived.queries_per_second, words.figure3, 1),
        ("Pairs/s", derived.pairs_per_second, words.figure3, 1),
        ("Process memory", lambda r: r.cost.peak_rss_bytes if r.cost else None, words.size, -1),
        ("Device memory", lambda r: r.cost.peak_device_bytes if r.cost else None, words.size, -1),
        ("Server queries/s", server_qps, words.figure3, 1),
        ("J/query", joules_per_query, words.figure3, -1),
    ]
    timed = any(result.trial.scenarios for result in results)
    always = ("Latency p50", "Latency p95", "Queries/s") if timed else ()
    return [
        column for column in columns if column[0] in always or any(column[1](result) is not None for result in results)
    ]


def _column_cells(column: Column, results: Sequence[TrialResult]) -> list[Cell]:
    _, value, write, better = column
    values = [value(result) for result in results]
    known = [v for v in values if v is not None]
    texts = [MISSING if v is None else write(v) for v in values]
    best = write(max(known) if better > 0 else min(known)) if known else None
    if len({text for text in texts if text != MISSING}) == 1:
        best = None  # alone or all alike: none is best
    return [Cell(text, best=text == best) for text in texts]


def _with_interval(cell: Cell, result: TrialResult, name: str, first: bool) -> Cell:
    interval = result.quality.means.get(name) if result.quality else None
    if interval is None:
        return Cell(cell.text, no_quality(result) if first else "")
    return Cell(cell.text, words.span(interval), cell.best)


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
                f"{words.signed(pair.difference.low)} to {words.signed(pair.difference.high)}",
                best=pair.direction != 0,
            ),
            Cell(words.p_value(pair.p).removeprefix("p ").removeprefix("= ")),
            Cell(words.p_value(pair.adjusted_p).removeprefix("p ").removeprefix("= ")),
            Cell(words.count(pair.queries)),
        )
        for group, pair in flat
    )
    columns = ("Pipeline", "Dataset", "Against", title, "Difference", "p", "p, Holm", "Queries")
    return Table("Each reranking pipeline against its own first stage, on the same queries", columns, rows, (0, 1, 2))


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
        "Pipeline", "Depth", "Ceiling", "Tied scores", "Order of ties", "Unjudged@10", "Pairs scored",
        "Pairs cut short", "Tokens read", "Tokens cut off", "Padding",
    )  # fmt: skip
    return Table(group.label, columns, rows)


def _audit(result: TrialResult) -> tuple[Cell, ...]:
    quality = result.quality
    ceiling = Cell(MISSING, no_quality(result))
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
    return (
        Cell("under 0.001", title) if width == "0.000" else Cell(width, f"{title} {widest.low:.3f}–{widest.high:.3f}")
    )


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
        "Pipeline", "Dataset", "Retriever", "Embedder", "Reranker", "Engine, template", "Device", "Dtype", "Batch",
        "Length", "Depth", "Load", "Index", "Timed queries", "Trial",
    )  # fmt: skip
    return Table("Set-up of each trial", columns, tuple(rows), (0, 1, 2, 3, 4, 5, 6, 7, 14))


def _engine(trial: Trial) -> str:
    also = () if trial.quantisation == "none" else (trial.quantisation,)
    return words.clean(", ".join((trial.engine, trial.template, *also)))


def _batch(trial: Trial) -> str:
    return words.count(trial.batch_size) if not isinstance(trial.batch_size, str) else trial.batch_size


def _model(name: str | None, revision: str | None) -> Cell:
    return Cell(MISSING) if name is None else Cell(words.clean(name), words.clean(revision)[:12] if revision else "")
