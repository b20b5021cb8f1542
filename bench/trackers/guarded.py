"""A tracker that cannot harm the run it tells of: its first fault is a warning, and then it is asked nothing more."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from bench.secrets import redacted, without_secrets
from bench.trackers.content import published
from bench.trackers.mlflow import MLflow
from bench.trackers.tracker import Ended, Tracker, What
from bench.types import ConfigError, TrialResult

TRACKERS: Mapping[str, Callable[[str], Tracker]] = {"mlflow": MLflow}
"""Name -> a tracker for what the user has written behind its colon, which may be nothing."""

Warn = Callable[[str], None]


class Tracking:
    """One run's tracker; None does nothing. Safe to call from the threads of several places.

    As a context manager it tells of a run that an error ends.
    """

    def __init__(self, tracker: Tracker | None, where: str, warn: Warn) -> None:
        self._tracker, self._where, self._warn = tracker, where, warn
        self._told: set[str] = set()
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._open = False

    def __enter__(self) -> Tracking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open and error is not None:
            self.end("stopped" if isinstance(error, KeyboardInterrupt) else "failed")

    def begin(self, what: What) -> None:
        self._folder, self._open = what.folder, True
        self._guarded(lambda tracker: tracker.begin(what))

    def trial(self, result: TrialResult) -> None:
        """Tell of a finished trial; twice of the same changes nothing."""
        if result.trial.id not in self._told:
            self._told.add(result.trial.id)
            self._guarded(lambda tracker: tracker.trial(result))

    def done(self, before: Callable[[TrialResult, bool], None]) -> Callable[[TrialResult, bool], None]:
        """What to call of each finished trial: ``before``, then the tracker."""

        def told(result: TrialResult, found: bool) -> None:
            before(result, found)
            self.trial(result)

        return told

    def end(self, how: Ended, sentences: Sequence[str] = (), measures: Mapping[str, float] | None = None) -> None:
        """The files are those that a person reads of the results folder; none of a run that was stopped."""
        self._open = False
        files = published(self._folder) if self._folder is not None and how != "stopped" else []
        self._guarded(lambda tracker: tracker.end(how, sentences, measures or {}, files))

    @property
    def where(self) -> str:
        """What tracks the run and where to, as it may be shown; empty where nothing does, or it has failed."""
        return self._where if self._tracker is not None else ""

    def _guarded(self, ask: Callable[[Tracker], None]) -> None:
        with self._lock:
            if self._tracker is None:
                return
            try:
                ask(self._tracker)
            except Exception as error:  # whatever it is, the results are in the folder and the run goes on
                self._tracker = None
                told = redacted(f"{type(error).__name__}: {error}", os.environ)
                said = " ".join(told.split())[:500]
                self._warn(f"tracking to {self._where} has failed, and is given up for this run: {said}")


def open_tracking(target: str | None, warn: Warn) -> Tracking:
    """The tracker that ``--track`` names. Raises ConfigError for one that does not exist or is not installed."""
    if target is None:
        return Tracking(None, "", warn)
    name, rest = check_target(target)
    tracker = TRACKERS[name](rest)
    return Tracking(tracker, tracker.where, warn)


def check_target(target: str) -> tuple[str, str]:
    """``NAME[:ADDRESS]`` in its two parts."""
    name, _, rest = target.partition(":")
    if name not in TRACKERS:
        known = ", ".join(f"{each} or {each}:ADDRESS" for each in TRACKERS)
        raise ConfigError(f"--track is {without_secrets(target)!r}; it can be {known}")
    return name, rest
