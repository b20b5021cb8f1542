"""YAML -> [Trial]. Strict: an unknown key, a wrong type or a missing choice is one error that says where.

::

    name: my-study
    datasets: [path/to/folder]          # relative to this file; or {path: …, split: dev}
    trial: {depth: 50, dtype: fp32}     # any Trial field, shared by every pipeline
    pipelines:
      BM25: {retriever: bm25}           # any Trial field, for this one
      BM25 + reranker: {retriever: bm25, reranker: Qwen/Qwen3-Reranker-0.6B}
"""

from __future__ import annotations

import difflib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bench.measures import check_measure
from bench.types import ConfigError, Trial

TRIAL_FIELDS = tuple(field.name for field in fields(Trial))
OWN_FIELDS = ("dataset", "pipeline", "split")  # set by `datasets` and by a pipeline's name
PATH_FIELDS = ("embedder", "reranker")
EMBEDDER_FIELDS = (
    "embedder", "embedder_revision", "embedder_max_length", "embedder_batch_size", "query_prompt", "document_prompt",
)  # fmt: skip
RERANKER_FIELDS = (
    "reranker", "reranker_revision", "engine", "template", "instruction", "batch_size", "token_budget", "max_length",
    "deterministic", "quantisation", "attention", "url", "concurrency", "timeout_s",
)  # fmt: skip
MODEL_FIELDS = ("hub", "device", "dtype", "threads")

_TRIAL = TypeAdapter(Trial)


class DatasetChoice(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    path: str
    split: str = "test"


class Experiment(BaseModel):
    """A config file as written, checked for shape."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: str
    description: str = ""
    datasets: list[str | DatasetChoice]
    trial: dict[str, Any] = {}
    pipelines: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a config asks for: its trials, the folder its paths start from, and the text it was read from."""

    name: str
    trials: tuple[Trial, ...]
    base: Path
    text: str


def load_plan(path: Path, overrides: Sequence[str] = ()) -> Plan:
    """Read a config, apply ``key=value`` overrides (any Trial field, or ``datasets``) and expand it to trials.

    Overrides win over everything in the file; paths in them start from the working folder.
    Raises ConfigError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"no config at {path}. Shipped ones are in configs/, e.g. configs/quickstart.yaml") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as UTF-8 text: {error}") from error
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected keys such as name, datasets and pipelines, found {type(tree).__name__}")
    base = path.resolve().parent
    forced = dict(_override(item, base) for item in overrides)
    if "datasets" in forced:
        tree["datasets"] = forced.pop("datasets")
    note = "".join(f"# override: {item}\n" for item in overrides)
    return Plan(str(tree.get("name", path.stem)), expand(tree, forced, str(path)), base, note + text)


def expand(tree: Mapping[str, Any], forced: Mapping[str, Any], source: str) -> tuple[Trial, ...]:
    """Every dataset with every pipeline, in the order written; ``forced`` fields win. Equal trials appear once."""
    for key in tree:
        if key not in Experiment.model_fields:
            raise ConfigError(f"{source}: {_unknown('key', str(key), tuple(Experiment.model_fields))}")
    try:
        experiment = Experiment.model_validate_json(_json(tree, source))
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first(error)}") from error
    if not experiment.datasets or not experiment.pipelines:
        raise ConfigError(f"{source}: at least one dataset and one pipeline are needed; nothing would run")
    trials: dict[str, Trial] = {}
    for choice in experiment.datasets:
        dataset = DatasetChoice(path=choice) if isinstance(choice, str) else choice
        for name, own in experiment.pipelines.items():
            for key in (*experiment.trial, *own):
                if key in OWN_FIELDS:
                    raise ConfigError(
                        f"{source}: {key!r} is set by the datasets list and the pipeline's name, not here"
                    )
            values = {**experiment.trial, **own, **forced, "dataset": dataset.path, "pipeline": name}
            values.setdefault("split", dataset.split)
            trial = make_trial(values, f"{source}: pipeline {name!r}")
            trials.setdefault(trial.id, trial)
    return tuple(trials.values())


def make_trial(values: Mapping[str, Any], where: str) -> Trial:
    """A checked Trial. Fields that play no part in its pipeline are left at their defaults, so they make no new id."""
    for key in values:
        if key not in TRIAL_FIELDS:
            raise ConfigError(f"{where}: {_unknown('field', str(key), TRIAL_FIELDS)}")
    try:
        trial = _TRIAL.validate_json(_json(values, where), strict=True)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first(error)}") from error
    _check_numbers(trial, where)
    if not trial.measures:
        raise ConfigError(f"{where}: measures is empty; name at least one, such as ndcg@10")
    for measure in trial.measures:
        try:
            check_measure(measure)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
    if trial.retriever == "dense" and trial.embedder is None:
        raise ConfigError(
            f"{where}: retriever 'dense' needs an embedder: a sentence-transformers id, a folder or asset:…"
        )
    return without_idle_fields(trial)


def _check_numbers(trial: Trial, where: str) -> None:
    for name in ("depth", "max_length", "timed_queries", "concurrency"):
        if getattr(trial, name) < 1:
            raise ConfigError(f"{where}: {name} is {getattr(trial, name)}; it must be at least 1")
    for name in ("threads", "max_queries", "embedder_max_length", "embedder_batch_size", "batch_size", "token_budget"):
        if (value := getattr(trial, name)) is not None and value < 1:
            raise ConfigError(f"{where}: {name} is {value}; it must be at least 1, or left out")
    if not (math.isfinite(trial.timeout_s) and trial.timeout_s > 0):
        raise ConfigError(f"{where}: timeout_s is {trial.timeout_s}; give seconds, more than 0")
    if trial.warmup_queries < 0:
        raise ConfigError(f"{where}: warmup_queries is {trial.warmup_queries}; it must not be negative")


def without_idle_fields(trial: Trial) -> Trial:
    """The same trial with every field that decides nothing in it set to its default."""
    idle: list[str] = []
    if trial.retriever != "dense":
        idle += EMBEDDER_FIELDS
    if trial.reranker is None:
        idle += RERANKER_FIELDS
    if trial.retriever != "dense" and trial.reranker is None:
        idle += MODEL_FIELDS
    defaults: dict[str, Any] = {field.name: field.default for field in fields(Trial)}
    return replace(trial, **{name: defaults[name] for name in idle})


def _override(item: str, base: Path) -> tuple[str, Any]:
    key, equals, raw = item.partition("=")
    if not equals:
        raise ConfigError(f"{item!r} is not key=value, such as depth=20")
    try:
        value = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise ConfigError(f"the value of {item!r} is not valid YAML") from error
    if key == "datasets":
        paths = value if isinstance(value, list) else [part.strip() for part in str(value).split(",")]
        return key, [_from_base(part, base) for part in paths]
    if key not in TRIAL_FIELDS or key in ("dataset", "pipeline"):
        known = ("datasets", *(name for name in TRIAL_FIELDS if name not in ("dataset", "pipeline")))
        raise ConfigError(_unknown("override", key, known))
    if key in PATH_FIELDS and isinstance(value, str) and value.startswith("."):
        value = _from_base(value, base)
    if key == "measures" and isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    return key, value


def _from_base(path: Any, base: Path) -> Any:
    """A path given from the working folder, as one that starts from ``base``."""
    if not isinstance(path, str) or Path(path).expanduser().is_absolute():
        return path
    relative = Path(os.path.relpath(path, base)).as_posix()
    return relative if relative.startswith(".") else f"./{relative}"


def _json(value: Any, where: str) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: holds a value that is not text, number, list or mapping ({error})") from error


def _unknown(kind: str, key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {key!r}.{hint} Known: {', '.join(known)}"


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the config"
    given = "" if problem["type"] == "missing" else f", given {problem['input']!r}"
    return f"{place}: {problem['msg']}{given}"
