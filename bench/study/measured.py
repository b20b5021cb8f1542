"""One side of a set as it was measured: the results of its arms, and the rankings that they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.agreement import at_depth
from bench.keys import quality_key
from bench.prepare import Prepared
from bench.store import Store
from bench.study.contrasts import SideScores
from bench.study.words import Side
from bench.types import Dataset, QualityPass, Run, TrialResult


@dataclass(frozen=True, slots=True)
class Measured:
    """``results``, ``passes`` and ``runs`` are by arm, for those that finished; ``lost`` says of the others why.

    ``runs`` are what was judged, cut to the trial's depth.
    """

    dataset: Dataset
    scores: SideScores
    results: Mapping[str, TrialResult]
    passes: Mapping[str, QualityPass]
    runs: Mapping[str, Run]
    lost: Mapping[str, str]


def measured(
    label: str, side: Side, items: Mapping[str, Prepared], results: Mapping[str, TrialResult], store: Store
) -> Measured:
    """``results`` are by the trial's id. Raises StoreError for scores that cannot be read."""
    kept, passes, runs, lost = dict[str, TrialResult](), dict[str, QualityPass](), dict[str, Run](), dict[str, str]()
    for arm, item in items.items():
        result = results[item.trial.id]
        made = store.find_quality(quality_key(item.trial), item.inputs, item.trial.depth)
        if result.quality is None or made is None:
            lost[arm] = f"{result.status}: {result.message}" if result.message else result.status
            continue
        kept[arm], passes[arm] = result, made
        runs[arm] = at_depth(made.run, made.first_stage, item.trial.depth)
    dataset = next(item.dataset for item in items.values())
    if dataset is None:
        raise ValueError("a study needs judgements")
    per_query = {arm: result.quality.per_query for arm, result in kept.items() if result.quality}
    return Measured(
        dataset,
        SideScores(label, side, dataset.split, per_query),
        kept,
        passes,
        runs,
        lost,
    )
