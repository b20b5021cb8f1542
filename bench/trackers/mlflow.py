"""MLflow: a run for the config, and nested in it one for each trial, with its parameters, measures, tags and files.

``mlflow`` writes into the folder ``mlruns`` here, ``mlflow:FOLDER`` into another, ``mlflow:http://host:5000`` to a
server; a user and password in that address are given to MLflow apart from it, as ``MLFLOW_TRACKING_USERNAME`` and
``MLFLOW_TRACKING_PASSWORD`` in the environment do. Any other URI is MLflow's own business. ``MLFLOW_TRACKING_URI`` is
not read: where results go is said on the command line.

MLflow's report of its own use to its makers is switched off, and its patience with a server that does not answer, some
minutes for each call, is cut to half a minute; both can be set in the environment. What it prints is not printed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from bench import __version__
from bench.secrets import shown_address, without_secrets
from bench.trackers.content import files, measures, milliseconds, parameters, tags
from bench.trackers.tracker import Ended, What
from bench.types import ConfigError, TrialResult

DEFAULT_FOLDER = "mlruns"
EXPERIMENT = "rerankbench"
_PREFIX = "rerankbench."
_TEXT = (".json", ".csv", ".md", ".html", ".trec", ".svg", ".yaml")
_ENDED: Mapping[Ended, str] = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
_UNLESS_SET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ALLOW_FILE_STORE": "true",  # newer versions refuse a folder unless told so
}
_SET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
_AT_ONCE = 100
_LONGEST_NOTE = 5000


class MLflow:
    """A ``Tracker``. Raises ConfigError where MLflow is not installed."""

    def __init__(self, target: str) -> None:
        self.where = f"mlflow:{shown_address(target or DEFAULT_FOLDER)}"
        self.uri, credentials = without_credentials(tracking_uri(target))
        self._settings = {**_SET, **credentials}
        with self._environment():
            self._entities, self._client_class = _library()
        self._client: Any = None
        self._folder = Path()
        self._experiment = self._parent = ""
        self._addresses: set[str] = set()

    def begin(self, what: What) -> None:
        with self._environment():
            self._client = self._client_class(tracking_uri=self.uri)
            self._folder = what.folder
            found = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment = found.experiment_id if found else self._client.create_experiment(EXPERIMENT)
            said = {"kind": what.kind, "command": without_secrets(what.command), "version": __version__}
            self._parent = self._new(what.name, said, None)

    def trial(self, result: TrialResult) -> None:
        with self._environment():
            self._trial(result)

    def end(self, how: Ended, sentences: Sequence[str], measures: Mapping[str, float], files: Sequence[Path]) -> None:
        with self._environment():
            if sentences:
                said = without_secrets("\n\n".join(sentences), self._addresses)[:_LONGEST_NOTE]
                self._client.set_tag(self._parent, "mlflow.note.content", said)
            self._log(self._parent, {}, measures, _now())
            for path in files:
                self._file(self._parent, path)
            self._client.set_terminated(self._parent, _ENDED[how])

    def _trial(self, result: TrialResult) -> None:
        if result.trial.url:
            self._addresses.add(result.trial.url)
        times = milliseconds(result)
        run = self._new(result.trial.pipeline, tags(result), times and times[0], self._parent)
        self._log(run, parameters(result), measures(result), times[1] if times else _now())
        for path in files(result, self._folder):
            self._file(run, path)
        ended = "FINISHED" if result.status == "ok" else "FAILED"
        self._client.set_terminated(run, ended, times[1] if times else None)

    def _new(self, name: str, said: Mapping[str, str], start_time: int | None, parent: str = "") -> str:
        own = {f"{_PREFIX}{key}": without_secrets(value, self._addresses) for key, value in said.items()}
        nested = {"mlflow.parentRunId": parent} if parent else {}
        run = self._client.create_run(self._experiment, start_time, {**own, **nested}, name)
        return str(run.info.run_id)

    def _log(self, run: str, said: Mapping[str, str], figures: Mapping[str, float], at: int) -> None:
        every = [self._entities.Metric(name, value, at, 0) for name, value in figures.items()]
        fields = [self._entities.Param(name, value) for name, value in said.items()]
        for start in range(0, max(len(every), len(fields)), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            self._client.log_batch(run, every[part], fields[part])

    def _file(self, run: str, path: Path) -> None:
        """Under its place in the results folder. Text goes without the passwords of addresses."""
        place = path.relative_to(self._folder).parent.as_posix()
        folder = None if place == "." else place
        if path.suffix not in _TEXT:
            self._client.log_artifact(run, str(path), folder)
            return
        text = path.read_text(encoding="utf-8")
        clean = without_secrets(text, self._addresses)
        if clean == text:
            self._client.log_artifact(run, str(path), folder)
            return
        with tempfile.TemporaryDirectory() as held:
            copy = Path(held) / path.name
            copy.write_text(clean, encoding="utf-8")
            self._client.log_artifact(run, str(copy), folder)

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """MLflow reads its settings from the environment, which is as it was afterwards."""
        asked = {name: value for name, value in _UNLESS_SET.items() if name not in os.environ} | self._settings
        before = {name: os.environ.get(name) for name in asked}
        os.environ.update(asked)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def without_credentials(uri: str) -> tuple[str, dict[str, str]]:
    """A server's address without user and password, and these as MLflow's settings. Another URI stays as it is."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return uri, {}
    named = {"MLFLOW_TRACKING_USERNAME": parts.username, "MLFLOW_TRACKING_PASSWORD": parts.password or ""}
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, {name: unquote(value) for name, value in named.items()}


def tracking_uri(target: str) -> str:
    """What is written behind ``mlflow:`` as a URI; a path, or nothing, is a folder on this machine."""
    if "://" in target or target.startswith("file:"):
        return target
    return Path(target or DEFAULT_FOLDER).expanduser().absolute().as_uri()


def _library() -> tuple[Any, Any]:
    try:
        from mlflow import entities
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise ConfigError(f'--track mlflow needs MLflow: pip install "rerankbench[mlflow]" ({error})') from error
    return entities, MlflowClient


def _now() -> int:
    return int(time.time() * 1000)
