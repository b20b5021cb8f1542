"""One line of JSON to one checked object: the fields that a corpus and a query file have in common."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

from bench.data.files import Line, TextFile
from bench.data.notices import Tally
from bench.types import DataError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def read_records(file: TextFile, tally: Tally) -> Iterator[tuple[Line, str, dict[str, Any]]]:
    """Per line its place, its id, and the whole object. Raises DataError for what is not an object with an id."""
    for line in file.lines(tally):
        record = parse_object(line.text, partial(file.error, line=line.number))
        yield line, _identifier(file, line, record, tally), record


def text_field(file: TextFile, line: Line, record: dict[str, Any], field: str) -> str:
    """The field's text. Raises DataError when it is missing or is not text."""
    if field not in record:
        raise file.error(f"the field {field!r} is missing; the line has {shown(sorted(record), 200)}", line.number)
    value = record[field]
    if not isinstance(value, str):
        raise file.error(f"the field {field!r} is {_kind(value)}; expected text", line.number)
    return value


def refuse_repeated(file: TextFile, repeated: list[tuple[str, int]]) -> None:
    """Raise DataError when there are ids that were given before, each with the number of its line."""
    if repeated:
        identifier, number = repeated[0]
        raise file.error(
            f"the id {shown(identifier)} was given above{and_more(len(repeated) - 1)}; ids are unique", number
        )


def and_more(further: int) -> str:
    """How many further lines have the same fault, as the end of a message."""
    return "" if further == 0 else f" (and {further} more such line{'s' if further > 1 else ''})"


def check_identifier(file: TextFile, line: Line, identifier: str) -> str:
    """The id unchanged. Raises DataError when it could not be a column of a run file."""
    if not identifier:
        raise file.error("the id is empty", line.number)
    if fault := fault_of_id(identifier):
        raise file.error(f"the id {shown(identifier)} {fault}", line.number)
    return identifier


def fault_of_id(identifier: str) -> str | None:
    """Why an id that is not empty could not be a column of a run file, and what to do; None where it can.

    A control character is as bad as white space: what reads run files in C ends a text at a NUL, and a terminal obeys
    an escape.
    """
    if identifier.split() != [identifier]:
        return "contains white space; run files are split at white space, so replace it"
    return control_character(identifier)


def control_character(name: str) -> str | None:
    """What is said of a name that has a control character in it; None of any other."""
    found = _CONTROL.search(name)
    return f"contains the control character U+{ord(found[0]):04X}, as no name does; remove it" if found else None


def shown(value: Any, length: int = 60) -> str:
    """A value as an error tells it, cut where it is long."""
    said = repr(value[: length + 1] if isinstance(value, str) else value)
    return said if len(said) <= length else said[:length] + "…"


def parse_object(text: str, error: Callable[[str], DataError]) -> dict[str, Any]:
    """The JSON object that ``text`` is; what is not one is raised as what ``error`` makes of a message.

    A field given twice, NaN and Infinity are refused too, and half of a surrogate pair: none of them has one meaning.
    """
    try:
        record = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        # A lone surrogate ("\ud800") is legal JSON and illegal text: it could be neither encoded nor tokenised.
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode()
    except json.JSONDecodeError as fault:
        raise error(f"not JSON: {fault.msg} at column {fault.colno}") from fault
    except UnicodeEncodeError as fault:
        raise error("a \\u escape is half of a surrogate pair, which is not a character") from fault
    except (ValueError, RecursionError) as fault:
        raise error(f"not JSON that can be read: {fault}") from fault
    if not isinstance(record, dict):
        raise error(f"the line is {_kind(record)}; expected an object, {{…}}")
    return record


def _identifier(file: TextFile, line: Line, record: dict[str, Any], tally: Tally) -> str:
    value = record.get("_id")
    if isinstance(value, int) and not isinstance(value, bool):
        tally.add("id is a number, read as its digits", line.place)
        return str(value)
    return check_identifier(file, line, text_field(file, line, record, "_id"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        times = Counter(name for name, _ in pairs)
        raise ValueError(f"the field {shown(next(name for name in times if times[name] > 1))} is given twice")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "null")
