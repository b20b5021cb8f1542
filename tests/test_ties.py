"""Ranges over orders of tied scores, against every order that there is."""

from __future__ import annotations

from itertools import chain, groupby, pairwise, permutations, product
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.measures import CUT_OFF_MEASURES, WHOLE_MEASURES, evaluate
from bench.ties import EXPECTED, decided_by_ties, mean_ranges, tie_ranges
from bench.types import Ranking, Run, TieRange, rank

NAMES = [f"{base}@{k}" for base in CUT_OFF_MEASURES for k in (1, 2, 3, 10)] + list(WHOLE_MEASURES)


def every_order(ranking: Ranking) -> list[Ranking]:
    groups = [tuple(group) for _, group in groupby(ranking, key=lambda doc: doc.score)]
    return [tuple(chain(*order)) for order in product(*map(permutations, groups))]


def ranges_of(run: Run, qrels: dict[str, dict[str, int]]) -> dict[str, dict[str, TieRange]]:
    return tie_ranges(run, qrels, evaluate(run, qrels, NAMES))


judgements = st.dictionaries(st.sampled_from("abcdefxy"), st.integers(-1, 3), min_size=1)
rankings = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([-1.5, 0.0, 2.0]), max_size=6).map(
    lambda scored: rank(scored.items())
)


@settings(max_examples=80, deadline=None)
@given(rankings, judgements)
def test_low_expected_and_high_are_those_of_every_order(ranking: Ranking, judged: dict[str, int]) -> None:
    run, qrels = {"q": ranking}, {"q": judged}
    values = evaluate(run, qrels, NAMES)
    orders = {str(i): order for i, order in enumerate(every_order(ranking))}
    brute = evaluate(orders, dict.fromkeys(orders, judged), NAMES)
    for name, of in tie_ranges(run, qrels, values).items():
        found, seen = of["q"], list(brute[name].values())
        assert found.low == min(seen)
        assert found.high == max(seen)
        assert found.expected == pytest.approx(fmean(seen), abs=1e-12)
        assert found.low <= values[name]["q"] <= found.high
        assert found.low <= found.expected <= found.high


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(["q1", "q2", "q3", "q4"]), st.tuples(rankings, judgements), min_size=1))
def test_the_mean_of_many_queries_lies_in_the_mean_range(cases: dict[str, tuple[Ranking, dict[str, int]]]) -> None:
    run = {query_id: ranking for query_id, (ranking, _) in cases.items()}
    qrels = {query_id: judged for query_id, (_, judged) in cases.items()}
    values = evaluate(run, qrels, NAMES)
    for name, found in mean_ranges(tie_ranges(run, qrels, values)).items():
        assert found.low <= found.expected <= found.high
        assert found.low - 1e-12 <= fmean(values[name].values()) <= found.high + 1e-12


@settings(max_examples=40, deadline=None)
@given(st.permutations("abcdef"), judgements)
def test_without_ties_all_three_are_the_value_itself(order: list[str], judged: dict[str, int]) -> None:
    run, qrels = {"q": rank((doc_id, -place) for place, doc_id in enumerate(order))}, {"q": judged, "none": {"a": 1}}
    values = evaluate(run, qrels, NAMES)
    for name, of in tie_ranges(run, qrels, values).items():
        for query_id, value in values[name].items():
            assert of[query_id] == TieRange(value, value, value)


def test_every_measure_has_its_mean_in_closed_form() -> None:
    assert {*EXPECTED} == {*CUT_OFF_MEASURES, *WHOLE_MEASURES}


def test_two_documents_of_one_score() -> None:
    run, qrels = {"q": rank([("good", 1.0), ("bad", 1.0)])}, {"q": {"good": 1}}
    ranges = ranges_of(run, qrels)
    assert ranges["mrr"]["q"] == TieRange(0.5, 0.75, 1.0)
    assert ranges["precision@1"]["q"] == TieRange(0.0, 0.5, 1.0)
    assert ranges["precision@2"]["q"] == TieRange(0.5, 0.5, 0.5)


def test_scores_that_differ_in_64_bits_alone_are_a_tie() -> None:
    run, qrels = {"q": rank([("good", 1.0 + 1e-9), ("bad", 1.0)])}, {"q": {"good": 1}}
    assert ranges_of(run, qrels)["mrr"]["q"] == TieRange(0.5, 0.75, 1.0)


def test_a_tie_among_documents_of_one_grade_decides_nothing() -> None:
    run, qrels = {"q": rank([("a", 1.0), ("b", 1.0), ("c", 0.5), ("d", 0.5)])}, {"q": {"a": 1, "b": 1, "c": 0}}
    assert {found.high - found.low for of in ranges_of(run, qrels).values() for found in of.values()} == {0.0}


def test_a_long_ranking_of_one_score_is_no_trouble() -> None:
    """Chances of a thousand factors neither overflow nor vanish."""
    run = {"q": rank((f"d{i:04}", 0.0) for i in range(1000))}
    ranges = ranges_of(run, {"q": {f"d{i:04}": 1 for i in range(0, 1000, 2)}})
    assert ranges["precision@10"]["q"] == TieRange(0.0, pytest.approx(0.5), 1.0)
    assert ranges["hit_rate@10"]["q"].expected == pytest.approx(1 - 2**-10, abs=1e-4)
    assert ranges["recall@10"]["q"].expected == pytest.approx(0.01)
    assert ranges["mrr"]["q"].expected == pytest.approx(0.693, abs=1e-3)  # ln 2, were ranks independent
    assert ranges["map"]["q"].expected == pytest.approx(0.5, abs=0.01)


def test_queries_do_not_touch_one_another() -> None:
    tied, plain = rank([("a", 1.0), ("b", 1.0)]), rank([("a", 2.0), ("b", 1.0)])
    together = ranges_of({"q1": tied, "q2": plain}, {"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}})
    assert {name: of["q1"] for name, of in together.items()} == {
        name: of["q"] for name, of in ranges_of({"q": tied}, {"q": {"a": 1}}).items()
    }
    assert together["mrr"]["q2"] == TieRange(1.0, 1.0, 1.0)
    assert together["mrr"]["q3"] == TieRange(0.0, 0.0, 0.0)
    assert mean_ranges(together)["mrr"] == TieRange(0.5, pytest.approx(1.75 / 3), pytest.approx(2 / 3))


def test_only_ranges_that_matter_are_named_and_the_widest_first() -> None:
    ranges = {"map": TieRange(0.5, 0.503, 0.504), "mrr": TieRange(0.2, 0.3, 0.4), "ndcg@10": TieRange(0.5, 0.51, 0.52)}
    assert [*decided_by_ties(ranges)] == ["mrr", "ndcg@10"]
    assert all(a.high - a.low >= b.high - b.low for a, b in pairwise(decided_by_ties(ranges).values()))


def test_nothing_to_judge_has_no_range() -> None:
    assert mean_ranges(tie_ranges({}, {"q": {"a": 1}}, {})) == {}
    assert tie_ranges({"q": ()}, {"q": {"a": 1}}, {"map": {"q": 0.0}}) == {"map": {"q": TieRange(0.0, 0.0, 0.0)}}
