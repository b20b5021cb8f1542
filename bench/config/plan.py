"""YAML -> [Trial]. Strict: an unknown key, a wrong type or a missing choice is one error that says where.

::

    name: my-study
    datasets: [path/to/folder]          # relative to this file; or {path: …, split: dev}; or {drawn: {queries: 4}};
                                        # or card:NAME, ir:ID, or a mapping: see bench.sources.spec
    trial: {depth: 50, dtype: fp32}     # any Trial field, shared by every pipeline
    pipelines:
      BM25: {retriever: bm25}           # any Trial field, for this one
      BM25 + reranker: {retriever: bm25, reranker: Qwen/Qwen3-Reranker-0.6B}
    axes: {batch_size: [1, 4, 16]}      # and include, exclude: see bench.config.axes
    time_limit_s: 600                   # for any one trial

What is said later wins: trial, the pipeline's own, axes, included cells, the command line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.config.axes import ALL, Rule, Sweep, asks_for_all, read_sweep
from bench.config.fields import (
    EMBEDDER_FIELDS,
    MODEL_FIELDS,
    PATH_FIELDS,
    RERANKER_FIELDS,
    SWEPT_FIELDS,
    TUPLE_FIELDS,
    USE_FP16,
    idle_fields,
    live_values,
    make_trial,
    with_dtype,
    without_idle_fields,
)
from bench.reading import (
    COMMAND_LINE,
    checked,
    from_base,
    inside,
    key_and_value,
    overridden,
    read_config,
    said_fields,
    saying_fields,
    shown,
    told_at,
    unknown,
    yaml_value,
)
from bench.sources import default_split
from bench.sources.spec import Said, is_mapped, is_name, parse_name, read_entry, spec_name, with_paths_from_here
from bench.synthetic import drawn_name, is_drawn
from bench.types import ConfigError, Trial

__all__ = [
    "EMBEDDER_FIELDS",
    "MODEL_FIELDS",
    "RERANKER_FIELDS",
    "Expansion",
    "Plan",
    "expand",
    "load_plan",
    "make_trial",
    "without_idle_fields",
]

OWN_FIELDS = ("dataset", "pipeline", "split")
"""Set by ``datasets`` and by a pipeline's name; ``split`` may be an axis all the same."""
FREE_TEXT = ("instruction", "query_prompt", "document_prompt", "url")
"""Fields in which a comma is a comma, and not the gap between two values."""
TOP_LEVEL = ("datasets", "time_limit_s")
"""Keys beside the Trial fields that the command line can set."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatasetChoice(_Strict):
    """``split`` None is the set's own; ``candidates`` are for pipelines whose retriever is ``given``."""

    path: Said
    split: str | None = None
    candidates: str | None = None


class DrawnChoice(_Strict):
    drawn: dict[str, Any] | None


class Experiment(_Strict):
    """A config file as written, checked for shape."""

    name: str
    description: str = ""
    datasets: list[Any]
    trial: dict[str, Any] = {}
    pipelines: dict[str, dict[str, Any]]
    axes: dict[str, Any] = {}
    include: list[dict[str, Any]] = []
    exclude: list[dict[str, Any]] = []
    time_limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a config asks for: its trials, the folder its paths start from, and the text it was read from.

    ``axes`` are the fields that a sweep varies, in the order written: those that differ between trials of one set and
    pipeline. ``time_limit_s`` is for any one trial; None is no limit.
    """

    name: str
    trials: tuple[Trial, ...]
    base: Path
    text: str
    time_limit_s: float | None = None
    axes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expansion:
    """A config's trials, equal ones once, and the fields that vary between those of one set and pipeline."""

    trials: tuple[Trial, ...]
    axes: tuple[str, ...]


def load_plan(path: Path, overrides: Sequence[str] = ()) -> Plan:
    """Read a config, apply ``key=value`` overrides and expand it to trials.

    A key is any Trial field, ``use_fp16``, ``datasets`` or ``time_limit_s``. Overrides win over everything in the file;
    paths in them start from the working folder; several values (``batch_size=1,4``) are an axis. Raises ConfigError.
    """
    config = read_config(path)
    base = path.resolve().parent
    said = read_overrides(overrides, base)
    forced = said.fields
    tree = config.tree | said.top
    devices: tuple[str, ...] = ()
    if asks_for_all(tree) or asks_for_all(forced):
        from bench.machine.device import all_devices

        devices = all_devices()
    expansion = expand(tree, forced, overridden(config.place, [(key,) for key in said.top]), devices)
    note = "".join(f"# override: {item}\n" for item in overrides)
    limit = tree.get("time_limit_s")
    return Plan(
        name=str(tree["name"]),
        trials=expansion.trials,
        base=base,
        text=note + config.text,
        time_limit_s=None if limit is None else float(limit),
        axes=expansion.axes,
    )


# ------------------------------------------------------------------------------------------------- expanding


def expand(tree: Mapping[str, Any], forced: Mapping[str, Any], source: str, devices: Sequence[str] = ()) -> Expansion:
    """Every dataset with every pipeline in every cell of the sweep, in the order written; ``forced`` fields win.

    ``devices`` are those of this machine, which ``device: all`` stands for. Raises ConfigError, also for an axis or a
    rule that does nothing.
    """
    experiment = _experiment(tree, source)
    devices = devices if asks_for_all(tree) or asks_for_all(forced) else ()
    sweep, fixed = read_sweep(
        experiment.axes, experiment.include, experiment.exclude, forced,
        pipelines=tuple(experiment.pipelines), devices=devices, source=source,
    )  # fmt: skip
    shared = _said_once(experiment.trial, inside(source, "trial", said="trial"))
    decided = {*experiment.axes, *forced}
    places = _places(experiment, fixed, forced, source)
    groups: list[_Group] = []
    for number, entry in enumerate(experiment.datasets):
        where = inside(source, "datasets", number, said="datasets")
        dataset = _dataset(entry, where)
        with told_at(where):
            beside = {"split": dataset.split or default_split(dataset.path)}
        if dataset.candidates is not None:
            beside["candidates"] = dataset.candidates
        for name, own in experiment.pipelines.items():
            where = inside(source, "pipelines", name, said=f"pipeline {name!r}")
            values = {**beside, **shared, **_said_once(own, where), **fixed}
            where = saying_fields(
                where, {key: said for key, said in places.items() if key not in own or key in decided}
            )
            groups.append(_group(sweep, name, {**values, "dataset": dataset.path, "pipeline": name}, where, devices))
    _check_that_all_plays_a_part(sweep, groups, source)
    trials = {trial.id: trial for group in groups for trial in group.kept}
    if not trials:
        raise ConfigError(f"{inside(source, 'exclude')}: exclude takes out every cell; nothing would run")
    return Expansion(tuple(trials.values()), _varying(sweep, groups))


def _places(experiment: Experiment, fixed: Mapping[str, Any], forced: Mapping[str, Any], source: str) -> dict[str, str]:
    """Field -> the place outside the pipelines where it is said; what an axis or the command line says wins."""
    trial = {name: inside(source, "trial", name, said="trial") for name in experiment.trial}
    axes = {name: inside(source, "axes", name, said="axes") for name in experiment.axes if name not in fixed}
    return {**trial, **axes, **dict.fromkeys(forced, COMMAND_LINE)}


@dataclass(frozen=True, slots=True)
class _Group:
    """The trials of one dataset and pipeline: of the grid before anything is taken out, and of the included cells."""

    pipeline: str
    sweep: Sweep
    grid: tuple[Trial, ...]
    further: tuple[tuple[Rule, Trial], ...]

    @property
    def kept(self) -> list[Trial]:
        rules = [rule for rule in self.sweep.exclude if rule.concerns(self.pipeline)]
        left = [trial for trial in self.grid if not (rules and self._taken_out(rules, trial))]
        return [*left, *(trial for _, trial in self.further)]

    def _taken_out(self, rules: Iterable[Rule], trial: Trial) -> bool:
        values = live_values(trial)
        return any(rule.matches(self.pipeline, values) for rule in rules)


def _group(sweep: Sweep, name: str, values: Mapping[str, Any], where: str, devices: Sequence[str]) -> _Group:
    if values.get("device") == ALL:
        sweep = sweep.on(devices)
    grid = tuple(make_trial({**values, **cell}, where) for cell in sweep.grid(name))
    included = {id(rule): _of(rule, where) for rule in sweep.include}
    further = tuple((rule, make_trial({**values, **cell}, included[id(rule)])) for rule, cell in sweep.further(name))
    return _Group(name, sweep, grid, further)


def _of(rule: Rule, where: str) -> str:
    """The place of a cell that the rule includes."""
    return saying_fields(where, {**said_fields(where), **{name: inside(rule.where, name) for name in rule.values}})


def _check_that_all_plays_a_part(sweep: Sweep, groups: Sequence[_Group], source: str) -> None:
    """What does nothing is a slip of the pen: it would look as if something had been measured or left out."""
    everything = [trial for group in groups for trial in (*group.grid, *(trial for _, trial in group.further))]
    for name in sweep.axes:
        if all(name in idle_fields(trial) for trial in everything):
            place = inside(source, "axes", name)
            raise ConfigError(f"{place}: the axis {name} decides nothing in any pipeline; leave it out")
    for rule in sweep.include:
        own = [trial for group in groups for from_rule, trial in group.further if from_rule is rule]
        for name in rule.values:
            if all(name in idle_fields(trial) for trial in own):
                place = inside(rule.where, name)
                raise ConfigError(f"{place}: {name} decides nothing in the pipelines it is for; leave it out")
    for rule in sweep.exclude:
        if rule.must_match and not any(
            rule.matches(group.pipeline, live_values(trial)) for group in groups for trial in group.grid
        ):
            raise ConfigError(
                f"{rule.where}: no cell has all of {_listed(rule)}, so nothing is left out; mend it or leave it out"
            )


def _listed(rule: Rule) -> str:
    return ", ".join(f"{name} {' or '.join(map(str, options))}" for name, options in rule.values.items())


def _varying(sweep: Sweep, groups: Sequence[_Group]) -> tuple[str, ...]:
    named = dict.fromkeys(name for group in groups for name in group.sweep.named)
    in_order = [*(name for name in named if name not in sweep.named), *sweep.named]
    return tuple(
        name for name in in_order if any(len({getattr(trial, name) for trial in group.kept}) > 1 for group in groups)
    )


def _experiment(tree: Mapping[str, Any], source: str) -> Experiment:
    experiment = checked(Experiment, tree, source)
    if not experiment.datasets or not experiment.pipelines:
        raise ConfigError(f"{source}: at least one dataset and one pipeline are needed; nothing would run")
    limit = experiment.time_limit_s
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        place = inside(source, "time_limit_s")
        raise ConfigError(f"{place}: time_limit_s is {limit}; give seconds, more than 0, or leave it out")
    return experiment


def _said_once(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Fields that are not an axis: one value each, and none that is set elsewhere."""
    for key, value in values.items():
        if key in OWN_FIELDS:
            raise ConfigError(
                f"{inside(where, key)}: {key!r} is set by the datasets list and the pipeline's name, not here"
            )
        if isinstance(value, list) and key not in TUPLE_FIELDS and key in (*SWEPT_FIELDS, USE_FP16):
            raise ConfigError(
                f"{inside(where, key)}: {key} is the list {shown(value)}, and a trial has one value; to try several, "
                f"put lists under axes, as in axes: {{{key}: {shown(value)}}}"
            )
    return with_dtype(values, where)


def _dataset(entry: Any, where: str) -> DatasetChoice:
    """A folder and its split, or another set or a drawn workload under the name that holds all of it."""
    if isinstance(entry, str):
        if is_name(entry) and entry.partition(":")[2].startswith("{"):
            with told_at(where):
                parse_name(entry)
        return checked(DatasetChoice, {"path": entry}, where)
    if not isinstance(entry, dict):
        raise ConfigError(
            f"{where}: {shown(entry)} is no folder; give a path, {{path: …, split: …}} or {{drawn: {{…}}}}"
        )
    if is_mapped(entry):
        beside = {key: value for key, value in entry.items() if key in ("split", "candidates")}
        path = spec_name(read_entry(entry, where))
        return checked(DatasetChoice, {"path": path, **beside}, where)
    if "drawn" not in entry:
        return checked(DatasetChoice, entry, where)
    drawn = checked(DrawnChoice, entry, where).drawn
    with told_at(inside(where, "drawn")):
        return DatasetChoice(path=drawn_name(drawn or {}))


# ------------------------------------------------------------------------------------------------- overrides


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line sets: Trial fields, and the keys beside them (``TOP_LEVEL``)."""

    fields: dict[str, Any]
    top: dict[str, Any]


def read_overrides(items: Sequence[str], base: Path) -> Overrides:
    """``key=value`` each; paths start from the working folder and are told relative to ``base``. Raises ConfigError."""
    pairs = [_override(item, base) for item in items]
    return Overrides(
        with_dtype({key: value for key, value in pairs if key not in TOP_LEVEL}, COMMAND_LINE),
        {key: value for key, value in pairs if key in TOP_LEVEL},
    )


def _override(item: str, base: Path) -> tuple[str, Any]:
    """The key and what it is set to; several values are a list, as in a config."""
    key, value = key_and_value(item, "depth=20")
    if key == "datasets":
        return key, _datasets(value, base)
    if key not in SWEPT_FIELDS and key not in (USE_FP16, *TOP_LEVEL):
        raise ConfigError(unknown("override", key, (*TOP_LEVEL, *SWEPT_FIELDS)))
    if isinstance(value, str) and "," in value and key not in FREE_TEXT:
        value = [_piece(piece, item) for piece in value.split(",")]
    if key in TUPLE_FIELDS and not isinstance(value, list):
        value = [value]
    if key == "candidates":
        value = [from_base(each, base) for each in value] if isinstance(value, list) else from_base(value, base)
    if key in PATH_FIELDS:
        value = [_model(each, base) for each in value] if isinstance(value, list) else _model(value, base)
    return key, value


def _piece(piece: str, item: str) -> Any:
    if not piece.strip():
        raise ConfigError(f"{item!r} has nothing before or after a comma; give null for a value that is none")
    return yaml_value(piece, item)


def _model(name: Any, base: Path) -> Any:
    return from_base(name, base) if isinstance(name, str) and name.startswith(".") else name


def _datasets(value: Any, base: Path) -> list[Any]:
    if isinstance(value, str) and not is_drawn(value) and "{" not in value:
        value = [part.strip() for part in value.split(",")]
    entries = value if isinstance(value, list) else [value]
    return [_from_here(entry, base) for entry in entries]


def _from_here(entry: Any, base: Path) -> Any:
    if isinstance(entry, dict):
        return entry if "drawn" in entry else with_paths_from_here(entry, base)
    return entry if isinstance(entry, str) and (is_drawn(entry) or is_name(entry)) else from_base(entry, base)
