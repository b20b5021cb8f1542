"""The config of an engine benchmark: YAML -> one strict ``Benchmark``.

::

    name: engines
    model: shape:qwen3-0.6b               # a hub id, a folder, asset:… or shape:…
    workload: {queries: 2, documents: 32, median_tokens: 180}
    engines:
      packed: {engine: packed}
      transformers: {engine: transformers, batch_sizes: [1, 2, 4, 8, 16, 32]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from bench.config.fields import RERANKER_FIELDS, make_trial
from bench.reading import (
    Keys,
    checked,
    from_base,
    inside,
    key_and_value,
    overridden,
    read_config,
    saying_fields,
    shown,
    told_at,
    unknown,
)
from bench.rerankers import check_engine
from bench.rerankers.template import default_instruction, find_template
from bench.sources.spec import is_name
from bench.store import slug
from bench.synthetic import Drawn, wrong_with
from bench.types import ConfigError, Dtype, Hub, Trial

SHARED = ("reranker", "reranker_revision", "template", "instruction", "max_length")
"""Trial fields that are the same for every engine, so that they score the same prompts."""
ENGINE_FIELDS = ("dtype", *(name for name in RERANKER_FIELDS if name not in SHARED))
"""Trial fields that an engine may set for itself."""
_SHARED_KEYS = {
    "model": "reranker", "revision": "reranker_revision", "hub": "hub", "template": "template",
    "instruction": "instruction", "max_length": "max_length", "device": "device", "threads": "threads",
    "dtype": "dtype",
}  # fmt: skip
"""Key of the config -> the Trial field that it sets for every engine."""
SEARCHED = {"batch_sizes": "batch_size", "token_budgets": "token_budget"}
"""Key of an engine -> the Trial field of which it lists values to try."""

OWN_LABELS = ("matrix product", "one pair at a time")
"""Participants that are no engine of the config."""

Settings = Mapping[str, int]
"""Trial fields as the search sets them; empty for the engine's own default."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DrawnWorkload(_Strict):
    """Documents of words drawn at random: lengths are lognormal about the median, clipped to the bounds."""

    queries: int = 2
    documents: int = 32
    median_tokens: int = 180
    sigma: float = 0.8
    min_tokens: int = 20
    max_tokens: int = 512
    query_tokens: int = 12
    seed: int = 0

    @property
    def drawn(self) -> Drawn:
        return Drawn(**self.model_dump())

    @model_validator(mode="after")
    def _sensible(self) -> DrawnWorkload:
        if problem := wrong_with(self.drawn):
            raise ValueError(problem)
        return self


class LabelledWorkload(_Strict):
    """A seeded sample of a labelled set's queries, each with its best documents by BM25."""

    dataset: str
    split: str = "test"
    queries: int = 50
    documents: int = 50
    seed: int = 0

    @model_validator(mode="after")
    def _sensible(self) -> LabelledWorkload:
        if self.queries < 1 or self.documents < 1:
            raise ValueError("queries and documents must be at least 1")
        return self


class Benchmark(_Strict):
    """A config file as written, checked. What the keys mean is said in the README."""

    name: str
    description: str = ""
    model: str
    revision: str | None = None
    hub: Hub = "huggingface"
    template: str = "qwen3"
    instruction: str | None = None
    max_length: int = 8192
    dtype: Dtype = "auto"
    device: str = "auto"
    threads: int | None = None
    rounds: int = 3
    search_pairs: int = 32
    warmup_pairs: int = 4
    time_limit_s: float = 1800.0
    keep_loaded: bool | None = None
    check_scores: bool = True
    workload: dict[str, Any]
    engines: dict[str, dict[str, Any]]

    @property
    def said_instruction(self) -> str:
        return default_instruction(self.template) if self.instruction is None else self.instruction


@dataclass(frozen=True, slots=True)
class Entrant:
    """An engine that takes part: its trial, and the settings to choose among (one: nothing to choose)."""

    label: str
    trial: Trial
    settings: tuple[Settings, ...]


@dataclass(frozen=True, slots=True)
class BenchmarkPlan:
    """A checked config. Paths in it start from ``base``; ``text`` is what was read, overrides on top."""

    benchmark: Benchmark
    workload: DrawnWorkload | LabelledWorkload
    entrants: tuple[Entrant, ...]
    base: Path
    text: str


def load_benchmark(path: Path, overrides: Sequence[str] = ()) -> BenchmarkPlan:
    """Read a config and apply ``key=value`` overrides; ``workload.queries=2`` reaches inside, and
    ``engines=packed,transformers`` keeps these labels alone. Raises ConfigError."""
    config, base = read_config(path, "name, model, workload and engines"), path.resolve().parent
    forced = [_override(config.tree, item, base) for item in overrides]
    where = overridden(config.place, [keys for keys in forced if keys])
    benchmark = checked(Benchmark, config.tree, where)
    workload = _workload(benchmark.workload, inside(where, "workload", said="workload"))
    _check(benchmark, where)
    entrants = tuple(_entrant(benchmark, label, own, where) for label, own in benchmark.engines.items())
    note = "".join(f"# override: {item}\n" for item in overrides)
    return BenchmarkPlan(benchmark, workload, entrants, base, note + config.text)


def reference_entrant(benchmark: Benchmark) -> Entrant:
    """One pair at a time in fp32 by the library's own model: what scores are compared with."""
    label = OWN_LABELS[1]
    trial = _trial(benchmark, label, {"engine": "transformers", "batch_size": 1, "dtype": "fp32"}, "")
    return Entrant(label, trial, ({},))


def _workload(said: Mapping[str, Any], where: str) -> DrawnWorkload | LabelledWorkload:
    return checked(LabelledWorkload, said, where) if "dataset" in said else checked(DrawnWorkload, said, where)


def _check(benchmark: Benchmark, where: str) -> None:
    with told_at(inside(where, "template")):
        find_template(benchmark.template)
    if not benchmark.engines:
        place = inside(where, "engines")
        raise ConfigError(f"{place}: engines is empty; name at least one, such as packed: {{engine: packed}}")
    slugs: dict[str, str] = {slug(label): label for label in OWN_LABELS}
    for label in benchmark.engines:
        if slug(label) in slugs:
            raise ConfigError(
                f"{inside(where, 'engines', label)}: the engine {label!r} has the name of {slugs[slug(label)]!r}; call "
                "it otherwise"
            )
        slugs[slug(label)] = label
    for name in ("rounds", "search_pairs", "time_limit_s"):
        if getattr(benchmark, name) <= 0:
            place = inside(where, name)
            raise ConfigError(f"{place}: {name} is {getattr(benchmark, name)}; it must be more than 0")
    if benchmark.warmup_pairs < 0:
        place = inside(where, "warmup_pairs")
        raise ConfigError(f"{place}: warmup_pairs is {benchmark.warmup_pairs}; it must not be negative")


def _entrant(benchmark: Benchmark, label: str, own: Mapping[str, Any], where: str) -> Entrant:
    place = inside(where, "engines", label, said=f"engine {label!r}")
    known = (*ENGINE_FIELDS, *SEARCHED)
    for key in own:
        if key not in known:
            raise ConfigError(f"{inside(place, key)}: {unknown('field', str(key), known)}")
    lists = {field: own[key] for key, field in SEARCHED.items() if key in own}
    if len(lists) > 1:
        raise ConfigError(f"{place}: {' and '.join(SEARCHED)} exclude each other; search one of them")
    for field, values in lists.items():
        if field in own:
            raise ConfigError(f"{place}: {field} and a list of values for it exclude each other")
        if not isinstance(values, list) or not values or not all(type(value) is int and value > 0 for value in values):
            raise ConfigError(
                f"{place}: the values of {field} to try are {shown(values)}; give a list such as [1, 2, 4]"
            )
    names = {field: key for key, field in _SHARED_KEYS.items() if field not in own}
    place = saying_fields(place, {field: inside(where, key) for field, key in names.items()})
    trial = _trial(benchmark, label, {key: value for key, value in own.items() if key not in SEARCHED}, place)
    settings = tuple({field: value} for field, values in lists.items() for value in sorted(set(values))) or ({},)
    with told_at(place):
        for setting in settings:
            check_engine(_with(trial, setting))
    return Entrant(label, trial, settings)


def _with(trial: Trial, setting: Settings) -> Trial:
    changes: dict[str, Any] = dict(setting)
    return replace(trial, **changes)


def _trial(benchmark: Benchmark, label: str, own: Mapping[str, Any], where: str) -> Trial:
    shared = {field: getattr(benchmark, key) for key, field in _SHARED_KEYS.items()}
    return make_trial({"dataset": "workload", "pipeline": label, **shared, **own}, where)


def _override(tree: dict[str, Any], item: str, base: Path) -> Keys:
    """Put ``key=value`` into ``tree``; the keys that lead to it."""
    key, value = key_and_value(item, "rounds=3")
    first, *rest = key.split(".")
    if first not in Benchmark.model_fields:
        raise ConfigError(unknown("override", first, tuple(Benchmark.model_fields)))
    if key == "engines" and not isinstance(value, dict):
        tree["engines"] = _chosen(tree.get("engines"), value)
        return ()
    if (key == "model" and str(value).startswith(".")) or key == "workload.dataset":
        value = value if is_name(str(value)) else from_base(value, base)
    if key == "workload" and isinstance(value, dict) and "dataset" in value and not is_name(str(value["dataset"])):
        value["dataset"] = from_base(value["dataset"], base)
    engines = tree.get("engines")
    if first == "engines" and rest and isinstance(engines, dict) and rest[0] not in engines:
        raise ConfigError(unknown("engine of this config", rest[0], tuple(engines)))
    holder = tree
    for part in [first, *rest][:-1]:
        inner = holder.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{shown(item)}: {part} holds {shown(inner)}, not keys of its own")
        holder = inner
    holder[[first, *rest][-1]] = value
    return (first, *rest)


def _chosen(engines: Any, labels: Any) -> dict[str, Any]:
    known = engines if isinstance(engines, dict) else {}
    wanted = labels if isinstance(labels, list) else [part.strip() for part in str(labels).split(",")]
    for label in wanted:
        if label not in known:
            raise ConfigError(unknown("engine of this config", str(label), tuple(map(str, known))))
    return {label: known[label] for label in wanted}
