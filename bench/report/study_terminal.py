"""An instruction study in a terminal: what was found, then one table per dataset that fits the width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import words
from bench.report.say import t
from bench.report.study_verdict import verdicts
from bench.report.study_view import (
    StudyView,
    chosen,
    datasets,
    difference,
    direction,
    name,
    of,
    one,
    p_value,
    primary,
    score,
    side_name,
)
from bench.report.words import MISSING
from bench.study.words import Contrast, Side

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

_GAP, _EDGES = 3, 2
_NAME_AT_LEAST, _NAME_AT_MOST = 12, 60
Row = tuple[str, str, str, str, str, str]


def print_study(study: StudyView, console: Console) -> None:
    """Print each dataset's verdict, then its arms by the measure that chooses, on dev and on test."""
    from rich.text import Text

    found = verdicts(study)
    for label, text in found:
        console.print(Text.assemble((f"{label}: ", "bold"), text))
    if not found:
        console.print(t("Nothing was compared in this study."))
    tables = [table for dataset in datasets(study) if (table := _table(study, dataset, console.width)) is not None]
    if tables:
        console.print()
    for table in tables:
        console.print(table)
    if tables:
        console.print(Text(_legend(), style="dim"))


def _columns() -> tuple[str, ...]:
    return t("Side"), t("Mean"), t("Difference"), t("95% interval"), "p"


def _legend() -> str:
    return t(
        "95% interval: paired bootstrap. p: adjusted over all comparisons of its side. Bold: both agree on "
        "a difference."
    )


def _table(study: StudyView, dataset: str, columns: int) -> RichTable | None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    found = of(study, dataset, primary(study))
    if not found:
        return None
    rows, heads = _rows(study, dataset, found), _columns()
    widths = [max(map(words.width, (head, *(row[i + 1] for row, _ in rows)))) for i, head in enumerate(heads)]
    room = max(_NAME_AT_LEAST, min(_NAME_AT_MOST, columns - _EDGES - sum(width + _GAP for width in widths)))
    title = t(
        "{dataset}: {measure} against {baseline}",
        dataset=words.clean(dataset),
        measure=words.measure_title(primary(study)),
        baseline=name(study.baseline),
    )
    rich = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, title=Text(words.shorten(title, columns)), title_justify="left",
        title_style="bold",
    )  # fmt: skip
    rich.add_column(t("Arm"), no_wrap=True, max_width=room)
    for i, (head, width) in enumerate(zip(heads, widths, strict=True)):
        rich.add_column(head, justify="right" if i else "left", width=width, no_wrap=True)
    for place, (row, shown) in enumerate(rows):
        if place and row[1] != rows[place - 1][0][1]:
            rich.add_section()
        cells = [Text(words.shorten(row[0], room)), *map(Text, row[1:])]
        if shown:
            cells[3].stylize("bold")
        rich.add_row(*cells)
    return rich


def _rows(study: StudyView, dataset: str, found: list[Contrast]) -> list[tuple[Row, bool]]:
    """For each side the baseline, then the arms; with each whether it carries a difference."""
    rows: list[tuple[Row, bool]] = []
    picked = chosen(study, dataset)
    sides: tuple[Side, ...] = ("dev", "test")
    for side in sides:
        here = [each for each in found if each.side == side]
        if here:
            own = one(round(each.baseline_mean, 12) for each in here)
            blank = (MISSING, MISSING, MISSING)
            rows.append(((_marked(study.baseline, picked), side_name(side), score(own), *blank), False))
        for each in here:
            shown = direction(each) != 0
            mean, span = difference(each.difference, shown)
            figures = (score(each.mean), mean, span, p_value(each.p_holm))
            rows.append(((_marked(each.arm, picked), side_name(side), *figures), shown))
    return rows


def _marked(arm: str, picked: str | None) -> str:
    return f"* {words.clean(arm)}" if arm == picked else f"  {words.clean(arm)}"
