"""Temperature: the best one against a search, what it leaves as it was, and where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.calibration.pairs import Pairs, pairs_of
from bench.calibration.temperature import apply, check_temperature, fit, nll, scaled, temperature
from bench.claims.words import Missing
from bench.rerankers.scores import sigmoid
from bench.types import ConfigError

logits = st.lists(st.floats(-50, 50), min_size=1, max_size=40).map(np.array)
temperatures = st.floats(0.01, 100)


def drawn(draw_run, slope: float, seed: int = 0) -> Pairs:
    pairs = pairs_of(*draw_run(300, 40, seed, slope), "logit")
    assert isinstance(pairs, Pairs)
    return pairs


@pytest.mark.parametrize("slope", [0.25, 1.0, 3.0])
def test_a_known_temperature_is_found(draw_run, slope: float) -> None:
    """Labels drawn from sigmoid(slope x logit) have the temperature 1 / slope."""
    pairs = drawn(draw_run, slope)
    found = temperature(pairs, drawn(draw_run, slope, seed=1))
    assert not isinstance(found, Missing)
    assert found.value == pytest.approx(1 / slope, rel=0.06)
    assert found.queries == 300
    assert found.nll_after <= found.nll_before
    assert found.ece_after < 0.02
    assert found.test_ece_after is not None
    assert found.test_ece_after < 0.02
    if slope != 1.0:
        assert found.ece_after < found.ece_before
        assert found.test_nll_after < found.test_nll_before


def test_a_worked_example() -> None:
    """Four of logit 2, three of them relevant: the best T makes sigmoid(2 / T) 3/4, so that T is 2 / ln 3."""
    values, labels = np.full(4, 2.0), np.array([True, True, True, False])
    found = fit(values, labels)
    assert found == pytest.approx(2 / math.log(3), rel=1e-6)
    assert apply(values, 2 / math.log(3)) == pytest.approx([0.75] * 4)
    assert nll(values, labels, 2 / math.log(3)) == pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 50), st.booleans()), min_size=2, max_size=40))
def test_no_other_temperature_is_better(pairs: list[tuple[float, bool]]) -> None:
    values, labels = (np.array(column) for column in zip(*pairs, strict=True))
    found = fit(values, labels)
    if isinstance(found, Missing):
        assert found.reason
        return
    best = nll(values, labels, found)
    others = [nll(values, labels, math.exp(x)) for x in np.linspace(math.log(0.01), math.log(100), 200)]
    assert best <= min(others) + 1e-9


@given(logits, temperatures)
def test_no_order_changes(values: np.ndarray, t: float) -> None:
    order = np.argsort(values, kind="stable")
    assert (np.diff(apply(values[order], t)) >= 0).all()
    assert (apply(values, t)[values > 0] >= 0.5).all()
    assert (apply(values, t)[values < 0] <= 0.5).all()


@given(st.floats(-50, 50), temperatures)
def test_one_logit_is_as_an_array_of_one(logit: float, t: float) -> None:
    one = apply(logit, t)
    assert isinstance(one, float)
    assert one == apply(np.array([logit]), t)[0]
    assert one == pytest.approx(sigmoid(max(logit / t, -700)), rel=1e-12)


def test_large_logits_neither_overflow_nor_vanish() -> None:
    values, labels = np.array([50.0, -50.0]), np.array([False, True])
    assert nll(values, labels) == pytest.approx(50)
    assert nll(values, ~labels) == pytest.approx(math.exp(-50))
    assert nll(values, labels, 0.01) == pytest.approx(5000)
    assert apply(-1e300, 0.01) == 0.0


@pytest.mark.parametrize("t", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_that_is_none_is_refused(t: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        apply(1.0, t)


def reason(values: list[float], labels: list[bool]) -> str:
    found = fit(np.array(values), np.array(labels, dtype=bool))
    assert isinstance(found, Missing)
    return found.reason


def test_where_there_is_no_best_temperature_the_reason_is_told() -> None:
    assert "no pairs" in reason([], [])
    assert "all pairs are relevant" in reason([1.0, 2.0], [True, True])
    assert "all pairs are not relevant" in reason([-1.0, 2.0], [False, False])
    assert "best temperature is 0" in reason([50.0, 1.0, -1.0, -50.0], [True, True, False, False])
    assert "best temperature is 0" in reason([3.0, 0.0, -3.0], [True, True, False])
    assert "infinite" in reason([2.0, -2.0], [False, True])
    assert "infinite" in reason([0.0, 0.0], [False, True])
    assert "infinite" in reason([5.0, 4.0, 4.0, 4.0], [True, False, False, False])  # in order, but all too sure
    assert "beyond 0.01 to 100" in reason([1e-4, -1e-4, -1e-6, 1e-3], [True, False, True, True])
    assert "beyond 0.01 to 100" in reason([50.0, 50.0] * 500 + [50.0], [True, False] * 500 + [True])


def test_scores_in_order_but_all_on_one_side_have_a_temperature() -> None:
    """They separate at another score than 0.5, which no temperature can move."""
    found = fit(np.array([-1.0, -2.0, -3.0]), np.array([True, False, False]))
    assert isinstance(found, float)


@given(st.floats(-30, 30), st.floats(0.1, 10))
def test_a_probability_is_scaled_as_its_logit_is(logit: float, temperature: float) -> None:
    probability = 1 / (1 + math.exp(-logit))
    assert scaled(probability, temperature) == pytest.approx(apply(logit, temperature), abs=1e-3)
    assert scaled(probability, 1.0) == probability


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        check_temperature(temperature, "logit")


def test_scores_that_are_no_probabilities_are_not_scaled() -> None:
    check_temperature(1.0, "score")
    with pytest.raises(ConfigError, match="no probabilities"):
        check_temperature(2.0, "score")
