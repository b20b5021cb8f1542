"""One row of figures per engine, from the raw samples. Pure.

A figure of several rounds is their median, with the least and the most. Engines are compared round by round: the ratio
of two engines is taken within each round, and the median and range are those of the ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.engines.exactness import RankChanges, largest_difference, rank_changes
from bench.engines.results import EngineOutcome, Fate, Outcome
from bench.machine.flops import ModelShape, forward_flops
from bench.machine.peak import PeakSample


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of rounds, and the least and most among them."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Row:
    """What there is to say of an engine; None is what was not measured, or does not apply.

    ``needed_share``: operations the workload needs with shared prefixes, over the time, over the peak of the matrix
    product in the same round and dtype. ``computed_share``: the same with the tokens that went through the layers,
    linear maps alone. ``padding``: share of those tokens that were padding. ``speedup``: how many times as many pairs/s
    as each other engine, by label.
    """

    label: str
    engine: str
    dtype: str
    fate: Fate
    message: str
    setting: Mapping[str, int]
    rounds: int
    pairs_per_s: Spread | None
    tokens_per_s: Spread | None
    needed_share: Spread | None
    computed_share: Spread | None
    padding: float | None
    growth_bytes: int | None
    difference: float | None
    ranks: RankChanges | None
    repeats: bool | None
    speedup: Mapping[str, Spread]


@dataclass(frozen=True, slots=True)
class PeakRow:
    """The best rate of one way in one dtype over the rounds, operations per second. ``peak``: no way is faster."""

    dtype: str
    way: str
    rows: int
    rate: Spread
    peak: bool


def spread(values: Sequence[float]) -> Spread | None:
    return Spread(median(values), min(values), max(values)) if values else None


def rows(outcome: Outcome) -> list[Row]:
    """In the order of the config."""
    return [_row(engine, outcome) for engine in outcome.engines]


def peaks(outcome: Outcome) -> list[PeakRow]:
    """Every way in every dtype, at the number of rows that was its best most often (the first among equals)."""
    found: dict[tuple[str, str], list[PeakSample]] = {}
    for measured in outcome.peaks:
        for dtype, way in dict.fromkeys((sample.dtype, sample.way) for sample in measured.samples):
            samples = [sample for sample in measured.samples if (sample.dtype, sample.way) == (dtype, way)]
            found.setdefault((dtype, way), []).append(max(samples, key=lambda sample: sample.rate))
    table = []
    for (dtype, way), best in found.items():
        counts = [sample.rows for sample in best]
        rates = spread([sample.rate for sample in best])
        if rates is not None:
            table.append(PeakRow(dtype, way, max(counts, key=counts.count), rates, peak=False))
    highest = {dtype: max(row.rate.median for row in table if row.dtype == dtype) for dtype, _ in found}
    return [
        PeakRow(row.dtype, row.way, row.rows, row.rate, peak=row.rate.median == highest[row.dtype]) for row in table
    ]


def peak_pairs_per_s(outcome: Outcome, dtype: str) -> float | None:
    """Pairs per second if the needed operations ran at the peak of the matrix product: the median of the rounds."""
    needed = outcome.workload.get("needed_flops")
    rates = list(_peak_rates(outcome, dtype).values())
    if not needed or not rates:
        return None
    return float(outcome.workload["pairs"]) * median(rates) / float(needed)


def _row(engine: EngineOutcome, outcome: Outcome) -> Row:
    pairs, tokens = outcome.workload["pairs"], outcome.workload["tokens"]
    seconds = _seconds(engine)
    work, dtype = engine.work, str(engine.trial["dtype"])
    peak = _peak_rates(outcome, dtype) if engine.local else {}
    shape = outcome.model.get("shape")
    computed = None
    if shape is not None and work is not None and work.forward_tokens is not None:
        computed = forward_flops(ModelShape(**shape), work.forward_tokens)
    padding = None
    if work is not None and work.forward_tokens and work.padding_tokens is not None:
        padding = work.padding_tokens / work.forward_tokens
    growth = [taken.growth_bytes for taken in engine.passes if taken.growth_bytes is not None]
    difference = ranks = None
    if engine.scores is not None and engine.unit is not None and outcome.reference is not None:
        difference = largest_difference(engine.scores, engine.unit, outcome.reference)
        ranks = rank_changes(engine.scores, outcome.reference)
    again = [taken.same_scores for taken in engine.passes if taken.same_scores is not None]
    return Row(
        label=engine.label,
        engine=str(engine.trial["engine"]),
        dtype=dtype,
        fate=engine.fate,
        message=engine.message,
        setting=engine.used or engine.setting,
        rounds=len(engine.passes),
        pairs_per_s=spread([pairs / took for took in seconds.values()]),
        tokens_per_s=spread([tokens / took for took in seconds.values()]),
        needed_share=_share(outcome.workload.get("needed_flops"), seconds, peak),
        computed_share=_share(computed, seconds, peak),
        padding=padding,
        growth_bytes=max(growth, default=None),
        difference=difference,
        ranks=ranks,
        repeats=all(again) if again else None,
        speedup={
            other.label: ratio
            for other in outcome.engines
            if other.label != engine.label and (ratio := _ratio(_seconds(other), seconds)) is not None
        },
    )


def _seconds(engine: EngineOutcome) -> dict[int, float]:
    return {taken.round: taken.seconds for taken in engine.passes}


def _ratio(theirs: Mapping[int, float], own: Mapping[int, float]) -> Spread | None:
    """How many times as fast, within each round that both finished."""
    return spread([theirs[number] / own[number] for number in own if number in theirs])


def _peak_rates(outcome: Outcome, dtype: str) -> dict[int, float]:
    """Round -> the highest rate of any way in this dtype."""
    return {
        measured.round: max(sample.rate for sample in measured.samples if sample.dtype == dtype)
        for measured in outcome.peaks
        if any(sample.dtype == dtype for sample in measured.samples)
    }


def _share(operations: int | None, seconds: Mapping[int, float], peak: Mapping[int, float]) -> Spread | None:
    if not operations:
        return None
    return spread([operations / took / peak[number] for number, took in seconds.items() if number in peak])
