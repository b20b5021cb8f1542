"""What a claim is, and what came of it, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.claims.printed import Printed

Population = Literal["same", "subset", "proxy"]
"""Whose figure was measured: of the very queries that the claim is about, of some of them, or of other data."""

Verdict = Literal["reproduced", "consistent", "underpowered", "refuted", "not testable here"]
WEAKEST_FIRST: tuple[Verdict, ...] = ("refuted", "not testable here", "underpowered", "consistent", "reproduced")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure was published. What is not known is empty."""

    title: str
    date: str = ""
    where: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One printed number and what measures it; see ``configs/claims`` for how it is written.

    ``dataset`` is a set as the experiment names it, None for the mean over all of them. ``minus`` makes it a gain over
    another pipeline. ``choose`` are Trial fields that pick one of several trials, ``options`` what the measure takes.
    """

    name: str
    measure: str
    printed: Printed
    pipeline: str = ""
    minus: str | None = None
    dataset: str | None = None
    choose: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """Texts whose scores were printed. ``trial`` holds the reranker's Trial fields."""

    query: str
    documents: tuple[str, ...]
    trial: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement in words and its figures.

    ``tolerance`` is how far off a figure may be, in units of measurement, and ``resolution`` the difference that would
    matter (None: see ``decide``). ``setup`` is what the source says that it ran, ``deviations`` what the harness cannot
    see for itself, ``untestable`` why nothing here could ever test it.
    """

    id: str
    statement: str
    source: Source
    figures: tuple[Figure, ...]
    experiment: str | None = None
    example: Example | None = None
    population: Population = "same"
    tolerance: float | None = None
    resolution: float | None = None
    hardware: str | None = None
    setup: Mapping[str, str] = field(default_factory=dict)
    deviations: tuple[str, ...] = ()
    untestable: str | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """The most that any reranker of the first stage's best ``depth`` candidates could have given.

    ``enough`` is the least depth at which it would be the printed figure; None where none is known.
    """

    ceiling: float
    depth: int
    enough: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured for a figure: the value, its interval (``LEVEL``), and of how many what (``counted``).

    ``low`` and ``high`` are the value itself where nothing was sampled. ``elsewhere``, when not empty, says on what
    other hardware the claim was made than this was measured on; it then decides nothing. ``reach`` is looked for where
    less was measured of a reranker than was printed.
    """

    value: float
    low: float
    high: float
    samples: int
    population: Population
    counted: str = "queries"
    elsewhere: str = ""
    reach: Reach | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a figure could not be measured, naming what is not there."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A figure with its verdict. ``evidence`` is None where there is nothing to show beside it."""

    figure: Figure
    verdict: Verdict
    reason: str
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A claim with the verdict of its weakest figure, all findings, and how it was tested otherwise than claimed."""

    claim: Claim
    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]
    deviations: tuple[str, ...] = ()
