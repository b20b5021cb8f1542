"""Score differences and changed ranks."""

from __future__ import annotations

import pytest

from bench.engines.exactness import RankChanges, largest_difference, rank_changes


def test_logits_are_compared_as_probabilities() -> None:
    assert largest_difference([[0.0, 100.0]], "logit", [[0.0, 200.0]]) == pytest.approx(0.0, abs=1e-12)
    assert largest_difference([[0.0], [1.0]], "logit", [[0.0], [0.0]]) == pytest.approx(0.2310586)


def test_probabilities_are_taken_as_they_are() -> None:
    assert largest_difference([[0.5, 0.75]], "probability", [[0.0, 0.0]]) == pytest.approx(0.25)


def test_a_bare_score_has_no_probability() -> None:
    assert largest_difference([[3.0]], "score", [[0.0]]) is None
    assert largest_difference([], "logit", []) == 0


def test_missing_scores_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        largest_difference([[1.0]], "logit", [[1.0, 2.0]])


def test_the_same_order_changes_nothing_whatever_the_scale() -> None:
    assert rank_changes([[0.1, 0.2, 0.3], [1, 0]], [[-9, 0, 9], [5, 4]]) == RankChanges(0, 2, 0, 4)


def test_swapped_documents_are_counted() -> None:
    assert rank_changes([[3, 2, 1], [2, 1]], [[1, 2, 3], [2, 1]]) == RankChanges(1, 2, 3, 4)
    assert rank_changes([[1, 3, 2]], [[1, 2, 3]]) == RankChanges(1, 1, 1, 3)


def test_ties_take_the_order_that_a_run_would_have() -> None:
    """Equal scores rank by document id, descending: the later document comes first."""
    assert rank_changes([[0.5, 0.5]], [[1.0, 2.0]]) == RankChanges(0, 1, 0, 1)
    assert rank_changes([[0.5, 0.5]], [[2.0, 1.0]]) == RankChanges(1, 1, 1, 1)
