"""How far two passes over the same pairs are from each other."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.agreement import agree, at_depth
from bench.types import Agreement, rank

REFERENCE = {"q1": rank([("a", 2.0), ("b", 1.0), ("c", -1.0)]), "q2": rank([("a", 0.5)])}


def test_the_same_scores_agree_wholly() -> None:
    assert agree([REFERENCE], REFERENCE, "logit") == Agreement(2, 0.0, 0)


def test_a_logit_is_compared_as_a_probability() -> None:
    own = {"q1": rank([("a", 2.0), ("b", 1.5), ("c", -1.0)])}
    found = agree([own], REFERENCE, "logit")
    assert found is not None
    assert found.largest_difference == pytest.approx(1 / (1 + math.exp(-1.5)) - 1 / (1 + math.exp(-1.0)), abs=1e-7)
    assert (found.queries, found.top10_changed) == (1, 0)
    assert agree([own], REFERENCE, "score") == Agreement(1, 0.5, 0)


def test_a_changed_order_is_counted_once_however_many_scenarios_saw_it() -> None:
    own = {"q1": rank([("a", 0.9), ("b", 1.0), ("c", -1.0)])}
    found = agree([own, own, REFERENCE], REFERENCE, "score")
    assert found is not None
    assert (found.queries, found.top10_changed) == (2, 1)


def test_candidates_of_a_smaller_depth_are_compared_among_themselves() -> None:
    assert agree([{"q1": rank([("b", 1.0), ("c", -1.0)])}], REFERENCE, "score") == Agreement(1, 0.0, 0)


def test_nothing_in_common_is_not_agreement() -> None:
    assert agree([{"q9": rank([("a", 1.0)])}], REFERENCE, "logit") is None
    assert agree([], REFERENCE, "logit") is None


scores = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.floats(-5, 5), min_size=1, max_size=12)


@given(scores, st.integers(1, 12))
def test_a_smaller_depth_reads_the_same_scores(scored: dict[str, float], depth: int) -> None:
    first = {"q": rank((doc, i) for i, doc in enumerate(sorted(scored)))}
    deep = {"q": rank(scored.items())}
    kept = [doc.doc_id for doc in first["q"][:depth]]
    assert at_depth(deep, first, depth)["q"] == rank((doc, scored[doc]) for doc in kept)
