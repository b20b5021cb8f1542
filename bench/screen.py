"""What a person sees while trials run: one moving line on a terminal, one line per finished trial anywhere else.

The moving line says what is being done, how far it is, how fast (pairs, documents or queries per second, bytes of a
download) and how long it will take; of a step that nobody knows the length of, how long it has taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from bench.report.say import t
from bench.report.words import clean, figure3, shorten, size, width
from bench.types import TrialResult

BYTES = "bytes"
_WIDE, _BAR, _FIGURES, _AT_LEAST = 100, 24, 52, 20
"""Columns: a terminal that has room for the bar, the bar, the figures at their longest, and the name of a stage."""
_COUNTED = {
    "index": "documents",
    "rerank pairs": "pairs",
    "answer queries": "queries",
    "search": "queries",
    "time single queries": "queries",
    "serve": "queries",
    "download": BYTES,
    "unpack": BYTES,
}
"""How a stage begins -> what is counted in it."""


class Screen:
    """Progress of a run. Use as a context manager; ``quiet`` says nothing at all."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console, self.quiet = console, quiet
        bar = (BarColumn(bar_width=_BAR),) if console.width >= _WIDE else ()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            *bar,
            _Done(),
            _Rate(),
            _Time(),
            console=console,
            transient=True,
            disable=quiet or not is_watched(console),
        )
        self._stage: str | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Show a stage; a total of 0 is a stage of unknown length."""
        if self._task is None or stage != self._stage:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._stage, shown = stage, escape(_short(stage, max(_AT_LEAST, self._room())))
            self._task = self._progress.add_task(shown, total=total or None, unit=counted(stage))
        self._progress.update(self._task, completed=done, total=total or None)

    def _room(self) -> int:
        """Columns for the name of a stage, beside its figures."""
        columns = self.console.width
        return columns - _FIGURES - (_BAR + 1 if columns >= _WIDE else 0)

    def done(self, result: TrialResult, found: bool) -> None:
        """Tell of a finished trial."""
        if self.quiet:
            return
        from bench.retrievers import advice

        dataset = str(result.dataset.get("name", result.trial.dataset))
        name = f"{dataset} · {result.trial.pipeline}"
        if not result.trial.scenarios:  # an arm of a study, which has two sides
            name = f"{dataset} {result.trial.split} · {result.trial.pipeline}"
        if found:
            how = "found in the results folder, not run again"
        elif result.status == "ok" and not result.trial.scenarios:
            how = "judged"
        elif result.status == "ok":
            how = f"done in {result.wall_s or 0:.1f} s"
        else:
            how = f"{result.status}: {result.message}"
        mark = "[green]✓[/]" if result.status == "ok" else "[red]✗[/]"
        one_line = not is_watched(self.console)
        self.console.print(
            f"{mark} {escape(name)}: {escape(clean(how) if one_line else how)}", highlight=False, soft_wrap=one_line
        )
        for said in advice(result.trial, result.dataset.get("documents", 0)):
            self.console.print(f"  [yellow]![/] {escape(said)}", highlight=False, soft_wrap=one_line)


def is_watched(console: Console) -> bool:
    """Whether a line that moves can be seen: a terminal that knows how, whatever colours are forced upon a log."""
    return console.is_interactive and console.file.isatty()


def _short(stage: str, columns: int) -> str:
    """What is done stays whole where it can; whose stage it is is cut."""
    whose, colon, own = stage.rpartition(": ")
    return shorten(stage, columns) if not whose else shorten(whose, max(8, columns - width(colon + own))) + colon + own


def counted(stage: str) -> str:
    """What is counted in a stage; empty where nobody has said. Before a colon stands whose stage it is."""
    own = stage.rpartition(": ")[2]
    return next((unit for start, unit in _COUNTED.items() if own == start or own.startswith(f"{start} ")), "")


class _Done(ProgressColumn):
    """``1,200 of 5,183``, with units for bytes; empty where there is nothing to count."""

    def render(self, task: Task) -> Text:
        said = size if task.fields.get("unit") == BYTES else "{:,.0f}".format
        if task.total is None:
            return Text(said(task.completed) if task.completed else "")
        return Text(f"{said(task.completed)} of {said(task.total)}", style="progress.download")

    def get_table_column(self) -> Column:
        return Column(no_wrap=True, justify="right")


class _Rate(ProgressColumn):
    """``38.2 pairs/s``; empty until it is known."""

    def render(self, task: Task) -> Text:
        speed, unit = task.finished_speed or task.speed, task.fields.get("unit")
        if not speed or not unit:
            return Text("")
        return Text(f"{size(speed)}/s" if unit == BYTES else f"{figure3(speed)} {unit}/s", style="progress.data.speed")

    def get_table_column(self) -> Column:
        return Column(no_wrap=True, justify="right")


class _Time(ProgressColumn):
    """``0:01:20 left``; of a step whose length or speed nobody knows ``0:00:12 so far``."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        if task.total is not None and task.time_remaining is not None:
            return Text(f"{timedelta(seconds=int(task.time_remaining))} left", style="progress.remaining")
        return Text(f"{timedelta(seconds=int(task.elapsed or 0))} so far", style="progress.elapsed")

    def get_table_column(self) -> Column:
        return Column(no_wrap=True, justify="right")


def tally(results: Sequence[TrialResult]) -> str:
    """One line: how many trials, and what became of them."""
    counts = Counter("implied" if result.implied_by else result.status for result in results)
    said = {
        "ok": t("{n} finished", n=counts["ok"]),
        "oom": t("{n} out of memory", n=counts["oom"]),
        "implied": t("{n} out of memory (implied, not tried)", n=counts["implied"]),
        "timeout": t("{n} over the time limit", n=counts["timeout"]),
        "unsupported": t("{n} not supported here", n=counts["unsupported"]),
        "failed": t("{n} failed", n=counts["failed"]),
    }
    parts = ", ".join(words for name, words in said.items() if counts[name])
    if len(results) == 1:
        return t("1 trial: {outcomes}", outcomes=parts)
    return t("{n} trials: {outcomes}", n=len(results), outcomes=parts)
