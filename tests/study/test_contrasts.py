"""Contrasts and the choice of an arm: by hand, against the single tests, and what no scores may change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import holm, paired_bootstrap, paired_randomisation
from bench.study.choice import choose, planned
from bench.study.contrasts import SideScores, contrasts, differences, spread
from bench.study.power import detectable, queries_needed
from bench.study.words import Side

GAINS = [0.0, 1.0] + [1 / math.log2(1 + rank) for rank in range(2, 11)]
SAMPLES = {"samples": 2_000, "resamples": 500}


def side(
    scores: Mapping[str, Mapping[str, list[float]]], dataset: str = "a", which: Side = "dev", split: str = "dev"
) -> SideScores:
    return SideScores(
        dataset,
        which,
        split,
        {
            arm: {measure: {f"q{i}": value for i, value in enumerate(values)} for measure, values in measures.items()}
            for arm, measures in scores.items()
        },
    )


def drawn(seed: int, n: int = 40, arms: tuple[str, ...] = ("base", "x", "y"), dataset: str = "a") -> SideScores:
    rng = np.random.default_rng(seed)
    return side(
        {arm: {measure: rng.choice(GAINS, n).tolist() for measure in ("ndcg@10", "mrr@10")} for arm in arms}, dataset
    )


def test_a_contrast_by_hand() -> None:
    values = side({"base": {"m": [0.0, 0.5, 1.0, 0.2]}, "x": {"m": [0.5, 0.5, 0.75, 0.45]}}, "set", "test", "held out")
    (found,) = contrasts([values], "base", ["m"], seed=0)
    assert (found.dataset, found.measure, found.arm, found.baseline) == ("set", "m", "x", "base")
    assert (found.side, found.split, found.queries) == ("test", "held out", 4)
    assert (found.mean, found.baseline_mean) == pytest.approx((0.55, 0.425))
    assert found.difference.mean == pytest.approx(0.125)
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)
    assert found.p == found.p_holm == 6 / 8  # of 8 sign patterns of .5, -.25, .25 two sum to nothing
    sd = math.sqrt((0.375**2 + 0.125**2 + 0.375**2 + 0.125**2) / 3)
    assert found.effect == pytest.approx(0.125 / sd)
    assert found.detectable is None  # four queries never say p < 5%


def test_each_contrast_is_the_single_test_and_all_are_adjusted_together() -> None:
    sides = [drawn(1), drawn(2, 30, ("base", "x"), "b")]
    found = contrasts(sides, "base", ["ndcg@10", "mrr@10"], seed=3)
    assert [(one.dataset, one.measure, one.arm) for one in found] == [
        ("a", "ndcg@10", "x"),
        ("a", "ndcg@10", "y"),
        ("a", "mrr@10", "x"),
        ("a", "mrr@10", "y"),
        ("b", "ndcg@10", "x"),
        ("b", "mrr@10", "x"),
    ]
    assert [one.p_holm for one in found] == holm([one.p for one in found])
    for one in found:
        per_query = sides[one.dataset == "b"].per_query
        base, arm = ([value for _, value in sorted(per_query[name][one.measure].items())] for name in ("base", one.arm))
        p = paired_randomisation(base, arm, 3)
        assert one.p == pytest.approx(p, abs=6 * math.sqrt(p * (1 - p) / 100_000) + 1e-5)
        assert one.difference.mean == pytest.approx(paired_bootstrap(base, arm, 3).mean)
        assert (one.difference.low, one.difference.high) == pytest.approx(
            (paired_bootstrap(base, arm, 3).low, paired_bootstrap(base, arm, 3).high)
        )
        assert one.mean == pytest.approx(np.mean(arm))
        sd = float(np.std(np.subtract(arm, base), ddof=1))
        assert one.detectable == pytest.approx(detectable(sd, one.queries, 0.05 / 6))


def test_comparisons_that_are_not_made_count_as_well() -> None:
    alone = contrasts([drawn(4)], "base", ["ndcg@10"], 0, **SAMPLES)
    among = contrasts([drawn(4)], "base", ["ndcg@10"], 0, hypotheses=3 * len(alone), **SAMPLES)
    assert [one.p_holm for one in among] == holm([*(one.p for one in alone), *[1.0] * (2 * len(alone))])[: len(alone)]
    for one, three in zip(alone, among, strict=True):
        assert three.p == one.p
        assert one.detectable is not None and three.detectable is not None
        assert three.detectable > one.detectable
    assert contrasts([drawn(4)], "base", ["ndcg@10"], 0, hypotheses=1, **SAMPLES) == alone  # fewer than were made


def test_an_arm_that_scores_like_the_baseline_says_nothing() -> None:
    """Sums of the same gains in another order differ in their last bits; that is a tie."""
    base = [0.1 + 0.2 + 0.3, 0.5, 1.0] * 10
    same = [0.3 + 0.2 + 0.1, 0.5, 1.0] * 10
    assert base != same
    (found,) = contrasts([side({"base": {"m": base}, "x": {"m": same}})], "base", ["m"], 0)
    assert (found.p, found.p_holm, found.effect, found.detectable) == (1.0, 1.0, None, None)
    assert (found.wins, found.ties, found.losses, found.direction) == (0, 30, 0, 0)
    assert (found.difference.mean, found.difference.low, found.difference.high) == (0.0, 0.0, 0.0)


def test_differences_that_are_all_equal_have_no_effect_size() -> None:
    (found,) = contrasts(
        [side({"base": {"m": [0.1, 0.2, 0.3] * 4}, "x": {"m": [0.2, 0.3, 0.4] * 4}})], "base", ["m"], 0
    )
    assert (found.effect, found.detectable, found.wins) == (None, None, 12)
    assert found.p == 2 / 2**12


def test_one_query_is_told_and_shows_nothing() -> None:
    (found,) = contrasts([side({"base": {"m": [0.1]}, "x": {"m": [0.9]}})], "base", ["m"], 0)
    assert (found.queries, found.p, found.effect, found.detectable, found.direction) == (1, 1.0, None, None, 0)


def test_nothing_to_compare_is_no_contrast() -> None:
    assert contrasts([], "base", ["m"], 0) == ()
    assert contrasts([side({"base": {"m": [0.1]}})], "base", ["m"], 0) == ()
    assert contrasts([drawn(1)], "base", [], 0) == ()


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"x": {"m": [0.1]}}, "no arm 'base'; it has x"),
        ({"base": {"m": [0.1]}, "x": {"other": [0.1]}}, "m of arm 'x' on a .dev. was not measured; there is other"),
        ({"base": {"m": [0.1]}, "x": {"m": [0.1, 0.2]}}, "m of arm 'x' on a .dev. has other queries.*2 and 1, 'q1'"),
        ({"base": {"m": []}, "x": {"m": []}}, "arm 'base' on a .dev. has no queries"),
        ({"base": {"m": [0.1]}, "x": {"m": [math.nan]}}, "arm 'x' on a .dev. has a value that is no finite number"),
    ],
)
def test_scores_that_cannot_be_paired_are_refused_by_name(
    scores: Mapping[str, Mapping[str, list[float]]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        contrasts([side(scores)], "base", ["m"], 0)


def test_queries_are_paired_by_id_not_by_place() -> None:
    shuffled = SideScores(
        "a", "dev", "dev", {"base": {"m": {"q1": 0.1, "q2": 0.9}}, "x": {"m": {"q2": 1.0, "q1": 0.3}}}
    )
    assert differences(shuffled, "x", "base", "m").tolist() == pytest.approx([0.2, 0.1])


def test_the_order_in_which_queries_are_stored_changes_nothing() -> None:
    values = drawn(5)
    backwards = {
        arm: {measure: dict(reversed(list(found.items()))) for measure, found in measures.items()}
        for arm, measures in values.per_query.items()
    }
    again = contrasts([replace(values, per_query=backwards)], "base", ["ndcg@10"], 0, **SAMPLES)
    for one, other in zip(contrasts([values], "base", ["ndcg@10"], 0, **SAMPLES), again, strict=True):
        assert (one.p, one.difference) == (other.p, other.difference)


def test_spread_of_too_little_is_none() -> None:
    assert spread(np.array([])) == spread(np.array([0.3])) == spread(np.full(5, 0.1)) == 0.0
    assert spread(np.array([0.0, 1.0])) == pytest.approx(math.sqrt(0.5))


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_what_holds_of_any_scores(seed: int, n: int) -> None:
    values = drawn(seed, n)
    found = contrasts([values], "base", ["ndcg@10", "mrr@10"], seed, **SAMPLES)
    for one in found:
        assert 0 < one.p <= one.p_holm <= 1
        assert one.wins + one.ties + one.losses == one.queries == n
        assert one.difference.low <= one.difference.mean + 1e-12 and one.difference.mean <= one.difference.high + 1e-12
        assert one.mean - one.baseline_mean == pytest.approx(one.difference.mean, abs=1e-12)
        assert one.p_holm <= 4 * one.p + 1e-12
    swapped = {"x": values.per_query["base"], "base": values.per_query["x"]}
    (there, *_), (back,) = found, contrasts([replace(values, per_query=swapped)], "base", ["ndcg@10"], seed, **SAMPLES)
    assert back.difference.mean == pytest.approx(-there.difference.mean, abs=1e-12)
    assert (back.wins, back.losses) == (there.losses, there.wins)
    assert back.effect == pytest.approx(-there.effect) if there.effect is not None else back.effect is None


# -------------------------------------------------------------------------------- the choice, and what is planned


def test_the_best_mean_is_chosen() -> None:
    scores = side({"base": {"m": [0.1, 0.2]}, "x": {"m": [0.2, 0.3]}, "y": {"m": [0.9, 0.0]}})
    assert choose(scores, "m", "base") == "y"
    assert choose(scores, "m", "y") == "y"


def test_equal_means_leave_the_baseline_or_else_the_first() -> None:
    tied = side({"x": {"m": [0.1 + 0.2, 0.3]}, "y": {"m": [0.3, 0.3]}, "base": {"m": [0.3, 0.3]}})
    assert choose(tied, "m", "base") == "base"
    ahead = side({"base": {"m": [0.0, 0.1]}, "x": {"m": [0.3, 0.3]}, "y": {"m": [0.1 + 0.2, 0.3]}})
    assert choose(ahead, "m", "base") == "x"


def test_a_choice_needs_the_baseline_and_the_same_queries() -> None:
    with pytest.raises(ValueError, match="no arm 'base'"):
        choose(side({}), "m", "base")
    with pytest.raises(ValueError, match="other queries"):
        choose(side({"base": {"m": [0.1]}, "x": {"m": [0.1, 0.2]}}), "m", "base")


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_no_arm_is_better_than_the_chosen_one(seed: int, n: int) -> None:
    values = drawn(seed, n, ("x", "base", "y", "z"))
    chosen = choose(values, "ndcg@10", "base")
    means = {arm: np.mean(list(found["ndcg@10"].values())) for arm, found in values.per_query.items()}
    assert means[chosen] == pytest.approx(max(means.values()), abs=1e-12)
    if means["base"] == max(means.values()):
        assert chosen == "base"


def test_a_plan_shares_the_level_among_its_comparisons() -> None:
    plan = planned("a", "ndcg@10", "test", 120, 4, 0.25, "assumed", 0.05)
    assert plan.detectable == detectable(0.25, 120, 0.05 / 4)
    assert plan.needed == queries_needed(0.05, 0.25, 0.05 / 4)
    assert (plan.side, plan.queries, plan.comparisons, plan.sd_from, plan.wanted) == ("test", 120, 4, "assumed", 0.05)
    assert planned("a", "m", "test", 3, 1, 0.25, "assumed", 0.05).detectable is None
    with pytest.raises(ValueError, match="one comparison or more; got 0"):
        planned("a", "m", "test", 120, 0, 0.25, "assumed", 0.05)
