"""What is said of times that cannot be trusted, and that nothing is said of those that can."""

from __future__ import annotations

import random

import pytest

from bench.machine.steadiness import coefficient_of_variation, doubts_of_time, drift, drifts, noisy
from bench.types import Cost, Work


def cost(
    latency_s: tuple[float, ...] = (), offline_s: tuple[float, ...] = (), warmup_s: tuple[float, ...] = (),
    warmed_up: bool = True,
) -> Cost:  # fmt: skip
    return Cost(
        0.1, None, latency_s, {}, offline_s, 2, None, 1, 2, None, None, Work(), warmup_s=warmup_s, warmed_up=warmed_up
    )


def uneven(trend: float, n: int = 60, seed: int = 0) -> tuple[float, ...]:
    """Latencies of documents of many lengths; the last is slower than the first by ``trend``."""
    draw = random.Random(seed)
    return tuple(0.1 * draw.lognormvariate(0, 0.2) * (1 + trend * i / (n - 1)) for i in range(n))


def test_the_coefficient_of_variation_by_hand() -> None:
    assert coefficient_of_variation([1.0, 2.0, 3.0]) == pytest.approx(0.5)
    assert coefficient_of_variation([4.0, 4.0]) == 0.0
    assert coefficient_of_variation([4.0]) is None
    assert coefficient_of_variation([]) is None
    assert coefficient_of_variation([0.0, 0.0]) is None


def test_noise_is_a_spread_of_a_tenth_and_needs_three_repetitions() -> None:
    assert noisy([1.0, 1.0, 1.3])
    assert not noisy([1.0, 1.02, 1.04])
    assert not noisy([1.0, 3.0])


def test_a_trend_is_found_in_uneven_samples_and_none_where_there_is_none() -> None:
    up, down = drift(uneven(0.6)), drift(uneven(-0.5))
    assert up is not None
    assert down is not None
    assert up.change > 0.1
    assert up.p < 0.01
    assert down.change < -0.1
    assert not drifts(uneven(0.0))


def test_steady_samples_are_hardly_ever_flagged() -> None:
    assert sum(drifts(uneven(0.0, seed=seed)) for seed in range(300)) <= 8  # 99.4% bound of binomial(300, 0.01)


def test_a_trend_too_small_to_matter_or_too_short_to_tell_is_none() -> None:
    assert not drifts([1 + 0.0005 * i for i in range(100)])
    assert not drifts([1.0, 1.2, 1.4, 1.6, 1.8])
    assert not drifts([1.0] * 50)
    assert not drifts([])


def test_two_outliers_are_no_trend() -> None:
    assert not drifts([1.0] * 48 + [50.0] * 2)


def test_a_steady_cell_has_no_doubts() -> None:
    assert doubts_of_time(cost(uneven(0.0), (1.0, 1.01, 0.99), (9.0, 1.2, 1.0, 1.01, 1.0, 0.99))) == ()
    assert doubts_of_time(cost()) == ()


def test_each_doubt_says_how_much_and_what_to_do() -> None:
    (noise,) = doubts_of_time(cost(offline_s=(1.0, 1.3, 1.0)))
    assert "noisy: rounds of the same queries vary by 16%" in noise
    assert "measure again" in noise
    (warm,) = doubts_of_time(cost(warmup_s=(9.0, 9.0, 9.0, 1.0, 1.4, 1.0)))
    assert "noisy: the same query" in warm
    (cold,) = doubts_of_time(cost(warmup_s=(1.0, 1.4, 1.0, 1.4), warmed_up=False))
    assert cold.startswith("not warmed up: after 4 passes")
    assert "warmup_queries" in cold


def test_a_drift_says_which_way_and_what_may_cause_it() -> None:
    (slower,) = doubts_of_time(cost(tuple(1 + 0.01 * i for i in range(30))))
    assert slower.startswith("drifts: the last third of the single queries is 19% slower than the first")
    assert "cool" in slower
    (faster,) = doubts_of_time(cost(tuple(2 - 0.02 * i for i in range(30))))
    assert "faster" in faster
    assert "warmup_queries" in faster
    (rounds,) = doubts_of_time(cost(offline_s=tuple(1 + 0.02 * i for i in range(12))))
    assert "of the rounds" in rounds
