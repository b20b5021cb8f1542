"""Prints what the small commands found: a prompt token by token, a labelled set split by split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from rich.markup import escape
from rich.table import Table

from bench.data import Counts, SplitReport
from bench.printable import terminal
from bench.rerankers.prompt import PromptView

COLOURS = {"system": "dim", "instruction": "cyan", "query": "yellow", "document": "green", "tail": "dim"}

ROWS: tuple[tuple[str, Callable[[Counts], str]], ...] = (
    ("documents", lambda counts: f"{counts.documents:,}"),
    ("… empty", lambda counts: f"{counts.empty_documents:,}"),
    ("… with a text seen before", lambda counts: f"{counts.duplicate_texts:,}"),
    ("characters per document", lambda counts: f"{counts.mean_document_chars:,.0f}"),
    ("queries scored", lambda counts: f"{counts.queries:,}"),
    ("characters per query", lambda counts: f"{counts.mean_query_chars:,.0f}"),
    ("judgements", lambda counts: f"{counts.judgements:,}"),
    ("… by grade", lambda counts: "\n".join(f"{grade}: {number:,}" for grade, number in counts.grades.items())),
)


def show_prompt(view: PromptView) -> None:
    """Each part of the prompt with its tokens set apart by a bar, the count of tokens, and what was cut."""
    console = terminal(highlight=False)
    for part, group in groupby(view.tokens, key=lambda token: token.part):
        tokens = list(group)
        colour = COLOURS[part]
        console.print(f"[bold]{part}[/] ({len(tokens)} tokens)")
        console.print(f"  [{colour}]{escape('│'.join(_visible(token.text) for token in tokens))}[/]", soft_wrap=True)
        console.print(f"  [dim]{' '.join(str(token.id) for token in tokens)}[/]", soft_wrap=True)
    console.print(f"[bold]{len(view.tokens)} tokens[/] of at most {view.max_length}")
    if view.cut_tokens:
        console.print(f"[red]{view.cut_tokens} tokens of the document were cut:[/]")
        console.print(f"  [red]{escape(_visible(view.cut_text))}[/]", soft_wrap=True)


def show_check(reports: Sequence[SplitReport]) -> bool:
    """A table of counts per split, then what is odd or wrong; True if every split can be used."""
    console = terminal(highlight=False)
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("split")
    for report in reports:
        table.add_column(escape(report.split), justify="right")
    for name, tell in ROWS:
        table.add_row(name, *("–" if report.counts is None else tell(report.counts) for report in reports))
    console.print(table)
    for report in reports:
        for notice in report.dataset.notices if report.dataset else ():
            console.print(f"[yellow]note[/] {escape(report.split)}: {escape(str(notice))}", soft_wrap=True)
        if report.error is not None:
            console.print(f"[red]error[/] {escape(report.split)}: {escape(str(report.error))}", soft_wrap=True)
    if all(report.ok for report in reports):
        console.print("[green]✓[/] every split can be used")
        return True
    return False


def _visible(text: str) -> str:
    return text.replace("\n", "⏎").replace("\t", "⇥")
