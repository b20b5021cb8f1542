"""All trials of a figure -> its evidence, or what is missing. A figure of several sets is the mean over their tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from bench.claims.measures import Tested, is_quality, picks, read
from bench.claims.reach import reach
from bench.claims.verdict import LEVEL
from bench.claims.words import Claim, Evidence, Figure, Missing, Population
from bench.fetch import card_of, is_fetched
from bench.stats import bootstrap_means
from bench.types import RerankBenchError, Trial

_NAMED = 3

Outcome = Tested | RerankBenchError
"""A trial that has finished, or the error that kept it from being run."""


def evidence(
    claim: Claim, figure: Figure, trials: Sequence[Trial], outcomes: Mapping[str, Outcome]
) -> Evidence | Missing:
    """What the claim's trials say of one of its figures; ``outcomes`` are by the id of the trial as asked for."""
    chosen = _chosen(figure, figure.pipeline, trials)
    if isinstance(chosen, Missing):
        return chosen
    tested = _tested([*chosen, *_others(figure, trials)], outcomes)
    if isinstance(tested, Missing):
        return tested
    ours = [tested[trial.id] for trial in chosen]
    population = _population(claim, ours)
    if is_quality(figure.measure):
        return _quality(figure, ours, [tested[trial.id] for trial in _others(figure, trials)], population)
    if len(ours) > 1:
        return Missing("several sets have it; name one of them with dataset")
    found = read(ours[0], figure, population)
    return _placed(claim.hardware, ours[0], found) if claim.hardware else found


def _chosen(figure: Figure, pipeline: str, trials: Sequence[Trial]) -> list[Trial] | Missing:
    """One trial for each set, in their order."""
    found = [
        trial
        for trial in trials
        if trial.pipeline == pipeline and figure.dataset in (None, trial.dataset) and picks(figure, trial)
    ]
    sets = [(trial.dataset, trial.split) for trial in found]
    if not found:
        return Missing(f"no trial of the pipeline {pipeline!r} fits; see pipeline, dataset and where")
    if len(set(sets)) < len(sets):
        return Missing(f"{len(sets)} trials of the pipeline {pipeline!r} fit; say which with where")
    return found


def _others(figure: Figure, trials: Sequence[Trial]) -> list[Trial]:
    found = _chosen(figure, figure.minus, trials) if figure.minus else []
    return [] if isinstance(found, Missing) else found


def _tested(trials: Sequence[Trial], outcomes: Mapping[str, Outcome]) -> dict[str, Tested] | Missing:
    reasons: dict[str, None] = {}
    tested = {}
    for trial in trials:
        outcome = outcomes[trial.id]
        if isinstance(outcome, RerankBenchError):
            reasons[brief(outcome)] = None
        elif outcome.result.status != "ok":
            reasons[f"the trial ended as {outcome.result.status}: {outcome.result.message}"] = None
        else:
            tested[trial.id] = outcome
    if len(reasons) > 1:
        named = [re.split("; fetch it with|; where to get it", reason)[0] for reason in reasons][:_NAMED]
        more = f"; and {len(reasons) - _NAMED} more things are missing" if len(reasons) > _NAMED else ""
        return Missing("; ".join(named) + more)
    return Missing("; ".join(reasons)) if reasons else tested


def brief(error: RerankBenchError) -> str:
    """The first line of an error, without the library's own words and without what the cache lacks."""
    line = str(error).splitlines()[0]
    return re.sub(r" \([A-Z]\w*(?:Error|Exception|Timeout):[^)]*\)|\. The cache[^.]*\(.*$", "", line).rstrip(".")


def _population(claim: Claim, tested: Sequence[Tested]) -> Population:
    sampled = any(each.item.trial.max_queries is not None for each in tested)
    return "subset" if sampled and claim.population == "same" else claim.population


def _quality(
    figure: Figure, ours: Sequence[Tested], others: Sequence[Tested], population: Population
) -> Evidence | Missing:
    groups, bases = [], list[Mapping[str, float]]()
    for place, each in enumerate(ours):
        quality = each.result.quality
        if quality is None:
            return Missing("the trial has no quality: its weights are random, or its pairs are drawn")
        values = quality.per_query[figure.measure]
        if figure.minus:
            theirs = others[place].result.quality
            if theirs is None:
                return Missing("the pipeline that is taken off has no quality")
            base = theirs.per_query[figure.measure]
            values = {query_id: value - base[query_id] for query_id, value in values.items()}
            bases.append(base)
        groups.append(np.fromiter(values.values(), dtype=np.float64))
    weights = task_weights([each.item.trial.dataset for each in ours])
    interval = bootstrap_means(groups, level=LEVEL, weights=weights)

    def figure_of(values: Sequence[Mapping[str, float]]) -> float:
        taken_off = [fmean(base.values()) for base in bases] or [0.0] * len(values)
        means = [fmean(of.values()) - base for of, base in zip(values, taken_off, strict=True)]
        return float(np.average(means, weights=weights))

    bound = reach(figure, ours, figure_of) if interval.mean < figure.printed.value else None
    return Evidence(interval.mean, interval.low, interval.high, sum(map(len, groups)), population, reach=bound)


def task_weights(datasets: Sequence[str]) -> list[float]:
    """What each set counts for in a mean: every task alike, and within a task (by the card) every set alike.

    So mteb averages a task that has a set per language.
    """
    tasks = [_task(name) for name in datasets]
    return [1 / tasks.count(task) for task in tasks]


def _task(dataset: str) -> str:
    return (is_fetched(dataset) and card_of(dataset).mteb) or dataset


def _placed(hardware: str, tested: Tested, found: Evidence | Missing) -> Evidence | Missing:
    """What was found, with what it was measured on where that is not the hardware of the claim."""
    facts = tested.result.environment
    here = str(facts.get("device_name") or facts.get("cpu") or "this machine")
    if _plain(hardware) in _plain(here):
        return found
    if isinstance(found, Missing):
        return Missing(f"it is about {hardware}, and this is {here}: {found.reason}")
    return replace(found, elsewhere=f"it is about {hardware}; the figure beside it was measured on {here}")


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
