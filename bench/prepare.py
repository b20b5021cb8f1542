"""Finds every input of every trial before the first one runs, so that what is missing is said in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.config.plan import Plan
from bench.hub import located, resolve_model
from bench.judge import dataset_facts
from bench.machine.device import optional_versions, package_versions, resolve_device, resolve_dtype
from bench.rerankers import check_engine, choose_engine, engine_class, extras
from bench.synthetic import drawn_facts, is_drawn, parse_drawn
from bench.trial import load_trial_dataset, uses_model
from bench.types import Dataset, Progress, Trial


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trial whose inputs were found: device and dtype resolved, set checked, models on disk and fingerprinted.

    ``dataset`` is None for drawn pairs, which are drawn where they are scored; ``facts`` says what there is to say.
    """

    trial: Trial
    dataset: Dataset | None
    facts: Mapping[str, Any]
    inputs: Mapping[str, str]
    notes: tuple[str, ...] = ()


def can_be_judged(trial: Trial) -> bool:
    """Whether a ranking of this trial is worth anything: neither its weights nor its pairs are random."""
    return not is_drawn(trial.dataset) and not (trial.reranker or "").startswith("shape:")


def prepare(plan: Plan, tell: Progress, *, runs_here: bool = True) -> list[Prepared]:
    """The plan's trials with their inputs; what is there as ``auto`` and by name is there once.

    On a cluster (not ``runs_here``) a device is what it is where a trial lands.
    Raises DataError, ModelError or DeviceError.
    """
    datasets: dict[tuple[str, str, int | None, int], Dataset] = {}
    models: dict[tuple[str, str | None, str], tuple[str, str]] = {}
    software = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    prepared: dict[str, Prepared] = {}
    for asked in plan.trials:
        check_engine(asked)
        dataset = None
        if not is_drawn(asked.dataset):
            key = (asked.dataset, asked.split, asked.max_queries, asked.seed)
            if key not in datasets:
                tell(f"check {asked.dataset}", 0, 0)
                datasets[key] = load_trial_dataset(asked, plan.base)
            dataset = datasets[key]
        inputs = {"dataset": dataset.checksum if dataset else asked.dataset, "software": software}
        if asked.reranker is not None and asked.engine == "auto":
            tell(f"find {asked.reranker}", 0, 0)
        trial, note = choose_engine(asked, plan.base)
        for role, name, revision in (
            ("embedder", trial.embedder, trial.embedder_revision),
            ("reranker", trial.reranker, trial.reranker_revision),
        ):
            if name is not None and not (role == "reranker" and trial.url):
                asked_for = (name, revision, trial.hub)
                if asked_for not in models:
                    tell(f"find {name}", 0, 0)
                    files = resolve_model(located(name, plan.base), revision, trial.hub)
                    models[asked_for] = files.fingerprint, files.revision
                inputs[role], inputs[f"{role}_revision"] = models[asked_for]
        if trial.reranker is not None:
            inputs |= optional_versions(extras(trial))
        if trial.url:
            inputs["reranker"] = f"served at {trial.url}; its weights cannot be seen from here"
        facts = dataset_facts(dataset) if dataset else drawn_facts(parse_drawn(trial.dataset))
        found = _resolved(trial, runs_here)
        prepared.setdefault(found.id, Prepared(found, dataset, facts, inputs, (note,) if note else ()))
    return list(prepared.values())


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
