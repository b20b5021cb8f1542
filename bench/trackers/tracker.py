"""What a tracker is asked to do, and what it is told of a run before its first trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from bench.types import TrialResult

Ended = Literal["finished", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class What:
    """A run: the config's name, what kind of config it is, the command, and the results folder."""

    name: str
    kind: Literal["trials", "claims", "study"]
    command: str
    folder: Path


class Tracker(Protocol):
    """Called in this order: ``begin`` once, ``trial`` for each, ``end`` once. Whatever goes wrong is raised.

    ``end`` is told how the run ended, what can be said of it in sentences, figures of the run as a whole, and the files
    that it has written. ``where`` says what it is and where it writes, as it may be shown.
    """

    @property
    def where(self) -> str: ...

    def begin(self, what: What) -> None: ...

    def trial(self, result: TrialResult) -> None: ...

    def end(
        self, how: Ended, sentences: Sequence[str], measures: Mapping[str, float], files: Sequence[Path]
    ) -> None: ...
