"""A results folder: the only code that reads or writes results.

::

    DIR/trials/ID.json     one TrialResult each, raw samples included
    DIR/runs/….trec        the ranking it judged (and the first stage's, where a reranker changed it)
    DIR/cache/             document embeddings
    DIR/logs/ID.log        what the trial's process wrote to stderr
    DIR/summary.csv        one row per trial
    DIR/report.md, report.html, figures/

Every file is written beside its place and then moved there, so a reader never sees half of one.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.types import Ranking, Run, ScoredDoc, StoreError, Trial, TrialResult, as_float32

_RESULT = TypeAdapter(TrialResult)


class Store:
    """The results folder at ``folder``, made if absent. Raises StoreError where it cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for name in ("trials", "runs", "cache", "logs"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be used as a results folder: {error}. Choose another with --out"
            ) from error

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def log_path(self, trial: Trial) -> Path:
        return self.folder / "logs" / f"{trial.id}.log"

    def write_result(self, result: TrialResult) -> None:
        payload = _RESULT.dump_json(result, indent=1)
        self.write(f"trials/{result.trial.id}.json", payload + b"\n")

    def find(self, trial: Trial, inputs: Mapping[str, str]) -> TrialResult | None:
        """The finished result of this trial over these very inputs; None if there is none to trust."""
        path = self.folder / "trials" / f"{trial.id}.json"
        if not path.exists():
            return None
        result = read_result(path)
        return result if result.status == "ok" and dict(result.inputs) == dict(inputs) else None

    def results(self) -> tuple[TrialResult, ...]:
        """Every stored result, oldest first."""
        found = [read_result(path) for path in sorted((self.folder / "trials").glob("*.json"))]
        return tuple(sorted(found, key=lambda result: result.started_at))

    def write_run(self, trial: Trial, dataset: str, run: Run, suffix: str = "") -> str:
        """Write a run as TREC lines; returns its path within the folder."""
        name = f"runs/{slug(dataset)}.{slug(trial.pipeline)}.{trial.id}{suffix}.trec"
        self.write(name, format_run(run, slug(trial.pipeline)).encode())
        return name

    def write(self, name: str, payload: bytes) -> Path:
        """Write a file in the folder, whole or not at all."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, payload)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written: {error.strerror or error}. Nothing was left half-written"
            ) from error
        return path


def write_atomically(path: Path, payload: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_result(path: Path) -> TrialResult:
    try:
        return _RESULT.validate_json(path.read_bytes())
    except (OSError, ValidationError, ValueError) as error:
        raise StoreError(
            f"{path} is not a readable trial result ({type(error).__name__}); move it away and run again"
        ) from error


def slug(text: str) -> str:
    """Text as a file name part: letters and digits of any script kept, the rest a dash."""
    return re.sub(r"[^\w]+", "-", text).strip("-").lower()[:60] or "unnamed"


def format_run(run: Run, tag: str) -> str:
    """TREC lines ``query Q0 document rank score tag``. Nine digits bring a 32-bit float back exactly."""
    return "".join(
        f"{query_id} Q0 {doc.doc_id} {position} {doc.score:.9g} {tag}\n"
        for query_id, ranking in run.items()
        for position, doc in enumerate(ranking, start=1)
    )


def parse_run(text: str) -> dict[str, Ranking]:
    """The inverse of ``format_run``, in the order of the lines."""
    run: dict[str, list[ScoredDoc]] = {}
    for line in text.removesuffix("\n").split("\n") if text else ():
        query_id, _, doc_id, _, score, _ = line.split(" ")
        run.setdefault(query_id, []).append(ScoredDoc(doc_id, as_float32(float(score))))
    return {query_id: tuple(ranking) for query_id, ranking in run.items()}
