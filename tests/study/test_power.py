"""Power: the textbook's sample sizes, each function as the inverse of the others, and the ends of the scale."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from bench.stats import paired_randomisation
from bench.study.power import detectable, fewest, power_of, queries_needed

SD = st.floats(1e-3, 2.0)
ALPHA = st.floats(1e-4, 0.2)
QUERIES = st.integers(16, 5_000)


@pytest.mark.parametrize(("effect", "queries", "exact"), [(0.2, 199, 198.15), (0.5, 34, 33.37), (0.8, 15, 14.30)])
def test_small_medium_and_large_effects_need_the_textbooks_pairs(effect: float, queries: int, exact: float) -> None:
    """Cohen 1988; the fractions are those of G*Power and of R's ``power.t.test``."""
    assert queries_needed(effect, 1.0, 0.05) == queries == math.ceil(exact)
    assert detectable(1.0, queries, 0.05) <= effect < detectable(1.0, queries - 1, 0.05)


def test_power_is_scipys_noncentral_t() -> None:
    for effect, queries, alpha in ((0.1, 20, 0.05), (0.4, 30, 0.05), (0.4, 30, 0.005), (0.3, 200, 0.001)):
        critical = scipy_stats.t.isf(alpha / 2, queries - 1)
        theirs = scipy_stats.nct(queries - 1, effect * math.sqrt(queries))
        expected = theirs.sf(critical) + theirs.cdf(-critical)
        assert power_of(effect, 1.0, queries, alpha) == pytest.approx(expected, abs=1e-9)


def test_many_queries_are_the_normal_case() -> None:
    for queries in (10**5, 10**8):
        expected = (scipy_stats.norm.isf(0.025) + scipy_stats.norm.isf(0.2)) * 0.3 / math.sqrt(queries)
        assert detectable(0.3, queries, 0.05) == pytest.approx(expected, rel=1e-4)


@given(SD, QUERIES, ALPHA, st.floats(0.5, 0.99))
def test_what_is_detectable_is_found_with_that_power_and_needs_so_many(
    sd: float, queries: int, alpha: float, power: float
) -> None:
    effect = detectable(sd, queries, alpha, power)
    assert power_of(effect, sd, queries, alpha) == pytest.approx(power, abs=1e-8)
    assert queries_needed(effect, sd, alpha, power) == queries


@given(st.floats(1e-3, 1.0), st.floats(1e-2, 1.0), ALPHA)
def test_what_is_needed_is_enough_and_one_fewer_is_not(effect: float, sd: float, alpha: float) -> None:
    needed = queries_needed(effect, sd, alpha)
    assert power_of(effect, sd, needed, alpha) >= 0.8 - 1e-8
    assert needed == fewest(alpha) or power_of(effect, sd, needed - 1, alpha) < 0.8


@given(SD, QUERIES, ALPHA, st.floats(-3.0, 3.0))
def test_power_lies_between_the_level_and_one_and_knows_no_direction(
    sd: float, queries: int, alpha: float, effect: float
) -> None:
    found = power_of(effect, sd, queries, alpha)
    assert alpha - 1e-9 <= found <= 1
    assert found == power_of(-effect, sd, queries, alpha)
    assert found <= power_of(effect * 1.1, sd, queries, alpha) + 1e-9


@given(SD, QUERIES, ALPHA)
def test_more_queries_a_laxer_level_or_less_spread_detect_more(sd: float, queries: int, alpha: float) -> None:
    effect = detectable(sd, queries, alpha)
    assert detectable(sd, queries + 1, alpha) < effect
    assert detectable(sd, queries, alpha / 2) > effect
    assert detectable(2 * sd, queries, alpha) == pytest.approx(2 * effect)


def test_no_effect_is_found_as_often_as_the_level_says() -> None:
    assert power_of(0.0, 0.3, 50, 0.05) == pytest.approx(0.05)


def test_differences_that_do_not_spread_show_any_effect() -> None:
    assert detectable(0.0, 10, 0.05) == 0.0
    assert queries_needed(0.1, 0.0, 0.05) == fewest(0.05)
    assert (power_of(0.1, 0.0, 10, 0.05), power_of(0.0, 0.0, 10, 0.05)) == (1.0, 0.0)


@pytest.mark.parametrize("alpha", [0.05, 0.005, 1 / 16])
def test_too_few_queries_show_nothing_by_the_very_test_that_is_used(alpha: float) -> None:
    least = fewest(alpha)
    assert paired_randomisation([0.0] * least, [1.0] * least) < alpha
    assert paired_randomisation([0.0] * (least - 1), [1.0] * (least - 1)) >= alpha
    for queries in (0, 1, least - 1):
        assert detectable(0.3, queries, alpha) == math.inf
        assert power_of(9.0, 0.3, queries, alpha) == 0.0
    assert detectable(0.3, least, alpha) < math.inf
    assert queries_needed(9.0, 0.3, alpha) >= least


@pytest.mark.parametrize(
    ("sd", "alpha", "power"), [(-1.0, 0.05, 0.8), (math.nan, 0.05, 0.8), (1.0, 0.0, 0.8), (1.0, 0.9, 0.8), (1, 0.05, 1)]
)
def test_impossible_requests_are_refused(sd: float, alpha: float, power: float) -> None:
    with pytest.raises(ValueError, match="got"):
        detectable(sd, 30, alpha, power)


@pytest.mark.parametrize("effect", [0.0, math.nan, math.inf])
def test_no_number_of_queries_shows_nothing(effect: float) -> None:
    with pytest.raises(ValueError, match="no number of queries"):
        queries_needed(effect, 0.3, 0.05)
