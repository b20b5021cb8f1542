"""The tables of what a sweep or a server measurement adds: intervals of latency, load, energy, agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.derived import (
    joules_per_query,
    latency,
    latency_interval,
    mean_power_w,
    offline_variation,
    offline_work,
    server_qps,
    tokens_per_call,
)
from bench.report import words
from bench.report.blocks import Cell, Table
from bench.report.say import t
from bench.report.tables import row_header
from bench.report.words import MISSING
from bench.stats import percentile
from bench.types import Agreement, LoadPoint, TrialResult


def latency_table(label: str, results: Sequence[TrialResult], said: Mapping[str, str]) -> Table:
    """Percentiles with their intervals, and how far the offline rounds are from each other."""
    rows = tuple(
        (
            row_header(result, said),
            *(_percentile(result, q) for q in (50, 95, 99)),
            Cell(words.count(len(result.cost.latency_s) if result.cost else None)),
            Cell(words.count(len(result.cost.offline_s) if result.cost else None)),
            Cell(words.share(offline_variation(result))),
        )
        for result in results
    )
    columns = (t("Pipeline"), "p50", "p95", "p99", t("Queries"), t("Offline rounds"), t("Their variation"))
    return Table(label, columns, rows)


def _percentile(result: TrialResult, q: float) -> Cell:
    interval = latency_interval(result, q)
    note = f"{words.seconds(interval.low)}–{words.seconds(interval.high)}" if interval else ""
    return Cell(words.seconds(latency(result, q)), note)


def load_table(label: str, results: Sequence[TrialResult], said: Mapping[str, str]) -> Table:
    """A row per cell: its bound, the highest rate that meets it, and what was seen at that rate."""
    rows = tuple((row_header(result, said), *_load(result)) for result in results)
    columns = (
        t("Pipeline"), t("Bound on p99"), t("Highest rate within it"), t("p50 there"), t("p99 there"),
        t("Queries a batch"),
    )  # fmt: skip
    return Table(label, columns, rows)


def _load(result: TrialResult) -> tuple[Cell, ...]:
    rate = server_qps(result)
    points = result.cost.load_points if result.cost else ()
    at = next((point for point in points if point.offered_qps == rate), None)
    return (
        Cell(words.seconds(result.trial.server_p99_s)),
        Cell(t("none") if rate is None else f"{words.figure3(rate)}/s"),
        Cell(words.seconds(percentile(at.latency_s, 50) if at else None)),
        Cell(words.seconds(percentile(at.latency_s, 99) if at else None)),
        Cell(words.figure3(_mean_batch(at))),
    )


def _mean_batch(point: LoadPoint | None) -> float | None:
    if point is None or not point.batches:
        return None
    return sum(queries for queries, _ in point.batches) / len(point.batches)


def energy_table(label: str, results: Sequence[TrialResult], said: Mapping[str, str]) -> Table:
    rows = tuple(
        (
            row_header(result, said),
            Cell(words.figure3(joules_per_query(result))),
            Cell(words.figure3(mean_power_w(result))),
            Cell(words.figure3(result.cost.energy_j if result.cost else None)),
            Cell(words.seconds(sum(result.cost.offline_s) if result.cost else None)),
        )
        for result in results
    )
    return Table(label, (t("Pipeline"), t("J/query"), t("Mean power, W"), t("Energy, J"), t("Over")), rows)


def agreement_table(label: str, results: Sequence[TrialResult], said: Mapping[str, str]) -> Table:
    """Batch invariance, and beside it that the axis took effect: forward passes and their size."""
    rows = tuple(
        (row_header(result, said), *_agreement(result.agreement), *_passes(result))
        for result in results
        if result.agreement is not None
    )
    columns = (
        t("Pipeline"), t("Queries compared"), t("Largest difference"), t("Top 10 changed"), t("Forward passes"),
        t("Tokens a pass"),
    )  # fmt: skip
    return Table(label, columns, rows)


def _agreement(agreement: Agreement) -> tuple[Cell, ...]:
    changed = agreement.top10_changed / agreement.queries if agreement.queries else None
    return (
        Cell(words.count(agreement.queries)),
        Cell(difference(agreement.largest_difference)),
        Cell(words.count(agreement.top10_changed), words.share(changed) if agreement.top10_changed else ""),
    )


def difference(value: float) -> str:
    """Differences of rounding span many decades: these have an exponent."""
    return "0" if value == 0 else f"{value:.1e}" if abs(value) < 1e-3 else words.figure3(value)


def _passes(result: TrialResult) -> tuple[Cell, ...]:
    work, tokens = offline_work(result), tokens_per_call(result)
    return (
        Cell(words.count(work.forward_calls or None if work else None)),
        Cell(MISSING if tokens is None else words.count(round(tokens))),
    )
