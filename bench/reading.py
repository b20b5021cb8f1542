"""Reading what people write in a config or behind a command, and saying in one line what is wrong with it, and where.

Every kind of config is read by ``read_config`` and checked by ``checked``. An error begins with a place, which is a
text: ``configs/x.yaml line 12: pipeline 'BM25'``. Functions take it as ``where``, and go further in with ``inside``;
a ``where`` that is a plain text, such as "the command line", stays as it is.
"""

from __future__ import annotations

import copy
import difflib
import json
import math
import os
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from bench.strict_yaml import Parsed, YamlError, line_of, parse
from bench.types import ConfigError

LARGEST_CONFIG = 1 << 20
"""Bytes. A config is some kilobytes; YAML of a megabyte takes ten seconds to read."""
COMMAND_LINE = "the command line"
_SHOWN = 200
"""Characters of a value that an error quotes."""

Keys = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)


# --------------------------------------------------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class Config:
    """A config's text, what it says as YAML, unchecked but for being a mapping, and the place of all of it."""

    text: str
    tree: dict[str, Any]
    place: Place


def read_config(path: Path, expected: str = "name, datasets and pipelines") -> Config:
    """``expected`` are some keys of such a file, told where there are none. Raises ConfigError, with the line."""
    text = _text(path)
    try:
        parsed = _parsed(text)
    except YamlError as error:
        raise ConfigError(f"{path}{_line(error.line)}: {error}") from error
    if not isinstance(parsed.tree, dict):
        found = "an empty file" if parsed.tree is None else type(parsed.tree).__name__
        raise ConfigError(f"{path}: expected keys such as {expected}, found {found}")
    return Config(text, copy.deepcopy(parsed.tree), Place(_Spot(str(path), parsed.root)))


def top_keys(path: Path) -> frozenset[str]:
    """The keys at the top of a config, which say of what kind it is; none of one that cannot be read."""
    try:
        return frozenset(read_config(path).tree)
    except ConfigError:
        return frozenset()


@lru_cache(maxsize=2)
def _parsed(text: str) -> Parsed:
    """A command reads a config more than once: to see of what kind it is, and then in earnest."""
    return parse(text)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_CONFIG + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"no config at {path}. Shipped ones go by their names, e.g. `rerankbench run quickstart`"
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(f"{path} is a folder; name a file in it, such as {path / 'study.yaml'}") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if len(raw) > LARGEST_CONFIG:
        raise ConfigError(
            f"{path} is larger than {LARGEST_CONFIG >> 20} MiB, and no config is; give one, or make it smaller: data "
            "belong in files that a config names"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        seems = " (it seems to be UTF-16)" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise ConfigError(
            f"{path} line {line}: cannot be read as UTF-8 text, for it holds the byte 0x{raw[error.start]:02X}{seems}; "
            "save it as UTF-8"
        ) from error


# -------------------------------------------------------------------------------------------------------- places


@dataclass(frozen=True, slots=True)
class _Spot:
    """``forced`` are keys that the command line has set, ``moved`` keys that stand elsewhere in the file than in the
    tree that is checked; ``fields`` is where fields of a trial were said, if not inside this place."""

    file: str
    root: yaml.Node | None
    keys: Keys = ()
    said: str = ""
    forced: tuple[Keys, ...] = ()
    moved: tuple[tuple[Keys, Keys], ...] = ()
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        if any(self.keys[: len(keys)] == keys for keys in self.forced):
            base = COMMAND_LINE
        else:
            base = self.file + _line(line_of(self.root, self.keys))
        return f"{base}: {self.said}" if self.said else base


class Place(str):
    """A place in a config, as an error begins with it."""

    __slots__ = ("spot",)
    spot: _Spot

    def __new__(cls, spot: _Spot) -> Place:
        place = super().__new__(cls, spot.text)
        place.spot = spot
        return place


def inside(where: str, *keys: str | int, said: str = "") -> str:
    """The place to which these keys lead from ``where``, or the nearest to it that there is; ``said`` names it.

    Of a ``where`` that is no ``Place`` nothing is known, so that it stays, with ``said`` behind it.
    """
    if not isinstance(where, Place):
        return f"{where}: {said}" if said else where
    spot, both = where.spot, (*where.spot.keys, *keys)
    for old, new in spot.moved:
        if both[: len(old)] == old:
            both = (*new, *both[len(old) :])
            break
    label = ": ".join(text for text in (spot.said, said) if text)
    return Place(replace(spot, keys=both, said=label, fields=()))


def overridden(where: str, keys: Sequence[Keys]) -> str:
    """The same place, of which what these keys lead to was said on the command line."""
    return Place(replace(where.spot, forced=(*where.spot.forced, *keys))) if isinstance(where, Place) else where


def standing_elsewhere(where: str, moved: Mapping[Keys, Keys]) -> str:
    """The same place, from which these keys (of the tree that is checked) lead to others (of the file)."""
    if not isinstance(where, Place):
        return where
    pairs = tuple(((*where.spot.keys, *old), (*where.spot.keys, *new)) for old, new in moved.items())
    return Place(replace(where.spot, moved=(*pairs, *where.spot.moved)))


def saying_fields(where: str, fields: Mapping[str, str]) -> str:
    """The same place, at which some fields of a trial hold that were said at places of their own."""
    return Place(replace(where.spot, fields=tuple(fields.items()))) if isinstance(where, Place) else where


def said_fields(where: str) -> dict[str, str]:
    """What ``saying_fields`` was told."""
    return dict(where.spot.fields) if isinstance(where, Place) else {}


def place_of_field(where: str, name: str) -> str:
    """Where a field was said that holds at ``where``."""
    if isinstance(where, Place):
        for field, place in where.spot.fields:
            if field == name:
                return place
    return inside(where, name)


@contextmanager
def told_at(where: str) -> Iterator[None]:
    """A ConfigError that says nothing of its place begins with ``where``."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _line(line: int | None) -> str:
    return "" if line is None else f" line {line}"


# -------------------------------------------------------------------------------------------------- command line


def key_and_value(item: str, example: str) -> tuple[str, Any]:
    """``key=value`` with the value read as YAML. Raises ConfigError, which shows ``example`` as one to follow."""
    key, equals, raw = item.partition("=")
    if not equals:
        raise ConfigError(f"{item!r} is not key=value, such as {example}")
    return key, yaml_value(raw, item)


def yaml_value(raw: str, item: str) -> Any:
    """A piece of ``item`` as YAML. Raises ConfigError."""
    if len(raw) > LARGEST_CONFIG:
        raise ConfigError(f"the value of {shown(item)} is larger than {LARGEST_CONFIG >> 20} MiB")
    try:
        return parse(raw).tree
    except YamlError as error:
        said = str(error).removeprefix("not valid YAML: ")
        raise ConfigError(f"the value of {shown(item)} is not valid YAML: {said}") from error


def from_base(path: Any, base: Path) -> Any:
    """A path given from the working folder, as one that starts from ``base``; what is no path stays as it is."""
    if not isinstance(path, str):
        return path
    if not path.strip():
        raise ConfigError("a path is empty, or there is nothing before or after a comma; name a folder or a file")
    try:
        absolute = Path(path).expanduser().is_absolute()
    except RuntimeError as error:
        raise ConfigError(f"{path!r}: there is no such user; give a path that can be found") from error
    if absolute:
        return path
    relative = Path(os.path.relpath(path, base)).as_posix()
    return relative if relative.startswith(".") else f"./{relative}"


# ------------------------------------------------------------------------------------------------------ checking


def checked(model: type[_Model], said: Any, where: str) -> _Model:
    """What is said as that model, by the strict rules of JSON: no text is taken for a number.

    Raises ConfigError at the place of the first thing wrong; for a key that nobody knows it names the nearest.
    """
    try:
        return model.model_validate_json(as_json(said, where))
    except ValidationError as error:
        raise ConfigError(problem(error, model, where)) from error


def as_json(value: Any, where: str) -> str:
    """JSON for a strict check of types. Raises ConfigError for what JSON does not know, such as a date."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: holds a value that is not text, number, list or mapping ({error})") from error


def unknown(kind: str, key: str, known: Sequence[str]) -> str:
    """What is said of a key that nobody knows: the nearest one that there is, and all of them."""
    near = difflib.get_close_matches(key[:_SHOWN], known, 1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {shown(key)}.{hint} Known: {', '.join(known)}"


def problem(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Where the first thing wrong with a ``model`` is, and what; a key that nobody knows before all else."""
    for each in error.errors(include_url=False):
        if each["type"] == "extra_forbidden":
            *around, key = each["loc"]
            label = ".".join(map(str, around))
            return f"{inside(where, *around, key, said=label)}: {unknown('key', str(key), _keys_at(model, around))}"
    place = error.errors(include_url=False)[0]["loc"]
    return f"{inside(where, *place)}: {first_problem(error)}"


def first_problem(error: ValidationError) -> str:
    """What the first thing wrong is called, what was expected there and what was given.

    Where a value may be of several kinds, pydantic has an error for each; they are told as one.
    """
    problems = error.errors(include_url=False)
    first = problems[0]
    place, said = first["loc"], [first["msg"].removeprefix("Value error, ")]
    for other in problems[1:]:
        same_place = len(place) > 1 and other["loc"][:-1] == place[:-1]
        if same_place and other["input"] == first["input"] and other["msg"] not in said:
            said.append(other["msg"])
    if len(said) > 1:
        place = place[:-1]
        said[1:] = [message.removeprefix("Input should be ") for message in said[1:]]
    given = "" if first["type"] == "missing" else f", given {shown(first['input'])}{_hint(first)}"
    return f"{'.'.join(map(str, place)) or 'the config'}: {' or '.join(said)}{given}"


def shown(value: Any) -> str:
    """A value as an error quotes it: as Python writes it, and not all of a long one."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 4 :]}"


def _hint(said: Mapping[str, Any]) -> str:
    """For a number that YAML takes for a text, or the other way round, how to write it."""
    given = said["input"]
    if isinstance(given, str) and said["type"] in ("float_type", "int_type"):
        try:
            number = float(given)
        except ValueError:
            return ""
        return f" (which YAML takes for a text; write {number:g})" if math.isfinite(number) else ""
    if not isinstance(given, (str, list, dict)) and given is not None and said["type"] == "string_type":
        return " (for a text put it in quotes)"
    return ""


def _keys_at(model: type[BaseModel], place: Sequence[str | int]) -> tuple[str, ...]:
    """The keys of the model to which ``place`` leads from ``model``, as they are written."""
    kinds: list[Any] = [model]
    for part in place:
        kinds = [inner for kind in kinds for inner in _within(kind, part)] or kinds
    return tuple(field.alias or name for kind in _models(kinds) for name, field in kind.model_fields.items())


def _within(kind: Any, part: str | int) -> Iterator[Any]:
    """The types that ``part`` may have in a value of type ``kind``."""
    for each in _plain(kind):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield from (field.annotation for name, field in each.model_fields.items() if part in (field.alias, name))
        elif get_origin(each) in (list, tuple) and isinstance(part, int):
            yield get_args(each)[0]
        elif get_origin(each) is dict:
            yield get_args(each)[1]


def _models(kinds: Sequence[Any]) -> list[type[BaseModel]]:
    plain = [each for kind in kinds for each in _plain(kind)]
    return [each for each in plain if isinstance(each, type) and issubclass(each, BaseModel)]


def _plain(kind: Any) -> Iterator[Any]:
    """The types of a union, or the one that there is."""
    if get_origin(kind) in (Union, types.UnionType):
        for each in get_args(kind):
            yield from _plain(each)
    elif get_origin(kind) is Annotated:
        yield from _plain(get_args(kind)[0])
    else:
        yield kind
