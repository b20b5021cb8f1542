"""One cell of a table to an id, a text or a grade; what is odd and plain is counted, the rest is an error."""

from __future__ import annotations

import math
import re
from typing import Any

from bench.data.notices import Tally
from bench.data.qrels import MAX_GRADE
from bench.data.records import fault_of_id, shown
from bench.sources.files import Place

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_INTEGER_VALUED = re.compile(r"([+-]?[0-9]{1,9})\.0*")
_WORDS = {"true": 1, "false": 0}


def identifier(value: Any, place: Place, column: str, tally: Tally) -> str:
    """A document's or query's id. Raises DataError for what could not be a column of a run file."""
    if is_missing(value) or value == "":
        raise place.error(f"{_of(column)} is empty; every row needs an id")
    if isinstance(value, float) and value.is_integer():
        tally.add("id is written with a decimal point, read as a whole number", str(place))
        return str(int(value))
    if type(value) is int:
        tally.add("id is a number, read as its digits", str(place))
        return str(value)
    if not isinstance(value, str):
        raise place.error(f"{_of(column)} is {shown(value)}; an id is text or a whole number")
    if fault := fault_of_id(value):
        raise place.error(f"{_of(column)} is {shown(value)}, which {fault}")
    return value


def text(value: Any, place: Place, column: str, tally: Tally, *, what: str = "text") -> str:
    """A text; a missing one is an empty one, and counted under ``what``."""
    if is_missing(value):
        tally.add(f"{what} is missing (null), read as empty", str(place))
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):  # true and false are numbers here too, and as little meant
        tally.add(f"{what} is not text, read as it is printed", str(place))
        return str(value)
    raise place.error(f"{_of(column)} is {shown(value)}; expected text")


def texts(value: Any, place: Place, column: str, tally: Tally) -> list[str]:
    """A list of texts; a single text is a list of one, a missing value an empty list."""
    if is_missing(value):
        return []
    if isinstance(value, str):
        tally.add(f"{_of(column)} is one text, read as a list of one", str(place))
        return [value]
    if not isinstance(value, list):
        raise place.error(f"{_of(column)} is {shown(value)}; expected a list of texts")
    for each in value:
        if not isinstance(each, str):
            raise place.error(f"{_of(column)} holds {shown(each)}; expected a list of texts")
    return value


def grade(value: Any, place: Place, column: str, tally: Tally) -> int | None:
    """A whole number from 0; None where nothing is said, which leaves the document unjudged."""
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        tally.add("judgement has no grade, left out", str(place))
        return None
    if isinstance(value, bool):
        tally.add("grade is true or false, read as 1 or 0", str(place))
        return int(value)
    if isinstance(value, float) and value.is_integer():
        tally.add("grade is written with a decimal point, read as a whole number", str(place))
        value = int(value)
    if isinstance(value, str):
        value = _number(value.strip(), place, tally)
    if not isinstance(value, int):
        raise place.error(f"{_of(column)} is {shown(value)}; a grade is a whole number, 0 for not relevant")
    if value > MAX_GRADE:
        raise place.error(f"{_of(column)} is {shown(value)}; a grade is at most {MAX_GRADE}")
    if value < 0:
        tally.add("grade is below 0, read as 0 (judged, not relevant)", str(place))
        return 0
    return value


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _of(column: str) -> str:
    return f"the column {column!r}" if column else "the value"


def _number(said: str, place: Place, tally: Tally) -> int | str:
    if said.lower() in _WORDS:
        tally.add("grade is true or false, read as 1 or 0", str(place))
        return _WORDS[said.lower()]
    if match := _INTEGER_VALUED.fullmatch(said):
        tally.add("grade is written with a decimal point, read as a whole number", str(place))
        said = match[1]
    return int(said) if _INTEGER.fullmatch(said) else said
