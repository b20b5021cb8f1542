"""Slices partition the queries and agree with the statistics they come from; the table of queries holds them all."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats import paired_bootstrap
from bench.study.examples import Compared
from bench.study.queries_table import COLUMNS, queries_csv, query_rows
from bench.study.slices import FEWEST, Slice, slices
from bench.types import Interval


def compared(before: dict[str, float], after: dict[str, float], dataset: str = "set") -> Compared:
    return Compared(dataset, "test", "test", "ndcg@10", "arm", "base", before, after)


def some(queries: int) -> Compared:
    names = [f"q{n}" for n in range(queries)]
    return compared({q: n % 3 / 4 for n, q in enumerate(names)}, {q: n % 5 / 5 for n, q in enumerate(names)})


# ----------------------------------------------------------------------------------------------------------- slices


def test_a_slice_is_the_paired_difference_of_its_queries() -> None:
    pair = some(20)
    features = {q: {"half": "yes" if n < 8 else "no"} for n, q in enumerate(pair.before)}
    no, yes = slices(pair, features, seed=4)
    before, after = [list(values.values())[:8] for values in (pair.before, pair.after)]
    assert yes == Slice("set", "test", "ndcg@10", "arm", "half", "yes", 8, sum(before) / 8, sum(after) / 8,
                        paired_bootstrap(before, after, 4))  # fmt: skip
    assert (no.value, no.queries) == ("no", 12)


def test_a_slice_of_too_few_queries_has_means_and_no_interval() -> None:
    pair = some(FEWEST + FEWEST - 1)
    features = {q: {"early": "yes" if n < FEWEST - 1 else "no"} for n, q in enumerate(pair.before)}
    no, yes = slices(pair, features)
    assert (yes.queries, yes.difference) == (FEWEST - 1, None)
    assert yes.before_mean == pytest.approx((0 + 1 / 4 + 2 / 4 + 0) / 4)
    assert no.queries == FEWEST
    assert no.difference is not None


def test_queries_that_all_change_alike_have_an_interval_without_width() -> None:
    names = [f"q{n}" for n in range(6)]
    pair = compared(dict.fromkeys(names, 0.25), dict.fromkeys(names, 0.75))
    (only,) = slices(pair, {q: {"x": "same"} for q in names})
    assert only.difference == Interval(0.5, 0.5, 0.5)


def test_features_of_other_queries_play_no_part_and_one_without_features_is_an_error() -> None:
    pair = some(6)
    features = {q: {"x": "here"} for q in pair.before}
    assert [each.value for each in slices(pair, features | {"other": {"x": "there"}})] == ["here"]
    with pytest.raises(KeyError):
        slices(pair, {})


def test_no_queries_and_no_features_give_no_slices() -> None:
    assert slices(compared({}, {}), {}) == ()
    assert slices(some(6), {f"q{n}": {} for n in range(6)}) == ()


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.text("abcd", min_size=1, max_size=3),
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from("xyz"), st.sampled_from(["yes", "no"])),
        min_size=1,
        max_size=25,
    )
)
def test_slices_of_one_feature_partition_the_queries(drawn: dict[str, tuple[float, float, str, str]]) -> None:
    before = {q: old for q, (old, _, _, _) in drawn.items()}
    after = {q: new for q, (_, new, _, _) in drawn.items()}
    found = slices(compared(before, after), {q: {"one": one, "two": two} for q, (_, _, one, two) in drawn.items()})
    for name in ("one", "two"):
        mine = [each for each in found if each.feature == name]
        assert sum(each.queries for each in mine) == len(drawn)
        assert len({each.value for each in mine}) == len(mine)
        for values, mean in ((before, "before_mean"), (after, "after_mean")):
            whole = sum(each.queries * getattr(each, mean) for each in mine)
            assert whole == pytest.approx(sum(values.values()), abs=1e-9)
        for each in mine:
            assert (each.difference is None) == (each.queries < FEWEST)
            if each.difference:
                assert each.difference.low - 1e-12 <= each.difference.mean <= each.difference.high + 1e-12
                assert each.difference.mean == pytest.approx(each.after_mean - each.before_mean, abs=1e-12)


# ------------------------------------------------------------------------------------------------ the table of queries


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_has_the_values_the_outcome_and_the_features() -> None:
    pair = compared({"q1": 0.25, "q2": 0.5}, {"q1": 1.0, "q2": 0.5})
    rows = query_rows(pair, {"q1": "what\nis it, “x”?", "q2": "why"}, {"q1": {"form": "plain"}, "q2": {"form": "odd"}})
    first, second = read(queries_csv(rows))
    assert first == {
        "dataset": "set", "side": "test", "split": "test", "measure": "ndcg@10", "arm": "arm", "query": "q1",
        "text": "what is it, “x”?", "baseline_value": "0.25", "value": "1.0", "difference": "0.75", "outcome": "win",
        "feature:form": "plain",
    }  # fmt: skip
    assert (second["outcome"], second["difference"]) == ("tie", "0.0")


def test_sets_with_other_features_share_a_header_and_a_field_is_no_column() -> None:
    one = query_rows(compared({"q": 0.0}, {"q": 1.0}), {"q": "a"}, {"q": {"form": "x", "query": "odd"}})
    two = query_rows(compared({"q": 1.0}, {"q": 0.0}, "other"), {"q": "b"}, {"q": {"hard": "yes"}})
    first, second = read(queries_csv([*one, *two]))
    assert list(first) == [*COLUMNS, "feature:form", "feature:query", "feature:hard"]
    assert (first["query"], first["feature:query"], first["feature:hard"]) == ("q", "odd", "")
    assert (second["dataset"], second["outcome"], second["feature:form"]) == ("other", "loss", "")


def test_a_text_that_looks_like_a_formula_is_none_in_a_spreadsheet() -> None:
    (row,) = read(queries_csv(query_rows(compared({"q": 0.0}, {"q": 1.0}), {"q": '=1+1,"x"'}, {})))
    assert row["text"] == '\'=1+1,"x"'


def test_nothing_compared_leaves_a_header() -> None:
    assert queries_csv([]) == ",".join(COLUMNS) + "\n"
