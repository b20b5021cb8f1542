"""Finds every input of every trial before the first one runs, so that what is missing is said in seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from bench.config.plan import Plan
from bench.hub import ModelFiles, code_was_run, located, own_code, resolve_model
from bench.judge import dataset_facts
from bench.machine.device import optional_versions, resolve_device, resolve_dtype, software
from bench.rerankers import check_engine, choose_engine, engine_class, extras, runs_code
from bench.retrievers import advice
from bench.retrievers.given import Lists, find_lists
from bench.sources.spec import label
from bench.synthetic import drawn_facts, is_drawn, parse_drawn
from bench.trial import load_trial_dataset, uses_model
from bench.types import Dataset, Hub, Progress, RerankBenchError, Trial

log = logging.getLogger(__name__)
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trial whose inputs were found: device and dtype resolved, set checked, models on disk and fingerprinted.

    ``dataset`` is None for drawn pairs, which are drawn where they are scored; ``facts`` says what there is to say.
    ``found_at`` is when the looking began, in seconds since 1970; 0 where the trial runs on another machine.
    """

    trial: Trial
    dataset: Dataset | None
    facts: Mapping[str, Any]
    inputs: Mapping[str, str]
    notes: tuple[str, ...] = ()
    found_at: float = field(default=0.0, compare=False)


def can_be_judged(trial: Trial) -> bool:
    """Whether a ranking of this trial is worth anything: neither its weights nor its pairs are random."""
    return not is_drawn(trial.dataset) and not (trial.reranker or "").startswith("shape:")


def prepare(plan: Plan, tell: Progress, *, runs_here: bool = True) -> list[Prepared]:
    """The plan's trials with their inputs; what is there as ``auto`` and by name is there once.

    On a cluster (not ``runs_here``) a device is what it is where a trial lands.
    Raises DataError, ModelError or DeviceError.
    """
    finder = _Finder(plan.base, tell, runs_here)
    prepared: dict[str, Prepared] = {}
    for asked in plan.trials:
        found = finder.find(asked)
        prepared.setdefault(found.trial.id, found)
    return list(prepared.values())


def prepare_each(trials: Sequence[Trial], base: Path, tell: Progress) -> list[Prepared | RerankBenchError]:
    """For each trial its inputs, or the error that keeps it from being run; what is not there is looked for once."""
    finder = _Finder(base, tell, runs_here=True)
    found: list[Prepared | RerankBenchError] = []
    for trial in trials:
        try:
            found.append(finder.find(trial))
        except RerankBenchError as error:
            found.append(error)
    return found


@dataclass
class _Finder:
    """Looks inputs up, each once: what is found, and what is not."""

    base: Path
    tell: Progress
    runs_here: bool
    datasets: dict[tuple[str, str, int | None, int], Dataset | RerankBenchError] = field(default_factory=dict)
    models: dict[tuple[str, str | None, Hub, bool], ModelFiles | RerankBenchError] = field(default_factory=dict)
    lists: dict[tuple[str, str, int | None, int, str | None], Lists | RerankBenchError] = field(default_factory=dict)
    software: str = field(default_factory=software)
    began: float = field(default_factory=time.time)

    def find(self, asked: Trial) -> Prepared:
        check_engine(asked)
        dataset = None if is_drawn(asked.dataset) else self._dataset(asked)
        inputs = {"dataset": dataset.checksum if dataset else asked.dataset, "software": self.software}
        notes: tuple[str, ...] = ()
        if dataset is not None and asked.retriever == "given":
            lists = self._lists(asked, dataset)
            inputs |= lists.inputs
            notes = lists.doubts(asked.depth)
        if asked.reranker is not None and not asked.url:
            self._model(asked.reranker, asked.reranker_revision, asked.hub, trusted=asked.trust_remote_code)
        trial, note = choose_engine(asked, self.base)
        for role, name, revision in (
            ("embedder", trial.embedder, trial.embedder_revision),
            ("reranker", trial.reranker, trial.reranker_revision),
        ):
            if name is not None and not (role == "reranker" and trial.url):
                trusted = trial.trust_remote_code and (role == "embedder" or runs_code(trial.engine))
                files = self._model(name, revision, trial.hub, trusted=trusted)
                inputs[role], inputs[f"{role}_revision"] = files.fingerprint, files.revision
                if trusted and role == "embedder" and own_code(files.path):
                    notes = (*notes, code_was_run(name, files.revision))  # a reranker's engine says it of its own
        if trial.reranker is not None:
            inputs |= optional_versions(extras(trial))
        if trial.url:
            inputs["reranker"] = f"served at {trial.url}; its weights cannot be seen from here"
        facts = dataset_facts(dataset) if dataset else drawn_facts(parse_drawn(trial.dataset))
        notes = (*notes, *((note,) if note else ()), *advice(trial, facts["documents"]))
        began = self.began if self.runs_here else 0.0
        return Prepared(_resolved(trial, self.runs_here), dataset, facts, inputs, notes, began)

    def _dataset(self, trial: Trial) -> Dataset:
        key = (trial.dataset, trial.split, trial.max_queries, trial.seed)

        def load() -> Dataset:
            self.tell(f"check {label(trial.dataset)}", 0, 0)
            return load_trial_dataset(trial, self.base, self.tell)

        return _once(self.datasets, key, load)

    def _lists(self, trial: Trial, dataset: Dataset) -> Lists:
        key = (trial.dataset, trial.split, trial.max_queries, trial.seed, trial.candidates)
        return _once(self.lists, key, lambda: find_lists(trial, dataset, self.base))

    def _model(self, name: str, revision: str | None, hub: Hub, *, trusted: bool) -> ModelFiles:
        def look() -> ModelFiles:
            self.tell(f"find {name}", 0, 0)
            files = resolve_model(located(name, self.base), revision, hub, trusted=trusted)
            if trusted and own_code(files.path):
                log.warning("trust_remote_code: code of %s from %s is run on this machine", name, files.revision)
            return files

        return _once(self.models, (name, revision, hub, trusted), look)


def _once(known: dict[K, V | RerankBenchError], key: K, find: Callable[[], V]) -> V:
    """What was found for ``key``, or is found now; an error is raised again without looking again."""
    if key not in known:
        try:
            known[key] = find()
        except RerankBenchError as error:
            known[key] = error
    found = known[key]
    if isinstance(found, RerankBenchError):
        raise found
    return found


def _resolved(trial: Trial, runs_here: bool) -> Trial:
    """The trial with ``auto`` replaced by what it means here, which is what its figures belong to."""
    if not uses_model(trial):
        return replace(trial, device="cpu")
    size = trial.batch_size
    if trial.reranker is not None and size is None:
        size = engine_class(trial.engine).own_batch_size
    if not runs_here:
        return replace(trial, batch_size=size)
    device = resolve_device(trial.device)
    dtype: Any = resolve_dtype(trial.dtype, device)
    return replace(trial, device=device, dtype=dtype, batch_size=size)
