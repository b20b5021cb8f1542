"""``ab.csv``: its header, the baseline's rows, their order, and what stands for a missing or odd value."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.study.table import ab_csv
from bench.study.words import Arm, Contrast
from bench.types import Interval

HEADER = (
    "dataset,measure,arm,baseline,split,mean,difference,low,high,p,p_holm,effect,detectable,wins,ties,losses"
)  # fmt: skip
ONE = Contrast(
    "set", "ndcg@10", "mine", "official", "dev", "train", 10, 0.62, 0.6, Interval(0.02, 0.01, 0.03), 0.004, 0.012,
    0.5, 0.015, 6, 3, 1,
)  # fmt: skip
ARMS = (Arm("official"), Arm("mine", "Find it"), Arm("other", "Find that"))


def rows(contrasts: list[Contrast], arms: tuple[Arm, ...] = ARMS) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ab_csv(contrasts, arms))))


def test_no_contrasts_are_a_header() -> None:
    assert ab_csv((), ()) == f"{HEADER}\n"


def test_one_contrast_stands_under_its_baseline() -> None:
    assert ab_csv((ONE,), ARMS).splitlines() == [
        HEADER,
        "set,ndcg@10,official,official,train,0.6,,,,,,,,,,",
        "set,ndcg@10,mine,official,train,0.62,0.02,0.01,0.03,0.004,0.012,0.5,0.015,6,3,1",
    ]


def test_datasets_then_sides_then_measures_then_arms() -> None:
    shuffled = [
        replace(ONE, dataset=dataset, side=side, split=side, measure=measure, arm=arm)
        for arm in ("unknown", "other", "mine")
        for side in ("test", "dev")
        for measure in ("ndcg@10", "map")
        for dataset in ("a", "b")
    ]
    found = [(r["dataset"], r["split"], r["measure"], r["arm"]) for r in rows(shuffled)]
    assert found == [
        (dataset, side, measure, arm)
        for dataset in ("a", "b")
        for side in ("dev", "test")
        for measure in ("ndcg@10", "map")
        for arm in ("official", "mine", "other", "unknown")
    ]


def test_what_is_missing_or_not_a_number_is_empty() -> None:
    odd = replace(ONE, effect=None, detectable=None, p=math.nan, difference=Interval(0.0, -math.inf, math.inf))
    (_, row) = rows([odd])
    assert [row[name] for name in ("effect", "detectable", "p", "low", "high")] == [""] * 5
    assert (row["difference"], row["wins"]) == ("0.0", "6")


def test_a_baseline_with_two_means_has_none() -> None:
    alike = replace(ONE, arm="other", baseline_mean=ONE.baseline_mean + 1e-15)
    assert rows([ONE, alike])[0]["mean"] == "0.6"
    assert rows([ONE, replace(alike, baseline_mean=0.61)])[0]["mean"] == ""


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back_as_they_were(value: float) -> None:
    (_, row) = rows([replace(ONE, mean=value, p_holm=value)])
    assert (float(row["mean"]), float(row["p_holm"])) == (value, value)


@pytest.mark.parametrize("name", ["<script>", "a|b", 'say "it", twice', "two\nlines", "法律条文检索", ""])
def test_names_come_back_as_they_were(name: str) -> None:
    fields: dict[str, Any] = {"dataset": name, "arm": name, "split": name}
    (own, row) = rows([replace(ONE, **fields)], (Arm(name),))
    assert (row["dataset"], row["arm"], row["split"], own["dataset"]) == (name,) * 4


def test_a_name_that_a_spreadsheet_would_run_is_made_a_text() -> None:
    (_, row) = rows([replace(ONE, arm="=1+1")], (Arm("=1+1"),))
    assert row["arm"] == "'=1+1"


def test_lone_surrogates_can_be_written_to_a_file() -> None:
    text = ab_csv([replace(ONE, arm="a\ud800b")], ARMS)
    assert "a?b" in text and text.encode("utf-8")
