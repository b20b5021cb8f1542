"""A benchmark as a Markdown page and as CSV. Pure: the same outcome gives the same text."""

from __future__ import annotations

from collections.abc import Sequence

from bench import spreadsheet
from bench.engines.results import Outcome
from bench.engines.sentences import WHAT_IS_WHAT, least_work, machine, said_notes
from bench.engines.summary import Row, Spread, rows
from bench.engines.tables import main_table, peak_table, ratio_table, search_table
from bench.report.blocks import Cell, Table
from bench.report.markdown import escape


def markdown(outcome: Outcome) -> str:
    """The report as a page."""
    parts = [f"# Engine benchmark: {escape(outcome.name)}"]
    if outcome.description:
        parts.append(escape(outcome.description))
    if not outcome.finished:
        parts.append("> This run was stopped before its end.")
    parts += [
        _written(main_table(outcome)),
        *least_work(outcome),
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
    lines = [_flat(row) for row in rows(outcome)]
    return spreadsheet.csv_text(list(lines[0]) if lines else ["engine"], lines)


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
