"""How often a study is mistaken, and how often it finds what is there: simulated with the functions that studies use.

Scores are those of one relevant document per query that an arm puts at some rank: 0 where it falls below the tenth, 1
where it is first. Half of the arms' differences are exact ties, the others are skewed and few-valued. Run with ``-s``
to see the rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats as scipy_stats
from scipy.optimize import brentq

from bench.study.choice import choose
from bench.study.contrasts import SideScores, contrasts
from bench.study.power import detectable
from bench.study.words import ALPHA, Contrast, Side

Array = npt.NDArray[np.float64]

MEASURES = ("ndcg@10", "mrr@10")
ARMS = ("baseline", "one", "two", "three", "four", "five")
QUERIES = (40, 60)
STUDIES = 1_000
SAMPLES = 1_999
DRAWN = 200_000
"""Of queries, where a true mean or spread is taken from a draw: a mean of differences is then known to 0.0006."""


def at_most(rate: float, studies: int) -> float:
    """The share of studies that a true rate exceeds once in 1,000 such tests."""
    return float(scipy_stats.binom.ppf(0.999, studies, rate)) / studies


def ndcg(ranks: Array) -> Array:
    return np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0.0)


def mrr(ranks: Array) -> Array:
    return np.where(ranks <= 10, 1 / ranks, 0.0)


def ranks(noise: Array, gains: Sequence[float] | Array) -> Array:
    """Ranks of shape (queries, arms) from standard normal ``noise``, (queries, arms + 1); a gain moves an arm up."""
    hardness, judgement = noise[:, :1], noise[:, 1:]
    return np.asarray(1 + np.floor(np.exp(0.9 + 1.5 * hardness + 0.6 * judgement - np.asarray(gains))))


def side(found: Array, arms: Sequence[str], dataset: str = "a", which: Side = "dev") -> SideScores:
    """Scores by both measures of ``found`` ranks."""
    ids = [str(query) for query in range(len(found))]
    by_measure = (ndcg(found), mrr(found))
    return SideScores(
        dataset,
        which,
        which,
        {
            arm: {
                measure: dict(zip(ids, scores[:, place].tolist(), strict=True))
                for measure, scores in zip(MEASURES, by_measure, strict=True)
            }
            for place, arm in enumerate(arms)
        },
    )


def null_side(rng: np.random.Generator, queries: int, dataset: str, which: Side) -> SideScores:
    """Arms of different worth, whose scores are then dealt out anew within each query: no arm is better."""
    found = ranks(rng.normal(size=(queries, len(ARMS) + 1)), np.linspace(-0.5, 0.5, len(ARMS)))
    return side(rng.permuted(found, axis=1), ARMS, dataset, which)


def compared(sides: Sequence[SideScores], measures: Sequence[str], seed: int) -> tuple[Contrast, ...]:
    return contrasts(sides, ARMS[0], measures, seed, samples=SAMPLES, resamples=200)


def only(scores: SideScores, *arms: str) -> SideScores:
    return SideScores(scores.dataset, scores.side, scores.split, {arm: scores.per_query[arm] for arm in arms})


def test_the_scores_are_like_those_of_a_real_set() -> None:
    found = ndcg(ranks(np.random.default_rng(0).normal(size=(DRAWN, 3)), [0.0, 0.3]))
    difference = found[:, 1] - found[:, 0]
    told = {
        "mean": found.mean(),
        "zeros": (found == 0).mean(),
        "ones": (found == 1).mean(),
        "ties": (difference == 0).mean(),
        "sd of differences": difference.std(),
        "their skewness": scipy_stats.skew(difference),
    }
    print("scores: " + ", ".join(f"{name} {value:.2f}" for name, value in told.items()))
    assert 0.1 < told["zeros"] < 0.3 < told["ones"] < 0.6
    assert told["ties"] > 0.3
    assert told["their skewness"] > 0.1


# ------------------------------------------------------------------------------------------- where there is nothing


@pytest.mark.long
def test_where_no_arm_is_better_at_most_5_of_100_studies_say_that_one_is() -> None:
    """All arms on two sets by two measures, 20 contrasts; and how often without adjustment for their number."""
    rng = np.random.default_rng(1)
    wrong = unadjusted = directed = 0
    for study in range(STUDIES):
        found = compared([null_side(rng, n, f"of {n}", "dev") for n in QUERIES], MEASURES, study)
        wrong += any(one.p_holm < ALPHA for one in found)
        directed += any(one.direction for one in found)
        unadjusted += any(one.p < ALPHA for one in found)
    print(
        f"null: 20 contrasts: a study says p_holm < 5% in {wrong / STUDIES:.1%}, and a direction in "
        f"{directed / STUDIES:.1%}; unadjusted {unadjusted / STUDIES:.1%}"
    )
    assert wrong / STUDIES <= at_most(0.05, STUDIES)
    assert directed <= wrong
    assert unadjusted / STUDIES > 0.2  # the test can fail


@pytest.mark.long
def test_a_study_that_chooses_on_dev_and_tests_once_is_mistaken_in_at_most_5_of_100() -> None:
    """And one that tests its best arm on the queries it was chosen by is mistaken far more often."""
    rng = np.random.default_rng(2)
    wrong = tempted = 0
    for study in range(STUDIES):
        devs = [null_side(rng, n, f"of {n}", "dev") for n in QUERIES]
        tests = [null_side(rng, n, f"of {n}", "test") for n in QUERIES]
        chosen = [choose(dev, MEASURES[0], ARMS[0]) for dev in devs]
        held_out = [only(test, *dict.fromkeys((ARMS[0], arm))) for test, arm in zip(tests, chosen, strict=True)]
        again = [only(dev, *dict.fromkeys((ARMS[0], arm))) for dev, arm in zip(devs, chosen, strict=True)]
        wrong += any(one.p_holm < ALPHA for one in compared(held_out, MEASURES, study))
        tempted += any(one.p < ALPHA for one in compared(again, MEASURES, study))
    print(
        f"null: chosen on dev, tested once on two sets: {wrong / STUDIES:.1%}; chosen and tested on "
        f"the same queries, unadjusted: {tempted / STUDIES:.1%}"
    )
    assert wrong / STUDIES <= at_most(0.05, STUDIES)
    assert tempted / STUDIES > 2 * at_most(0.05, STUDIES)


def test_as_many_looks_as_planned_keep_5_of_100() -> None:
    """The same arm tested on three test sets in turn, as if each were the only one: planned, and not planned."""
    rng = np.random.default_rng(3)
    planned = unplanned = 0
    for study in range(STUDIES):
        looks = [only(null_side(rng, 40, "a", "test"), *ARMS[:2]) for _ in range(3)]
        found = [
            contrasts([look], ARMS[0], MEASURES[:1], study, hypotheses=3, samples=SAMPLES, resamples=200)[0]
            for look in looks
        ]
        planned += any(one.p_holm < ALPHA for one in found)
        unplanned += any(one.p < ALPHA for one in found)
    print(f"null: three looks: planned {planned / STUDIES:.1%}, unplanned {unplanned / STUDIES:.1%}")
    assert planned / STUDIES <= at_most(0.05, STUDIES)
    assert unplanned / STUDIES > at_most(0.05, STUDIES)


# ----------------------------------------------------------------------------------------- where there is something


class Planted:
    """The gain of one arm whose true mean difference is what so many queries detect, or a multiple of it."""

    def __init__(self, queries: int, alpha: float, times: float = 1.0) -> None:
        noise = np.random.default_rng(100).normal(size=(DRAWN, 3))

        def difference(gain: float) -> Array:
            found = ndcg(ranks(noise, [0.0, gain]))
            return np.asarray(found[:, 1] - found[:, 0])

        def beyond(gain: float) -> float:
            moved = difference(gain)
            return float(moved.mean()) - times * detectable(float(moved.std()), queries, alpha)

        self.gain = float(brentq(beyond, 0.0, 6.0, xtol=1e-4))
        self.mean, self.sd = float(difference(self.gain).mean()), float(difference(self.gain).std())


@pytest.mark.parametrize(("queries", "family"), [(50, 1), (200, 1), pytest.param(120, 10, marks=pytest.mark.long)])
def test_what_is_said_to_be_detectable_is_found_in_about_80_of_100_studies(queries: int, family: int) -> None:
    """One arm is better by just that, the others of its family by nothing."""
    planted = Planted(queries, ALPHA / family)
    rng = np.random.default_rng(queries + family)
    arms = (ARMS[0], *(f"arm {i}" for i in range(family)))
    gains = [0.0, planted.gain] + [0.0] * (family - 1)
    found = shown = wrong_way = 0
    for study in range(STUDIES):
        scores = side(ranks(rng.normal(size=(queries, len(arms) + 1)), gains), arms)
        one = compared([scores], MEASURES[:1], study)[0]
        found += one.p_holm < ALPHA
        shown += one.direction == 1
        wrong_way += one.direction == -1
    print(
        f"power: {queries} queries, {family} contrasts, true difference {planted.mean:.3f} with sd {planted.sd:.2f}: "
        f"p_holm < 5% in {found / STUDIES:.1%}, a gain in {shown / STUDIES:.1%}"
    )
    assert 0.75 <= found / STUDIES <= 0.85
    assert shown / STUDIES >= 0.75
    assert wrong_way == 0


def test_an_arm_that_helps_a_few_queries_much_and_the_others_not_at_all() -> None:
    """The hard case: nine of ten queries tie. Power and coverage are near what is said, though no longer on it."""
    queries = 120
    known = ndcg(ranks(np.random.default_rng(101).normal(size=(DRAWN, 2)), [0.0]))[:, 0]
    gain, square = float((1 - known).mean()), float(((1 - known) ** 2).mean())

    def beyond(share: float) -> float:
        return share * gain - detectable(math.sqrt(share * square - (share * gain) ** 2), queries, ALPHA)

    helped = float(brentq(beyond, 1e-3, 1.0))
    rng = np.random.default_rng(9)
    found = covered = 0
    for study in range(STUDIES):
        base = ranks(rng.normal(size=(queries, 2)), [0.0])
        first = np.where(rng.random((queries, 1)) < helped, 1.0, base)
        (one,) = contrasts(
            [side(np.hstack([base, first]), ARMS[:2])], ARMS[0], MEASURES[:1], study, samples=SAMPLES, resamples=1_000
        )
        found += one.direction == 1
        covered += one.difference.low <= helped * gain <= one.difference.high
    print(
        f"few helped: {helped:.1%} of {queries} queries, true difference {helped * gain:.3f}: a gain in "
        f"{found / STUDIES:.1%}, covered in {covered / STUDIES:.1%}"
    )
    assert 0.75 <= found / STUDIES <= 0.9
    assert 0.9 <= covered / STUDIES <= 0.97


def test_an_arm_twice_as_good_as_needed_is_chosen_and_found() -> None:
    """Two sets, six arms; on each the third is better, by twice what one contrast of each set detects on test."""
    planted = [Planted(n, ALPHA / len(QUERIES), 2.0) for n in QUERIES]
    rng = np.random.default_rng(5)
    studies = 300
    chosen = found = 0
    for study in range(studies):
        held_out = []
        for n, plant in zip(QUERIES, planted, strict=True):
            gains = [plant.gain * (arm == "two") for arm in ARMS]
            dev, test = (
                side(ranks(rng.normal(size=(n, len(ARMS) + 1)), gains), ARMS, f"of {n}", which)
                for which in ("dev", "test")
            )
            arm = choose(dev, MEASURES[0], ARMS[0])
            chosen += arm == "two"
            held_out.append(only(test, *dict.fromkeys((ARMS[0], arm))))
        found += sum(one.arm == "two" and one.direction == 1 for one in compared(held_out, MEASURES[:1], study))
    sets = studies * len(QUERIES)
    print(
        f"power: twice the detectable: chosen on dev in {chosen / sets:.1%}, "
        f"chosen and found on test in {found / sets:.1%}"
    )
    assert chosen / sets > 0.95
    assert found / sets > 0.9


@pytest.mark.parametrize("queries", [40, 150])
def test_intervals_cover_the_true_difference_in_about_95_of_100_studies(queries: int) -> None:
    gain = 0.4
    known = ndcg(ranks(np.random.default_rng(6).normal(size=(10 * DRAWN, 3)), [0.0, gain]))
    truth = float((known[:, 1] - known[:, 0]).mean())
    rng = np.random.default_rng(queries)
    covered = 0
    for study in range(STUDIES):
        scores = side(ranks(rng.normal(size=(queries, 3)), [0.0, gain]), ARMS[:2])
        (one,) = contrasts([scores], ARMS[0], MEASURES[:1], study, samples=10, resamples=2_000)
        covered += one.difference.low <= truth <= one.difference.high
    print(f"intervals: {queries} queries: the true difference of {truth:.3f} is covered in {covered / STUDIES:.1%}")
    assert 0.92 <= covered / STUDIES <= 0.97


def test_detectable_is_estimated_well_from_the_spread_of_one_study() -> None:
    """What a study prints is computed from its own differences; it lies around what the true spread gives."""
    rng = np.random.default_rng(7)
    known = ndcg(ranks(np.random.default_rng(8).normal(size=(DRAWN, 3)), [0.0, 0.0]))
    truth = detectable(float((known[:, 1] - known[:, 0]).std()), 60, ALPHA)
    told = []
    for study in range(300):
        scores = side(ranks(rng.normal(size=(60, 3)), [0.0, 0.0]), ARMS[:2])
        (one,) = contrasts([scores], ARMS[0], MEASURES[:1], study, samples=10, resamples=10)
        told.append(one.detectable or math.nan)
    low, middle, high = np.percentile(told, [5, 50, 95])
    print(f"detectable: true {truth:.3f}; told in 90% of studies of 60 queries {low:.3f} to {high:.3f}")
    assert middle == pytest.approx(truth, rel=0.05)
    assert low > 0.7 * truth
    assert high < 1.3 * truth
