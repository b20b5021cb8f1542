"""Whether what a trial's process has read is what its result will be kept under.

Inputs are found, and their checksums taken, before the first trial begins; the last one may begin hours later, or on
another machine. A set or a model that was changed in between would put figures of the new one under the name of the
old, and every later run would believe them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.hub import fingerprint, locate_model
from bench.hub.folder import decisive_files
from bench.machine.device import software
from bench.rerankers import runs_code
from bench.sources.runs import read_candidates
from bench.synthetic import is_drawn
from bench.types import ConfigError, DataError, Dataset, ModelError, Trial

_CLOCKS_APART_S = 2.0
"""A file system keeps its own time, in steps of up to two seconds."""


def refuse_changed(inputs: Mapping[str, str], since: float, trial: Trial, dataset: Dataset) -> None:
    """Raises DataError or ModelError for a set, a run of candidates or a model that is not the one of ``inputs``.

    So does, as ConfigError, another version of the program or its libraries; but not where another machine has found
    the inputs, whose differences are noted beside the result.

    ``trial`` has its paths as this process reads them. Files of which nothing was changed after ``since`` (seconds
    since 1970) are not read again; 0 has all of them read. What ``inputs`` do not name is not looked at.
    """
    here = software()
    if since and (found := inputs.get("software", here)) != here:
        was, now = (set(each.split(", ")) for each in (found, here))
        raise ConfigError(
            f"the program or a library was changed while the run goes on (begun with {', '.join(sorted(was - now))}; "
            f"now there is {', '.join(sorted(now - was))}); run again, so that every trial is scored alike"
        )
    if not is_drawn(trial.dataset) and inputs.get("dataset", dataset.checksum) != dataset.checksum:
        raise DataError(f"the labelled set {dataset.name} {_OTHER}", dataset.path)
    if trial.candidates is not None and "candidates" in inputs:
        path = Path(trial.candidates)
        if _touched([path], since) and read_candidates(path).sha256 != inputs["candidates"]:
            raise DataError(f"the run of candidates {_OTHER}", path)
    for role, name, revision in (
        ("embedder", trial.embedder, trial.embedder_revision),
        ("reranker", trial.reranker, trial.reranker_revision),
    ):
        if name is None or role not in inputs or (role == "reranker" and trial.url):
            continue
        code = trial.trust_remote_code and (role == "embedder" or runs_code(trial.engine))
        folder, found = locate_model(name, revision, trial.hub, trusted=code)
        same = found == inputs.get(f"{role}_revision", found)
        if same and _touched(decisive_files(folder, code=code), since):
            same = fingerprint(folder, code=code) == inputs[role]
        if not same:
            raise ModelError(f"the model {name!r} in {folder} {_OTHER}")


_OTHER = (
    "is not the one that was found before the trials began: it was changed meanwhile, or another one lies on this "
    "machine; run again, so that every trial reads the same"
)


def _touched(paths: Iterable[Path], since: float) -> bool:
    """Whether one of the files was changed, or put in its place, after that moment; its time of change can be set
    back, the time of that cannot."""
    held = [path.stat() for path in paths]
    return any(max(stat.st_mtime, stat.st_ctime) >= since - _CLOCKS_APART_S for stat in held)
