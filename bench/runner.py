"""Runs many trials, the smaller before the larger; each is kept as it ends (``bench.workshop``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.config.plan import Plan
from bench.keys import memory_size, quality_key, without_memory_axes
from bench.prepare import Prepared
from bench.process import Place, ThisMachine
from bench.store import Store
from bench.types import Progress, Trial, TrialResult
from bench.workshop import Done, Workshop


def run_all(
    prepared: Sequence[Prepared],
    plan: Plan,
    store: Store,
    tell: Progress,
    done: Done,
    *,
    place: Place | None = None,
    retry: bool = False,
) -> list[TrialResult]:
    """Every result, in the order of the plan. Of trials that differ in memory axes alone the smaller run first.

    ``retry`` runs again what ran out of memory or time before.
    """
    where = place or ThisMachine(store.host_lock)
    shop = Workshop(plan, store, where, tell, done, retry, Counter(quality_key(item.trial) for item in prepared),
                    _deepest(prepared))  # fmt: skip
    if not all(store.find(item.trial, item.inputs, retry=retry) for item in prepared):
        measures = sorted({name for item in prepared for name in item.trial.measures})
        shop.start_compiler(measures)
    order = _smallest_first([item.trial for item in prepared])
    results: dict[int, TrialResult] = {}

    def one(number: int) -> None:
        results[number] = shop.result_of(prepared[number])

    if where.slots == 1:
        for number in order:
            one(number)
    else:
        with ThreadPoolExecutor(where.slots) as pool:
            try:
                list(pool.map(one, order))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                where.cancel()
                raise
    return [results[number] for number in range(len(prepared))]


def _smallest_first(trials: Sequence[Trial]) -> list[int]:
    """Places in the plan's order, but for trials that differ in memory axes alone: these by their appetite."""
    families: dict[Trial, list[int]] = {}
    for place, trial in enumerate(trials):
        families.setdefault(without_memory_axes(trial), []).append(place)
    for places in families.values():
        places.sort(key=lambda place: [value or 0 for value in memory_size(trials[place])])
    return [place for places in families.values() for place in places]


def _deepest(prepared: Sequence[Prepared]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for item in prepared:
        key = quality_key(item.trial)
        depths[key] = max(depths.get(key, 0), item.trial.depth)
    return depths
