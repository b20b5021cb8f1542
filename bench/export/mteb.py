"""Result files that the package mteb loads: one per dataset and model, where its cache keeps them.

::

    mteb/results/MODEL/REVISION/TASK.json         read with mteb.ResultCache("FOLDER/mteb").load_results()
    mteb/results/MODEL/REVISION/model_meta.json
    mteb/results/MODEL/REVISION/experiments/SETTINGS/…    where a model was run with several settings

Only what was measured is written. What mteb would have to have measured itself (its version, the time, the emissions)
is null. The key ``rerankbench`` says where the figures are from; mteb passes over it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from bench.export.mteb_names import (
    Model,
    differing_fields,
    experiment_folder,
    first_stage_of,
    languages,
    measure_name,
    model_of,
    task_file_name,
)
from bench.export.source import File, Note, Source
from bench.fetch import card_of, is_fetched
from bench.keys import SPEED_FIELDS, quality_key
from bench.report.groups import dataset_name, judged_queries
from bench.report.words import clean, measure_title
from bench.types import ConfigError, Trial, TrialResult

_SETTINGS = tuple(
    field.name for field in fields(Trial) if field.name not in (SPEED_FIELDS - {"depth"}) | {"dataset", "split"}
)
"""The fields on which a ranking depends, the set aside."""
_META = (
    "release_date", "languages", "n_parameters", "memory_usage_mb", "max_tokens", "embed_dim", "license",
    "open_weights", "public_training_code", "public_training_data", "similarity_fn_name", "use_instructions",
    "training_datasets", "loader",
)  # fmt: skip
"""What mteb wants said of a model, and what a trial does not know."""


@dataclass(frozen=True, slots=True)
class Task:
    """A set as mteb knows it. A task of several sets, languages say, has a ``subset`` for each, and one file."""

    name: str
    subset: str = "default"


@dataclass(frozen=True, slots=True)
class Entry:
    """A judged trial, with the model and the task that its figures belong to."""

    result: TrialResult
    model: Model
    task: Task

    @property
    def split(self) -> str:
        return str(self.result.dataset.get("split") or self.result.trial.split)


def files(source: Source, note: Note) -> Iterator[File]:
    """The files, a model at a time; trials of one model that differ in speed alone are one result.

    Raises ConfigError for a task that is named for no dataset here, where two datasets would be the same task, and for
    a main score that mteb or the trials do not have.
    """
    measured = dict.fromkeys(name for result in source.results if result.quality for name in result.quality.means)
    if not measured:
        note("No trial here was judged.")
        return
    if source.main_score not in measured or measure_name(source.main_score) is None:
        known = ", ".join(name for name in measured if measure_name(name)) or "none"
        raise ConfigError(f"--main-score {source.main_score!r} is no measure that mteb and these trials have: {known}")
    of_model: dict[Model, list[Entry]] = {}
    for entry in _entries(source, note):
        of_model.setdefault(entry.model, []).append(entry)
    for model, members in of_model.items():
        yield from _of_model(model, members, source, note)


def _entries(source: Source, note: Note) -> list[Entry]:
    """Those of the results that can be written, each ranking once."""
    tasks = _tasks(source, note)
    found: dict[tuple[str, int, str], Entry] = {}
    for result in source.results:
        if result.quality is None:
            continue
        if source.main_score not in result.quality.means:
            note(f"“{clean(result.trial.pipeline)}” has no value of {measure_title(source.main_score)}: no mteb file.")
            continue
        unnamed = [name for name in result.quality.means if measure_name(name) is None]
        if unnamed:
            note(f"mteb has no name for {', '.join(unnamed)}: left out of its files.")
        if result.trial.max_queries is not None:
            note(
                f"Figures of a sample of {judged_queries(result):,} queries are not those of the task: do not publish."
            )
        entry = Entry(result, model_of(result), tasks[result.trial.dataset])
        found.setdefault((quality_key(result.trial), result.trial.depth, entry.model.name), entry)
    return list(found.values())


def _tasks(source: Source, note: Note) -> dict[str, Task]:
    """A trial's dataset -> its task: as asked, as its card has it, or by the dataset's own name."""
    datasets = {result.trial.dataset: dataset_name(result) for result in source.results if result.quality}
    for asked in source.tasks:
        if asked not in datasets and asked not in datasets.values():
            raise ConfigError(
                f"--task {asked}=…: there is no such dataset here; there is {', '.join(datasets.values())}"
            )
    named: dict[str, Task] = {}
    for path, name in datasets.items():
        given = source.tasks.get(path) or source.tasks.get(name)
        task = Task(task_file_name(given)) if given else _from_card(path)
        if task is None:
            note(
                f"{name} has no card that says mteb's name of it: its own stands there (--task '{name}=TASK' names it)."
            )
        named[path] = task or Task(task_file_name(name))
    by_task: dict[Task, str] = {}
    for path, task in named.items():
        if by_task.setdefault(task, path) != path:
            raise ConfigError(
                f"{path} and {by_task[task]} would both be the task {task.name}; name one with --task '{path}=TASK'"
            )
    return named


def _from_card(dataset: str) -> Task | None:
    if not is_fetched(dataset):
        return None
    card = card_of(dataset)
    subset = next((origin.subset for origin in card.origins if origin.subset), "default")
    return Task(card.mteb, subset) if card.mteb else None


def _of_model(model: Model, entries: Sequence[Entry], source: Source, note: Note) -> Iterator[File]:
    """A model's files; those of several settings are in a folder each, as mteb keeps experiments."""
    by_place: dict[tuple[Task, str], int] = {}
    for entry in entries:
        by_place[entry.task, entry.split] = by_place.get((entry.task, entry.split), 0) + 1
    several = max(by_place.values()) > 1
    varied = differing_fields([entry.result.trial for entry in entries], _SETTINGS) if several else ()
    if several:
        note(
            f"{model.name} was run with several settings ({', '.join(varied)}): its files are under experiments/, and "
            'load_results(load_experiments="match_name") reads them.'
        )
    written: dict[str, tuple[dict[str, Any], dict[str, list[Entry]]]] = {}  # folder -> settings, task's name -> entries
    for entry in entries:
        settings = {name: getattr(entry.result.trial, name) for name in varied}
        folder = f"mteb/results/{model.folder}" + (f"/experiments/{experiment_folder(settings)}" if settings else "")
        written.setdefault(folder, (settings, {}))[1].setdefault(entry.task.name, []).append(entry)
    for folder, (settings, tasks) in written.items():
        yield _json(f"{folder}/model_meta.json", _meta(model, settings))
        for task, members in tasks.items():
            yield _json(f"{folder}/{task}.json", _task_result(task, members, source.main_score))


def _meta(model: Model, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": model.name,
        "revision": model.revision,
        **dict.fromkeys(_META),
        "framework": [],
        "model_type": [model.kind],
        "experiment_kwargs": dict(settings) or None,
    }


def _task_result(task: str, entries: Sequence[Entry], main_score: str) -> dict[str, Any]:
    first = entries[0].result
    started = [entry.result.started_at for entry in entries if entry.result.started_at]
    scores: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        scores.setdefault(entry.split, []).append(_scores(entry, main_score))
    return {
        "dataset_revision": str(first.dataset.get("revision") or "not stated"),
        "task_name": task,
        "mteb_version": None,
        "scores": scores,
        "evaluation_time": None,
        "kg_co2_emissions": None,
        "date": datetime.fromisoformat(max(started)).timestamp() if started else None,
        "rerankbench": [_origin(entry.result) for entry in entries],
    }


def _scores(entry: Entry, main_score: str) -> dict[str, Any]:
    """The means under mteb's names. Of a reranker mteb also says whose candidates it was given."""
    quality = entry.result.quality
    means = {name: interval.mean for name, interval in quality.means.items()} if quality else {}
    named = {measure_name(name): mean for name, mean in means.items()}
    stage = first_stage_of(entry.result)
    before = {"previous_results_model_meta": {"name": stage.name, "revision": stage.revision}}
    return {
        **{name: mean for name, mean in named.items() if name is not None},
        "main_score": means[main_score],
        "hf_subset": entry.task.subset,
        "languages": languages(list(entry.result.dataset.get("languages") or ())),
        **(before if entry.result.trial.reranker else {}),
    }


def _origin(result: TrialResult) -> dict[str, Any]:
    trial = result.trial
    return {
        "trial": trial.id,
        "pipeline": trial.pipeline,
        "split": trial.split,
        "depth": trial.depth,
        "dataset": result.dataset.get("name"),
        "checksum": result.dataset.get("checksum"),
        "queries": judged_queries(result),
        "version": result.environment.get("packages", {}).get("rerankbench"),
    }


def _json(name: str, content: Mapping[str, Any]) -> File:
    return File(name, json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n")
