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
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.claims.measures import check_figure
from bench.claims.printed import parse_amount, parse_printed
from bench.claims.words import Claim, Example, Figure, Source
from bench.config.fields import TRIAL_FIELDS, make_trial
from bench.config.plan import Overrides, expand, read_overrides
from bench.reading import COMMAND_LINE, checked, inside, read_config, unknown
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


class _Options(_Strict):
    """What measures take beside a figure, see ``bench.claims.measures``; which measure takes which is checked there."""

    at: float | None = Field(default=None, ge=0, le=1)
    width: float | None = Field(default=None, gt=0, le=1)
    long: int | None = Field(default=None, ge=0)
    short: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] | None = None
    document: int | None = Field(default=None, ge=1)


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
    config = read_config(path, "name, experiments and claims")
    place = config.place
    forced: Overrides = read_overrides(overrides, path.resolve().parent)
    if forced.top:
        raise ConfigError(
            f"{COMMAND_LINE}: {', '.join(forced.top)}: each experiment of a claims file has its own; leave it out"
        )
    file = checked(_File, config.tree, place)
    trials, stated = {}, {}
    for name, experiment in file.experiments.items():
        where = inside(place, "experiments", name, said=f"experiment {name!r}")
        for key in experiment:
            if key not in _EXPERIMENT:
                raise ConfigError(f"{inside(where, key)}: {unknown('key', key, _EXPERIMENT)}")
        whole = {"name": f"{file.name} {name}", **experiment}
        stated[name] = expand(whole, {}, where).trials
        trials[name] = expand(whole, forced.fields, where).trials
    places = [inside(place, "claims", number, said=f"claim {each.id!r}") for number, each in enumerate(file.claims)]
    claims = tuple(_claim(each, file.source, stated, where) for each, where in zip(file.claims, places, strict=True))
    seen: set[str] = set()
    for claim, where in zip(claims, places, strict=True):
        if claim.id in seen:
            raise ConfigError(f"{inside(where, 'id')}: two claims have the id {claim.id!r}; ids are unique")
        seen.add(claim.id)
    note = "".join(f"# override: {item}\n" for item in overrides)
    return ClaimsFile(
        file.name, file.description, claims, trials, stated, path.resolve().parent, note + config.text, forced.fields
    )


def _claim(said: _Claim, shared: _Source, trials: Mapping[str, tuple[Trial, ...]], where: str) -> Claim:
    if not _ID.fullmatch(said.id):
        raise ConfigError(f"{inside(where, 'id')}: an id has small letters, digits and dashes")
    own = {key: value for key, value in said.source.model_dump().items() if value}
    source = Source(**{**shared.model_dump(), **own})
    if not source.title:
        raise ConfigError(f"{where}: its source has no title; say where the figure was published")
    if said.experiment is not None and said.examples is not None:
        raise ConfigError(f"{where}: it has an experiment and examples; give one of them")
    if said.experiment is None and said.examples is None and said.untestable is None:
        raise ConfigError(f"{where}: name its experiment, or give examples, or say under untestable why there is none")
    if said.experiment is not None and said.experiment not in trials:
        raise ConfigError(f"{inside(where, 'experiment')}: {unknown('experiment', said.experiment, tuple(trials))}")
    own_trials = trials.get(said.experiment or "", ())
    figures = tuple(
        _figure(each, said, own_trials, inside(where, "figures", number, said=f"figure {each.name!r}"))
        for number, each in enumerate(said.figures)
    )
    example = None
    if said.examples is not None:
        place = inside(where, "examples", "trial", said="examples")
        fields = _trial_fields(said.examples.trial, place)
        for name in ("dataset", "pipeline", "retriever"):
            if name in fields:
                raise ConfigError(f"{inside(place, name)}: examples have no {name}; leave it out")
        make_trial({**fields, "dataset": "examples", "pipeline": "examples", "retriever": "given"}, place)
        example = Example(said.examples.query, tuple(said.examples.documents), fields)
    return Claim(
        id=said.id,
        statement=" ".join(said.statement.split()),
        source=source,
        figures=figures,
        experiment=said.experiment,
        example=example,
        population=said.evidence,
        tolerance=None
        if said.tolerance is None
        else parse_amount(said.tolerance, inside(where, "tolerance", said="tolerance")),
        resolution=None
        if said.resolution is None
        else parse_amount(said.resolution, inside(where, "resolution", said="resolution")),
        hardware=said.hardware,
        setup=said.setup,
        deviations=tuple(" ".join(text.split()) for text in said.deviations),
        untestable=said.untestable and " ".join(said.untestable.split()),
    )


def _figure(said: _Figure, claim: _Claim, trials: Sequence[Trial], where: str) -> Figure:
    options = dict(said.options)
    if said.document is not None:
        options["document"] = said.document
    if claim.experiment is not None:
        pipelines = tuple(dict.fromkeys(trial.pipeline for trial in trials))
        for key, name in (("pipeline", said.pipeline), ("minus", said.minus)):
            if name is not None and name not in pipelines:
                raise ConfigError(f"{inside(where, key)}: {unknown('pipeline', name, pipelines)}")
        datasets = tuple(dict.fromkeys(trial.dataset for trial in trials))
        if said.dataset is not None and said.dataset not in datasets:
            raise ConfigError(f"{inside(where, 'dataset')}: {unknown('dataset', said.dataset, datasets)}")
    figure = Figure(
        name=said.name,
        measure=said.measure,
        printed=parse_printed(said.expected, inside(where, "expected", said="expected")),
        pipeline=said.pipeline,
        minus=said.minus,
        dataset=said.dataset,
        choose=_trial_fields(said.where, inside(where, "where", said="where")),
        options=options,
    )
    if claim.untestable is None:
        check_figure(figure, trials, scored=claim.examples is not None, where=where)
        asked = checked(_Options, options, inside(where, "with", said="with"))
        if claim.examples is not None and (asked.document or 0) > (count := len(claim.examples.documents)):
            raise ConfigError(f"{inside(where, 'document')}: there are {count} documents, not {asked.document}")
        if asked.short is not None and asked.short[0] > asked.short[1]:
            raise ConfigError(f"{inside(where, 'with', 'short')}: short is [at least, at most], given {asked.short}")
    return figure


def _trial_fields(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    for key in values:
        if key not in TRIAL_FIELDS:
            raise ConfigError(f"{inside(where, key)}: {unknown('field', key, TRIAL_FIELDS)}")
    return dict(values)
