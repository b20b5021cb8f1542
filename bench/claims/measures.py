"""What finished trials say of a figure, by the name of its measure.

=======================  ====================================================================================
ndcg@10, recall@100 …    every measure of ``bench.measures``, over queries; over several sets the mean of their means
latency_p50_s, _p95_s,   of single queries; throughput_qps and throughput_pps of all at once;
_p99_s, load_s …         the others as in ``summary.csv``
checkpoint_bytes         the reranker's files on disk: weights, tokenizer, configuration
probability              of one document of ``examples``
relevant_share           of judged candidates with a probability within ``at`` ± ``width``: the relevant ones
calibration_error        expected calibration error over judged candidates, ten bins of equal width
long_minus_short         mean probability of relevant documents longer than ``long`` characters, minus that of those
                         with ``short: [at least, at most]`` characters
=======================  ====================================================================================
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import derived
from bench.claims.verdict import LEVEL
from bench.claims.words import Evidence, Figure, Missing, Population
from bench.config.fields import live_values
from bench.measures import CUT_OFF_MEASURES, WHOLE_MEASURES, check_measure
from bench.prepare import Prepared
from bench.rerankers.scores import sigmoid
from bench.stats import bootstrap_sums, percentile_interval, wilson
from bench.store import Store
from bench.types import ConfigError, Interval, Trial, TrialResult


@dataclass(frozen=True, slots=True)
class Tested:
    """A finished trial with what it was made from, and the folder that holds its rankings."""

    item: Prepared
    result: TrialResult
    store: Store


Reading = Callable[[Tested, Figure, Population], "Evidence | Missing"]

SCORED = "probability"
_BINS, _ENOUGH = 10, 5
OPTIONS: dict[str, tuple[str, ...]] = {
    "relevant_share": ("at", "width"), "long_minus_short": ("long", "short"), SCORED: ("document",),
}  # fmt: skip


def is_quality(measure: str) -> bool:
    base, _, _ = measure.partition("@")
    return base in (*CUT_OFF_MEASURES, *WHOLE_MEASURES)


def check_figure(figure: Figure, trials: Sequence[Trial], *, scored: bool, where: str) -> None:
    """Raises ConfigError for a measure that is not known, that takes other options, or that no trial takes."""
    if scored != (figure.measure == SCORED):
        raise ConfigError(
            f"{where}: examples are measured by {SCORED!r}, and nothing else is; given {figure.measure!r}"
        )
    wanted = OPTIONS.get(figure.measure, ())
    for name in figure.options:
        if name not in wanted:
            raise ConfigError(f"{where}: the measure {figure.measure} takes no option {name!r}")
    for name in wanted:
        if name not in figure.options:
            raise ConfigError(f"{where}: the measure {figure.measure} needs {name!r}")
    if is_quality(figure.measure):
        try:
            check_measure(figure.measure)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        ours = [trial for trial in trials if trial.pipeline in (figure.pipeline, figure.minus)]
        if any(figure.measure not in trial.measures for trial in ours):
            raise ConfigError(f"{where}: {figure.measure} is not among the measures of the trials; add it there")
        return
    if figure.measure not in (*READINGS, SCORED):
        near = difflib.get_close_matches(figure.measure, (*READINGS, SCORED), 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"{where}: unknown measure {figure.measure!r}.{hint} Known: those of quality, such as ndcg@10, "
            f"{', '.join(READINGS)}, {SCORED}"
        )
    if figure.minus is not None:
        raise ConfigError(f"{where}: minus is for measures of quality, and {figure.measure} is none")


def read(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
    """The evidence of one trial for a figure that is not of quality."""
    return READINGS[figure.measure](tested, figure, population)


# ---------------------------------------------------------------------------------------------------------- cost


def _latency(q: float) -> Reading:
    def reading(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
        samples = tested.result.cost.latency_s if tested.result.cost else ()
        if not samples:
            return Missing("no latency was measured: the scenario single_stream was not run")
        interval = percentile_interval(samples, q, LEVEL)
        value = derived.latency(tested.result, q) or 0.0
        low, high = (interval.low, interval.high) if interval else (min(samples), max(samples))
        return Evidence(value, low, high, len(samples), population, "samples")

    return reading


def _rate(amount: Callable[[TrialResult], int | None]) -> Reading:
    """Per second over the offline rounds: their median, from the slowest to the fastest."""

    def reading(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
        count, rounds = amount(tested.result), tested.result.cost.offline_s if tested.result.cost else ()
        middle = derived.offline_seconds(tested.result)
        if not count or not rounds or not middle:
            return Missing("no throughput was measured: the scenario offline was not run")
        return Evidence(count / middle, count / max(rounds), count / min(rounds), len(rounds), population, "rounds")

    return reading


def _single(value: Callable[[TrialResult], float | int | None]) -> Reading:
    def reading(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
        found = value(tested.result)
        if found is None:
            why = tested.result.cost.unmeasured.get(figure.measure, "") if tested.result.cost else ""
            return Missing(f"{figure.measure} was not measured here{': ' + why if why else ''}")
        return Evidence(float(found), float(found), float(found), 1, population, "measurements")

    return reading


def _server_rate(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
    """From the highest rate that kept within the bound to the next that did not, where one was tried."""
    points = tested.result.cost.load_points if tested.result.cost else ()
    if not points:
        return Missing("no rate was measured: the scenario server was not run")
    kept = derived.server_qps(tested.result) or 0.0
    above = [point.offered_qps for point in points if point.offered_qps > kept]
    return Evidence(kept, kept, min(above, default=math.inf), len(points), population, "rates")


def _checkpoint_bytes(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
    from bench.hub import resolve_model
    from bench.hub.folder import decisive_files
    from bench.rerankers import runs_code

    trial = tested.item.trial
    if trial.reranker is None or trial.url:
        return Missing("the pipeline has no reranker on this machine")
    trusted = trial.trust_remote_code and runs_code(trial.engine)
    path = resolve_model(trial.reranker, trial.reranker_revision, trial.hub, trusted=trusted).path
    files = decisive_files(path, code=trusted)
    size = float(sum(path.stat().st_size for path in files))
    return Evidence(size, size, size, len(files), population, "files")


# ---------------------------------------------------------------------------------------- probabilities and judgements


@dataclass(frozen=True, slots=True)
class _Judged:
    """A candidate that somebody has judged, with the reranker's probability of "yes"."""

    query_id: str
    document_id: str
    probability: float
    relevant: bool


def _judged(tested: Tested) -> list[_Judged] | Missing:
    from bench.keys import quality_key

    result, dataset = tested.result, tested.item.dataset
    made = tested.store.find_quality(quality_key(tested.item.trial), result.inputs, result.trial.depth)
    if dataset is None or result.run_file is None or made is None:
        return Missing("there are no judged scores to read")
    if made.unit == "score":
        return Missing(f"the engine {result.trial.engine} gives scores that are no probabilities")
    run = tested.store.read_run(result.run_file, result)
    return [
        _Judged(query_id, doc.doc_id, sigmoid(doc.score) if made.unit == "logit" else doc.score, grades[doc.doc_id] > 0)
        for query_id, grades in dataset.qrels.items()
        for doc in run.get(query_id, ())
        if doc.doc_id in grades
    ]


def _by_query(judged: Sequence[_Judged]) -> list[list[_Judged]]:
    held: dict[str, list[_Judged]] = {}
    for each in judged:
        held.setdefault(each.query_id, []).append(each)
    return list(held.values())


def _relevant_share(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
    judged = _judged(tested)
    if isinstance(judged, Missing):
        return judged
    at, width = float(figure.options["at"]), float(figure.options["width"])
    queries = _by_query([each for each in judged if abs(each.probability - at) <= width])
    if not queries:
        return Missing(f"no judged candidate has a probability within {at:g} ± {width:g}")
    interval = share_of([(sum(each.relevant for each in of), len(of)) for of in queries])
    return Evidence(interval.mean, interval.low, interval.high, len(queries), population)


def share_of(pairs: Sequence[tuple[float, float]]) -> Interval:
    """Sum of the first over sum of the second; where all agree, resampling sees no spread, and Wilson does."""
    interval = bootstrap_sums(pairs, lambda sums: sums[:, 0] / sums[:, 1], level=LEVEL)
    if interval.low < interval.high:
        return interval
    low, high = wilson(interval.mean, len(pairs), LEVEL)
    return Interval(interval.mean, low, high)


def _calibration_error(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
    judged = _judged(tested)
    if isinstance(judged, Missing):
        return judged
    queries = _by_query(judged)
    if not queries:
        return Missing("no candidate has a judgement")
    interval = calibration_error([[(each.probability, each.relevant) for each in of] for of in queries])
    return Evidence(interval.mean, interval.low, interval.high, len(queries), population)


def calibration_error(queries: Sequence[Sequence[tuple[float, bool]]]) -> Interval:
    """Expected calibration error of (probability, relevant): mean distance, over ten bins, of the two means.

    Resampling adds noise to every bin and so error: the interval may lie a little high, never low.
    """
    rows = np.zeros((len(queries), 2 * _BINS))
    for row, of in zip(rows, queries, strict=True):
        for probability, relevant in of:
            place = min(_BINS - 1, int(probability * _BINS))
            row[place] += probability - relevant
            row[_BINS + place] += 1
    return bootstrap_sums(
        rows, lambda sums: np.abs(sums[:, :_BINS]).sum(axis=1) / sums[:, _BINS:].sum(axis=1), level=LEVEL
    )


def _long_minus_short(tested: Tested, figure: Figure, population: Population) -> Evidence | Missing:
    judged = _judged(tested)
    if isinstance(judged, Missing) or tested.item.dataset is None:
        return judged if isinstance(judged, Missing) else Missing("there is no corpus")
    relevant = [each for each in judged if each.relevant]
    wanted = {each.document_id for each in relevant}
    lengths = {doc.id: len(doc.content) for doc in tested.item.dataset.corpus if doc.id in wanted}
    (least, most), above = figure.options["short"], figure.options["long"]
    rows = []
    for of in _by_query(relevant):
        long = [each.probability for each in of if lengths[each.document_id] > above]
        short = [each.probability for each in of if least <= lengths[each.document_id] <= most]
        rows.append((sum(long), len(long), sum(short), len(short)))
    _, longs, _, shorts = np.sum(rows, axis=0) if rows else (0, 0, 0, 0)
    if min(longs, shorts) < _ENOUGH:
        return Missing(
            f"{longs:.0f} relevant candidates are longer than {above} characters and {shorts:.0f} have {least} to "
            f"{most}; at least {_ENOUGH} of each are needed"
        )
    with np.errstate(invalid="ignore"):  # a resample without one of the two is passed over
        interval = bootstrap_sums(rows, lambda s: s[:, 0] / s[:, 1] - s[:, 2] / s[:, 3], level=LEVEL)
    return Evidence(interval.mean, interval.low, interval.high, len(rows), population)


def _cost(name: str) -> Reading:
    return _single(lambda result: getattr(result.cost, name) if result.cost else None)


READINGS: dict[str, Reading] = {
    "latency_p50_s": _latency(50),
    "latency_p95_s": _latency(95),
    "latency_p99_s": _latency(99),
    "throughput_qps": _rate(lambda result: result.cost.offline_queries if result.cost else None),
    "throughput_pps": _rate(lambda result: result.cost.offline_pairs if result.cost else None),
    "server_qps_at_p99": _server_rate,
    "load_s": _cost("load_s"),
    "cold_load_s": _cost("cold_load_s"),
    "peak_rss_bytes": _cost("peak_rss_bytes"),
    "peak_device_bytes": _cost("peak_device_bytes"),
    "mean_power_w": _single(derived.mean_power_w),
    "joules_per_query": _single(derived.joules_per_query),
    "checkpoint_bytes": _checkpoint_bytes,
    "relevant_share": _relevant_share,
    "calibration_error": _calibration_error,
    "long_minus_short": _long_minus_short,
}


def picks(figure: Figure, trial: Trial) -> bool:
    """Whether a trial is one that the figure's ``choose`` leaves."""
    values: dict[str, Any] = live_values(trial)
    return all(values.get(name) == value for name, value in figure.choose.items())
