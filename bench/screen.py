"""What a person sees while trials run: one moving line on a terminal, one line per finished trial anywhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from bench.types import TrialResult


class Screen:
    """Progress of a run. Use as a context manager; ``quiet`` says nothing at all."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console, self.quiet = console, quiet
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
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
            self._stage, self._task = stage, self._progress.add_task(escape(stage), total=total or None)
        self._progress.update(self._task, completed=done, total=total or None)

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
        self.console.print(f"{mark} {escape(name)}: {escape(how)}", highlight=False)
        for said in advice(result.trial, result.dataset.get("documents", 0)):
            self.console.print(f"  [yellow]![/] {escape(said)}", highlight=False)


_OUTCOMES = {
    "ok": "finished",
    "oom": "out of memory",
    "implied": "out of memory (implied, not tried)",
    "timeout": "over the time limit",
    "unsupported": "not supported here",
    "failed": "failed",
}


def tally(results: Sequence[TrialResult]) -> str:
    """One line: how many trials, and what became of them."""
    counts = Counter("implied" if result.implied_by else result.status for result in results)
    parts = [f"{counts[name]} {words}" for name, words in _OUTCOMES.items() if counts[name]]
    return f"{len(results)} trial{'s' if len(results) != 1 else ''}: {', '.join(parts)}"
