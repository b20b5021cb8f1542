"""The summary over sets: textbook analyses, what it reduces to, sets without spread, and how often it is mistaken."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from bench.study.across import across, random_effects

Array = npt.NDArray[np.float64]
BCG = """4 119 11 128; 6 300 29 274; 3 228 11 209; 62 13536 248 12619; 33 5036 47 5761; 180 1361 372 1079;
8 2537 10 619; 505 87886 499 87892; 29 7470 45 7232; 17 1699 65 1600;
186 50448 141 27197; 5 2493 3 2338; 27 16886 29 17825"""
"""Thirteen trials of a vaccine: ill and well of the vaccinated, then of the others (Colditz et al., JAMA 1994)."""
EXPECTANCY = ".03 .12 -.14 1.18 .26 -.06 -.02 -.32 .27 .80 .54 .18 -.02 .23 -.18 -.06 .30 .07 -.07"
EXPECTANCY_ERRORS = ".125 .147 .167 .373 .369 .103 .103 .220 .164 .251 .302 .223 .289 .290 .159 .167 .139 .094 .174"
"""Nineteen studies of teachers' expectations, effects and standard errors (Raudenbush & Bryk 1985)."""


def spread(mean: float, sd: float, n: int) -> Array:
    """``n`` values of exactly this mean and standard deviation."""
    shape = np.arange(n) - (n - 1) / 2
    return np.asarray(mean + sd * shape / shape.std(ddof=1), dtype=np.float64)


def test_the_vaccine_trials() -> None:
    """As R's metafor has them by ``rma(method="DL")``, to its four decimals."""
    ill, well, other_ill, other_well = np.array([[float(n) for n in row.split()] for row in BCG.split(";")]).T
    ratios = np.log(ill / (ill + well)) - np.log(other_ill / (other_ill + other_well))
    variances = 1 / ill - 1 / (ill + well) + 1 / other_ill - 1 / (other_ill + other_well)
    pooled = random_effects(ratios.tolist(), variances.tolist())
    assert pooled.heterogeneity == pytest.approx(152.2330, abs=5e-5)
    assert pooled.between_variance == pytest.approx(0.3088, abs=5e-5)
    assert pooled.interval.mean == pytest.approx(-0.7141, abs=5e-5)
    plain_error = math.sqrt(1 / (1 / (variances + pooled.between_variance)).sum())
    assert plain_error == pytest.approx(0.1787, abs=5e-5)
    assert pooled.standard_error >= plain_error


def test_a_textbooks_table_with_the_hartung_knapp_interval() -> None:
    """Raudenbush 2009, The Handbook of Research Synthesis and Meta-Analysis, table 16.3, as metafor recomputes it."""
    variances = [float(error) ** 2 for error in EXPECTANCY_ERRORS.split()]
    pooled = random_effects([float(effect) for effect in EXPECTANCY.split()], variances)
    assert pooled.between_variance == pytest.approx(0.0259, abs=5e-5)
    assert pooled.heterogeneity == pytest.approx(35.83, abs=5e-3)
    assert pooled.interval.mean == pytest.approx(0.0893, abs=5e-5)
    assert pooled.standard_error == pytest.approx(0.0636, abs=5e-5)
    assert pooled.interval.mean / pooled.standard_error == pytest.approx(1.405, abs=5e-4)
    assert (pooled.interval.low, pooled.interval.high) == pytest.approx((-0.0442, 0.2229), abs=1e-4)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(1e-4, 1.0))
def test_sets_of_equal_precision_are_a_plain_t_test_unless_they_agree_too_well(means: list[float], v: float) -> None:
    pooled = random_effects(means, [v] * len(means))
    error = math.sqrt(max(float(np.var(means, ddof=1)), v) / len(means))
    assert pooled.interval.mean == pytest.approx(np.mean(means), abs=1e-9)
    assert pooled.standard_error == pytest.approx(error, rel=1e-6)
    if np.var(means, ddof=1) > v:
        assert pooled.p == pytest.approx(scipy_stats.ttest_1samp(means, 0).pvalue, abs=1e-6)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(1e-5, 1.0)), min_size=2, max_size=8), st.floats(0.1, 10))
def test_interval_and_p_agree_and_follow_shift_scale_and_order(sets: list[tuple[float, float]], scale: float) -> None:
    means, variances = (list(column) for column in zip(*sets, strict=True))
    pooled = random_effects(means, variances)
    assert min(means) - 1e-9 <= pooled.interval.mean <= max(means) + 1e-9
    assert pooled.interval.low < pooled.interval.mean < pooled.interval.high
    assert 0 <= pooled.p <= 1
    if abs(pooled.p - 0.05) > 1e-6:
        assert (pooled.p < 0.05) == (not pooled.interval.low <= 0 <= pooled.interval.high)
    backwards = random_effects(means[::-1], variances[::-1])
    assert backwards.interval.low == pytest.approx(pooled.interval.low, abs=1e-6)
    scaled = random_effects([scale * mean for mean in means], [scale**2 * v for v in variances])
    assert scaled.interval.high == pytest.approx(scale * pooled.interval.high, rel=1e-6, abs=1e-6)
    assert scaled.p == pytest.approx(pooled.p, abs=1e-6)
    shifted = random_effects([mean + 1 for mean in means], variances)
    assert shifted.between_variance == pytest.approx(pooled.between_variance, abs=1e-6)


def test_sets_that_agree_by_chance_do_not_make_an_interval_without_width() -> None:
    pooled = random_effects([0.1, 0.1], [0.01, 0.01])
    assert pooled.between_variance == 0
    assert pooled.standard_error == pytest.approx(math.sqrt(0.01 / 2))


def test_a_set_without_spread_counts_like_the_others() -> None:
    means = [0.0, 0.1, 0.3]
    pooled = random_effects(means, [0.0, 1e-4, 3e-4])
    plain = scipy_stats.ttest_1samp(means, 0)
    assert (pooled.interval.mean, pooled.p) == pytest.approx((np.mean(means), plain.pvalue))
    assert pooled.interval.low == pytest.approx(plain.confidence_interval().low)
    assert pooled.between_variance == pytest.approx(np.var(means, ddof=1) - 2e-4)
    assert pooled.heterogeneity is None
    close = random_effects([0.1, 0.1, 0.1], [0.0, 0.03, 0.03])
    assert close.standard_error == pytest.approx(0.1)
    assert close.between_variance == 0.0


@pytest.mark.parametrize(
    ("means", "variances", "message"),
    [
        ([0.1], [0.1], "two of them"),
        ([], [], "two of them"),
        ([0.1, 0.2], [0.1], "two of them"),
        ([0.1, math.nan], [0.1, 0.1], "finite"),
        ([0.1, 0.2], [0.1, -0.1], "not negative"),
        ([0.1, 0.1], [0.0, 0.0], "nothing varies"),
    ],
)
def test_what_has_no_summary_is_refused(means: list[float], variances: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_effects(means, variances)


def test_rows_are_of_arms_on_every_set_and_adjusted_together() -> None:
    on_both = {"a": spread(0.1, 0.2, 50), "b": spread(0.12, 0.1, 40)}
    rows = across(
        {
            ("ndcg@10", "x"): on_both,
            ("ndcg@10", "y"): {"a": spread(0.1, 0.2, 50)},
            ("ndcg@10", "z"): {"a": spread(0.1, 0.2, 50), "b": np.array([])},
            ("mrr@10", "x"): {"b": spread(-0.1, 0.1, 40), "a": spread(0.2, 0.2, 50)},
            ("mrr@10", "same"): {"a": np.zeros(50), "b": np.zeros(40)},
        },
        "dev",
    )
    assert [(row.measure, row.arm, row.side, row.sets) for row in rows] == [
        ("ndcg@10", "x", "dev", 2),
        ("mrr@10", "x", "dev", 2),
    ]
    by_hand = random_effects([0.1, 0.12], [0.2**2 / 50, 0.1**2 / 40])
    assert rows[0].difference.mean == pytest.approx(by_hand.interval.mean)
    assert rows[0].p == pytest.approx(by_hand.p)
    assert rows[0].p_holm == pytest.approx(min(1.0, 2 * rows[0].p))
    assert rows[1].p_holm == rows[1].p
    assert rows[1].between_sd == pytest.approx(
        math.sqrt(random_effects([-0.1, 0.2], [0.1**2 / 40, 0.2**2 / 50]).between_variance)
    )


def test_one_set_or_none_has_no_summary() -> None:
    assert across({}, "test") == ()
    assert across({("ndcg@10", "x"): {"a": spread(0.1, 0.2, 50)}}, "test") == ()
    assert across({("ndcg@10", "x"): {}}, "test") == ()


def test_a_set_of_one_query_or_of_ties_still_counts() -> None:
    one = across({("m", "x"): {"a": spread(0.1, 0.2, 50), "b": np.array([0.5])}}, "test")
    ties = across({("m", "x"): {"a": spread(0.1, 0.2, 50), "b": np.full(30, 0.5)}}, "test")
    assert len(one) == len(ties) == 1
    assert one[0].difference == ties[0].difference
    assert one[0].difference.mean == pytest.approx(0.3)


@pytest.mark.parametrize("between", [0.0, 0.05])
def test_where_there_is_nothing_about_5_of_100_summaries_find_something_or_fewer(between: float) -> None:
    """Four sets of unequal size, whose true differences vary around nothing, or do not vary."""
    rng, studies = np.random.default_rng(11), 1_000
    wrong = 0
    for _ in range(studies):
        sets = {str(n): rng.normal(rng.normal(0, between), 0.2, n) for n in (30, 50, 80, 200)}
        wrong += across({("m", "x"): sets}, "test")[0].p_holm < 0.05
    print(f"across: between-set sd {between}: found where there is nothing in {wrong / studies:.1%}")
    assert wrong <= scipy_stats.binom.ppf(0.999, studies, 0.05)
