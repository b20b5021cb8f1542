"""Reading what people write in a config or behind a command, and saying in one line what is wrong with it."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from bench.types import ConfigError


def key_and_value(item: str, example: str) -> tuple[str, Any]:
    """``key=value`` with the value read as YAML. Raises ConfigError, which shows ``example`` as one to follow."""
    key, equals, raw = item.partition("=")
    if not equals:
        raise ConfigError(f"{item!r} is not key=value, such as {example}")
    return key, yaml_value(raw, item)


def yaml_value(raw: str, item: str) -> Any:
    """A piece of ``item`` as YAML. Raises ConfigError."""
    try:
        return yaml.safe_load(raw)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none, such as 2026-13-01
        raise ConfigError(f"the value of {item!r} is not valid YAML") from error


def from_base(path: Any, base: Path) -> Any:
    """A path given from the working folder, as one that starts from ``base``; what is no path stays as it is."""
    if not isinstance(path, str):
        return path
    try:
        absolute = Path(path).expanduser().is_absolute()
    except RuntimeError as error:
        raise ConfigError(f"{path!r}: there is no such user; give a path that can be found") from error
    if absolute:
        return path
    relative = Path(os.path.relpath(path, base)).as_posix()
    return relative if relative.startswith(".") else f"./{relative}"


def as_json(value: Any, where: str) -> str:
    """JSON for a strict check of types. Raises ConfigError for what JSON does not know, such as a date."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: holds a value that is not text, number, list or mapping ({error})") from error


def unknown(kind: str, key: str, known: Sequence[str]) -> str:
    """What is said of a key that nobody knows: the nearest one that there is, and all of them."""
    near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {key!r}.{hint} Known: {', '.join(known)}"


def first_problem(error: ValidationError) -> str:
    """Where the first thing wrong is, what was expected there and what was given.

    Where a value may be of several kinds, pydantic has an error for each; they are told as one.
    """
    problems = error.errors(include_url=False)
    first = problems[0]
    place, said = first["loc"], [first["msg"]]
    for other in problems[1:]:
        same_place = len(place) > 1 and other["loc"][:-1] == place[:-1]
        if same_place and other["input"] == first["input"] and other["msg"] not in said:
            said.append(other["msg"])
    if len(said) > 1:
        place = place[:-1]
        said[1:] = [message.removeprefix("Input should be ") for message in said[1:]]
    given = "" if first["type"] == "missing" else f", given {first['input']!r}"
    return f"{'.'.join(map(str, place)) or 'the config'}: {' or '.join(said)}{given}"
