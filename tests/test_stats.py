"""Statistics against textbook values and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.stats import (
    bootstrap_mean,
    holm,
    paired_bootstrap,
    paired_randomisation,
    paired_randomisations,
    percentile,
    percentile_interval,
)


def test_percentiles_interpolate_linearly() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.5
    assert percentile([1.0, 2.0], 95) == pytest.approx(1.95)
    assert percentile([], 50) is None


def test_bootstrap_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).beta(2, 3, 200)
    ours = bootstrap_mean(values, seed=3)
    theirs = scipy_stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=5)
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=2e-3)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=2e-3)


def test_bootstrap_covers_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(2)
    intervals = [bootstrap_mean(rng.normal(0.3, 1, 60), seed=i, resamples=1_000) for i in range(300)]
    covered = sum(interval.low <= 0.3 <= interval.high for interval in intervals)
    assert 270 <= covered <= 297  # binomial(300, 0.95) is 285 ± 3.8; percentile intervals of 60 run a little narrow


def test_one_value_has_no_spread() -> None:
    assert bootstrap_mean([0.4]) == bootstrap_mean([0.4], seed=9)
    assert bootstrap_mean([0.4]).low == bootstrap_mean([0.4]).high == 0.4


def test_the_same_seed_gives_the_same_interval() -> None:
    values = list(np.random.default_rng(0).random(50))
    assert bootstrap_mean(values, seed=1) == bootstrap_mean(values, seed=1) != bootstrap_mean(values, seed=2)


def test_small_samples_are_exact() -> None:
    """Four queries, all better: of the 16 sign patterns two are as extreme."""
    assert paired_randomisation([0, 0, 0, 0], [1, 1, 1, 1]) == 2 / 16
    assert paired_randomisation([0.1, 0.2], [0.1, 0.2]) == 1.0


def test_exact_p_agrees_with_scipy() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.random(12), rng.random(12)
    theirs = scipy_stats.permutation_test((b - a,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert paired_randomisation(a, b) == pytest.approx(theirs.pvalue)


def test_sampled_p_agrees_with_scipy_and_is_never_zero() -> None:
    rng = np.random.default_rng(5)
    a = rng.random(80)
    b = a + rng.normal(0.03, 0.15, 80)
    theirs = scipy_stats.permutation_test((b - a,), np.mean, permutation_type="samples", n_resamples=100_000, rng=1)
    assert paired_randomisation(a, b) == pytest.approx(theirs.pvalue, abs=0.01)
    assert paired_randomisation(np.zeros(60), np.ones(60)) > 0


def test_fishers_own_example() -> None:
    """Darwin's fifteen pairs of maize, crossed less self-fertilised in eighths of an inch (Fisher 1935, section 21)."""
    eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sum(eighths) == 314
    assert paired_randomisation([0] * 15, eighths) == 1726 / 2**15
    assert paired_randomisations([0] * 15, [eighths]) == [1726 / 2**15]


def test_several_arms_each_have_the_single_tests_p() -> None:
    """Exact for few differing queries, to the last bit for one sampled arm, within sampling error for several."""
    rng = np.random.default_rng(9)
    base = rng.random(80)
    few = base.copy()
    few[:12] += rng.normal(0.05, 0.1, 12)
    gained, lost = base + rng.normal(0.02, 0.1, 80), base - rng.normal(0.03, 0.15, 80)
    exact = scipy_stats.permutation_test(((few - base)[:12],), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert paired_randomisations(base, [few, base, gained], 3) == [
        pytest.approx(exact.pvalue),
        1.0,
        paired_randomisation(base, gained, 3),
    ]
    together = paired_randomisations(base, [gained, lost, few], 3)
    for arm, p in zip((gained, lost), together, strict=False):
        theirs = scipy_stats.permutation_test(
            (arm - base,), np.mean, permutation_type="samples", rng=1, n_resamples=50_000
        )
        error = (p * (1 - p) * (1 / 100_000 + 1 / 50_000)) ** 0.5
        assert p == pytest.approx(theirs.pvalue, abs=5 * error + 1e-4)
    assert together == paired_randomisations(base, [gained, lost, few], 3)


def test_one_arm_alone_has_exactly_the_single_tests_p() -> None:
    rng = np.random.default_rng(10)
    gains = [0.0, 1.0, 0.63, 0.5, 0.43]
    for seed in range(40):
        n = int(rng.integers(1, 120))
        a, b = rng.choice(gains, n), rng.choice(gains, n)
        assert paired_randomisations(a, [b], seed, 1_000) == [paired_randomisation(a, b, seed, 1_000)]


def test_samples_are_drawn_in_chunks_without_changing_their_number() -> None:
    """5,000 queries do not fit one chunk; a clear effect still meets the smallest p that so many samples can give."""
    base = np.random.default_rng(0).random(5_000)
    assert paired_randomisations(base, [base + 0.1, base - 0.1], samples=1_999) == [1 / 2_000, 1 / 2_000]


def test_several_arms_under_the_null_each_say_so_about_5_times_in_100() -> None:
    rng = np.random.default_rng(12)
    found = [paired_randomisations(rng.random(30), list(rng.random((3, 30))), i, 1_000) for i in range(400)]
    assert (np.array(found) <= 0.05).sum(axis=0).max() <= 33  # 99.9% bound of binomial(400, 0.05)


def test_no_arms_no_queries_and_no_numbers() -> None:
    assert paired_randomisations([0.1], []) == []
    assert paired_randomisations([], [[], []]) == [1.0, 1.0]
    with pytest.raises(ValueError, match="arm 1"):
        paired_randomisations([0.1], [[0.2], [float("nan")]])
    with pytest.raises(ValueError, match="equal lengths"):
        paired_randomisations([0.1], [[0.2], [0.1, 0.2]])


def test_under_the_null_it_says_so_about_5_times_in_100() -> None:
    rng = np.random.default_rng(6)
    p_values = [paired_randomisation(rng.random(30), rng.random(30), seed=i, samples=2_000) for i in range(400)]
    assert sum(p <= 0.05 for p in p_values) <= 33  # 99.9% bound of binomial(400, 0.05)


def test_the_difference_is_paired_and_signed() -> None:
    interval = paired_bootstrap([0.1, 0.9, 0.5], [0.2, 1.0, 0.6])
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="equal lengths"):
        paired_bootstrap([1.0], [1.0, 2.0])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_percentiles_interval_takes_the_textbooks_order_statistics() -> None:
    """Of 100 samples the 40th and 61st bound the median; of n samples the binomial says which, as scipy computes it."""
    values = [float(i) for i in np.random.default_rng(7).permutation(np.arange(1, 101))]
    median = percentile_interval(values, 50)
    assert median is not None
    assert (median.mean, median.low, median.high) == (50.5, 40.0, 61.0)
    for n, q in ((80, 95), (400, 99), (1000, 95), (37, 30)):
        interval = percentile_interval([float(i) for i in range(1, n + 1)], q)
        assert interval is not None
        binomial = scipy_stats.binom(n, q / 100)
        low, high = int(interval.low), int(interval.high)
        assert binomial.cdf(low - 1) <= 0.025 < binomial.cdf(low)
        assert binomial.sf(high - 1) <= 0.025 < binomial.sf(high - 2)


def test_a_percentiles_interval_covers_the_truth_whatever_the_distribution() -> None:
    rng = np.random.default_rng(8)
    truth = float(scipy_stats.lognorm(1.0).ppf(0.95))
    intervals = [percentile_interval(list(rng.lognormal(0, 1.0, 200)), 95) for _ in range(400)]
    covered = sum(interval is not None and interval.low <= truth <= interval.high for interval in intervals)
    assert covered >= 366  # 99.9% bound of binomial(400, 0.95), and the true coverage is a little higher


def test_too_few_samples_bound_no_percentile() -> None:
    def known(n: int, q: float) -> bool:
        return percentile_interval([float(i) for i in range(n)], q) is not None

    assert not known(50, 99)
    assert not known(0, 50)
    assert (known(5, 50), known(6, 50)) == (False, True)
    assert (known(71, 95), known(72, 95)) == (False, True)
    assert (known(367, 99), known(368, 99)) == (False, True)
    assert (known(9, 100), known(9, 0)) == (False, False)
