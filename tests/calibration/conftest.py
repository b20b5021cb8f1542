"""Pairs by hand, and runs whose labels are drawn from their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from bench.calibration.pairs import Pairs, logits_of, probabilities
from bench.types import rank

MakePairs = Callable[..., Pairs]


def pairs_by_hand(scores: Sequence[float], labels: Sequence[bool], query: Sequence[int] | None = None) -> Pairs:
    """Each pair a query of its own unless told."""
    values = np.array(scores, dtype=np.float64)
    places = np.arange(values.size) if query is None else np.array(query)
    held, relevant = logits_of(values), np.array(labels, dtype=np.bool_)
    return Pairs(held, values, relevant, places, int(places.max()) + 1, values.size, 0, "left out")


def drawn_run(queries: int, depth: int, seed: int, slope: float = 1.0, judged: float = 1.0) -> Any:
    """A run of logits and its judgements; with ``slope`` 1 the logits are perfectly calibrated, below 1 too sure."""
    rng = np.random.default_rng(seed)
    run, qrels = {}, {}
    for q in range(queries):
        logits = rng.normal(-1.5, 2.5, depth)
        labels = rng.random(depth) < probabilities(slope * logits)
        run[f"q{q}"] = rank((f"d{i}", float(logit)) for i, logit in enumerate(logits))
        qrels[f"q{q}"] = {f"d{i}": int(label) for i, label in enumerate(labels) if rng.random() < judged}
    return run, qrels


@pytest.fixture(scope="session")
def make_pairs() -> MakePairs:
    return pairs_by_hand


@pytest.fixture(scope="session")
def draw_run() -> Callable[..., Any]:
    return drawn_run
