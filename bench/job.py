"""What a trial's process is asked, and what it answers: the JSON that goes between it and the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.types import Cost, ScoreUnit, Status, Trial, Work

Pass = Literal["load", "quality", "speed", "fit", "arms"]
RUN, FIRST_STAGE = "run.trec", "first_stage.trec"
WARM = "the model was loaded once, warm; a sweep of several cells also loads it from disk, in a process of its own"
TIMED = "timed-{}.trec"
"""The ranking that a scenario made of the timed queries."""


@dataclass(frozen=True, slots=True)
class ArmOf:
    """A trial that shares everything with a job's but the instruction, and the inputs that its scores will rest on."""

    trial: Trial
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Job:
    """Passes over one trial, in one process.

    ``base`` is the folder that relative paths start from, ``cache`` keeps document vectors. The quality pass goes to
    ``depth``, the others to the trial's own. ``peak_flops_per_s`` is the device's matrix product rate where the runner
    knows it; None has the speed pass measure it. A ``fit`` pass makes one forward pass as large as the trial allows; a
    ``load`` pass loads the models and does no more. An ``arms`` pass scores the same candidates for each of ``arms``
    and writes every one's quality pass into the results folder ``results`` as soon as it is finished, so that nothing
    is lost with the process.

    ``inputs`` are what the result will be kept under, found at ``since`` (seconds since 1970, 0 where another machine
    found them): what the process reads has to be the same.
    """

    trial: Trial
    base: Path
    cache: Path
    passes: tuple[Pass, ...] = ("quality", "speed")
    depth: int = 100
    peak_flops_per_s: float | None = None
    arms: tuple[ArmOf, ...] = ()
    results: Path | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a job; the rankings lie beside it when it went well.

    ``work``, ``cut_pairs`` and ``quality_s`` belong to the quality pass, ``cost`` to the speed pass; each is None
    without it. ``cold_load_s`` (or why there is none) is told by a process that makes no speed pass.
    ``damaged`` says of every kept file that was not what had been written that it was set aside and made again.
    ``largest_batch`` is how many pairs the largest forward pass could hold, whatever the batch size.
    """

    status: Status
    message: str = ""
    cost: Cost | None = None
    work: Work | None = None
    cut_pairs: Mapping[str, int] | None = None
    quality_s: float | None = None
    unit: ScoreUnit = "score"
    cold_load_s: float | None = None
    cold_reason: str = ""
    largest_batch: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
