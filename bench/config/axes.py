"""The cells of a sweep: every combination of some values, less what rules take out, and further ones. Pure.

::

    axes:    {batch_size: [1, 4, 16], dtype: [fp32, bf16]}      # every combination
    exclude: [{dtype: bf16, batch_size: [1, 4]}]                # out go the cells that have all of these
    include: [{batch_size: 64}]                                 # further cells; the other axes vary as before

A cell is a mapping from Trial fields to values, to be laid over what is said of the pipeline itself. Rules take out
cells of the grid; what is included stays. A list in a rule is any of its values. Where a config has no axes, the
included cells are all there are, for every pipeline that they concern.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from bench.config.fields import SWEPT_FIELDS, TUPLE_FIELDS, with_dtype
from bench.reading import COMMAND_LINE, as_json, inside, shown, unknown
from bench.types import ConfigError

Cell = Mapping[str, Any]
Options = Mapping[str, tuple[Any, ...]]
"""Trial field -> the values it may have."""

PIPELINE = "pipeline"
"""The key that limits a rule to some pipelines."""
ALL = "all"
"""As a device: every device of this machine."""
MOST_CELLS = 10_000
"""Of one grid. Each is a process; who asks for more has mistaken the number of combinations."""
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of ``include`` or ``exclude``. ``pipelines`` are those it is limited to; empty: all of them.

    ``must_match``: whether it is a mistake if no cell has these values.
    """

    values: Options
    pipelines: tuple[str, ...]
    where: str
    must_match: bool = True

    def concerns(self, pipeline: str) -> bool:
        return not self.pipelines or pipeline in self.pipelines

    def matches(self, pipeline: str, cell: Cell) -> bool:
        """Whether a cell of that pipeline has all the values. ``cell`` holds the fields that decide something in it."""
        return self.concerns(pipeline) and all(
            name in cell and any(_same(name, value, cell[name]) for value in options)
            for name, options in self.values.items()
        )


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to be varied. ``listed``: the config has no axes of its own, so ``include`` is the list of cells."""

    axes: Options
    include: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()
    listed: bool = False

    def grid(self, pipeline: str) -> list[Cell]:
        """Every combination, the last axis varying fastest, before anything is taken out."""
        if self.listed and any(rule.concerns(pipeline) for rule in self.include):
            return []
        return combinations(self.axes)

    def further(self, pipeline: str) -> list[tuple[Rule, Cell]]:
        """The included cells, each with the rule that it is from."""
        rules = [rule for rule in self.include if rule.concerns(pipeline)]
        return [(rule, cell) for rule in rules for cell in combinations({**self.axes, **rule.values})]

    def on(self, devices: Sequence[str]) -> Sweep:
        """The same sweep on each of these devices, where it does not say itself on which."""
        if "device" in self.axes:
            return self
        return replace(self, axes={"device": tuple(devices), **self.axes})

    @property
    def named(self) -> tuple[str, ...]:
        """The fields of the axes and of the included cells, in the order written."""
        return tuple(dict.fromkeys([*self.axes, *(name for rule in self.include for name in rule.values)]))


def combinations(options: Options) -> list[Cell]:
    """One cell for each combination of values, the last field varying fastest; of no options a single empty cell."""
    return [dict(zip(options, values, strict=True)) for values in product(*options.values())]


def read_sweep(
    axes: Mapping[str, Any],
    include: Sequence[Mapping[str, Any]],
    exclude: Sequence[Mapping[str, Any]],
    forced: Mapping[str, Any],
    *,
    pipelines: Sequence[str],
    devices: Sequence[str],
    source: str,
) -> tuple[Sweep, dict[str, Any]]:
    """The sweep as written with the command line's fields over it, and those of these fields that have one value.

    A forced field leaves no axis or included value of its name; one that is forced to several values is an axis.
    Raises ConfigError for what is no field, holds no value or holds one twice.
    """
    written = {
        name: _options(name, value, inside(source, "axes", name, said="axes"), devices)
        for name, value in with_dtype(axes, inside(source, "axes", said="axes")).items()
    }
    lists = {
        name: _options(name, value, COMMAND_LINE, devices) for name, value in forced.items() if is_several(name, value)
    }
    fixed = {name: value for name, value in forced.items() if name not in lists}
    sweep = Sweep(
        axes={name: values for name, values in {**written, **lists}.items() if name not in fixed},
        include=_rules("include", include, source, pipelines, devices, forced),
        exclude=_rules("exclude", exclude, source, pipelines, devices, {}),
        listed=not axes,
    )
    _check_count(sweep.axes, inside(source, "axes"))
    for rule in sweep.include:
        _check_count({**sweep.axes, **rule.values}, rule.where)
    return replace(sweep, exclude=tuple(_told(rule, forced, devices) for rule in sweep.exclude)), fixed


def is_several(name: str, value: Any) -> bool:
    """Whether what is written for a field is a list of values for it, and not one value."""
    if name in TUPLE_FIELDS:
        return isinstance(value, list) and bool(value) and all(isinstance(each, list) for each in value)
    return isinstance(value, list)


def asks_for_all(tree: Any) -> bool:
    """Whether ``device: all`` stands anywhere in a config."""
    if isinstance(tree, list):
        return any(asks_for_all(each) for each in tree)
    if not isinstance(tree, dict):
        return False
    said = tree.get("device")
    return ALL in (said if isinstance(said, list) else [said]) or any(asks_for_all(value) for value in tree.values())


def _check_count(options: Options, where: str) -> None:
    if (count := math.prod(len(values) for values in options.values())) > MOST_CELLS:
        sizes = " × ".join(f"{len(values)} {name}" for name, values in options.items())
        raise ConfigError(f"{where}: {sizes} are {count:,} cells, and {MOST_CELLS:,} are the most; vary less at once")


def _options(name: str, value: Any, where: str, devices: Sequence[str]) -> tuple[Any, ...]:
    """The values of an axis; one that is no list stands for itself."""
    if name not in SWEPT_FIELDS:
        raise ConfigError(f"{where}: {unknown('field', name, SWEPT_FIELDS)}")
    if name in TUPLE_FIELDS and not is_several(name, value):
        raise ConfigError(
            f"{where}: one value of {name} is itself a list, so an axis of it is a list of lists such as [[…], […]]; "
            f"given {shown(value)}"
        )
    return _values(name, value, where, devices)


def _values(name: str, value: Any, where: str, devices: Sequence[str]) -> tuple[Any, ...]:
    given = value if is_several(name, value) else [value]
    if not given:
        raise ConfigError(f"{where}: {name} has an empty list; name at least one value, or leave it out")
    seen: set[str] = set()
    for each in given:
        text = as_json(each, f"{where}: {name}")
        if text in seen:
            raise ConfigError(f"{where}: {name} has {shown(each)} twice")
        seen.add(text)
    if name == "device":
        for each in given:
            if not isinstance(each, str):
                raise ConfigError(f"{where}: a device is a text such as cpu or cuda:0; given {shown(each)}")
        return tuple(dict.fromkeys(place for each in given for place in (devices if each == ALL else (each,))))
    return tuple(tuple(each) if isinstance(each, list) else each for each in given)


def _rules(
    kind: str,
    written: Sequence[Mapping[str, Any]],
    source: str,
    pipelines: Sequence[str],
    devices: Sequence[str],
    without: Iterable[str],
) -> tuple[Rule, ...]:
    return tuple(
        _rule(
            rule, inside(source, kind, number - 1, said=f"{kind} rule {number}"), pipelines, devices, frozenset(without)
        )
        for number, rule in enumerate(written, start=1)
    )


def _rule(
    written: Mapping[str, Any], where: str, pipelines: Sequence[str], devices: Sequence[str], without: frozenset[str]
) -> Rule:
    named = written.get(PIPELINE, [])
    limited = tuple(named) if isinstance(named, list) else (named,)
    for name in limited:
        if name not in pipelines:
            raise ConfigError(f"{inside(where, PIPELINE)}: {unknown('pipeline', str(name), pipelines)}")
    values = with_dtype({name: value for name, value in written.items() if name != PIPELINE}, where)
    if not values:
        raise ConfigError(f"{where}: names no field of a trial, such as batch_size: 1")
    for name in values:
        if name not in SWEPT_FIELDS:
            raise ConfigError(f"{inside(where, name)}: {unknown('field', name, (PIPELINE, *SWEPT_FIELDS))}")
    kept = {name: _values(name, value, inside(where, name), devices) for name, value in values.items()}
    return Rule({name: options for name, options in kept.items() if name not in without}, limited, where)


def _told(rule: Rule, forced: Mapping[str, Any], devices: Sequence[str]) -> Rule:
    """The rule, excused from matching where the command line chose another value, or the machine lacks the device."""
    places = rule.values.get("device", ())
    elsewhere = bool(devices) and bool(places) and not any(_same("device", a, b) for a in places for b in devices)
    known = all(isinstance(place, str) and _DEVICE.fullmatch(place) for place in places)
    return replace(rule, must_match=not (rule.values.keys() & forced.keys() or (elsewhere and known)))


def _same(name: str, wanted: Any, given: Any) -> bool:
    """Whether a value is the one that a rule names; ``cuda`` is every CUDA device."""
    if name == "device" and isinstance(given, str):
        return wanted in (given, given.partition(":")[0])
    return isinstance(wanted, bool) == isinstance(given, bool) and bool(wanted == given)
