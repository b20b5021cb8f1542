"""The results in a terminal: one table per dataset, as many columns as fit, then the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report import tables, words
from bench.report.blocks import Cell, Table
from bench.report.groups import by_dataset, measures, primary, variants
from bench.report.sections import first_cells
from bench.report.sweep import is_sweep, sentence
from bench.report.tiers import tiers
from bench.report.verdict import verdicts
from bench.types import TrialResult

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from bench.claims.words import Ruling

_GAP = 3
_NAME_AT_LEAST, _NAME_AT_MOST = 14, 40
_SHORT = {
    "Latency p50": "p50",
    "Latency p95": "p95",
}


def print_table(results: Sequence[TrialResult], console: Console) -> None:
    """Print every dataset's table and, last, what can be said of each."""
    from rich.text import Text

    groups, main = by_dataset(results), primary(results)
    names = [main, *(name for name in measures(results) if name != main)]
    said = variants(results)
    for group, choice in first_cells(results):
        measured = len(tables.measured_here(group, names))
        console.print(_rich(tables.main_table(group, names, choice.said(said)), measured, console.width))
        if choice.left_out:
            console.print(Text(sentence(choice), style="dim"))
        console.print()
    for label, text in verdicts(groups):
        console.print(Text.assemble((f"{label}: ", "bold"), text))
    for group in groups:
        for tier, text in tiers(group.results) if is_sweep(group) else ():
            name = tier if len(groups) == 1 else f"{group.label}, {tier.lower()}"
            console.print(Text.assemble((f"{name}: ", "bold"), text))
    if not results:
        console.print("There are no results to show.")


def print_claims(rulings: Sequence[Ruling], console: Console) -> None:
    """Print each figure with its verdict, what was claimed, what was measured and why; then how many have which."""
    from rich.padding import Padding
    from rich.text import Text

    from bench.report.claims import claims_table, tally

    def line(text: str, style: str = "") -> None:
        console.print(Padding(Text(text, style=style), (0, 0, 0, 18)))

    for ruling in rulings:
        rows = claims_table([ruling]).rows
        for row, (head, claimed, measured, verdict, why) in enumerate(rows):
            name = " · ".join(part for part in (head.text, head.note) if part)
            found = f"{measured.text} ({measured.note})" if measured.note else measured.text
            console.print(Text.assemble((f"{verdict.text:<18}", _VERDICT_STYLES.get(verdict.text, "")), (name, "bold")))
            line(f"claimed {claimed.text}, measured {found}")
            if row + 1 == len(rows) or rows[row + 1][-1].text != why.text:  # said once of figures that share it
                line(why.text, "dim")
        if ruling.deviations:
            line(f"Otherwise than claimed: {words.clean('; '.join(ruling.deviations))}", "dim")
    console.print(tally(rulings), highlight=False)


_VERDICT_STYLES = {
    "reproduced": "green", "consistent": "green", "refuted": "red", "underpowered": "yellow",
    "not testable here": "dim",
}  # fmt: skip


def _rich(table: Table, measured: int, columns: int) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    widths = [max(_width(row[i], i == 1) for row in table.rows) for i in range(len(table.columns))]
    headings = [_SHORT.get(title, title) for title in table.columns]
    widths = [max(w, *map(words.width, h.split())) for w, h in zip(widths, headings, strict=True)]
    shown = _fitting(widths, measured, columns, "Pairs/s" in headings)
    rich = RichTable(box=box.SIMPLE_HEAD, title=table.caption, title_justify="left", title_style="bold", pad_edge=False)
    for i in shown:
        if i == 0:
            room = columns - sum(widths[j] + _GAP for j in shown[1:]) - _GAP
            most = max(_NAME_AT_LEAST, min(_NAME_AT_MOST, room))
            rich.add_column(headings[i], overflow="fold", max_width=most, min_width=min(widths[0], most))
        else:
            rich.add_column(headings[i], justify="right", width=widths[i])
    for row in table.rows:
        rich.add_row(*(_text(row[i], i) for i in shown))
    return rich


def _fitting(widths: Sequence[int], measured: int, columns: int, has_pairs: bool) -> list[int]:
    """Columns in order of worth while they fit: name, main measure, cost, then the other measures."""
    start = 1 + min(measured, tables.LEADING)
    behind = range(len(widths) - (1 + measured - start), len(widths))
    p50, p95, queries, *rest = [[place] for place in range(start, behind.start)] or [[], [], []]
    pairs, memory = (rest[:1], rest[1:]) if has_pairs else ([], rest)
    costs = [place for places in (p95, p50, queries, *memory, *pairs) for place in places]
    wanted = [*range(1, min(2, start)), *costs, *range(2, start), *behind]
    left = columns - min(widths[0], _NAME_AT_MOST if columns > 100 else 22) - _GAP
    kept = [0]
    for i in wanted:
        if widths[i] + _GAP <= left:
            left -= widths[i] + _GAP
            kept.append(i)
    return sorted(kept)


def _width(cell: Cell, with_note: bool) -> int:
    """A note that stands beside no figure may be broken between words."""
    notes = (cell.note.split() if cell.missing else [cell.note]) if with_note else []
    return max(map(words.width, [cell.text, *notes]))


def _text(cell: Cell, place: int) -> Text:
    from rich.text import Text

    text = Text(cell.text, style="bold" if cell.best else "")
    if cell.note and place <= 1:
        text.append(f"\n{cell.note}", style="dim")
    return text
