"""Pure: the scores of one side of some sets -> every arm against the baseline, paired by query, all read together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.stats import RESAMPLES, bootstrap_mean, holm, paired_randomisations
from bench.study.power import detectable
from bench.study.words import ALPHA, Contrast, Side

SAMPLES = 100_000
_EQUAL = 1e-12  # scores that differ by less tie: sums of gains are rounded

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SideScores:
    """What was measured on one side of one set.

    ``per_query`` maps arm -> measure -> query id -> value. Arms keep their order, which is that of the study file.
    """

    dataset: str
    side: Side
    split: str
    per_query: Mapping[str, Mapping[str, Mapping[str, float]]]


def contrasts(
    sides: Sequence[SideScores],
    baseline: str,
    measures: Sequence[str],
    seed: int,
    hypotheses: int = 0,
    samples: int = SAMPLES,
    resamples: int = RESAMPLES,
) -> tuple[Contrast, ...]:
    """Each arm but the baseline against it, by set, measure and arm in the order given.

    p-values are adjusted (Holm) over everything that is returned, and over ``hypotheses`` comparisons where that is
    more: those that were planned and are not made, or not yet, count as well, with a p of 1. Raises ValueError where a
    set lacks the baseline, an arm a measure, or an arm's queries are not those of the baseline.
    """
    found = [
        one for side in sides for measure in measures for one in _of(side, baseline, measure, seed, samples, resamples)
    ]
    unmade = max(0, hypotheses - len(found))
    adjusted = holm([*(one.p for one, _ in found), *[1.0] * unmade])[: len(found)]
    alpha = ALPHA / max(1, len(found) + unmade)
    return tuple(
        replace(one, p_holm=p, detectable=_shown(one.queries, sd, alpha))
        for (one, sd), p in zip(found, adjusted, strict=True)
    )


def differences(side: SideScores, arm: str, baseline: str, measure: str) -> Array:
    """Arm minus baseline, one value per query in the order of their sorted ids; exactly 0 where both score the same."""
    base, scores = _values(side, baseline, measure), _values(side, arm, measure)
    if base.keys() != scores.keys():
        odd = sorted(base.keys() ^ scores.keys())
        raise ValueError(
            f"{_where(side, arm, measure)} has other queries than the baseline '{baseline}': {len(scores)} and "
            f"{len(base)}, '{odd[0]}' is in one of them alone; compare runs over the same queries"
        )
    found = np.array([scores[query] - base[query] for query in sorted(base)], dtype=np.float64)
    found[np.abs(found) <= _EQUAL] = 0.0
    return found


def spread(found: Array) -> float:
    """The standard deviation of differences (n - 1 in the denominator); 0 of one query, or where all are equal."""
    return float(found.std(ddof=1)) if found.size > 1 and np.ptp(found) > _EQUAL else 0.0


def _of(
    side: SideScores, baseline: str, measure: str, seed: int, samples: int, resamples: int
) -> Iterator[tuple[Contrast, float]]:
    """Contrasts of one set by one measure, not yet adjusted, and the spread of each one's differences."""
    base = np.array(list(_values(side, baseline, measure).values()), dtype=np.float64)
    arms = [arm for arm in side.per_query if arm != baseline]
    rows = [differences(side, arm, baseline, measure) for arm in arms]
    p_values = paired_randomisations(np.zeros(base.size), rows, seed, samples)
    for arm, row, p in zip(arms, rows, p_values, strict=True):
        sd, mean = spread(row), float(row.mean())
        yield (
            Contrast(
                dataset=side.dataset,
                measure=measure,
                arm=arm,
                baseline=baseline,
                side=side.side,
                split=side.split,
                queries=base.size,
                mean=float(base.mean()) + mean,
                baseline_mean=float(base.mean()),
                difference=bootstrap_mean(row, seed, resamples=resamples),
                p=p,
                p_holm=p,
                effect=mean / sd if sd else None,
                detectable=None,
                wins=int((row > 0).sum()),
                ties=int((row == 0).sum()),
                losses=int((row < 0).sum()),
            ),
            sd,
        )


def _shown(queries: int, sd: float, alpha: float) -> float | None:
    """None also where so few queries show nothing, however large."""
    smallest = detectable(sd, queries, alpha) if sd else math.inf
    return smallest if math.isfinite(smallest) else None


def _values(side: SideScores, arm: str, measure: str) -> Mapping[str, float]:
    if arm not in side.per_query:
        raise ValueError(
            f"{side.dataset} ({side.side}) has no arm '{arm}'; it has {', '.join(side.per_query) or 'none'}"
        )
    by_measure = side.per_query[arm]
    if measure not in by_measure:
        raise ValueError(
            f"{_where(side, arm, measure)} was not measured; there is {', '.join(by_measure) or 'nothing'}"
        )
    values = by_measure[measure]
    if not values:
        raise ValueError(f"{_where(side, arm, measure)} has no queries")
    if not all(math.isfinite(value) for value in values.values()):
        raise ValueError(f"{_where(side, arm, measure)} has a value that is no finite number")
    return values


def _where(side: SideScores, arm: str, measure: str) -> str:
    return f"{measure} of arm '{arm}' on {side.dataset} ({side.side})"
