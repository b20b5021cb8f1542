"""Precision and recall at a score against loops; the threshold for a wish against trying every score."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.calibration.pairs import Pairs, pairs_of
from bench.calibration.thresholds import TABLE, table, threshold_for, wanted_precision

some_scores = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.94, 0.9400001, 1.0]))
scored = st.lists(st.tuples(some_scores, st.booleans()), min_size=1, max_size=40)
WISHES = st.sampled_from([0.01, 0.5, 2 / 3, 0.9, 1.0])


def test_the_thresholds_of_the_table() -> None:
    assert TABLE == (
        0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9,
        0.94, 0.95, 0.99,
    )  # fmt: skip


def test_a_worked_example(make_pairs) -> None:
    pairs = make_pairs([0.95, 0.94, 0.5, 0.2], [True, False, True, False])
    rows = {row.at: row for row in table(pairs)}
    assert (rows[0.94].pairs, rows[0.94].kept, rows[0.94].recall) == (2, 0.5, 0.5)
    assert rows[0.94].precision.mean == 0.5
    assert rows[0.5].precision.mean == pytest.approx(2 / 3)
    assert rows[0.5].recall == 1.0
    assert (rows[0.99].precision, rows[0.99].pairs, rows[0.99].recall) == (None, 0, 0.0)


@settings(max_examples=60, deadline=None)
@given(scored)
def test_figures_are_those_of_loops(make_pairs, pairs: list[tuple[float, bool]]) -> None:
    scores, labels = (list(column) for column in zip(*pairs, strict=True))
    rows = table(make_pairs(scores, labels))
    for row in rows:
        kept = [y for s, y in pairs if s >= row.at]
        assert row.pairs == len(kept)
        assert row.kept == pytest.approx(len(kept) / len(pairs))
        assert (row.precision is None) == (not kept)
        if kept:
            assert row.precision.mean == pytest.approx(sum(kept) / len(kept))
            assert 0 <= row.precision.low <= row.precision.high <= 1
        assert row.recall == (pytest.approx(sum(kept) / sum(labels)) if any(labels) else None)
    assert [row.kept for row in rows] == sorted((row.kept for row in rows), reverse=True)


def test_rows_come_in_the_order_asked_for(make_pairs) -> None:
    pairs = make_pairs([0.3, 0.6], [False, True])
    assert [row.at for row in table(pairs, (0.9, 0.1, 0.5))] == [0.9, 0.1, 0.5]
    assert table(pairs, ()) == ()


@settings(max_examples=150, deadline=None)
@given(scored, WISHES)
def test_the_threshold_is_the_lowest_that_reaches_the_wish(make_pairs, pairs, wanted: float) -> None:
    scores, labels = (list(column) for column in zip(*pairs, strict=True))
    found = threshold_for(make_pairs(scores, labels), wanted)
    reach = []
    for at in set(scores):
        kept = [y for s, y in pairs if s >= at]
        if sum(kept) / len(kept) >= wanted:
            reach.append(at)
    if not reach:
        assert found is None
        return
    assert [s >= found for s in scores] == [s >= min(reach) for s in scores]
    row = table(make_pairs(scores, labels), (found,))[0]
    assert row.precision.mean >= wanted
    assert found <= min(reach)


def test_a_threshold_has_as_few_decimals_as_tell_the_pairs_apart(make_pairs) -> None:
    def at(*scores: float) -> float | None:
        return threshold_for(make_pairs(scores, [True] + [False] * (len(scores) - 1)), 1.0)

    assert at(0.87654321, 0.5) == 0.876
    assert at(0.87654321, 0.8762) == 0.8765
    assert at(0.57, 0.5) == 0.57
    assert at(0.87654321, 0.87654320) == 0.87654321
    assert at(0.0001) == 0.0  # nothing lies below: all is kept


def test_equal_scores_stay_together(make_pairs) -> None:
    """One of two alike is relevant, so that neither can be kept at a precision of 1."""
    assert threshold_for(make_pairs([0.8, 0.8], [True, False]), 1.0) is None
    assert threshold_for(make_pairs([0.8, 0.8], [True, False]), 0.5) == 0.8


@pytest.mark.parametrize("wanted", [0.0, -0.1, 1.01, float("nan")])
def test_a_wish_that_is_no_precision_is_refused(make_pairs, wanted: float) -> None:
    with pytest.raises(ValueError, match="wanted precision"):
        threshold_for(make_pairs([0.5], [True]), wanted)


def alike(make_pairs, relevant: int, others: int) -> Pairs:
    return make_pairs([0.8] * (relevant + others), [True] * relevant + [False] * others)


@pytest.mark.parametrize(
    ("relevant", "others", "said"),
    [
        (99, 1, "It held: on test it keeps 100 pairs, of which 99.0% are relevant"),
        (92, 8, "It held, though the interval allows for less"),
        (88, 12, "It fell short, though the interval allows for as much"),
        (60, 40, "It did not hold"),
    ],
)
def test_the_sentence_says_whether_the_wish_held(make_pairs, relevant: int, others: int, said: str) -> None:
    found = wanted_precision(alike(make_pairs, 9, 1), alike(make_pairs, relevant, others), 0.9)
    assert found.threshold == 0.8
    assert found.said.startswith("On dev a score of 0.8 or more keeps 10 pairs, of which 90.0% are relevant (")
    assert said in found.said
    assert found.test.pairs == 100


def test_the_sentence_says_what_is_not_known(make_pairs) -> None:
    dev = alike(make_pairs, 9, 1)
    assert "No test side was measured" in wanted_precision(dev, None, 0.9).said
    assert "no candidate scores as high" in wanted_precision(dev, make_pairs([0.1], [True]), 0.9).said
    none = wanted_precision(dev, dev, 0.95)
    assert (none.threshold, none.dev, none.test) == (None, None, None)
    assert none.said == "On dev no threshold reaches a precision of 95.0%."


def test_calibrated_scores_reach_a_wish_low_enough(draw_run) -> None:
    """What is kept above a threshold is on average surer than the threshold itself."""
    pairs = pairs_of(*draw_run(200, 30, 1), "logit")
    assert isinstance(pairs, Pairs)
    threshold = threshold_for(pairs, 0.8)
    assert threshold is not None
    assert 0.5 < threshold < 0.7
