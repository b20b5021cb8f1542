"""The report as Markdown for a pull request: the same sections, figures linked from ``figures/``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import assert_never

from bench.claims.words import Ruling
from bench.report.blocks import Block, Bullets, Cell, Code, Paragraph, Pictures, Report, Section, Table
from bench.report.say import Language, speaking, t
from bench.report.sections import build, summary
from bench.study.study import Study
from bench.types import TrialResult

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$&!])")


def render_markdown(
    results: Sequence[TrialResult],
    config_text: str = "",
    command: str = "",
    rulings: Sequence[Ruling] = (),
    study: Study | None = None,
    language: Language = "en",
) -> str:
    """The whole document in one language; save the figures beside it, under ``figures/``."""
    report = Report(results, config_text, command, rulings, study)
    with speaking(language):
        return document(t("RerankBench report"), summary(report), build(report))


def document(title: str, lead: str, sections: Iterable[Section]) -> str:
    """Sections under a title and a line that says what they are about."""
    return "\n\n".join([f"# {escape(title)}", escape(lead), *map(_section, sections)]) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _section(section: Section) -> str:
    return "\n\n".join([f"## {escape(section.title)}", *(_block(block) for block in section.blocks)])


def _block(block: Block) -> str:
    match block:
        case Table():
            return _table(block)
        case Paragraph():
            label = f"**{escape(t('{label}:', label=block.label))}** " if block.label else ""
            return ("> " if block.kind == "note" else "") + label + escape(block.text)
        case Bullets():
            return "\n".join(f"- {escape(item)}" for item in block.items)
        case Code():
            return f"{escape(t('{label}:', label=block.label))}\n\n{_fenced(block.text)}"
        case Pictures():
            images = [f"![{escape(item.alt)}](figures/{item.name}.png)" for item in block.items]
            return "\n\n".join([escape(block.caption), *images])
        case _:
            assert_never(block)


def _fenced(text: str) -> str:
    """A fence longer than any run of backticks inside."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _table(table: Table) -> str:
    rule = "|".join(":--" if i in table.text_columns else "--:" for i in range(len(table.columns)))
    lines = [f"**{escape(table.caption)}**", "", _row(map(escape, table.columns)), f"|{rule}|"]
    lines += [_row(map(_cell, row)) for row in table.rows]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.code:
        text = f"`{cell.text.replace('`', '').replace('|', '')}`"
    if cell.best:
        text = f"**{text}**"
    return f"{text} ({escape(cell.note)})" if cell.note else text
