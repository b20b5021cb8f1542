"""Temperature scaling: one number that all logits are divided by, so that probabilities are surer or less sure.

Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017. It is fitted by the likelihood of
the judgements on dev. It never changes an order, nor which pairs are above 0.5; it cannot mend scores that are all too
high or all too low by one amount.
"""

from __future__ import annotations

import math
from typing import overload

import numpy as np

from bench.calibration.pairs import Flags, Floats, Pairs, probabilities
from bench.calibration.reliability import ece
from bench.calibration.words import Temperature
from bench.claims.words import Missing
from bench.types import ConfigError, ScoreUnit

LEAST, MOST = 0.01, 100.0
_AT_THE_BOUND = 1e-3  # of log T
_TINY = 2.0**-53


@overload
def apply(logits: float, temperature: float) -> float: ...


@overload
def apply(logits: Floats, temperature: float) -> Floats: ...


def apply(logits: float | Floats, temperature: float) -> float | Floats:
    """The probability sigmoid(logit / temperature), of one logit or of an array; never overflows.

    Raises ValueError for a temperature that is not a finite number above 0.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"a temperature is a finite number above 0; got {temperature}")
    found = probabilities(np.asarray(logits, dtype=np.float64) / temperature)
    return float(found) if isinstance(logits, int | float) else found


def scaled(probability: float, temperature: float) -> float:
    """A probability as the temperature has it. What was rounded to 0 or 1 is taken for a logit of 36.7."""
    if temperature == 1:
        return probability
    held = min(max(probability, _TINY), 1 - _TINY)
    return apply(math.log(held / (1 - held)), temperature)


def check_temperature(temperature: float, unit: ScoreUnit) -> None:
    """Raises ConfigError for what is no temperature, or where scores are no probabilities that one could change."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise ConfigError(f"the temperature is {temperature}; give a number above 0, such as the one a study found")
    if temperature != 1 and unit == "score":
        raise ConfigError(f"temperature {temperature:g}: this engine's scores are no probabilities; leave it out")


def nll(logits: Floats, labels: Flags, temperature: float = 1.0) -> float:
    """The mean negative log-likelihood of the labels, in nats per pair, both of shape (pairs,)."""
    scaled = logits / temperature
    return float(np.logaddexp(0.0, np.where(labels, -scaled, scaled)).mean())


def fit(logits: Floats, labels: Flags) -> float | Missing:
    """The temperature with the least ``nll``, between 0.01 and 100; Missing where there is none, with the reason.

    In 1/T the likelihood is convex, so that there is one best temperature, and its slopes at both ends tell beforehand
    whether it is a finite one.
    """
    from scipy.optimize import minimize_scalar

    if labels.size == 0:
        return Missing("there are no pairs to fit a temperature to")
    if labels.all() or not labels.any():
        return Missing(f"all pairs are {'relevant' if labels.all() else 'not relevant'}: no temperature fits them best")
    if float(((0.5 - labels) * logits).mean()) >= 0:
        return Missing("the surer the scores, the worse: the best temperature is infinite, which gives every pair 0.5")
    if not (np.where(labels, logits, -logits) < 0).any():
        return Missing("scores separate relevant from other pairs at 0.5 without a mistake: the best temperature is 0")
    found = minimize_scalar(
        lambda log_t: nll(logits, labels, math.exp(log_t)),
        bounds=(math.log(LEAST), math.log(MOST)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    if min(found.x - math.log(LEAST), math.log(MOST) - found.x) < _AT_THE_BOUND:
        return Missing(f"the best temperature is beyond {LEAST:g} to {MOST:g}")
    return math.exp(float(found.x))


def temperature(dev: Pairs, test: Pairs | None = None) -> Temperature | Missing:
    """The temperature of dev and what it does there, and to test, which had no part in it."""
    value = fit(dev.logits, dev.labels)
    if isinstance(value, Missing):
        return value
    on_test = _before_and_after(test, value) if test else (None, None, None, None)
    return Temperature(value, dev.queries, *_before_and_after(dev, value), *on_test)


def _before_and_after(pairs: Pairs, value: float) -> tuple[float, float, float, float]:
    return (
        nll(pairs.logits, pairs.labels),
        nll(pairs.logits, pairs.labels, value),
        ece(pairs.scores, pairs.labels),
        ece(apply(pairs.logits, value), pairs.labels),
    )
