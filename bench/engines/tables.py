"""A benchmark as tables, Markdown and CSV. Pure: the same outcome gives the same text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from bench.engines.race import said
from bench.engines.results import Outcome
from bench.engines.summary import PeakRow, Row, Spread, peak_pairs_per_s, peaks, rows
from bench.report import words
from bench.report.blocks import Cell, Table
from bench.report.markdown import escape
from bench.report.words import MISSING

COLUMNS = (
    "Engine", "Pairs/s", "Needed", "Computed", "Batch", "Padding", "Memory growth", "Δp", "Rank changes", "Tokens/s",
)  # fmt: skip
WHAT_IS_WHAT = (
    "Pairs/s and tokens/s: the whole call, tokenising included; median of the rounds, least and most beside it. Tokens "
    "are those of the prompts, each counted whole.",
    "Needed: operations that the workload needs when what prompts share is computed once, per second, as a share of "
    "the peak of the matrix product in the same round. At 100% an engine would do nothing but the "
    "products that cannot be avoided.",
    "Computed: the same for the tokens that really went through the layers, padding and repeated prefixes included, "
    "linear maps alone.",
    "Memory growth: the highest rise above what was held once the weights were loaded.",
    "Δp: largest difference in the probability of “yes” against one pair at a time in fp32. Rank changes: queries "
    "whose order differs, and pairs of documents in the opposite order.",
    "Batch: the best of those tried on a part of the workload.",
)


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
        f"{words.clean(outcome.model['name'])} on {words.clean(_device(outcome))}: "
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
            Cell(said(tried.setting)),
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


def markdown(outcome: Outcome) -> str:
    """The report as a page."""
    parts = [f"# Engine benchmark: {escape(outcome.name)}"]
    if outcome.description:
        parts.append(escape(outcome.description))
    if not outcome.finished:
        parts.append("> This run was stopped before its end.")
    parts += [
        _written(main_table(outcome)),
        *_least_work(outcome),
        "![Pairs per second of each engine](figures/engines.png)",
    ]
    for table in (ratio_table(outcome), search_table(outcome), peak_table(outcome)):
        if table is not None:
            parts.append(_written(table))
    notes = said_notes(outcome)
    if notes:
        parts += ["## Notes", "\n".join(f"- {escape(note)}" for note in notes)]
    parts += ["## What the columns say", "\n".join(f"- {escape(line)}" for line in WHAT_IS_WHAT)]
    parts += ["## The machine", "\n".join(f"- {escape(fact)}" for fact in machine(outcome))]
    parts += ["## To run it again", f"```text\n{outcome.command}\n```", f"```yaml\n{outcome.config_text.strip()}\n```"]
    return "\n\n".join(parts) + "\n"


def csv_text(outcome: Outcome) -> str:
    """One line per engine; what is unknown is empty."""
    out = io.StringIO()
    lines = [_flat(row) for row in rows(outcome)]
    writer = csv.DictWriter(out, list(lines[0]) if lines else ["engine"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def said_notes(outcome: Outcome) -> list[str]:
    """What a reader should know: engines that did not finish, what was assumed, what random weights are not."""
    notes = [f"{engine.label}: {engine.fate}: {engine.message}" for engine in outcome.engines if engine.fate != "ok"]
    notes += [f"{engine.label}: {note}" for engine in outcome.engines for note in engine.notes]
    notes += [f"{row.label}: its scores differ from round to round" for row in rows(outcome) if row.repeats is False]
    notes += [note for note in (*outcome.notes, outcome.peak_message) if note]
    if str(outcome.model["name"]).startswith("shape:"):
        notes.append(
            "The weights are random: speed, memory and exactness are those of the shape, and the scores mean nothing."
        )
    return notes


def machine(outcome: Outcome) -> list[str]:
    """The environment as lines of text."""
    facts = outcome.environment
    packages = facts.get("packages") or {}
    known = ("torch", "transformers", "sentence-transformers", "rerankbench")
    memory = facts.get("memory_bytes")
    lines = [
        f"Device: {_device(outcome)}",
        f"Processor: {facts.get('cpu')}, {facts.get('cores_physical')} cores, {facts.get('threads')} threads",
        f"Memory: {words.size(memory)}; free before the run: {words.size(facts.get('free_bytes'))}",
        f"System: {facts.get('system')}, Python {facts.get('python')}",
        "Packages: " + ", ".join(f"{name} {packages[name]}" for name in known if name in packages),
        f"Load before the run: {facts.get('load_before')}",
        f"Started: {outcome.started_at}",
    ]
    return [line for line in lines if "None" not in line]


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


def batch(row: Row) -> str:
    """The setting in a table: ``8``, ``2,048 tokens``, or the engine's own."""
    sizes = [f"{value:,}" if name == "batch_size" else f"{value:,} tokens" for name, value in row.setting.items()]
    return ", ".join(sizes) or "own"


def _batch(row: Row) -> Cell:
    """``batch``, its unit as a note."""
    number, _, unit = batch(row).partition(" ")
    return Cell(number, unit)


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


def _device(outcome: Outcome) -> str:
    facts = outcome.environment
    name = facts.get("device_name") or (facts.get("cpu") if outcome.device == "cpu" else None)
    return f"{outcome.device} ({name})" if name else outcome.device


def _least_work(outcome: Outcome) -> list[str]:
    dtypes = dict.fromkeys(row.dtype for row in rows(outcome) if row.needed_share is not None)
    rates = [(dtype, peak_pairs_per_s(outcome, dtype)) for dtype in dtypes]
    written = [f"{words.figure3(rate)} pairs/s in {dtype}" for dtype, rate in rates if rate is not None]
    if not written:
        return []
    needed, unshared = outcome.workload["needed_flops"], outcome.workload["unshared_flops"]
    return [
        f"The least work: the workload needs {needed / 1e12:,.3g} TFLOP with shared prefixes "
        f"({unshared / 1e12:,.3g} with every pair by itself); at the measured peak that would be "
        f"{' and '.join(written)}."
    ]


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


def _written(table: Table) -> str:
    rule = "|".join(":--" if i in table.text_columns else "--:" for i in range(len(table.columns)))
    lines = [f"**{escape(table.caption)}**", "", _line([escape(title) for title in table.columns]), f"|{rule}|"]
    lines += [_line([_cell(cell) for cell in row]) for row in table.rows]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = f"**{escape(cell.text)}**" if cell.best else escape(cell.text)
    return f"{text} ({escape(cell.note)})" if cell.note else text


def _flat(row: Row) -> dict[str, object]:
    flat: dict[str, object] = {
        "engine": row.label,
        "computes": row.engine,
        "dtype": row.dtype,
        "status": row.fate,
        "message": row.message,
        "batch_size": row.setting.get("batch_size"),
        "token_budget": row.setting.get("token_budget"),
        "rounds": row.rounds,
    }
    for name in ("pairs_per_s", "tokens_per_s", "needed_share", "computed_share"):
        value: Spread | None = getattr(row, name)
        flat[name] = value.median if value else None
        flat[f"{name}_least"] = value.least if value else None
        flat[f"{name}_most"] = value.most if value else None
    return {
        **flat,
        "padding_share": row.padding,
        "growth_bytes": row.growth_bytes,
        "largest_difference": row.difference,
        "queries_changed": row.ranks.changed if row.ranks else None,
        "document_pairs_swapped": row.ranks.swapped if row.ranks else None,
        "scores_repeat": row.repeats,
    }
