"""A claims file -> its claims and the trials that they need. Strict, as every config is: see ``bench.config.plan``.

::

    name: tutorial
    source: {title: …, date: …}           # where all of them were published; a claim's own is laid over it
    experiments:
      legal: {datasets: […], trial: {…}, pipelines: {…}}     # as in any config
    claims:
      - id: legal-recall
        statement: With the reranker the legal test set is recalled to 96.5%.
        experiment: legal
        evidence: proxy                    # or same (default), or subset
        figures:
          - {name: with the reranker, pipeline: reranked, measure: recall@10, expected: "96.5%"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.claims.measures import check_figure
from bench.claims.printed import parse_amount, parse_printed
from bench.claims.words import Claim, Example, Figure, Source
from bench.config.fields import TRIAL_FIELDS
from bench.config.plan import Overrides, expand, read_overrides, read_tree
from bench.reading import as_json, first_problem, unknown
from bench.types import ConfigError, Trial

_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")
_EXPERIMENT = ("datasets", "trial", "pipelines", "axes", "include", "exclude")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Source(_Strict):
    title: str = ""
    date: str = ""
    where: str = ""
    url: str = ""


class _Figure(_Strict):
    name: str
    measure: str
    expected: str
    pipeline: str = ""
    minus: str | None = None
    dataset: str | None = None
    document: int | None = Field(default=None, ge=1)
    where: dict[str, Any] = {}
    options: dict[str, Any] = Field(default={}, alias="with")


class _Examples(_Strict):
    query: str
    documents: list[str] = Field(min_length=1)
    trial: dict[str, Any]


class _Claim(_Strict):
    id: str
    statement: str
    figures: list[_Figure] = Field(min_length=1)
    source: _Source = _Source()
    experiment: str | None = None
    examples: _Examples | None = None
    evidence: Literal["same", "subset", "proxy"] = "same"
    tolerance: str | None = None
    resolution: str | None = None
    hardware: str | None = None
    setup: dict[str, str] = {}
    deviations: list[str] = []
    untestable: str | None = None


class _File(_Strict):
    name: str
    claims: list[_Claim] = Field(min_length=1)
    description: str = ""
    source: _Source = _Source()
    experiments: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class ClaimsFile:
    """``trials`` are those of each experiment as they are to run, ``stated`` the same without the overrides."""

    name: str
    description: str
    claims: tuple[Claim, ...]
    trials: Mapping[str, tuple[Trial, ...]]
    stated: Mapping[str, tuple[Trial, ...]]
    base: Path
    text: str
    overrides: Mapping[str, Any]


def load_claims(path: Path, overrides: Sequence[str] = ()) -> ClaimsFile:
    """Read a claims file; ``overrides`` are Trial fields for all of its experiments. Raises ConfigError."""
    text, tree = read_tree(path)
    forced: Overrides = read_overrides(overrides, path.resolve().parent)
    if forced.top:
        raise ConfigError(f"{', '.join(forced.top)}: each experiment of a claims file has its own; leave it out")
    try:
        file = _File.model_validate_json(as_json(tree, str(path)))
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error)}") from error
    trials, stated = {}, {}
    for name, experiment in file.experiments.items():
        where = f"{path}: experiment {name!r}"
        for key in experiment:
            if key not in _EXPERIMENT:
                raise ConfigError(f"{where}: {unknown('key', key, _EXPERIMENT)}")
        whole = {"name": f"{file.name} {name}", **experiment}
        stated[name] = expand(whole, {}, where).trials
        trials[name] = expand(whole, forced.fields, where).trials
    claims = tuple(_claim(each, file.source, stated, f"{path}: claim {each.id!r}") for each in file.claims)
    ids = [claim.id for claim in claims]
    for claim in claims:
        if ids.count(claim.id) > 1:
            raise ConfigError(f"{path}: two claims have the id {claim.id!r}; ids are unique")
    note = "".join(f"# override: {item}\n" for item in overrides)
    return ClaimsFile(
        file.name, file.description, claims, trials, stated, path.resolve().parent, note + text, forced.fields
    )


def _claim(said: _Claim, shared: _Source, trials: Mapping[str, tuple[Trial, ...]], where: str) -> Claim:
    if not _ID.fullmatch(said.id):
        raise ConfigError(f"{where}: an id has small letters, digits and dashes")
    own = {key: value for key, value in said.source.model_dump().items() if value}
    source = Source(**{**shared.model_dump(), **own})
    if not source.title:
        raise ConfigError(f"{where}: its source has no title; say where the figure was published")
    if said.experiment is not None and said.examples is not None:
        raise ConfigError(f"{where}: it has an experiment and examples; give one of them")
    if said.experiment is None and said.examples is None and said.untestable is None:
        raise ConfigError(f"{where}: name its experiment, or give examples, or say under untestable why there is none")
    if said.experiment is not None and said.experiment not in trials:
        raise ConfigError(f"{where}: {unknown('experiment', said.experiment, tuple(trials))}")
    own_trials = trials.get(said.experiment or "", ())
    figures = tuple(_figure(each, said, own_trials, f"{where}: figure {each.name!r}") for each in said.figures)
    example = None
    if said.examples is not None:
        fields = _trial_fields(said.examples.trial, where)
        example = Example(said.examples.query, tuple(said.examples.documents), fields)
    return Claim(
        id=said.id,
        statement=" ".join(said.statement.split()),
        source=source,
        figures=figures,
        experiment=said.experiment,
        example=example,
        population=said.evidence,
        tolerance=None if said.tolerance is None else parse_amount(said.tolerance, f"{where}: tolerance"),
        resolution=None if said.resolution is None else parse_amount(said.resolution, f"{where}: resolution"),
        hardware=said.hardware,
        setup=said.setup,
        deviations=tuple(" ".join(text.split()) for text in said.deviations),
        untestable=said.untestable and " ".join(said.untestable.split()),
    )


def _figure(said: _Figure, claim: _Claim, trials: Sequence[Trial], where: str) -> Figure:
    options = dict(said.options)
    if said.document is not None:
        options["document"] = said.document
        if claim.examples is not None and said.document > len(claim.examples.documents):
            raise ConfigError(f"{where}: there are {len(claim.examples.documents)} documents, not {said.document}")
    if claim.experiment is not None:
        pipelines = tuple(dict.fromkeys(trial.pipeline for trial in trials))
        for name in (said.pipeline, said.minus):
            if name is not None and name not in pipelines:
                raise ConfigError(f"{where}: {unknown('pipeline', name, pipelines)}")
        datasets = tuple(dict.fromkeys(trial.dataset for trial in trials))
        if said.dataset is not None and said.dataset not in datasets:
            raise ConfigError(f"{where}: {unknown('dataset', said.dataset, datasets)}")
    figure = Figure(
        name=said.name,
        measure=said.measure,
        printed=parse_printed(said.expected, f"{where}: expected"),
        pipeline=said.pipeline,
        minus=said.minus,
        dataset=said.dataset,
        choose=_trial_fields(said.where, where),
        options=options,
    )
    if claim.untestable is None:
        check_figure(figure, trials, scored=claim.examples is not None, where=where)
    return figure


def _trial_fields(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    for key in values:
        if key not in TRIAL_FIELDS:
            raise ConfigError(f"{where}: {unknown('field', key, TRIAL_FIELDS)}")
    return dict(values)
