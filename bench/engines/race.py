"""The rounds: all engines in turns over the same pairs, one at work at a time, in an order that rotates.

Each engine has a process of its own, which does nothing but wait while another is at work. A round's figures lie
minutes apart at most, so the drift of a machine falls on all of them, and comparisons are made within a round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.engines.config import OWN_LABELS, Benchmark, Entrant
from bench.engines.link import Link, Lost
from bench.engines.results import EngineOutcome, Outcome, Pass, PeakRound, Tried, said_setting
from bench.engines.search import best, search
from bench.engines.worker import Job
from bench.machine.flops import ModelShape
from bench.machine.peak import PeakSample
from bench.machine.work_folder import work_folder
from bench.store import slug
from bench.types import Request, Trial, Work

Tell = Callable[[str], None]
"""Told one line of what has just been done."""
Keep = Callable[[Outcome], None]
"""Given the outcome so far, to be written down: a later failure loses nothing."""
PEAK = OWN_LABELS[0]


@dataclass(frozen=True, slots=True)
class Course:
    """What everyone in a race shares. ``entrants`` have device, dtype and model resolved."""

    benchmark: Benchmark
    requests: tuple[Request, ...]
    entrants: tuple[Entrant, ...]
    reference: Entrant
    shape: ModelShape | None
    keep_loaded: bool
    logs: Path

    @property
    def dtypes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(entrant.trial.dtype) for entrant in self.entrants))

    @property
    def pairs(self) -> int:
        return sum(len(request.documents) for request in self.requests)


def run_race(course: Course, outcome: Outcome, tell: Tell, keep: Keep) -> Outcome:
    """Reference scores, the search for batch sizes, then the rounds. Engines that fail stay in the outcome."""
    with work_folder() as folder, ExitStack() as stack:
        stable = _Stable(course, folder)
        peak = stack.enter_context(closing(_Runner(stable, Entrant(PEAK, course.reference.trial, ({},)))))
        outcome = _facts(peak, outcome)
        if course.benchmark.check_scores:
            outcome = _reference(stable, outcome, tell)
        keep(outcome)
        engines = []
        for entrant in course.entrants:
            engines.append(_searched(stable, entrant, tell))
            outcome = replace(outcome, engines=tuple(engines))
            keep(outcome)
        runners = {entrant.label: stack.enter_context(closing(_Runner(stable, entrant))) for entrant in course.entrants}
        for number in range(course.benchmark.rounds):
            for turn, label in enumerate(_order(number, course)):
                if label == PEAK:
                    outcome = _peak(peak, outcome, course, number, turn, tell)
                else:
                    outcome = _turn(runners[label], outcome, number, turn, tell)
            keep(outcome)
    outcome = replace(outcome, finished=True)
    keep(outcome)
    return outcome


def rotated(labels: Sequence[str], by: int) -> list[str]:
    """The same labels from another start: over rounds nobody always comes after the same rest."""
    start = by % len(labels) if labels else 0
    return [*labels[start:], *labels[:start]]


def _order(number: int, course: Course) -> list[str]:
    labels = [entrant.label for entrant in course.entrants]
    return rotated([PEAK, *labels] if course.shape is not None else labels, number)


class _Stable:
    """Starts processes for a course."""

    def __init__(self, course: Course, folder: Path) -> None:
        self.course, self._folder = course, folder

    def link(self, label: str, trial: Trial) -> Link:
        log = self.course.logs / f"{slug(label)}.log"
        return Link(Job(trial, self.course.requests), self._folder, log, self.course.benchmark.time_limit_s)


class _Runner:
    """One engine's process through the rounds; where memory is short it is started anew for each turn."""

    def __init__(self, stable: _Stable, entrant: Entrant) -> None:
        self.stable, self.entrant = stable, entrant
        self._link: Link | None = None

    def ready(self, setting: Mapping[str, int]) -> tuple[Link, Mapping[str, Any] | None]:
        """The process with its engine loaded and warm, and what loading told, where it has just been loaded."""
        if self._link is not None:
            return self._link, None
        link = self.bare()
        loaded = link.ask("load", setting=dict(setting))
        if pairs := self.stable.course.benchmark.warmup_pairs:
            link.ask("score", part=pairs)
        return link, loaded

    def bare(self) -> Link:
        """The process, with nothing loaded into it."""
        if self._link is None:
            self._link = self.stable.link(self.entrant.label, self.entrant.trial)
        return self._link

    def rest(self) -> None:
        """Between turns: keep the engine loaded, or not."""
        if not self.stable.course.keep_loaded:
            self.close()

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None


def _facts(runner: _Runner, outcome: Outcome) -> Outcome:
    try:
        return replace(outcome, environment={**runner.bare().ask("facts"), **outcome.environment})
    except Lost as lost:
        runner.close()
        return replace(outcome, notes=(*outcome.notes, f"the machine could not be described: {lost.message}"))


def _reference(stable: _Stable, outcome: Outcome, tell: Tell) -> Outcome:
    """Scores of one pair at a time; without them the rest is still measured."""
    entrant = stable.course.reference
    tell(f"{entrant.label}: scoring {stable.course.pairs} pairs in fp32, to compare with")
    with stable.link(entrant.label, entrant.trial) as link:
        try:
            link.ask("load", setting={})
            scored = link.ask("score", part=None)
        except Lost as lost:
            note = f"scores of one pair at a time could not be had, so none are compared: {lost.message}"
            tell(note)
            return replace(outcome, notes=(*outcome.notes, note))
    tell(f"{entrant.label}: {_rate(stable.course.pairs, scored['seconds'])}")
    return replace(outcome, reference=_rows(scored["scores"]))


def _searched(stable: _Stable, entrant: Entrant, tell: Tell) -> EngineOutcome:
    """The engine with its best setting; where there is nothing to choose, nothing is tried."""
    benchmark = stable.course.benchmark
    trial = {**asdict(entrant.trial), "reranker": benchmark.model}  # not the folder it was found in
    outcome = EngineOutcome(entrant.label, trial, setting=entrant.settings[0])
    if len(entrant.settings) == 1:
        return outcome
    pairs = min(benchmark.search_pairs, stable.course.pairs)

    def told(tried: Tried) -> None:
        how = _rate(pairs, min(tried.seconds)) if tried.seconds else f"{tried.fate}: {tried.message}"
        tell(f"{entrant.label}: {said_setting(tried.setting)}: {how}")

    with stable.link(entrant.label, entrant.trial) as link:
        try:
            tried = search(link, entrant.settings, pairs, benchmark.warmup_pairs, told)
        except Lost as lost:
            return _lost(outcome, lost, tell)
    chosen = best(tried)
    if chosen is None:
        return replace(outcome, search=tried, fate=tried[-1].fate, message=f"no setting worked: {tried[-1].message}")
    return replace(outcome, search=tried, setting=chosen)


def _turn(runner: _Runner, outcome: Outcome, number: int, turn: int, tell: Tell) -> Outcome:
    label = runner.entrant.label
    place = next(i for i, engine in enumerate(outcome.engines) if engine.label == label)
    engine = outcome.engines[place]
    if engine.fate != "ok":
        return outcome
    try:
        link, loaded = runner.ready(engine.setting)
        if loaded is not None:
            engine = replace(
                engine,
                load_s=(*engine.load_s, loaded["load_s"]),
                unit=loaded["unit"],
                local=loaded["local"],
                used=loaded["used"],
                notes=tuple(dict.fromkeys((*engine.notes, *loaded["notes"]))),
            )
        scored = link.ask("score", part=None)
        engine = _passed(engine, scored, number, turn)
        pairs = sum(map(len, scored["scores"]))
        tell(
            f"round {number + 1} of {runner.stable.course.benchmark.rounds}: {label}: {_rate(pairs, scored['seconds'])}"
        )
        runner.rest()
    except Lost as lost:
        runner.close()
        engine = _lost(engine, lost, tell)
    engines = (*outcome.engines[:place], engine, *outcome.engines[place + 1 :])
    return replace(outcome, engines=engines)


def _passed(engine: EngineOutcome, scored: Mapping[str, Any], number: int, turn: int) -> EngineOutcome:
    scores = _rows(scored["scores"])
    first = engine.scores is None
    taken = Pass(
        round=number,
        turn=turn,
        seconds=scored["seconds"],
        stages_s=scored["stages_s"],
        growth_bytes=scored["growth_bytes"],
        same_scores=None if first else scores == engine.scores,
    )
    return replace(
        engine,
        passes=(*engine.passes, taken),
        scores=scores if first else engine.scores,
        work=Work(**scored["work"]) if first else engine.work,
        memory_how=scored["memory_how"],
    )


def _peak(runner: _Runner, outcome: Outcome, course: Course, number: int, turn: int, tell: Tell) -> Outcome:
    """The machine's rate in this round, in each dtype that an engine computes in."""
    if outcome.peak_message or course.shape is None:
        return outcome
    try:
        link = runner.bare()
        samples = [
            PeakSample(**sample)
            for dtype in course.dtypes
            for sample in link.ask("peak", dtype=dtype, shape=asdict(course.shape))["samples"]
        ]
    except Lost as lost:
        runner.close()
        tell(f"{PEAK}: {lost.message}")
        return replace(outcome, peak_message=f"the matrix product could not be measured: {lost.message}")
    runner.rest()
    for dtype in course.dtypes:
        fastest = max((sample for sample in samples if sample.dtype == dtype), key=lambda sample: sample.rate)
        how = f"{fastest.rate / 1e9:,.0f} GFLOP/s by {fastest.way} in {dtype}"
        tell(f"round {number + 1} of {course.benchmark.rounds}: {PEAK}: {how}")
    return replace(outcome, peaks=(*outcome.peaks, PeakRound(number, turn, tuple(samples))))


def _lost(engine: EngineOutcome, lost: Lost, tell: Tell) -> EngineOutcome:
    tell(f"{engine.label}: {lost.fate}: {lost.message}")
    return replace(engine, fate=lost.fate, message=lost.message)


def _rows(scores: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, scores))


def _rate(pairs: int, seconds: float) -> str:
    return f"{pairs / seconds:.3g} pairs/s"
