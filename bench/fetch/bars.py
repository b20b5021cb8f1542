"""One moving line while a set is fetched: what is being done, and of a download how many bytes of how many."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text


class Bars:
    """Use as a context manager; where nobody watches (no terminal) it says nothing."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            _WithBytes(BarColumn(bar_width=24)),
            _WithBytes(DownloadColumn()),
            _WithBytes(TransferSpeedColumn()),
            _WithBytes(TimeRemainingColumn()),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._stage: str | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Bytes; a total of 0 is not known, and with 0 done as well there are no bytes to speak of."""
        if self._task is None:
            self._task = self._progress.add_task("", total=None)
        if stage != self._stage:
            self._stage = stage
            self._progress.reset(self._task, description=escape(stage), total=total or None)
        self._progress.update(self._task, completed=done, total=total or None)


class _WithBytes(ProgressColumn):
    """A column that is empty while there are no bytes."""

    def __init__(self, column: ProgressColumn) -> None:
        self._column = column
        super().__init__()

    def render(self, task: Task) -> Text:
        if not task.completed and not task.total:
            return Text("")
        rendered = self._column.render(task)
        return rendered  # type: ignore[return-value]
