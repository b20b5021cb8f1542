"""How often a test set has been looked at in a results folder, and whether it may be once more.

Every comparison on test is a look. Whoever tries one instruction after the other on the same test queries until one of
them is better has chosen on test, and the p-value of the last try knows nothing of the others. So the number of looks
is planned before the first one (one, if nobody says), every p-value is adjusted for all that were planned, and a look
beyond the plan is refused. The record is ``DIR/looks.json``; it is written before a look, so that a run that dies in
the middle has looked. It is the one file of a folder that cannot be made again: a damaged one stops the study.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter

from bench.sealed import opened, sealed
from bench.store import Store
from bench.types import StoreError

FILE = "looks.json"


@dataclass(frozen=True, slots=True)
class Look:
    """One arm against the baseline on one test set.

    ``test_set`` tells the queries (name, split, checksum), ``question`` all that scores depend on but the instruction,
    ``arm`` and ``baseline`` are keys of the scores that were compared, ``name`` is the arm's name then. ``planned`` is
    the number of looks that the study allowed itself at that time.
    """

    test_set: str
    question: str
    arm: str
    baseline: str
    name: str
    planned: int
    at: str


@dataclass(frozen=True, slots=True)
class _Record:
    looks: tuple[Look, ...]


_RECORD = TypeAdapter(_Record | tuple[Look, ...])
"""The latter in folders of earlier versions."""


def read_looks(store: Store) -> tuple[Look, ...]:
    """The looks of a results folder, oldest first. Raises StoreError for a damaged record."""
    path = store.folder / FILE
    if not path.exists():
        return ()
    try:
        data = path.read_bytes()
        record = _RECORD.validate_json(data if data.startswith(b"[") else opened(data))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} is damaged or cannot be read, so nobody knows how often the test sets have been looked at; bring "
            "it back from a copy, or use another --out"
        ) from error
    return record.looks if isinstance(record, _Record) else record


def at_test_set(looks: Sequence[Look], test_set: str) -> int:
    """How often that test set has been looked at, whatever was asked."""
    return sum(look.test_set == test_set for look in looks)


def of_question(looks: Sequence[Look], test_set: str, question: str, baseline: str) -> tuple[Look, ...]:
    """The looks that asked the same of the same queries: which instruction is better than that baseline."""
    asked = (test_set, question, baseline)
    return tuple(look for look in looks if (look.test_set, look.question, look.baseline) == asked)


def allowed(before: Sequence[Look], arm: str, planned: int) -> tuple[bool, int]:
    """Whether that arm may be compared on test, given the looks of the same question; and how many looks hold.

    A look is not another one when it is taken again. The number that was planned before the first look stays.
    """
    holds = before[0].planned if before else planned
    return arm in {look.arm for look in before} or len(before) < holds, holds


def record(store: Store, look: Look) -> None:
    """Keep a look, unless the very same one is kept already."""
    with store.lock("looks"):
        looks = read_looks(store)
        if look.arm in {each.arm for each in of_question(looks, look.test_set, look.question, look.baseline)}:
            return
        payload = json.dumps({"looks": [asdict(each) for each in (*looks, look)]}, ensure_ascii=False, indent=1)
        store.write(FILE, sealed(payload.encode()))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
