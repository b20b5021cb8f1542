"""The benchmark in a terminal: the table with as many columns as fit, the peak, the comparison, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.engines.results import Outcome
from bench.engines.sentences import said_comparisons, said_notes, said_peaks
from bench.engines.tables import main_table
from bench.report import words
from bench.report.blocks import Cell, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_GAP = 3
_WORTH = (1, 2, 4, 6, 7, 8, 5, 3, 9)
"""Columns behind the engine's name, the most telling first; those that do not fit are left to the report."""
_SHORT = {"Memory growth": "Memory", "Rank changes": "Ranks"}
_NAME_AT_MOST = 22


def print_outcome(outcome: Outcome, console: Console) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    table = main_table(outcome)
    headings = [_SHORT.get(title, title) for title in table.columns]
    widths = [_width(table, headings, place) for place in range(len(headings))]
    rich = RichTable(
        box=box.SIMPLE_HEAD,
        title=Text(table.caption),
        title_justify="left",
        title_style="bold",
        pad_edge=False,
    )
    for place in fitting(widths, console.width):
        if place == 0:
            rich.add_column(headings[0], overflow="fold", width=widths[0])
        else:
            rich.add_column(headings[place], justify="right", width=widths[place])
    for row in table.rows:
        rich.add_row(*(_text(row[place]) for place in fitting(widths, console.width)))
    console.print(rich)
    for line in (*said_peaks(outcome), *said_comparisons(outcome)):
        console.print(line, highlight=False, markup=False)
    for note in said_notes(outcome):
        console.print(f"· {note}", highlight=False, markup=False)


def fitting(widths: Sequence[int], columns: int) -> list[int]:
    """The places of the columns to show, in the table's order."""
    left, kept = columns - widths[0] - _GAP, [0]
    for place in _WORTH:
        if widths[place] + _GAP <= left:
            left -= widths[place] + _GAP
            kept.append(place)
    return sorted(kept)


def _width(table: Table, headings: Sequence[str], place: int) -> int:
    cells = [max(words.width(row[place].text), words.width(row[place].note)) for row in table.rows]
    widest = max([words.width(headings[place]), *cells])
    return min(widest, _NAME_AT_MOST) if place == 0 else widest


def _text(cell: Cell) -> Text:
    from rich.text import Text

    text = Text(cell.text, style="bold" if cell.best else "")
    if cell.note:
        text.append(f"\n{cell.note}", style="dim")
    return text
