"""The results in a terminal: one table per dataset, as many columns as fit, then the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report import tables, words
from bench.report.blocks import Cell, Table
from bench.report.groups import by_dataset, measures, primary, variants
from bench.report.pairs import directions, paired
from bench.report.say import t
from bench.report.sections import first_cells, warnings_told
from bench.report.sweep import is_sweep, sentence
from bench.report.tiers import tiers
from bench.report.verdict import verdicts
from bench.types import TrialResult

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from bench.claims.words import Ruling

_WARNINGS = 8
_GAP = 3
_NAME_AT_LEAST, _NAME_AT_MOST = 14, 40
_SHORT = {"latency_p50": "p50", "latency_p95": "p95"}


def print_table(results: Sequence[TrialResult], console: Console) -> None:
    """Print every dataset's table and, last, what can be said of each."""
    from rich.text import Text

    groups, main = by_dataset(results), primary(results)
    names = [main, *(name for name in measures(results) if name != main)]
    said, found = variants(results), paired(groups, main)
    for whole, (group, choice) in zip(groups, first_cells(results), strict=True):
        signs = directions(whole.finished, found[group.slug])
        table = tables.main_table(group, names, choice.said(said), signs, main)
        console.print(_rich(table, tables.main_columns(group, names), console.width))
        for text in (sentence(choice), tables.signs_in_words(group, signs, main)):
            if text:
                console.print(Text(text, style="dim"))
        console.print()
    for label, text in verdicts(groups, found):
        console.print(Text.assemble((t("{label}: ", label=label), "bold"), text))
    for group in groups:
        for tier, text in tiers(group.results) if is_sweep(group) else ():
            name = tier if len(groups) == 1 else t("{dataset}, {tier}", dataset=group.label, tier=tier.lower())
            console.print(Text.assemble((t("{label}: ", label=name), "bold"), text))
    if not results:
        console.print(t("There are no results to show."))


def print_claims(rulings: Sequence[Ruling], console: Console) -> None:
    """Print each figure with its verdict, what was claimed, what was measured and why; then how many have which."""
    from rich.padding import Padding
    from rich.text import Text

    from bench.report.claims import claims_table, tally

    def line(text: str, style: str = "") -> None:
        console.print(Padding(Text(text, style=style), (0, 0, 0, 18)))

    for ruling in rulings:
        rows = claims_table([ruling]).rows
        for row, (finding, (head, claimed, measured, verdict, why)) in enumerate(
            zip(ruling.findings, rows, strict=True)
        ):
            name = " · ".join(part for part in (head.text, head.note) if part)
            found = f"{measured.text} ({measured.note})" if measured.note else measured.text
            shown = verdict.text + " " * (18 - words.width(verdict.text))
            console.print(Text.assemble((shown, _VERDICT_STYLES.get(finding.verdict, "")), (name, "bold")))
            line(t("claimed {claimed}, measured {measured}", claimed=claimed.text, measured=found))
            if row + 1 == len(rows) or rows[row + 1][-1].text != why.text:  # said once of figures that share it
                line(why.text, "dim")
        if ruling.deviations:
            line(t("Otherwise than claimed: {how}", how=words.clean(words.clauses(ruling.deviations))), "dim")
    console.print(tally(rulings), highlight=False)


_VERDICT_STYLES = {
    "reproduced": "green", "consistent": "green", "refuted": "red", "underpowered": "yellow",
    "not testable here": "dim",
}  # fmt: skip


def print_warnings(results: Sequence[TrialResult], console: Console) -> None:
    """Print what should make a reader doubt the figures above, each with what to do; the report has them all."""
    from rich.padding import Padding
    from rich.text import Text

    found = warnings_told(results)
    if found:
        console.print()
        console.print(Text(t("{label}:", label=t("Warnings")), style="bold yellow"))
    for text in found[:_WARNINGS]:
        console.print(Padding(Text(text), (0, 0, 0, 2), expand=False))
    if len(found) > _WARNINGS:
        console.print(
            Padding(Text(t("and {n} more, in the report", n=len(found) - _WARNINGS)), (0, 0, 0, 2), expand=False)
        )


def _rich(table: Table, columns: Sequence[tables.Column], room: int) -> RichTable:
    """``columns`` are those behind the name; ``room`` is how wide the table may be."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    headings = [table.columns[0], *(_SHORT.get(column.id, column.title) for column in columns)]
    widths = [max((_width(row[i], i == 1) for row in table.rows), default=0) for i in range(len(headings))]
    widths = [max(w, *map(words.width, h.split())) for w, h in zip(widths, headings, strict=True)]
    shown = _fitting(widths, columns, room)
    title = Text(table.caption)  # a name in it may look like markup
    rich = RichTable(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for i in shown:
        if i == 0:
            left = room - sum(widths[j] + _GAP for j in shown[1:]) - _GAP
            most = max(_NAME_AT_LEAST, min(_NAME_AT_MOST, left))
            rich.add_column(headings[i], overflow="fold", max_width=most, min_width=min(widths[0], most))
        else:
            rich.add_column(headings[i], justify="right", width=widths[i])
    for row in table.rows:
        rich.add_row(*(_text(row[i], i) for i in shown))
    return rich


def _fitting(widths: Sequence[int], columns: Sequence[tables.Column], room: int) -> list[int]:
    """Columns in order of worth while they fit: name, main measure, cost, then the other measures."""
    left = room - min(widths[0], _NAME_AT_MOST if room > 100 else 22) - _GAP
    kept = [0]
    for i in sorted(range(1, len(widths)), key=lambda i: _worth(columns, i - 1)):
        if widths[i] + _GAP <= left:
            left -= widths[i] + _GAP
            kept.append(i)
    return sorted(kept)


def _worth(columns: Sequence[tables.Column], place: int) -> int:
    """The main measure, cost by latency first and pairs last, the other measures; else as they stand."""
    column = columns[place]
    if column.is_measure:
        return 0 if place == 0 else 4
    return {"latency_p95": 1, "latency_p50": 2, "queries_per_s": 2, "pairs_per_s": 3}.get(column.id, 2)


def _width(cell: Cell, with_note: bool) -> int:
    """A note that stands beside no figure may be broken between words."""
    written, note = _with_sign(cell)
    notes = (note.split() if cell.missing else [note]) if with_note else []
    return max(map(words.width, [written, *notes]))


def _text(cell: Cell, place: int) -> Text:
    from rich.text import Text

    written, note = _with_sign(cell)
    text = Text(written, style="bold" if cell.best else "")
    if note and place <= 1:
        text.append(f"\n{note}", style="dim")
    return text


def _with_sign(cell: Cell) -> tuple[str, str]:
    """What is written and the note below it: a sign moves up to the figure, where it takes no room."""
    sign, _, note = cell.note.partition(" ")
    return (f"{cell.text} {sign}", note) if sign in (tables.HIGHER, tables.LOWER) else (cell.text, cell.note)
