"""Features: each of them on queries made for it, thirds with ties, and the tracer set, whose traps are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data import load_dataset, read_corpus
from bench.study.features import NO_TRAP, NOT_KNOWN, NOT_STATED, NOT_TRAPPED, TRAPPED, features, in_order, thirds
from bench.types import Dataset, Document, Query, Run, rank

TRACER = Path(__file__).resolve().parents[2] / "datasets" / "tracer"


def labelled(
    queries: list[Query], texts: dict[str, str] | None = None, qrels: dict[str, dict[str, int]] | None = None
) -> Dataset:
    corpus = tuple(Document(doc_id, text) for doc_id, text in (texts or {"d": "a document"}).items())
    judged = qrels if qrels is not None else {query.id: {"d": 1} for query in queries}
    return Dataset("set", "test", corpus, tuple(queries), judged, "0", Path())


def asked(*metadata: dict[str, Any], text: str = "what") -> Dataset:
    return labelled([Query(f"q{n}", text, fields) for n, fields in enumerate(metadata)])


def column(dataset: Dataset, name: str, candidates: Run | None = None) -> list[str | None]:
    known = features(dataset, candidates or {}, None)
    return [known[query.id].get(name) for query in dataset.queries]


def run(dataset: Dataset, doc_ids: list[str]) -> Run:
    return {query.id: rank((doc_id, 1.0) for doc_id in doc_ids) for query in dataset.queries}


# ----------------------------------------------------------------------------------------------------------- stated


@pytest.mark.parametrize("name", ["lang", "language"])
def test_the_language_is_what_the_queries_say(name: str) -> None:
    dataset = asked({name: "zh"}, {name: "en"}, {}, {name: ""})
    assert column(dataset, "language") == ["zh", "en", NOT_STATED, NOT_STATED]
    assert column(dataset, name if name == "lang" else "script") == [None] * 4


def test_without_a_stated_language_the_script_is_seen() -> None:
    texts = ["劳动合同如何解除", "用 pandas 读文件", "how to read a file", "日本語のテキスト", "Как читать", "123"]
    dataset = labelled([Query(f"q{n}", text) for n, text in enumerate(texts)])
    expected = ["Chinese characters"] * 2 + ["Latin letters"] + ["other"] * 3
    assert column(dataset, "script") == expected
    assert column(dataset, "language") == [None] * 6


def test_a_field_with_few_values_that_repeat_is_a_feature() -> None:
    dataset = asked(*({"form": form, "hard": form == "a", "n": 3, "tags": ["x"]} for form in "aabb"))
    known = features(dataset, {}, None)
    assert known["q0"] == {"form": "a", "hard": "yes"}
    assert known["q3"] == {"form": "b", "hard": "no"}


def test_a_field_that_some_queries_lack_says_so() -> None:
    assert column(asked({"form": "a"}, {"form": "a"}, {}, {"form": None}), "form") == ["a", "a", NOT_STATED, NOT_STATED]


@pytest.mark.parametrize(
    "values", ["abcd", "aaaa", list("abcdefghi") * 2], ids=["one for each query", "one value", "nine values"]
)
def test_other_fields_are_none(values: list[str]) -> None:
    assert set(column(asked(*({"form": value} for value in values)), "form")) == {None}


def test_a_domain_may_have_more_values_than_another_field() -> None:
    dataset = asked(*({"domain": value} for value in list("abcdefghi") * 2))
    assert column(dataset, "domain")[0] == "a"


def test_domain_stands_before_other_fields_and_language_before_it() -> None:
    known = features(asked(*({"form": x, "domain": x, "lang": x} for x in "aabb")), {}, {"q0": 2, "q1": 0, "q2": 0})
    assert list(known["q0"]) == ["language", "domain", "form", "truncated"]


def test_truncated_is_left_out_where_it_is_not_known() -> None:
    dataset = asked({}, {}, {})
    known = features(dataset, {}, {"q0": 2, "q1": 0})
    assert [known[query.id]["truncated"] for query in dataset.queries] == ["yes", "no", NOT_KNOWN]
    assert features(dataset, {}, None) == {"q0": {}, "q1": {}, "q2": {}}
    assert features(dataset, {}, dict.fromkeys(known, 0)) == {"q0": {}, "q1": {}, "q2": {}}


def test_no_queries_have_no_features() -> None:
    assert features(labelled([]), {}, {}) == {}


# ------------------------------------------------------------------------------------------------------------ texts


def test_document_length_is_the_median_of_the_relevant_documents() -> None:
    texts = {"a": "x" * 10, "b": "x" * 30, "c": "x" * 31, "d": "x" * 1500}
    qrels = {"q0": {"a": 1, "d": 0}, "q1": {"b": 1, "c": 2}, "q2": {"d": 1, "gone": 1}, "q3": {"gone": 1}}
    dataset = labelled([Query(query_id, "what") for query_id in qrels], texts, qrels)
    assert column(dataset, "document length") == [
        "short (10 characters)",
        "middle (30.5 characters)",
        "long (1,500 characters)",
        NOT_KNOWN,
    ]


def test_lexical_overlap_counts_distinct_stems_of_the_best_relevant_document() -> None:
    texts = {"full": "reading the files quickly", "half": "a file", "none": "nothing alike", "poor": "files"}
    qrels = {"q0": {"full": 1, "none": 1}, "q1": {"half": 1}, "q2": {"none": 1}}
    dataset = labelled([Query(query_id, "read files, read a file") for query_id in qrels], texts, qrels)
    assert column(dataset, "lexical overlap") == ["high (100%)", "middle (50%)", "low (0%)"]


def test_a_trap_is_a_wrong_candidate_that_shares_more_words_than_the_best_right_one() -> None:
    texts = {"right": "竞业限制", "trap": "竞业限制多久", "equal": "竞业限制", "open": "竞业限制多久呢"}
    qrels = {
        "q0": {"right": 1, "trap": 0},
        "q1": {"right": 1, "equal": 0},
        "q2": {"right": 1},
        "q3": {"right": 1, "trap": -1},  # pooled and not judged
    }
    dataset = labelled([Query(query_id, "竞业限制多久") for query_id in qrels], texts, qrels)
    candidates = run(dataset, ["right", "trap", "equal", "open"])
    assert column(dataset, "trap overlap", candidates) == [TRAPPED, NOT_TRAPPED, NO_TRAP, NO_TRAP]
    elsewhere = run(dataset, ["right", "equal"])
    assert column(dataset, "trap overlap", elsewhere) == [NO_TRAP, NOT_TRAPPED, NO_TRAP, NO_TRAP]


def test_a_query_of_stop_words_has_no_overlap() -> None:
    dataset = labelled([Query("q0", "to be or not to be"), Query("q1", "document")])
    assert column(dataset, "lexical overlap") == [NOT_KNOWN, "100%"]
    assert column(dataset, "trap overlap") == [NOT_KNOWN, NO_TRAP]


def test_the_tracer_set_is_trapped_by_construction() -> None:
    """Steered and trapped queries have a trap that quotes the question; plain ones have an answer that restates it."""
    dataset = load_dataset(TRACER, "dev")
    candidates = {query_id: rank((doc_id, 1.0) for doc_id in grades) for query_id, grades in dataset.qrels.items()}
    known = features(dataset, candidates, None)
    assert list(known["dev-001"]) == [
        "language", "domain", "form", "steered", "document length", "lexical overlap", "trap overlap"
    ]  # fmt: skip
    trapped = {
        form: [values["trap overlap"] == TRAPPED for values in known.values() if values["form"] == form]
        for form in ("steered", "trapped", "plain")
    }
    shares = {form: sum(values) / len(values) for form, values in trapped.items()}
    assert shares["steered"] > 0.9
    assert shares["trapped"] > 0.9
    assert shares["plain"] < 0.1


# ----------------------------------------------------------------------------------------------------------- thirds


def bounds(low: float, high: float) -> str:
    return f"{low:g} to {high:g}"


def classes(*numbers: float) -> list[str]:
    named = {str(place): number for place, number in enumerate(numbers)}
    return list(thirds(named, ("low", "middle", "high"), bounds).values())


def test_thirds_are_named_with_their_ends() -> None:
    assert classes(1, 2, 3, 4, 5, 6) == ["low (1 to 2)"] * 2 + ["middle (3 to 4)"] * 2 + ["high (5 to 6)"] * 2


def test_equal_numbers_stay_together_and_leave_fewer_classes() -> None:
    assert classes(1, 1, 1, 1) == ["1 to 1"] * 4
    assert classes(0, 1, 1, 1, 0, 1) == [f"{n}" for n in (
        "low (0 to 0)", "high (1 to 1)", "high (1 to 1)", "high (1 to 1)", "low (0 to 0)", "high (1 to 1)"
    )]  # fmt: skip
    assert classes(7) == ["7 to 7"]
    assert classes() == []


def test_what_is_not_known_is_in_no_third() -> None:
    assert thirds({"a": None, "b": 1.0}, ("low", "middle", "high"), bounds) == {"a": NOT_KNOWN, "b": "1 to 1"}


@given(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), max_size=30))
def test_thirds_are_in_order_and_part_no_equals(numbers: list[float]) -> None:
    found = list(zip(numbers, classes(*numbers), strict=True))
    assert len({label for _, label in found}) == min(3, len(set(numbers))) or len(set(numbers)) > 1
    for number, label in found:
        alike = [other for other, name in found if name == label]
        assert bounds(min(alike), max(alike)) in label
        assert all(name == label for other, name in found if other == number)
        assert all(name == label for other, name in found if min(alike) <= other <= max(alike))


def test_values_stand_from_low_to_high_and_the_missing_last() -> None:
    assert in_order(["long (9)", "short (1)", NOT_KNOWN, "middle (4)", "short (1)"]) == [
        "short (1)", "middle (4)", "long (9)", NOT_KNOWN
    ]  # fmt: skip
    assert in_order(["zh", NOT_STATED, "en"]) == ["en", "zh", NOT_STATED]
    assert in_order(["yes", "no"]) == ["no", "yes"]
    assert in_order([NO_TRAP, NOT_TRAPPED, TRAPPED]) == [TRAPPED, NOT_TRAPPED, NO_TRAP]


def test_a_corpus_on_disk_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    held = load_dataset(TRACER, "dev")
    candidates = {query_id: rank((doc_id, 1.0) for doc_id in grades) for query_id, grades in held.qrels.items()}
    monkeypatch.setattr(read_corpus, "HELD_BYTES", 0)
    on_disk = load_dataset(TRACER, "dev")
    assert not isinstance(on_disk.corpus, tuple)
    assert features(on_disk, candidates, None) == features(held, candidates, None)
