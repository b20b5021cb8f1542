"""A benchmark's tables, as cells. Pure."""

from __future__ import annotations

from bench.engines.results import Outcome, said_setting
from bench.engines.summary import PeakRow, Row, Spread, peaks, rows
from bench.report import words
from bench.report.blocks import Cell, Table
from bench.report.words import MISSING

COLUMNS = (
    "Engine", "Pairs/s", "Needed", "Computed", "Batch", "Padding", "Memory growth", "Δp", "Rank changes", "Tokens/s",
)  # fmt: skip


def main_table(outcome: Outcome) -> Table:
    table = [_main_row(row) for row in rows(outcome)]
    return Table(caption(outcome), COLUMNS, tuple(table), (0, 4))


def caption(outcome: Outcome) -> str:
    """What was scored, where."""
    facts = outcome.workload
    lengths = ""
    if facts.get("document_tokens_median") is not None:
        lengths = (
            f", documents of {facts['document_tokens_least']:,} to {facts['document_tokens_most']:,} tokens, median "
            f"{facts['document_tokens_median']:,.0f}"
        )
    return (
        f"{words.clean(outcome.model['name'])} on {words.clean(device(outcome))}: "
        f"{words.plural(facts['queries'], 'query')}, {words.plural(facts['pairs'], 'pair')}{lengths}"
    )


def ratio_table(outcome: Outcome) -> Table | None:
    """How many times as many pairs/s the engine of a row does as that of a column; None below two engines."""
    timed = [row for row in rows(outcome) if row.pairs_per_s is not None]
    if len(timed) < 2:
        return None
    table = tuple(
        (Cell(words.clean(row.label)), *(_times(row.speedup.get(other.label)) for other in timed)) for row in timed
    )
    columns = ("Engine", *(f"against {words.clean(row.label)}" for row in timed))
    return Table("Times as many pairs/s, taken within each round: median, and least to most", columns, table)


def search_table(outcome: Outcome) -> Table | None:
    """Every setting that was tried; None where nothing was searched."""
    table = [
        (
            Cell(words.clean(engine.label)),
            Cell(said_setting(tried.setting)),
            Cell(words.count(tried.pairs)),
            Cell(words.figure3(tried.pairs / min(tried.seconds)), best=tried.setting == engine.setting)
            if tried.seconds
            else Cell(MISSING, words.clean(f"{tried.fate}: {tried.message}")),
        )
        for engine in outcome.engines
        for tried in engine.search
    ]
    if not table:
        return None
    return Table(
        "The search for each engine's best setting", ("Engine", "Tried", "Pairs", "Pairs/s"), tuple(table), (0, 1)
    )


def peak_table(outcome: Outcome) -> Table | None:
    """The matrix product by each way; None where it was not measured."""
    found = peaks(outcome)
    if not found:
        return None
    table = tuple(_peak_row(row) for row in found)
    columns = ("Way", "Dtype", "Tokens at once", "GFLOP/s", "The peak")
    return Table("The matrix product over the layer's own shapes", columns, table, (0, 1, 4))


def batch(row: Row) -> str:
    """The setting in a table: ``8``, ``2,048 tokens``, or the engine's own."""
    sizes = [f"{value:,}" if name == "batch_size" else f"{value:,} tokens" for name, value in row.setting.items()]
    return ", ".join(sizes) or "own"


def difference(value: float | None) -> str:
    """A difference of probabilities: two figures, with an exponent."""
    return MISSING if value is None else "0" if value == 0 else f"{value:.1e}"


def ranks(row: Row) -> tuple[str, str]:
    """Changed queries of all, and the swapped pairs as a note."""
    if row.ranks is None:
        return MISSING, ""
    return f"{row.ranks.changed} of {row.ranks.queries}", words.plural(
        row.ranks.swapped, "swap"
    ) if row.ranks.swapped else ""


def device(outcome: Outcome) -> str:
    """The device by its name, and by that of the chip."""
    facts = outcome.environment
    name = facts.get("device_name") or (facts.get("cpu") if outcome.device == "cpu" else None)
    return f"{outcome.device} ({name})" if name else outcome.device


def _main_row(row: Row) -> tuple[Cell, ...]:
    if row.pairs_per_s is None:
        return (Cell(words.clean(row.label)), Cell(row.fate), *(Cell(MISSING) for _ in range(8)))
    return (
        Cell(
            words.clean(row.label), "" if row.fate == "ok" else f"{row.fate} after {words.plural(row.rounds, 'round')}"
        ),
        _spread(row.pairs_per_s),
        Cell(words.share(row.needed_share.median if row.needed_share else None)),
        Cell(words.share(row.computed_share.median if row.computed_share else None)),
        _batch(row),
        Cell(words.share(row.padding)),
        Cell(words.size(row.growth_bytes)),
        Cell(difference(row.difference)),
        Cell(*ranks(row)),
        Cell(words.figure3(row.tokens_per_s.median if row.tokens_per_s else None)),
    )


def _batch(row: Row) -> Cell:
    """``batch``, its unit as a note."""
    number, _, unit = batch(row).partition(" ")
    return Cell(number, unit)


def _peak_row(row: PeakRow) -> tuple[Cell, ...]:
    scaled = Spread(row.rate.median / 1e9, row.rate.least / 1e9, row.rate.most / 1e9)
    return (
        Cell(row.way),
        Cell(row.dtype),
        Cell(words.count(row.rows)),
        _spread(scaled),
        Cell("yes" if row.peak else ""),
    )


def _spread(value: Spread) -> Cell:
    least, most = words.figure3(value.least), words.figure3(value.most)
    return Cell(words.figure3(value.median), "" if least == most else f"{least}–{most}")


def _times(value: Spread | None) -> Cell:
    return Cell(MISSING) if value is None else _spread(value)
