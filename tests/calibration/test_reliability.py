"""Bins, ECE and Brier score against loops, worked examples and what they promise."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.calibration.pairs import Pairs, pairs_of
from bench.calibration.reliability import bin_of, ece, ece_floor, reliability
from bench.calibration.resample import intervals, ratio, shares
from bench.calibration.words import Reliability
from bench.stats import bootstrap_sums, wilson

scored = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 4)), min_size=1, max_size=60)


def dense(query: list[int]) -> list[int]:
    """Queries counted from 0 without gaps, as ``Pairs`` has them."""
    order = {q: i for i, q in enumerate(sorted(set(query)))}
    return [order[q] for q in query]


def naive_bin(score: float) -> int:
    return max(i for i in range(10) if score >= i / 10)


def naive_ece(scores: list[float], labels: list[bool]) -> float:
    error = 0.0
    for i in range(10):
        inside = [(s, y) for s, y in zip(scores, labels, strict=True) if naive_bin(s) == i]
        if inside:
            gap = fmean(s for s, _ in inside) - fmean(y for _, y in inside)
            error += len(inside) / len(scores) * abs(gap)
    return error


def test_a_worked_example(make_pairs) -> None:
    """Two bins: 0.2 and 0.28 with one relevant of two; 0.95, 0.95, 0.98 with two of three."""
    found = reliability(make_pairs([0.2, 0.28, 0.95, 0.95, 0.98], [True, False, True, True, False]))
    assert found.ece.mean == pytest.approx(2 / 5 * (0.5 - 0.24) + 3 / 5 * (0.96 - 2 / 3))
    assert found.brier.mean == pytest.approx((0.64 + 0.0784 + 0.0025 + 0.0025 + 0.9604) / 5)
    assert found.brier_of_base_rate == pytest.approx(0.6 * 0.4)
    assert (found.pairs, found.queries, found.relevant, found.relevant_share) == (5, 5, 3, 0.6)
    assert [each.pairs for each in found.bins] == [0, 0, 2, 0, 0, 0, 0, 0, 0, 3]
    assert found.bins[9].mean_score == pytest.approx(0.96)
    assert found.bins[9].relevant_share == pytest.approx(2 / 3)
    empty = found.bins[0]
    assert (empty.mean_score, empty.relevant_share, empty.share_low, empty.share_high) == (None,) * 4


def test_a_bin_has_its_lower_edge_and_the_last_has_1() -> None:
    edges = np.array([0.0, 0.1, 0.2, 0.3, 0.6, 0.7, 0.9, np.nextafter(0.9, 0), 1.0])
    assert bin_of(edges).tolist() == [0, 1, 2, 3, 6, 7, 9, 8, 9]


@settings(max_examples=60, deadline=None)
@given(scored)
def test_figures_are_those_of_loops(make_pairs, pairs: list[tuple[float, bool, int]]) -> None:
    scores, labels, query = (list(column) for column in zip(*pairs, strict=True))
    found = reliability(make_pairs(scores, labels, dense(query)))
    assert found.ece.mean == pytest.approx(naive_ece(scores, labels), abs=1e-12)
    assert ece(np.array(scores), np.array(labels)) == pytest.approx(found.ece.mean, abs=1e-12)
    squares = [(s - y) ** 2 for s, y in zip(scores, labels, strict=True)]
    assert found.brier.mean == pytest.approx(fmean(squares), abs=1e-12)
    for i, each in enumerate(found.bins):
        inside = [y for s, y in zip(scores, labels, strict=True) if naive_bin(s) == i]
        assert each.pairs == len(inside)
        if inside:
            assert each.relevant_share == pytest.approx(fmean(inside))
            assert 0 <= each.share_low <= each.share_high <= 1
            assert each.low <= each.mean_score <= each.high
    assert sum(each.pairs for each in found.bins) == len(scores)
    assert 0 <= found.ece_floor <= 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_certain_and_right_scores_have_no_error(make_pairs, labels: list[bool]) -> None:
    found = reliability(make_pairs([float(label) for label in labels], labels))
    assert found.brier.mean == found.brier.high == 0
    assert found.ece.mean == found.ece.high == 0
    assert found.ece_floor == 0  # certain scores leave nothing to chance


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.05, 0.25, 0.5, 0.75, 0.95]), st.booleans()), min_size=1, max_size=60))
def test_murphys_decomposition_of_the_brier_score(make_pairs, pairs: list[tuple[float, bool]]) -> None:
    """Reliability - resolution + uncertainty (Murphy 1973), exact where scores are alike within a bin."""
    scores, labels = (list(column) for column in zip(*pairs, strict=True))
    found = reliability(make_pairs(scores, labels))
    filled = [each for each in found.bins if each.pairs]
    base = found.relevant_share
    off = sum(each.pairs * (each.mean_score - each.relevant_share) ** 2 for each in filled) / found.pairs
    resolution = sum(each.pairs * (each.relevant_share - base) ** 2 for each in filled) / found.pairs
    assert found.brier.mean == pytest.approx(off - resolution + found.brier_of_base_rate, abs=1e-12)


def test_the_floor_is_the_expected_error_of_one_bin() -> None:
    """n pairs of score 1/2: the mean distance of a binomial share from 1/2; for n = 4 it is 3/16."""
    assert ece_floor(np.full(4, 0.5), draws=20_000) == pytest.approx(3 / 16, abs=0.003)


def test_the_floor_is_what_calibrated_scores_show(draw_run) -> None:
    """Runs whose labels are drawn from their scores: the mean of their ECE is the floor of any of them."""
    found = []
    for seed in range(40):
        pairs = pairs_of(*draw_run(20, 30, seed), "logit")
        assert isinstance(pairs, Pairs)
        found.append((ece(pairs.scores, pairs.labels), ece_floor(pairs.scores)))
    errors, floors = np.array(found).T
    assert errors.mean() == pytest.approx(floors.mean(), abs=3 * errors.std() / 40**0.5)


def test_a_chunk_at_a_time_is_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(0).random(50)
    whole = ece_floor(scores, seed=3)
    monkeypatch.setattr("bench.calibration.reliability._CHUNK", 60)
    assert ece_floor(scores, seed=3) == pytest.approx(whole)


def both(draw_run, seed: int) -> tuple[Pairs, Reliability]:
    pairs = pairs_of(*draw_run(60, 20, seed), "logit")
    assert isinstance(pairs, Pairs)
    return pairs, reliability(pairs)


def test_intervals_are_those_of_the_common_bootstrap(draw_run) -> None:
    pairs, found = both(draw_run, 1)
    squares = [((pairs.scores - pairs.labels) ** 2)[pairs.query == q] for q in range(pairs.queries)]
    rows = [(own.sum(), own.size) for own in squares]
    theirs = bootstrap_sums(rows, lambda sums: sums[:, 0] / sums[:, 1], resamples=2_000)
    assert found.brier.low == pytest.approx(theirs.low)
    assert found.brier.high == pytest.approx(theirs.high)
    top = [pairs.labels[(pairs.query == q) & (pairs.scores >= 0.9)] for q in range(pairs.queries)]
    with np.errstate(invalid="ignore"):
        share = bootstrap_sums([(own.sum(), own.size) for own in top], lambda s: s[:, 0] / s[:, 1], resamples=2_000)
    assert (found.bins[9].share_low, found.bins[9].share_high) == pytest.approx((share.low, share.high))


def test_the_share_of_a_bin_is_covered_about_95_times_in_100(draw_run) -> None:
    covered = 0
    for seed in range(120):
        pairs, found = both(draw_run, seed)
        each = found.bins[7]
        truth = pairs.scores[(pairs.scores >= 0.7) & (pairs.scores < 0.8)].mean()
        covered += each.share_low <= truth <= each.share_high
    assert 106 <= covered <= 120  # binomial(120, 0.95) is 114 ± 2.4; percentile intervals run a little narrow


def test_queries_not_pairs_are_resampled(make_pairs) -> None:
    """Forty alike pairs of a query tell no more than one of them."""
    rng = np.random.default_rng(0)
    labels = (rng.random(30) < 0.6).tolist()
    once = reliability(make_pairs([0.65] * 30, labels))
    often = reliability(make_pairs([0.65] * 1200, np.repeat(labels, 40), np.repeat(np.arange(30), 40)))
    assert often.brier.high - often.brier.low == pytest.approx(once.brier.high - once.brier.low)
    assert often.bins[6].share_low == pytest.approx(once.bins[6].share_low)
    assert often.ece.high == pytest.approx(once.ece.high)
    assert often.ece_floor < once.ece_floor / 3  # the floor takes pairs for independent


def test_where_the_bootstrap_sees_no_spread_the_interval_is_wilsons(make_pairs) -> None:
    one = reliability(make_pairs([0.95] * 5, [True, True, True, False, False], [0] * 5)).bins[9]
    assert (one.share_low, one.share_high) == pytest.approx(wilson(0.6, 1))
    alike = reliability(make_pairs([0.95] * 8, [True] * 8, [0, 0, 1, 1, 2, 2, 3, 3])).bins[9]
    assert (alike.share_low, alike.share_high) == pytest.approx(wilson(1.0, 4))
    assert alike.share_high == 1.0


def test_one_query_tells_nothing_of_the_spread_of_means(make_pairs) -> None:
    found = reliability(make_pairs([0.2, 0.9], [False, True], [0, 0]))
    assert found.brier.low == found.brier.mean == found.brier.high
    assert found.ece.low == pytest.approx(found.ece.mean)


def test_the_same_seed_gives_the_same(make_pairs) -> None:
    pairs = make_pairs([0.1, 0.4, 0.6, 0.9], [False, True, False, True])
    assert reliability(pairs, seed=1) == reliability(pairs, seed=1) != reliability(pairs, seed=2)


def test_a_figure_that_the_data_do_not_have_is_none() -> None:
    rows = np.array([[1.0, 2.0, 0.0], [0.0, 2.0, 0.0]])
    there, missing = intervals(rows, lambda sums: ratio(sums[:, [0, 0]], sums[:, [1, 2]]))
    assert there is not None
    assert there.mean == 0.25
    assert missing is None
    assert shares(np.zeros((3, 2)), np.zeros((3, 2))) == [None, None]
