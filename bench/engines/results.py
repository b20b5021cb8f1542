"""What a benchmark leaves: every raw sample, and what it was taken of.

Times are in seconds, memory in bytes; None is what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from bench.machine.peak import PeakSample
from bench.sealed import is_sealed, opened, sealed
from bench.types import ScoreUnit, StoreError, Work

Fate = Literal["ok", "unavailable", "oom", "timeout", "failed"]
"""``unavailable``: it cannot run here, for a reason a user can read. ``timeout``: an answer took over the limit."""

FILE = "engines.json"


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting of the search: the better of its times over ``pairs`` pairs, or why there is none."""

    setting: Mapping[str, int]
    pairs: int
    seconds: tuple[float, ...] = ()
    fate: Fate = "ok"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Pass:
    """One scoring of the whole workload. ``turn`` is the place in the round's order, from 0."""

    round: int
    turn: int
    seconds: float
    stages_s: Mapping[str, float]
    growth_bytes: int | None
    same_scores: bool | None
    """Whether every score equals the first round's, bit for bit; None in the first."""


@dataclass(frozen=True, slots=True)
class EngineOutcome:
    """One engine. ``scores`` are the first round's. ``local`` is False for an engine that computes on another machine.
    ``setting`` was chosen by the search; ``used`` is what the loaded engine says it works with. A row of ``scores`` is
    a query's, in the order of the workload and in ``unit``.
    """

    label: str
    trial: Mapping[str, Any]
    fate: Fate = "ok"
    message: str = ""
    local: bool = True
    setting: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)
    search: tuple[Tried, ...] = ()
    load_s: tuple[float, ...] = ()
    passes: tuple[Pass, ...] = ()
    unit: ScoreUnit | None = None
    scores: tuple[tuple[float, ...], ...] | None = None
    work: Work | None = None
    memory_how: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeakRound:
    round: int
    turn: int
    samples: tuple[PeakSample, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole benchmark. ``workload`` holds counts and lengths of tokens, and operations needed (``machine.flops``).

    ``reference`` are the logits of one pair at a time in fp32 by the engine ``transformers``; None where not taken.
    ``finished`` is False while it is running, or when it was stopped.
    """

    name: str
    description: str
    config: Mapping[str, Any]
    config_text: str
    command: str
    started_at: str
    finished: bool
    device: str
    model: Mapping[str, Any]
    workload: Mapping[str, Any]
    environment: Mapping[str, Any] = field(default_factory=dict)
    keep_loaded: bool = True
    notes: tuple[str, ...] = ()
    reference: tuple[tuple[float, ...], ...] | None = None
    peaks: tuple[PeakRound, ...] = ()
    peak_message: str = ""
    engines: tuple[EngineOutcome, ...] = ()


_OUTCOME = TypeAdapter(Outcome)


def said_setting(setting: Mapping[str, int]) -> str:
    """A setting in words: ``batch size 8``."""
    return ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in setting.items()) or "its own default"


def dump_outcome(outcome: Outcome) -> bytes:
    return sealed(_OUTCOME.dump_json(outcome, indent=1))


def read_outcome(folder: Path) -> Outcome | None:
    """What a folder holds; None where it holds no benchmark. Raises StoreError for one that cannot be read."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
        return _OUTCOME.validate_json(opened(data) if is_sealed(data) else data)  # those of earlier versions have none
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} is damaged, or not a benchmark ({type(error).__name__}); move it away, or choose another --out"
        ) from error
