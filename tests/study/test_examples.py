"""Examples: which queries are chosen, which documents of them, and how a text is shortened."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data import contents_of, load_dataset
from bench.study.examples import (
    MOST_DOCUMENTS,
    Compared,
    Example,
    examples,
    one_line,
    outcome,
    outcomes,
    shortened,
)
from bench.types import Dataset, Document, Query, Ranking, Run, ScoreUnit, rank

TRACER = Path(__file__).resolve().parents[2] / "datasets" / "tracer"


def compared(before: dict[str, float], after: dict[str, float]) -> Compared:
    return Compared("set", "dev", "dev", "ndcg@10", "arm", "base", before, after)


def labelled(qrels: dict[str, dict[str, int]], corpus: int = 40) -> Dataset:
    documents = tuple(Document(f"d{n:02d}", f"text {n}", f"title {n}") for n in range(corpus))
    queries = tuple(Query(query_id, f"question {query_id}") for query_id in qrels)
    return Dataset("set", "dev", documents, queries, qrels, "0", Path())


def ranked(*doc_ids: str) -> Ranking:
    return rank((doc_id, float(-place)) for place, doc_id in enumerate(doc_ids))


def chosen(before: dict[str, float], after: dict[str, float], each: int = 5) -> tuple[Example, ...]:
    dataset = labelled({query_id: {"d00": 1} for query_id in before})
    run = {query_id: ranked("d00", "d01") for query_id in before}
    return examples(compared(before, after), dataset, run, run, contents_of(dataset.corpus), "score", each)


def of_one(before: Ranking, after: Ranking, grades: dict[str, int], unit: ScoreUnit = "score") -> Example:
    dataset = labelled({"q": grades})
    pair = compared({"q": 0.0}, {"q": 1.0})
    (example,) = examples(pair, dataset, {"q": before}, {"q": after}, contents_of(dataset.corpus), unit)
    return example


# -------------------------------------------------------------------------------------------------- wins and losses


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(0.2, 0.3, "win"), (0.3, 0.2, "loss"), (0.3, 0.3, "tie"), (0.3, 0.1 + 0.2, "tie"), (0.5, 0.5 + 2e-12, "win")],
)
def test_an_outcome_within_rounding_is_a_tie(before: float, after: float, expected: str) -> None:
    assert outcome(before, after) == expected


def test_values_of_different_queries_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'q2' has one"):
        compared({"q1": 0.1}, {"q1": 0.1, "q2": 0.2})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="'q1' is"):
        compared({"q1": 0.1}, {"q1": value})


def test_gains_come_first_the_largest_first_and_ties_never() -> None:
    before = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5}
    after = {"a": 0.4, "b": 0.9, "c": 0.5, "d": 1.0, "e": 0.0}
    assert [each.query_id for each in chosen(before, after)] == ["d", "b", "e", "a"]
    assert [each.query_id for each in chosen(before, after, each=1)] == ["d", "e"]


def test_changes_of_one_size_stand_by_query_id_whatever_was_subtracted() -> None:
    """0.3 - 0.2 and 0.2 - 0.1 differ in the seventeenth decimal."""
    assert [each.query_id for each in chosen({"b": 0.1, "a": 0.2}, {"b": 0.2, "a": 0.3})] == ["a", "b"]
    assert [each.query_id for each in chosen({"b": 0.2, "a": 0.1}, {"b": 0.3, "a": 0.2})] == ["a", "b"]


def test_no_queries_and_no_change_give_no_examples() -> None:
    assert chosen({}, {}) == ()
    assert chosen({"a": 0.5}, {"a": 0.5}) == ()


def test_a_query_that_the_set_lacks_is_refused() -> None:
    dataset = labelled({"q": {"d00": 1}})
    with pytest.raises(ValueError, match="no query 'other'"):
        examples(compared({"other": 0.1}, {"other": 0.2}), dataset, {}, {}, {}, "score")


_values = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.tuples(*[st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0])] * 2)
)


@given(_values, st.integers(1, 4))
def test_examples_are_the_largest_changes(values: dict[str, tuple[float, float]], each: int) -> None:
    before, after = ({q: pair[i] for q, pair in values.items()} for i in (0, 1))
    counts = list(outcomes(compared(before, after)).values())
    assert counts.count("win") + counts.count("tie") + counts.count("loss") == len(values)
    found = chosen(before, after, each)
    for kind in ("win", "loss"):
        shown = [abs(e.after - e.before) for e in found if e.outcome == kind]
        left = [
            abs(after[q] - before[q])
            for q in values
            if outcome(before[q], after[q]) == kind and q not in {e.query_id for e in found}
        ]
        assert len(shown) == min(each, counts.count(kind))
        assert shown == sorted(shown, reverse=True)
        assert not left or min(shown) >= max(left)
    assert all(e.outcome != "tie" for e in found)
    assert found == chosen(dict(reversed(before.items())), after, each)


# ------------------------------------------------------------------------------------------------------- documents


def test_documents_are_the_first_five_of_both_and_every_relevant_one_in_the_order_of_the_arm() -> None:
    old = ranked(*(f"d{n:02d}" for n in range(8)))
    new = ranked("d07", "d00", "d01", "d02", "d03", "d05", "d04", "d06")
    example = of_one(old, new, {"d07": 2, "d06": 1, "d01": 0, "d30": 1})
    assert [each.doc_id for each in example.documents] == ["d07", "d00", "d01", "d02", "d03", "d04", "d06"]
    first, *_, last = example.documents
    assert (first.grade, first.rank_before, first.rank_after, first.relevant) == (2, 8, 1, True)
    assert (last.grade, last.rank_before, last.rank_after) == (1, 7, 8)
    assert {each.doc_id: each.grade for each in example.documents}["d01"] == 0
    assert {each.doc_id: each.grade for each in example.documents}["d00"] is None
    assert (first.text, first.score_before, first.score_after) == ("title 7 text 7", -7.0, 0.0)


def test_a_document_in_one_ranking_alone_has_no_place_in_the_other() -> None:
    example = of_one(ranked("d00", "d01"), ranked("d02"), {"d00": 1})
    assert [(each.doc_id, each.rank_before, each.rank_after) for each in example.documents] == [
        ("d02", None, 1),
        ("d00", 1, None),
        ("d01", 2, None),
    ]
    assert example.documents[0].score_before is None


def test_rankings_without_documents_leave_an_example_without_any() -> None:
    assert of_one((), (), {"d00": 1}).documents == ()


def test_where_there_is_no_room_the_first_three_of_both_and_then_relevant_ones_are_kept() -> None:
    old = ranked(*(f"d{n:02d}" for n in range(20)))
    new = ranked(*(f"d{n:02d}" for n in reversed(range(20))))
    example = of_one(old, new, {f"d{n:02d}": 1 for n in (9, 10, 11)})
    assert [each.doc_id for each in example.documents] == [
        "d19", "d18", "d17", "d11", "d10", "d09", "d03", "d02", "d01", "d00"
    ]  # fmt: skip


def test_a_logit_is_kept_as_a_probability_and_another_score_as_it_is() -> None:
    run = rank([("d00", 0.0), ("d01", -1000.0), ("d02", 1000.0)])
    example = of_one(run, run, {"d00": 1}, "logit")
    assert example.unit == "probability"
    assert [each.score_after for each in example.documents] == [1.0, 0.5, 0.0]
    plain = of_one(run, run, {"d00": 1}, "score")
    assert (plain.unit, plain.documents[0].score_after) == ("score", 1000.0)


@given(st.permutations([f"d{n:02d}" for n in range(14)]), st.permutations([f"d{n:02d}" for n in range(14)]),
       st.dictionaries(st.sampled_from([f"d{n:02d}" for n in range(16)]), st.integers(0, 2)))  # fmt: skip
def test_documents_of_any_rankings(old: list[str], new: list[str], grades: dict[str, int]) -> None:
    documents = of_one(ranked(*old), ranked(*new), grades).documents
    shown = [each.doc_id for each in documents]
    assert len(set(shown)) == len(shown) <= MOST_DOCUMENTS
    assert {*old[:3], *new[:3]} <= set(shown)
    assert shown == sorted(shown, key=new.index)
    wanted = {*old[:5], *new[:5], *(d for d in old if grades.get(d, 0) > 0)}
    assert set(shown) <= wanted
    assert len(shown) == min(MOST_DOCUMENTS, len(wanted))


def test_the_tracer_set_has_its_texts_and_grades() -> None:
    dataset = load_dataset(TRACER, "dev")
    query = next(each for each in dataset.queries if len(dataset.qrels[each.id]) <= MOST_DOCUMENTS)
    old: Run = {query.id: ranked(*dataset.qrels[query.id])}
    new: Run = {query.id: ranked(*reversed(list(dataset.qrels[query.id])))}
    texts = contents_of(dataset.corpus)
    (example,) = examples(compared({query.id: 0.1}, {query.id: 0.7}), dataset, old, new, texts, "logit")
    assert example.query == query.text
    assert {each.doc_id: each.grade for each in example.documents} == dict(dataset.qrels[query.id])
    assert all(each.text == texts[each.doc_id] for each in example.documents)


# ------------------------------------------------------------------------------------------------------------ texts


def test_a_short_text_stays_but_for_its_lines() -> None:
    assert shortened(" two\n\nlines\there\x00 ") == one_line(" two\n\nlines\there\x00 ") == "two lines here"


def test_english_is_cut_between_words_and_chinese_between_sentences() -> None:
    assert shortened("alpha beta gamma", 12) == "alpha beta…"
    assert shortened("alpha beta gamma", 10) == "alpha beta…"
    assert shortened("第一句话。第二句话很长", 8) == "第一句话。…"
    assert shortened("没有标点的一长串汉字", 4) == "没有标点…"
    assert shortened("about 3.14 or more", 8) == "about…"


def test_a_run_of_letters_is_cut_within() -> None:
    assert shortened("x" * 400) == "x" * 300 + "…"


def test_an_accent_stays_with_its_letter() -> None:
    assert shortened("xxxe\u0301x", 4) == "xxx…"


@given(st.text(max_size=80), st.integers(1, 60))
def test_a_shortened_text_is_a_beginning(text: str, characters: int) -> None:
    cut, whole = shortened(text, characters), one_line(text)
    assert len(cut) <= characters + 1
    assert cut == whole or (cut.endswith("…") and whole.startswith(cut[:-1]))
