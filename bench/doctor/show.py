"""Prints what was examined: a table for each set-up, then what to do about each failure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from bench.doctor.findings import Finding
from bench.doctor.run import Examined
from bench.types import Trial

MARKS = {"pass": "[green]✓[/]", "fail": "[red]✗[/]", "skip": "[dim]–[/]"}


def show_examined(console: Console, examined: Examined) -> None:
    console.print(heading(examined.trial))
    table = Table(show_edge=False, pad_edge=False, box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("measured", overflow="fold")
    table.add_column("allowed", no_wrap=True)
    for finding in examined.findings:
        table.add_row(MARKS[finding.status], finding.name, _measured(finding), escape(finding.allowed))
    console.print(Padding(table, (0, 0, 0, 1)))
    failed = [finding for finding in examined.findings if finding.status == "fail"]
    if failed:
        advice = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        for finding in failed:
            advice.add_row(f"[red]{finding.name}[/]", escape(finding.advice))
        console.print("What to do:")
        console.print(Padding(advice, (0, 0, 0, 1)))


def show_verdict(console: Console, examined: Sequence[Examined]) -> None:
    """One line: how many checks passed, failed and did not apply."""
    statuses = [finding.status for each in examined for finding in each.findings]
    passed, failed, skipped = (statuses.count(status) for status in ("pass", "fail", "skip"))
    beside = f", {skipped} did not apply" if skipped else ""
    if failed:
        console.print(f"[red]✗[/] {failed} of {passed + failed} checks failed{beside}: do not trust these scores yet")
    else:
        console.print(f"[green]✓[/] {passed} checks passed{beside}")


def heading(trial: Trial) -> str:
    name = trial.reranker or ""
    revision = f"@{trial.reranker_revision}" if trial.reranker_revision else ""
    facts = [trial.engine, trial.device, trial.dtype, f"template {trial.template}", f"max_length {trial.max_length}"]
    if trial.quantisation != "none":
        facts.append(trial.quantisation)
    if trial.url:
        facts.append(trial.url)
    return f"[bold]{escape(name + revision)}[/]\n[dim]{escape(' · '.join(facts))}[/]"


def _measured(finding: Finding) -> str:
    text = escape(" ".join(finding.measured.split()))
    return f"[dim]{text}[/]" if finding.status == "skip" else text
