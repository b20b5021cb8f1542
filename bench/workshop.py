"""One trial from its inputs to its stored result: found, implied by a smaller one, or measured in both passes.

A quality pass is made once for all trials of its key, in a process of its own where there are several of them; the
speed pass is made for each, in a process of its own. What a process dies of is a result.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bench.agreement import agree, at_depth
from bench.config.plan import Plan
from bench.fit import largest_that_fits
from bench.job import FIRST_STAGE, RUN, TIMED, WARM, Job, Pass, Report
from bench.judge import doubts, judge
from bench.keys import needs_more_memory, quality_key
from bench.machine.steadiness import doubts_of_time
from bench.measures import warm_up
from bench.prepare import Prepared, can_be_judged
from bench.process import Place, Returned, ThisMachine
from bench.rerankers import engine_class
from bench.store import LASTING, Store, parse_run
from bench.types import Cost, Dataset, ModelError, Progress, QualityPass, Run, Trial, TrialResult, Work

Done = Callable[[TrialResult, bool], None]
"""Told a result, and whether it was found in the store."""


@dataclass
class Workshop:
    """What all trials of a run share. ``sharing`` counts the trials of a quality key, ``deepest`` their depth."""

    plan: Plan
    store: Store
    place: Place
    tell: Progress
    done: Done
    retry: bool
    sharing: Counter[str]
    deepest: dict[str, int]
    compiler: threading.Thread | None = None
    peaks: dict[tuple[str, str, str, int | None, str | None], float] = field(default_factory=dict)
    too_large: list[TrialResult] = field(default_factory=list)
    cold: dict[str, tuple[float | None, str]] = field(default_factory=dict)
    no_quality: dict[str, Report] = field(default_factory=dict)  # it has none, and its cells are timed all the same
    broken: dict[str, Report] = field(default_factory=dict)  # quality passes that failed, and their cells with them
    load_before: float | None = None

    def __post_init__(self) -> None:
        if self.runs_here and hasattr(os, "getloadavg"):
            self.load_before = round(os.getloadavg()[0], 2)

    @property
    def runs_here(self) -> bool:
        """Whether every trial runs on this machine, so that what is known of one holds for the next."""
        return isinstance(self.place, ThisMachine)

    def start_compiler(self, measures: list[str]) -> None:
        """ranx compiles for about 20 s on a new machine: beside the first trial, not after it."""
        self.compiler = threading.Thread(target=warm_up, args=(measures,), daemon=True)
        self.compiler.start()

    def result_of(self, item: Prepared) -> TrialResult:
        """Found, implied, or measured now; kept either way before anybody is told."""
        with self.store.lock(item.trial.id):
            result, found = self._settled(item)
            while item.trial.batch_size == "max" and result.status == "oom" and (size := _batch(result)) > 1:
                # one pass of that size fits and many after one another do not: the heap is never packed as well again
                self.store.write_fit(item.trial, item.inputs, size * 7 // 8)
                result, found = self._settled(item)
        self.done(result, found)
        return result

    def _settled(self, asked: Prepared) -> tuple[TrialResult, bool]:
        """The result, written to the store, and whether it was there before."""
        item, fault = self._with_batch_that_fits(asked)
        result = stored = fault or self.store.find(item.trial, item.inputs, retry=self.retry)
        if result is not None and fault is None:
            result = self._mended(item, result)
        found = result is not None and fault is None
        if result is None:
            result = self._implied(item) or self._measured(item)
        if result.quality is not None and item.dataset is not None:
            name, checksum = self.store.write_qrels(result.trial, result.dataset, item.dataset.qrels)
            result = replace(result, checksums={**result.checksums, name: checksum})
        if not found or result != stored:
            self.store.write_result(result)
        if result.status == "oom" and result.implied_by is None:
            self.too_large.append(result)
        return result, found

    def _implied(self, item: Prepared) -> TrialResult | None:
        for smaller in self.too_large:
            if needs_more_memory(item.trial, smaller.trial):
                said = f"not tried: a trial that is smaller in every memory axis ran out of memory ({smaller.trial.id})"
                return replace(_unmeasured(item), status="oom", message=said, implied_by=smaller.trial.id)
        return None

    def _measured(self, item: Prepared) -> TrialResult:
        if not item.trial.scenarios:
            return self._scored_alone(item)
        started, clock = datetime.now(UTC), time.perf_counter()
        made, passes = self._scores(item)
        if (broken := self.broken.get(quality_key(item.trial))) is not None:
            said = f"the quality pass that it shares ended as {broken.status}: {broken.message}"
            return replace(_unmeasured(item), status=broken.status, message=said)
        peak = self.peaks.get(_peak_key(item.trial)) if self.runs_here or item.trial.node else None
        returned = self._run(item, replace(self._job(item, passes, self._depth(item)), peak_flops_per_s=peak))
        report = returned.report
        result = replace(
            _unmeasured(item),
            status=report.status,
            message=report.message,
            cost=report.cost,
            environment={**report.environment, "load_before": self.load_before},
            warnings=(*item.notes, *report.notes),
            started_at=started.isoformat(timespec="microseconds"),
        )
        if report.status == "failed" and returned.log:
            result = replace(result, message=f"{report.message} (log: {self.store.log_path(item.trial)})")
        if report.status == "ok" and report.cost is not None:
            if report.cost.peak_flops_per_s is not None:
                self.peaks.setdefault(_peak_key(item.trial), report.cost.peak_flops_per_s)
            result = self._judged(item, result, made, returned)
        return replace(result, wall_s=time.perf_counter() - clock)

    def _scored_alone(self, item: Prepared) -> TrialResult:
        """A trial that asks for no measurement of speed: its quality pass, judged."""
        started, clock = datetime.now(UTC), time.perf_counter()
        key, made = quality_key(item.trial), None
        with self.store.lock(f"quality-{key}"):
            if key not in {*self.no_quality, *self.broken}:
                made = self.store.find_quality(key, item.inputs, item.trial.depth) or self._quality_pass(item)
        result = replace(_unmeasured(item), started_at=started.isoformat(timespec="microseconds"))
        if made is None:
            broken = self.broken.get(key) or self.no_quality[key]
            result = replace(result, status=broken.status, message=broken.message)
        else:
            result = replace(
                result,
                status="ok",
                environment={**made.environment, "load_before": self.load_before},
                warnings=(*item.notes, *made.notes),
            )
            result = self._judged(item, result, made, Returned(Report("ok")))
        return replace(result, wall_s=time.perf_counter() - clock)

    def _scores(self, item: Prepared) -> tuple[QualityPass | None, tuple[Pass, ...]]:
        """The quality pass that this trial shares, if there is one by now, and the passes left to make."""
        key = quality_key(item.trial)
        if not can_be_judged(item.trial):
            made = self.store.find_quality(key, item.inputs, item.trial.depth)
            if made is None and self.sharing[key] > 1 and key not in self.cold:
                self._load_cold(item)
            return made, ("speed",)
        with self.store.lock(f"quality-{key}"):
            made = self.store.find_quality(key, item.inputs, item.trial.depth)
            if made is None and self.sharing[key] > 1 and key not in {*self.no_quality, *self.broken}:
                made = self._quality_pass(item)
        if made is None and key not in self.no_quality:
            return None, ("quality", "speed")
        return made, ("speed",)

    def _load_cold(self, item: Prepared) -> None:
        """Load the models once from disk, where no quality pass does."""
        report = self._run(item, self._job(item, ("load",), item.trial.depth), "cold load: ").report
        self.cold[quality_key(item.trial)] = report.cold_load_s, report.cold_reason

    def _quality_pass(self, item: Prepared) -> QualityPass | None:
        """Make it in a process of its own, with the engine's own batch size, or with 1 where that is too much."""
        key = quality_key(item.trial)
        own = engine_class(item.trial.engine).own_batch_size if item.trial.reranker else None
        for size in dict.fromkeys((own, 1)):
            trial = replace(item.trial, batch_size=size, token_budget=None, memory_limit_mb=None)
            other = replace(item, trial=trial)
            returned = self._run(
                other, self._job(other, ("quality",), self._depth(item)), "quality: ", f"quality-{key}"
            )
            if returned.report.status == "ok":
                return self._kept(item, returned)
            if returned.report.status != "oom":
                break
        if returned.report.status in LASTING:
            self.no_quality[key] = returned.report
        else:
            self.broken[key] = returned.report
        return None

    def _kept(self, item: Prepared, returned: Returned) -> QualityPass:
        """A quality pass as it came back, written to the store."""
        report = returned.report
        made = QualityPass(
            key=quality_key(item.trial),
            inputs=item.inputs,
            depth=self._depth(item),
            unit=report.unit,
            work=report.work or Work(),
            cold_load_s=report.cold_load_s,
            cold_reason=report.cold_reason,
            run=_parsed(returned, RUN),
            first_stage=_parsed(returned, FIRST_STAGE),
            cut_pairs=report.cut_pairs,
            seconds=report.quality_s,
            environment=report.environment,
            notes=report.notes,
        )
        self.store.write_quality(made)
        return made

    def _judged(self, item: Prepared, result: TrialResult, made: QualityPass | None, returned: Returned) -> TrialResult:
        """The result with its quality, with how far its own scores are from that, and with what there is to doubt."""
        self.tell("judge", 0, 0)
        trial, key = item.trial, quality_key(item.trial)
        timed = [_parsed(returned, name) for name in map(TIMED.format, trial.scenarios) if name in returned.files]
        if made is None and RUN in returned.files:
            made = self._kept(item, returned)
        elif made is None and timed and not can_be_judged(trial):
            made = QualityPass(
                key, item.inputs, trial.depth, returned.report.unit, Work(), False, *self.cold.get(key, (None, WARM)),
                run=timed[0],
            )  # fmt: skip
            self.store.write_quality(made)
        warnings = [*result.warnings]
        if result.cost:
            warnings += doubts_of_time(result.cost)
        if made is None:
            if (why := self.no_quality.get(key)) is not None:
                warnings.append(
                    f"no quality figures: the quality pass of these settings ended as {why.status}: {why.message}"
                )
            return replace(result, warnings=tuple(warnings))
        if result.cost:
            result = replace(result, cost=_with_cold_load(result.cost, made))
        if trial.reranker is not None and timed:
            reference: Run = at_depth(made.run, made.first_stage, trial.depth) if made.complete else made.run
            result = replace(result, agreement=agree(timed, reference, made.unit))
        if item.dataset is None or not made.complete:
            return replace(result, warnings=tuple(warnings))
        run = at_depth(made.run, made.first_stage, trial.depth)
        result = self._with_runs(item.dataset, result, made)
        self._let_it_time()
        result = replace(result, quality=judge(trial, item.dataset, run, made.first_stage, made.work))
        return replace(result, warnings=(*warnings, *doubts(result, item.dataset, run)))

    def _with_runs(self, dataset: Dataset, result: TrialResult, made: QualityPass) -> TrialResult:
        """The result with its rankings written, and their names and checksums in it."""
        trial = result.trial
        run, first_stage = at_depth(made.run, made.first_stage, trial.depth), None
        if trial.reranker is not None:
            first_stage = {query_id: ranking[: trial.depth] for query_id, ranking in made.first_stage.items()}
        name, written = self.store.write_run(trial, dataset.name, made.key, run, first_stage)
        kept = {name: checksum for name, checksum in result.checksums.items() if not name.startswith("runs/")}
        return replace(result, run_file=name, checksums={**kept, **written})

    def _mended(self, item: Prepared, result: TrialResult) -> TrialResult | None:
        """A found result whose rankings are there. One that is gone is written from its quality pass; where that has
        been made anew since, with other scores, the result is too: None."""
        if item.dataset is None or not self.store.lacks(result):
            return result
        made = self.store.find_quality(quality_key(item.trial), item.inputs, item.trial.depth)
        if made is None:
            return None
        mended = self._with_runs(item.dataset, result, made)
        return mended if {*mended.checksums.values()} == {*result.checksums.values()} else None

    def _with_batch_that_fits(self, item: Prepared) -> tuple[Prepared, TrialResult | None]:
        """The trial with ``batch_size: max`` replaced by the largest that fits; or the result that none does."""
        trial = item.trial
        if trial.batch_size != "max":
            return item, None
        size = self.store.find_fit(trial, item.inputs)
        if size is None:
            smallest = self._attempt(item, 1)
            if smallest.status == "ok":
                at_most = smallest.largest_batch or 1
                size = largest_that_fits(lambda batch: batch == 1 or self._fits(item, batch), at_most)
                self.store.write_fit(trial, item.inputs, size)
            else:
                return item, replace(_unmeasured(item), status=smallest.status, message=smallest.message)
        note = f"batch_size max: {size} is the largest that fits"
        return replace(item, trial=replace(trial, batch_size=size), notes=(*item.notes, note)), None

    def _fits(self, item: Prepared, batch: int) -> bool:
        report = self._attempt(item, batch)
        if report.status in ("ok", *LASTING):
            return report.status == "ok"
        raise ModelError(f"while looking for the largest batch size: with {batch} the trial failed, {report.message}")

    def _attempt(self, item: Prepared, batch: int) -> Report:
        """One forward pass of so many documents, in a process that may die of it."""
        other = replace(item, trial=replace(item.trial, batch_size=batch))
        return self._run(other, self._job(other, ("fit",), item.trial.depth), f"does {batch} fit: ").report

    def _job(self, item: Prepared, passes: tuple[Pass, ...], depth: int) -> Job:
        cache = self.store.cache.resolve()
        return Job(item.trial, self.plan.base, cache, passes, depth, inputs=item.inputs, since=item.found_at)

    def _run(self, item: Prepared, job: Job, what: str = "", log_name: str = "") -> Returned:
        """Run a job where jobs run, and keep what its libraries wrote."""
        name = item.trial.pipeline

        def told(stage: str, done: int, total: int) -> None:
            self.tell(f"{name}: {what}{stage}", done, total)

        returned = self.place.run(job, told, self._let_it_time, self.plan.time_limit_s)
        self.store.write(f"logs/{log_name or item.trial.id}.log", returned.log)
        return returned

    def _let_it_time(self) -> None:
        """Called when a trial is about to read the clock: this process must not use the machine itself then."""
        if self.compiler is not None and self.compiler.is_alive():
            self.tell("wait for ranx to compile (once per machine, about 20 s)", 0, 0)
            self.compiler.join()

    def _depth(self, item: Prepared) -> int:
        return max(item.trial.depth, self.deepest.get(quality_key(item.trial), 0))


def _batch(result: TrialResult) -> int:
    return result.trial.batch_size if isinstance(result.trial.batch_size, int) else 0


def _unmeasured(item: Prepared) -> TrialResult:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return TrialResult(
        item.trial, "failed", dataset=item.facts, inputs=item.inputs, warnings=item.notes, started_at=now
    )


def _with_cold_load(cost: Cost, made: QualityPass) -> Cost:
    why = {"cold_load_s": made.cold_reason} if made.cold_load_s is None and made.cold_reason else {}
    return replace(cost, cold_load_s=made.cold_load_s, unmeasured={**cost.unmeasured, **why})


def _parsed(returned: Returned, name: str) -> Run:
    return parse_run(returned.files[name].decode())


def _peak_key(trial: Trial) -> tuple[str, str, str, int | None, str | None]:
    return trial.reranker or "", trial.device, trial.dtype, trial.threads, trial.node
