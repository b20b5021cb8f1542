"""Prints a comparison: its sections as text and tables that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.compare.comparison import Comparison
from bench.compare.rulings import Ruling
from bench.compare.sections import lead, sections
from bench.report import words
from bench.report.blocks import Bullets, Cell, Paragraph, Section, Table
from bench.report.words import plural

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

DETAILS_UP_TO = 6
"""Pairs of which a terminal shows every measure; of more, the overview."""
_STYLES = {"Holds": "green", "Broken": "bold red"}
_NAME_AT_LEAST, _GAP = 16, 2


def print_comparison(comparison: Comparison, rulings: Sequence[Ruling], console: Console) -> None:
    """Print the lead, then each section; the gates come last, where they are looked for."""
    from rich.text import Text

    console.print(Text(lead(comparison), style="dim"))
    details = len(comparison.compared) <= DETAILS_UP_TO
    shown = sections(comparison, rulings, details=details)
    for section in sorted(shown, key=lambda each: each.id == "gates"):
        console.print()
        _print_section(section, console)
    if not details:
        pairs = plural(len(comparison.compared), "pair")
        console.print(Text(f"Every measure of {pairs}: --out FILE.md, or --json.", style="dim"))


def _print_section(section: Section, console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Text(section.title, style="bold"))
    for block in section.blocks:
        if isinstance(block, Table):
            console.print(Text(block.caption, style="italic"))
            console.print(_rich(block, console.width))
        elif isinstance(block, Bullets):
            for item in block.items:
                console.print(Padding(Text(item), (0, 0, 0, 2)))
        elif isinstance(block, Paragraph):
            label = Text(f"{block.label}: ", style=_STYLES.get(block.label, "dim")) if block.label else Text()
            console.print(label.append(block.text, style="yellow" if block.kind == "note" else ""))


def _rich(table: Table, columns: int) -> RichTable:
    """Notes stand in brackets where there is room for that, else on a line of their own; then columns at the end go."""
    from rich import box
    from rich.table import Table as RichTable

    rich = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    beside = sum(_widths(table, beside=True)) <= columns
    widths = _widths(table, beside=beside)
    name, shown, left = min(widths[0], max(_NAME_AT_LEAST, columns - sum(widths[1:]))), [0], columns
    left -= name
    for i in range(1, len(widths)):
        if widths[i] <= left:
            left -= widths[i]
            shown.append(i)
    for i in shown:
        if i == 0:
            rich.add_column(table.columns[i], overflow="fold", width=name - _GAP)
        else:
            rich.add_column(table.columns[i], justify="right", width=widths[i] - _GAP, vertical="top")
    for row in table.rows:
        rich.add_row(*(_text(row[i], beside=beside) for i in shown))
    return rich


def _widths(table: Table, *, beside: bool) -> list[int]:
    """Of each column with the gap behind it; a heading may be broken between words."""
    return [
        _GAP + max(*map(words.width, heading.split()), *(_width(row[i], beside=beside) for row in table.rows))
        for i, heading in enumerate(table.columns)
    ]


def _width(cell: Cell, *, beside: bool) -> int:
    if not cell.note:
        return words.width(cell.text)
    note = words.width(cell.note) + 2
    return words.width(cell.text) + 1 + note if beside else max(words.width(cell.text), note)


def _text(cell: Cell, *, beside: bool) -> Text:
    from rich.text import Text

    text = Text(cell.text)
    if cell.note:
        text.append(f"{' ' if beside else chr(10)}({cell.note})", style="dim")
    return text
