"""A results folder: the only code that reads or writes results.

::

    DIR/trials/ID.json     one TrialResult each, raw samples included
    DIR/quality/KEY.json   what a quality pass did, and its rankings beside it, for every trial that shares them
    DIR/runs/….trec        the ranking that was judged (and the first stage's, where a reranker changed it)
    DIR/qrels/….qrels      the judgements that it was judged by, once per dataset, split and sample of queries
    DIR/explorer/….json.gz the queries with their documents, as the report's explorer shows them, once per such set
    DIR/fits/ID.json       the largest batch size that fits, where a trial asked for it
    DIR/locks/             held while a trial runs, so that two runs in one folder share its work and not its moment
    DIR/cache/             document embeddings
    DIR/logs/ID.log        what the trial's process wrote to stderr
    DIR/summary.csv        one row per trial
    DIR/report.md, report.html, figures/

Every file is written beside its place and then moved there, so a reader never sees half of one. What is read again
carries its checksum (``bench.sealed``), or has it in the record beside it. A run that comes upon a file which is not
what was written says so, sets it aside as ``NAME.damaged`` and makes it again; whoever only reads is refused.
"""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from bench.sealed import DamagedError, is_sealed, opened, sealed, sha256_of
from bench.types import Qrels, QualityPass, Ranking, Run, ScoredDoc, StoreError, Trial, TrialResult, as_float32
from bench.whole import Presence, damage, set_aside, write_atomically

_RESULT = TypeAdapter(TrialResult)
_PASS = TypeAdapter(QualityPass)
_RUNS = ("run", "first_stage")
_OWN_FILE = re.compile(r"(?:runs|qrels)/(?!\.)[^/\\\0]+")
"""What a result may name: its rankings and judgements, in the folders of these."""
LASTING = ("oom", "timeout")
"""Outcomes that are results: they are not tried again unless that is asked for."""


class Store:
    """The results folder at ``folder``, made if absent. Raises StoreError where it cannot be read or written.

    ``to_read``: only what is there is looked at, and nothing is made.
    """

    def __init__(self, folder: Path, *, to_read: bool = False) -> None:
        self.folder = folder
        if to_read:
            return
        try:
            for name in ("trials", "quality", "runs", "fits", "cache", "logs", "locks"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            self._presence = Presence(folder, folder / "locks" / "writers.lock")
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
        self.write(f"trials/{result.trial.id}.json", sealed(_RESULT.dump_json(result, indent=1)))

    def find(self, trial: Trial, inputs: Mapping[str, str], *, retry: bool = False) -> TrialResult | None:
        """The finished result of this trial over these very inputs; None if there is none to trust.

        A trial that ran out of memory or time is finished too, unless ``retry``; one that was implied never ran. A
        damaged one is set aside, which is logged.
        """
        path = self.folder / "trials" / f"{trial.id}.json"
        if not path.exists():
            return None
        try:
            data = _read(path)
            if _is_older(data):
                _RESULT.validate_json(data)
                return None  # of an earlier version, which scored otherwise
            result = _plausible(_RESULT.validate_json(opened(data)))
            if result.trial.id != trial.id:
                raise DamagedError("it is the result of another trial")
        except ValueError as error:
            _aside(path, error)
            return None
        lasting = result.status == "ok" or (result.status in LASTING and result.implied_by is None and not retry)
        return result if lasting and dict(result.inputs) == dict(inputs) else None

    def lock(self, name: str) -> FileLock:
        """To be held while the thing of that name is made; freed by the system when its holder dies."""
        return FileLock(self.folder / "locks" / f"{name}.lock")

    @property
    def host_lock(self) -> Path:
        """Held while this machine measures, so that two runs in one folder do not disturb each other's times."""
        return self.folder / "locks" / f"machine-{slug(platform.node())}.lock"

    def write_quality(self, made: QualityPass) -> None:
        """Keep a quality pass: its rankings first, then the record that makes them count, with their checksums."""
        checksums = {}
        for name in _RUNS:
            payload = format_run(getattr(made, name), "quality").encode()
            checksums[name] = sha256_of(payload)
            self.write(f"quality/{made.key}.{name}.trec", payload)
        record = _PASS.dump_json(replace(made, checksums=checksums), indent=1, exclude=set(_RUNS))
        self.write(f"quality/{made.key}.json", sealed(record))

    def find_pass(self, key: str, inputs: Mapping[str, str], depth: int) -> QualityPass | None:
        """``find_quality`` without its rankings, which are large."""
        path = self.folder / "quality" / f"{key}.json"
        if not path.exists():
            return None
        try:
            data = _read(path)
            if _is_older(data):
                _PASS.validate_json(data)
                return None  # of an earlier version, which scored otherwise
            made = _PASS.validate_json(opened(data))
            if made.key != key:
                raise DamagedError("it is another pass's")
        except ValueError as error:
            _aside(path, error)
            return None
        return made if dict(made.inputs) == dict(inputs) and made.depth >= depth else None

    def find_quality(self, key: str, inputs: Mapping[str, str], depth: int) -> QualityPass | None:
        """The quality pass of that key over these very inputs, if one went at least to that depth.

        One that is damaged is set aside, which is logged.
        """
        made = self.find_pass(key, inputs, depth)
        if made is None:
            return None
        record = self.folder / "quality" / f"{key}.json"
        runs = {}
        for name in _RUNS:
            path = record.with_suffix(f".{name}.trec")
            try:
                runs[name] = parse_run(_checked(_read(path), made.checksums.get(name)).decode())
            except FileNotFoundError:
                damage.warning("%s is gone, and is made again", path)
                return None
            except ValueError as error:
                _aside(path, error)
                return None
        return replace(made, run=runs["run"], first_stage=runs["first_stage"])

    def write_fit(self, trial: Trial, inputs: Mapping[str, str], size: int) -> None:
        facts = {"inputs": dict(inputs), "largest_batch_size": size}
        self.write(f"fits/{trial.id}.json", sealed(json.dumps(facts, ensure_ascii=False, indent=1).encode()))

    def find_fit(self, trial: Trial, inputs: Mapping[str, str]) -> int | None:
        """The largest batch size that was found to fit; None if nobody has looked, over these inputs."""
        path = self.folder / "fits" / f"{trial.id}.json"
        if not path.exists():
            return None
        try:
            facts = json.loads(opened(_read(path)))
            return int(facts["largest_batch_size"]) if facts["inputs"] == dict(inputs) else None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            _aside(path, error)
            return None

    def results(self) -> tuple[TrialResult, ...]:
        """Every stored result, oldest first."""
        found = [read_result(path) for path in sorted((self.folder / "trials").glob("*.json"))]
        return tuple(sorted(found, key=lambda result: result.started_at))

    def write_run(
        self, trial: Trial, dataset: str, key: str, run: Run, first_stage: Run | None = None
    ) -> tuple[str, dict[str, str]]:
        """Write a run as TREC lines, and that of its first stage beside it; returns the run's path in the folder, and
        the checksum of each file.

        Trials of one quality key and depth share them, as long as they are the same: a pass that was made anew may
        differ in the last digit, and its rankings lie beside those that older results name.
        """
        runs = {"": run} if first_stage is None else {"": run, ".first-stage": first_stage}
        payloads = {suffix: format_run(each, slug(trial.pipeline)).encode() for suffix, each in runs.items()}
        digest = sha256_of(b"".join(payloads.values()))[:8]
        stem = f"runs/{slug(dataset)}.{slug(trial.pipeline)}.{key}-{trial.depth}.{digest}"
        for suffix, payload in payloads.items():
            self.write(f"{stem}{suffix}.trec", payload)
        return f"{stem}.trec", {f"{stem}{suffix}.trec": sha256_of(payload) for suffix, payload in payloads.items()}

    def read_run(self, name: str, result: TrialResult) -> Run:
        """A ranking of that result. Raises StoreError for one that is not there, or is not what was written."""
        return parse_run(self.read_text(name, result.checksums.get(name)))

    def lacks(self, result: TrialResult) -> bool:
        """Whether a ranking of that result is gone, or is not what was written; the latter is set aside and logged."""
        lacking = False
        for name, checksum in result.checksums.items():
            if not name.startswith("runs/"):
                continue
            path = self.folder / name
            try:
                _checked(_read(path), checksum)
            except FileNotFoundError:
                lacking = True
            except ValueError as error:
                _aside(path, error)
                lacking = True
        return lacking

    def write_qrels(self, trial: Trial, facts: Mapping[str, Any], qrels: Qrels) -> tuple[str, str]:
        """Write the judgements of a trial's set as TREC lines, unless they are there; as ``write_run``.

        ``facts`` are what the trial's result says of its set. What is there and differs is set aside, and logged.
        """
        name = f"qrels/{set_name(trial, facts)}.qrels"
        path, payload = self.folder / name, format_qrels(qrels).encode()
        if path.exists():
            if _read(path) == payload:
                return name, sha256_of(payload)
            _aside(path, ValueError("it holds other judgements than its set"))
        self.write(name, payload)
        return name, sha256_of(payload)

    def write_explorer(self, set_name: str, payload: bytes) -> Path:
        """Keep what the explorer shows of the set of that name (``set_name``)."""
        return self.write(f"explorer/{set_name}.json.gz", payload)

    def remove_explorer(self) -> None:
        """Remove what earlier runs kept for the explorer. Raises StoreError where that cannot be done."""
        try:
            for path in (self.folder / "explorer").glob("*.json.gz"):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.folder / 'explorer'} cannot be emptied: {error.strerror or error}") from error

    def read_explorer(self, set_name: str) -> bytes | None:
        """The inverse of ``write_explorer``; None where nothing was kept."""
        path = self.folder / "explorer" / f"{set_name}.json.gz"
        try:
            return path.read_bytes() if path.exists() else None
        except OSError as error:
            raise StoreError(f"{path} cannot be read ({type(error).__name__}); move it away and run again") from error

    def read_text(self, name: str, checksum: str | None = None) -> str:
        """A file of the folder. Raises StoreError for one that is not there, not text, or of another checksum."""
        try:
            return _checked(_read(self.folder / name), checksum).decode()
        except FileNotFoundError as error:
            raise StoreError(f"{self.folder} lacks {name}; run its config again in that folder") from error
        except ValueError as error:
            raise _damaged(self.folder / name, error) from error

    def write(self, name: str, payload: bytes) -> Path:
        """Write a file in the folder, whole or not at all."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, payload)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written: {error.strerror or error}. Nothing was left half-written; what was "
                "finished is kept, and the same command goes on from there"
            ) from error
        except UnicodeEncodeError as error:
            raise StoreError(
                f"the system has no file name for {name}: its names are {error.encoding}; set LC_ALL=C.UTF-8"
            ) from error
        return path


def open_results(folder: Path) -> Store:
    """A folder that a run has written, to be read. Raises StoreError for any other."""
    if not (folder / "trials").is_dir():
        raise StoreError(
            f"{folder} is not a results folder: it has no folder named trials. Give one that `rerankbench run` wrote, "
            "such as results/quickstart"
        )
    return Store(folder, to_read=True)


def write_file(path: Path, payload: bytes, option: str) -> None:
    """Write a file outside a results folder, its folder too, whole or not at all.

    ``option`` is what names its place on the command line. Raises StoreError where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, payload)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}. Choose another with {option}"
        ) from error


def read_result(path: Path) -> TrialResult:
    """A stored result, only looked at. Raises StoreError for one that is not there, or is not what was written."""
    try:
        data = _read(path)
        return _plausible(_RESULT.validate_json(data if _is_older(data) else opened(data)))
    except FileNotFoundError as error:
        raise StoreError(f"{path} is gone; run its config into this folder again") from error
    except ValueError as error:
        raise _damaged(path, error) from error


def _plausible(result: TrialResult) -> TrialResult:
    """The same. A seal is no signature: raises DamagedError where the files that it names lie anywhere else, and for
    settings of which no trial can be named.
    """
    for name in (*result.checksums, *([] if result.run_file is None else [result.run_file])):
        if not _OWN_FILE.fullmatch(name):
            raise DamagedError(f"it names {name!r}, which is no file of a run")
    try:
        _ = result.trial.id
    except ValueError as error:
        raise DamagedError(f"its trial has a number that no config can give ({error})") from error
    return result


def _is_older(data: bytes) -> bool:
    """Whether a result or pass is of a version that sealed none; those that are written with a seal tell checksums."""
    return not is_sealed(data) and b'"checksums"' not in data


def _read(path: Path) -> bytes:
    """Raises FileNotFoundError, and StoreError for what is there and cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}; see who may read it") from error


def _checked(payload: bytes, checksum: str | None) -> bytes:
    """The same. Raises DamagedError where it is not of that checksum; one from before there were any has none."""
    if checksum is not None and sha256_of(payload) != checksum:
        raise DamagedError("its checksum is another")
    return payload


def _aside(path: Path, error: Exception) -> None:
    try:
        aside = set_aside(path)
    except OSError as refused:
        raise StoreError(f"{path} is damaged and cannot be set aside: {refused.strerror or refused}") from refused
    damage.warning("%s is damaged (%s): set aside as %s, and made again", path, _fault(error), aside.name)


def _damaged(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{path} is damaged ({_fault(error)}); run its config into this folder again: what is damaged is set aside "
        "and made again, and nothing else is run"
    )


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "it is cut off or of another version"
    if isinstance(error, UnicodeDecodeError | KeyError | TypeError):
        return "it is not what was written"
    return str(error)


def slug(text: str) -> str:
    """Text as a file name part: letters and digits of any script kept, the rest a dash."""
    return re.sub(r"[^\w]+", "-", text).strip("-").lower()[:60] or "unnamed"


def set_name(trial: Trial, facts: Mapping[str, Any]) -> str:
    """A labelled set as a file name: its name, split and sample of queries, and the start of its checksum.

    The checksum tells apart two sets of one name, and one set before and after it was changed.
    """
    sample = () if trial.max_queries is None else (f"{trial.max_queries}-seed-{trial.seed}",)
    checksum = str(facts.get("checksum") or "").removeprefix("sha256:")[:8]
    name, split = str(facts.get("name") or trial.dataset), str(facts.get("split") or trial.split)
    return ".".join([slug(name), slug(split), *sample, slug(checksum)])


def format_qrels(qrels: Qrels) -> str:
    """TREC lines ``query 0 document grade``, in the order given."""
    return "".join(
        f"{query_id} 0 {doc_id} {grade}\n" for query_id, grades in qrels.items() for doc_id, grade in grades.items()
    )


def parse_qrels(text: str) -> dict[str, dict[str, int]]:
    """The inverse of ``format_qrels``, in the order of the lines."""
    qrels: dict[str, dict[str, int]] = {}
    for line in text.removesuffix("\n").split("\n") if text else ():
        query_id, _, doc_id, grade = line.split(" ")
        qrels.setdefault(query_id, {})[doc_id] = int(grade)
    return qrels


def format_run(run: Run, tag: str) -> str:
    """TREC lines ``query Q0 document rank score tag``. Nine digits bring a 32-bit float back exactly."""
    return "".join(
        f"{query_id} Q0 {doc.doc_id} {position} {doc.score:.9g} {tag}\n"
        for query_id, ranking in run.items()
        for position, doc in enumerate(ranking, start=1)
    )


def parse_run(text: str) -> dict[str, Ranking]:
    """The inverse of ``format_run``, in the order of the lines. Raises ValueError for what that does not write."""
    run: dict[str, list[ScoredDoc]] = {}
    for line in text.removesuffix("\n").split("\n") if text else ():
        query_id, _, doc_id, _, score, _ = line.split(" ")
        if not math.isfinite(value := as_float32(float(score))):
            raise ValueError(f"the score {score} is no number")
        run.setdefault(query_id, []).append(ScoredDoc(doc_id, value))
    return {query_id: tuple(ranking) for query_id, ranking in run.items()}
