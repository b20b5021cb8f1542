"""How often test queries have been looked at in a results folder, and whether they may be once more.

Every comparison on test is a look. Whoever tries one instruction after the other on the same test queries until one of
them is better has chosen on test, and the p-value of the last try knows nothing of the others. So the number of looks
is planned before the first one (one, if nobody says), every p-value is adjusted for all that were planned, and a look
beyond the plan is refused. Queries stay the same under another name of their set, and in another place. The record is
``DIR/looks.json``; it is written before a look, so that a run that dies in the middle has looked. It is the one file of
a folder that cannot be made again: a damaged one stops the study.

Looks of earlier versions say less: whether they asked the same of the same queries can be known where their set lies
where it lay, and not elsewhere. One of which it cannot be known counts.
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

    ``test_set`` is the set's name, split, sample and the start of its checksum, as ``bench.store.set_name`` has them;
    ``queries`` is a checksum of its data and of which queries are asked. ``question`` tells all that scores depend on
    but the queries and the instruction, ``arm`` and ``baseline`` are keys of the scores that were compared, without the
    queries too; ``name`` is the arm's name then. ``planned`` is the number of looks that holds for the question.

    One of earlier versions has no ``queries``, and its other keys depend on the path of its set.
    """

    test_set: str
    question: str
    arm: str
    baseline: str
    name: str
    planned: int
    at: str
    queries: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Which instruction is better than that baseline at those queries: fields as a look's.

    ``older`` are question and baseline as earlier versions wrote them.
    """

    test_set: str
    queries: str
    question: str
    baseline: str
    older: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tried:
    """An arm that is to be compared: its name, and its key as a look has it now and had it in earlier versions."""

    name: str
    key: str
    older: str


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


def at_queries(looks: Sequence[Look], asked: Question) -> int:
    """How often those queries have been looked at, whatever was asked."""
    return sum(_same_queries(look, asked) for look in looks)


def of_question(looks: Sequence[Look], asked: Question) -> tuple[Look, ...]:
    """The looks that asked the same of the same queries, and those of which that cannot be known."""
    return tuple(
        look for look in looks if _same_queries(look, asked) and (not look.queries or _surely_the_same(look, asked))
    )


def plan(looks: Sequence[Look], asked: Question, planned: int) -> int:
    """How many looks hold: what was planned before the first one stays; ``planned`` where there is none yet."""
    before = of_question(looks, asked)
    first = next((look for look in before if _surely_the_same(look, asked)), before[0] if before else None)
    return planned if first is None else first.planned


def look_of(looks: Sequence[Look], asked: Question, arm: Tried) -> Look | None:
    """The look that was taken with that arm, if one surely was."""
    for look in of_question(looks, asked):
        if _surely_the_same(look, asked) and look.arm == (arm.key if look.queries else arm.older):
            return look
    return None


def granted(looks: Sequence[Look], asked: Question, arm: Tried, planned: int) -> Look | None:
    """The look with that arm, which was taken before or is the next one of the plan; None beyond the plan.

    A look is not another one when it is taken again.
    """
    holds = plan(looks, asked, planned)
    taken = look_of(looks, asked, arm)
    if taken is not None or len(of_question(looks, asked)) >= holds:
        return taken
    return Look(asked.test_set, asked.question, arm.key, asked.baseline, arm.name, holds, _now(), asked.queries)


def take(store: Store, asked: Question, arm: Tried, planned: int) -> tuple[Look | None, tuple[Look, ...]]:
    """``granted``, and recorded: two studies at once never both get the last look. Returns the record as it is then.

    Raises StoreError for a damaged record, and where it cannot be written: then there is no look.
    """
    with store.lock("looks"):
        looks = read_looks(store)
        look = granted(looks, asked, arm, planned)
        if look is not None and look not in looks:
            looks = (*looks, look)
            payload = json.dumps({"looks": [asdict(each) for each in looks]}, ensure_ascii=False, indent=1)
            store.write(FILE, sealed(payload.encode()))
    return look, looks


def _same_queries(look: Look, asked: Question) -> bool:
    """By split, sample and checksum, or by what a sample comes to; the set's name says nothing."""
    return _without_name(look.test_set) == _without_name(asked.test_set) or look.queries == asked.queries


def _surely_the_same(look: Look, asked: Question) -> bool:
    """Whether a look at those queries asked that question."""
    return (look.question, look.baseline) == ((asked.question, asked.baseline) if look.queries else asked.older)


def _without_name(test_set: str) -> str:
    """Split, sample and checksum: a name holds no dot there."""
    return test_set.partition(".")[2] or test_set


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
