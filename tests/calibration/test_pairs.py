"""Which candidates count, what label they have, and their scores as logits and as probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.calibration.pairs import CLIP, Pairs, logits_of, pairs_of, probabilities, treatment_of
from bench.claims.words import Missing
from bench.rerankers.scores import sigmoid
from bench.types import ScoredDoc, rank

RUN = {
    "q1": rank([("a", 2.0), ("b", 1.0), ("c", -1.0), ("d", -3.0)]),
    "q2": rank([("a", 0.5)]),
    "q3": rank([("a", 0.25)]),
    "unasked": rank([("a", 9.0)]),
}
QRELS = {"q1": {"a": 2, "b": 1, "c": 0, "d": -1, "elsewhere": 1}, "q2": {"b": 0}, "q3": {"a": 1}, "no run": {"a": 0}}


def test_unjudged_candidates_are_left_out() -> None:
    pairs = pairs_of(RUN, QRELS, "logit", unjudged="left out")
    assert isinstance(pairs, Pairs)
    assert pairs.logits.tolist() == [2.0, 1.0, -1.0, 0.25]
    assert pairs.labels.tolist() == [True, True, False, True]
    assert pairs.query.tolist() == [0, 0, 0, 1]  # q2 has no judged candidate
    assert pairs.queries == 2
    assert (pairs.candidates, pairs.unjudged) == (6, 2)
    assert pairs.unjudged_share == pytest.approx(2 / 6)


def test_unjudged_candidates_count_as_not_relevant() -> None:
    pairs = pairs_of(RUN, QRELS, "logit", unjudged="not relevant")
    assert isinstance(pairs, Pairs)
    assert pairs.logits.tolist() == [2.0, 1.0, -1.0, -3.0, 0.5, 0.25]
    assert pairs.labels.tolist() == [True, True, False, False, False, True]
    assert pairs.query.tolist() == [0, 0, 0, 0, 1, 2]
    assert pairs.unjudged_share == pytest.approx(2 / 6)  # told all the same


def test_a_higher_grade_may_be_asked_for() -> None:
    pairs = pairs_of(RUN, QRELS, "logit", relevant_from=2, unjudged="left out")
    assert isinstance(pairs, Pairs)
    assert pairs.labels.tolist() == [True, False, False, False]
    with pytest.raises(ValueError, match="1 or more"):
        pairs_of(RUN, QRELS, "logit", relevant_from=0)


def test_auto_looks_at_whether_others_are_judged() -> None:
    assert treatment_of({"a": {"x": 0}, "b": {"x": 1}}) == "left out"  # half of the queries are enough
    assert treatment_of({"a": {"x": 0}, "b": {"x": 1}, "c": {"x": 1}}) == "not relevant"
    assert treatment_of({"a": {"x": -1}}) == "not relevant"  # pooled, not judged
    assert treatment_of({"a": {"x": 1}}, relevant_from=2) == "left out"
    assert treatment_of({}) == "not relevant"
    found = pairs_of(RUN, QRELS, "logit")
    assert isinstance(found, Pairs)
    assert found.treatment == "left out"


def test_what_cannot_be_calibrated_says_why() -> None:
    def reason(*arguments: object) -> str:
        found = pairs_of(*arguments)  # type: ignore[arg-type]
        assert isinstance(found, Missing)
        return found.reason

    assert "unit of its own" in reason(RUN, QRELS, "score")
    assert "no judged query" in reason({}, QRELS, "logit")
    assert "no judged query" in reason(RUN, {}, "logit")
    assert "no candidate is judged" in reason(RUN, {"q1": {"other": 0}}, "logit")
    assert "-3 to 2 are no probabilities" in reason(RUN, QRELS, "probability", 1, "not relevant")
    assert "not a finite" in reason({"q": (ScoredDoc("a", math.nan),)}, {"q": {"a": 1}}, "logit")


def test_a_probability_is_the_decimal_that_was_given() -> None:
    """A run holds 32-bit floats, and 0.9 as one of these is below 0.9."""
    run = {"q": rank([("a", 0.9), ("b", 0.3), ("c", 1.0), ("d", 0.0)])}
    assert run["q"][1].score < 0.9
    pairs = pairs_of(run, {"q": dict.fromkeys("abcd", 1)}, "probability", unjudged="left out")
    assert isinstance(pairs, Pairs)
    assert pairs.scores.tolist() == [1.0, 0.9, 0.3, 0.0]
    assert np.isfinite(pairs.logits).all()
    assert pairs.logits[0] == pytest.approx(-math.log(CLIP), rel=1e-6)
    assert pairs.logits[0] == pytest.approx(-pairs.logits[-1])


@given(st.floats(-16, 16))
def test_a_logit_comes_back_from_its_probability(logit: float) -> None:
    assert float(logits_of(probabilities(np.array([logit])))[0]) == pytest.approx(logit, abs=1e-7)


@given(st.floats(-1e30, 1e30))
def test_probabilities_are_the_engines_own(logit: float) -> None:
    assert float(probabilities(np.array([logit]))[0]) == pytest.approx(sigmoid(max(logit, -700)), abs=1e-15)
