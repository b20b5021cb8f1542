"""Runs many trials: a fresh process each, outcomes judged and kept one by one, finished ones not run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.child import READY_TO_TIME, Job, Report
from bench.config import Plan
from bench.device import optional_versions, package_versions, resolve_device, resolve_dtype
from bench.hub import located, resolve_model
from bench.judge import dataset_facts, doubts, judge
from bench.measures import warm_up
from bench.rerankers import check_engine, choose_engine, engine_class, extras
from bench.store import Store, parse_run
from bench.trial import load_trial_dataset, uses_model
from bench.types import Dataset, Progress, Trial, TrialResult


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trial whose inputs were found: device and dtype resolved, set checked, models on disk and fingerprinted."""

    trial: Trial
    dataset: Dataset
    inputs: Mapping[str, str]
    notes: tuple[str, ...] = ()


def prepare(plan: Plan, tell: Progress) -> list[Prepared]:
    """Find every input of every trial before the first one runs, so that what is missing is said in seconds.

    Raises DataError, ModelError or DeviceError.
    """
    datasets: dict[tuple[str, str, int | None, int], Dataset] = {}
    software = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    prepared = []
    for asked in plan.trials:
        check_engine(asked)
        key = (asked.dataset, asked.split, asked.max_queries, asked.seed)
        if key not in datasets:
            tell(f"check {asked.dataset}", 0, 0)
            datasets[key] = load_trial_dataset(asked, plan.base)
        inputs = {"dataset": datasets[key].checksum, "software": software}
        if asked.reranker is not None and asked.engine == "auto":
            tell(f"find {asked.reranker}", 0, 0)
        trial, note = choose_engine(asked, plan.base)
        for role, name, revision in (
            ("embedder", trial.embedder, trial.embedder_revision),
            ("reranker", trial.reranker, trial.reranker_revision),
        ):
            if name is not None and not (role == "reranker" and trial.url):
                tell(f"find {name}", 0, 0)
                files = resolve_model(located(name, plan.base), revision, trial.hub)
                inputs[role], inputs[f"{role}_revision"] = files.fingerprint, files.revision
        if trial.reranker is not None:
            inputs |= optional_versions(extras(trial))
        if trial.url:
            inputs["reranker"] = f"served at {trial.url}; its weights cannot be seen from here"
        prepared.append(Prepared(_resolved(trial), datasets[key], inputs, (note,) if note else ()))
    return prepared


def _resolved(trial: Trial) -> Trial:
    """The trial with ``auto`` replaced by what it means here, which is what its figures belong to."""
    if not uses_model(trial):
        return replace(trial, device="cpu")
    device = resolve_device(trial.device)
    dtype: Any = resolve_dtype(trial.dtype, device)
    size = trial.batch_size
    if trial.reranker is not None and size is None:
        size = engine_class(trial.engine).own_batch_size
    return replace(trial, device=device, dtype=dtype, batch_size=size)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every trial of one run shares."""

    base: Path
    store: Store
    compiler: threading.Thread
    load_before: float | None
    tell: Progress


def run_all(
    prepared: Sequence[Prepared], plan: Plan, store: Store, tell: Progress, done: Callable[[TrialResult, bool], None]
) -> list[TrialResult]:
    """Every result, in the order of the plan. ``done`` is told (result, whether it was found in the store)."""
    found = {item.trial.id: store.find(item.trial, item.inputs) for item in prepared}
    measures = sorted({name for item in prepared for name in item.trial.measures})
    compiler = threading.Thread(target=warm_up, args=(measures,), daemon=True)
    load_before = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    workshop = Workshop(plan.base, store, compiler, load_before, tell)
    if not all(found.values()):
        compiler.start()  # ranx compiles for about 20 s on a new machine: beside the first trial, not after it
    results = []
    for item in prepared:
        old = found[item.trial.id]
        result = old or _run_one(item, workshop)
        if old is None:
            store.write_result(result)
        results.append(result)
        done(result, old is not None)
    return results


def _run_one(item: Prepared, workshop: Workshop) -> TrialResult:
    started, clock = datetime.now(UTC), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="rerankbench-") as name:
        folder = Path(name)
        report = _in_own_process(item.trial, folder, workshop)
        result = TrialResult(
            trial=item.trial,
            status=report.status,
            message=report.message,
            dataset=dataset_facts(item.dataset),
            inputs=item.inputs,
            cost=report.cost,
            environment={**(report.environment or {}), "load_before": workshop.load_before},
            warnings=(*item.notes, *report.notes),
            started_at=started.isoformat(timespec="microseconds"),
        )
        if report.status == "ok":
            result = _judged(result, item.dataset, folder, workshop)
    return replace(result, wall_s=time.perf_counter() - clock)


def _in_own_process(trial: Trial, folder: Path, workshop: Workshop) -> Report:
    job = Job(trial, workshop.base, workshop.store.cache.resolve())
    (folder / "job.json").write_bytes(TypeAdapter(Job).dump_json(job))
    log_path = workshop.store.log_path(trial)
    # -P: the folder `datasets` beside a config must not be taken for the Hugging Face package of that name
    command = [sys.executable, "-P", "-m", "bench.child", str(folder)]
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8"
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                stage, done, total = json.loads(line)
                workshop.tell(f"{trial.pipeline}: {stage}", done, total)
                if stage == READY_TO_TIME:
                    _let_it_time(process, workshop)
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    outcome = folder / "outcome.json"
    if outcome.exists():
        return TypeAdapter(Report).validate_json(outcome.read_bytes())
    if code == -signal.SIGKILL:
        return Report("oom", "the system killed the trial's process (SIGKILL), as it does when memory runs out")
    return Report("failed", f"the trial's process ended with exit code {code} and no result; see {log_path}")


def _let_it_time(process: subprocess.Popen[str], workshop: Workshop) -> None:
    """Answer a trial that is about to read the clock, once this process has stopped using the machine itself."""
    if workshop.compiler.is_alive():
        workshop.tell("wait for ranx to compile (once per machine, about 20 s)", 0, 0)
        workshop.compiler.join()
    if process.stdin:
        process.stdin.write("go\n")
        process.stdin.flush()


def _judged(result: TrialResult, dataset: Dataset, folder: Path, workshop: Workshop) -> TrialResult:
    workshop.tell("judge", 0, 0)
    trial = result.trial
    run = parse_run((folder / "run.trec").read_text(encoding="utf-8"))
    first_stage = parse_run((folder / "first_stage.trec").read_text(encoding="utf-8"))
    run_file = workshop.store.write_run(trial, dataset.name, run)
    if trial.reranker is not None:
        workshop.store.write_run(trial, dataset.name, first_stage, ".first-stage")
    result = replace(result, quality=judge(trial, dataset, run, first_stage), run_file=run_file)
    return replace(result, warnings=(*result.warnings, *doubts(result, dataset, run)))
