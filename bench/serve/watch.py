"""A results folder that may be changing: what it holds now, and its report as far as it goes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from os import stat_result
from pathlib import Path

from bench.finished import REPRODUCE, finished_run
from bench.publish import CLAIMS, STUDY, PageLanguage, explored, read_rulings, read_study
from bench.report.html import render_html
from bench.store import open_results


@dataclass(frozen=True, slots=True)
class State:
    """``version`` is another one whenever the report would be. ``at`` is when the newest trial was kept, in UTC; empty
    where there is none.

    ``finished``: a run has ended, and since then no trial was added that is not its own.
    """

    trials: int
    version: str
    at: str
    finished: bool


def look(folder: Path) -> State:
    """By the names, times and sizes of files, and by the list of trials that a run leaves at its end."""
    trials = dict(_files(folder, "trials/*.json"))
    others = {
        name: seen for pattern in (REPRODUCE, CLAIMS, STUDY, "explorer/*") for name, seen in _files(folder, pattern)
    }
    known = [(name, seen.st_mtime_ns, seen.st_size) for name, seen in sorted({**trials, **others}.items())]
    newest = max((seen.st_mtime_ns for seen in trials.values()), default=0)
    ended = others.get(REPRODUCE)
    own = {f"trials/{trial}.json" for trial in trials_of(folder)} if ended else set()
    return State(
        len(trials),
        hashlib.sha256(repr(known).encode()).hexdigest()[:16],
        datetime.fromtimestamp(newest / 1e9, UTC).isoformat(timespec="seconds") if newest else "",
        ended is not None and (ended.st_mtime_ns >= newest or own.issuperset(trials)),
    )


def trials_of(folder: Path) -> list[str]:
    """The trials of the last run that ended in a folder; none where that cannot be read."""
    try:
        return [str(trial) for trial in json.loads((folder / REPRODUCE).read_text(encoding="utf-8"))["trials"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _files(folder: Path, pattern: str) -> Iterator[tuple[str, stat_result]]:
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):  # moved away meanwhile
            yield path.relative_to(folder).as_posix(), path.stat()


class Watched:
    """The folder's page, made anew when its state is another. Raises StoreError for what is no results folder."""

    def __init__(self, folder: Path, language: PageLanguage = "auto") -> None:
        self.folder, self.language = folder, language
        self._store = open_results(folder)
        self._making = threading.Lock()
        self._made: tuple[str, bytes] = ("", b"")

    def state(self) -> State:
        return look(self.folder)

    def page(self) -> bytes:
        """The report of the last finished run, or else of the results so far. One at a time is made."""
        with self._making:
            state = self.state()
            if self._made[0] != state.version:
                self._made = (state.version, self._render(state))
            return self._made[1]

    def figure(self, name: str) -> bytes | None:
        """A figure of the folder by its file's name; None where there is none, or where the name is a link."""
        path = self.folder / "figures" / name
        try:
            return path.read_bytes() if path.is_file() and not path.is_symlink() else None
        except OSError:
            return None

    def _render(self, state: State) -> bytes:
        if state.finished:
            run = finished_run(self.folder)
            rulings, study = read_rulings(self.folder), read_study(self.folder)
            shown = explored(self._store, run.results, study)
            page = render_html(
                run.results, run.config_text, run.command, rulings, study, language=self.language, explorer=shown
            )
        else:
            page = render_html(self._store.results(), language=self.language)
        return page.encode()
