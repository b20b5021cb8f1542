"""Which documents are shown, where they stand, and what a trap is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.explorer.choose import Found, look, shown, shown_score
from bench.types import ScoredDoc, ScoreUnit


def run(**rankings: str) -> dict[str, tuple[ScoredDoc, ...]]:
    return {q: tuple(ScoredDoc(d, float(-n)) for n, d in enumerate(docs.split())) for q, docs in rankings.items()}


def found(grades: dict[str, int], *rankings: str) -> Found:
    runs = [lambda ranking=ranking: run(q=ranking) for ranking in rankings]
    units: list[ScoreUnit] = ["score"] * len(rankings)
    return look(runs, units, {"q": grades})["q"]  # type: ignore[arg-type]


def test_a_trap_is_a_document_judged_0_above_every_relevant_one() -> None:
    assert found({"r": 1, "w": 0}, "x w r").traps == 1
    assert found({"r": 1, "w": 0}, "r w").traps == 0
    assert found({"r": 1, "s": 1, "w": 0}, "r w s").traps == 0
    assert found({"r": 1, "w": 0}, "r w", "w r", "x").traps == 2


def test_a_relevant_document_that_is_not_ranked_stands_below_everything() -> None:
    assert found({"r": 1, "w": 0}, "w x").traps == 1


def test_there_is_no_trap_without_a_relevant_document_or_by_an_unjudged_one() -> None:
    assert found({"w": 0}, "w x").traps == 0
    assert found({"r": 1, "n": -1}, "n x r").traps == 0


def test_ranks_and_scores_stand_side_by_side() -> None:
    places = found({"r": 1}, "x r", "r x y").places
    assert {doc: {n: place.rank for n, place in of.items()} for doc, of in places.items()} == {
        "x": {0: 1, 1: 2},
        "r": {0: 2, 1: 1},
        "y": {1: 3},
    }
    assert places["y"][1].score == -2.0


def test_relevant_documents_are_shown_wherever_they_stand_and_first_ones_before_them() -> None:
    ranking = " ".join(f"d{n:02d}" for n in range(40))
    one = found({"d35": 1, "gone": 2}, ranking)
    assert shown(one, {"d35": 1, "gone": 2}, 5, 40) == ["d00", "d01", "d02", "d03", "d04", "d35", "gone"]
    assert shown(one, {"d35": 1, "gone": 2}, 5, 4) == ["d00", "d01", "d02", "d35"]
    assert shown(one, {"d35": 1, "gone": 2}, 5, 2) == ["d00", "d01"]


def test_a_logit_is_shown_as_a_probability_that_is_neither_0_nor_1() -> None:
    assert shown_score(0.0, "logit") == 0.5
    assert shown_score(50.0, "logit") == 0.9999
    assert shown_score(-50.0, "logit") == 0.0001
    assert shown_score(-800.0, "logit") == 0.0001
    assert shown_score(1.0, "probability") == 1.0
    assert shown_score(12.3456, "score") == 12.35


NAMES = st.sampled_from("abcdefgh")


@given(st.lists(NAMES, unique=True), st.dictionaries(NAMES, st.integers(0, 2)), st.integers(1, 10), st.integers(1, 10))
def test_no_more_than_asked_is_shown_and_nothing_twice(
    ranking: list[str], grades: dict[str, int], first: int, most: int
) -> None:
    chosen = shown(found(grades, " ".join(ranking)), grades, first, most)
    assert len(chosen) == len(set(chosen)) <= most
    assert set(chosen) <= set(ranking) | {doc for doc, grade in grades.items() if grade > 0}
