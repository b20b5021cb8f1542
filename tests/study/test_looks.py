"""Looks at a test set: counted over whatever was asked, kept once each, and no more of them than were planned."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.store import Store
from bench.study.looks import FILE, Look, allowed, at_test_set, now, of_question, read_looks, record
from bench.types import StoreError

ONE = Look("set.test.abc", "question", "arm-1", "base", "mine", 1, "2026-01-01T00:00:00+00:00")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def look(arm: str, planned: int = 1) -> Look:
    return replace(ONE, arm=arm, planned=planned)


# ------------------------------------------------------------------------------------------------------ allowed


def test_the_first_look_is_allowed() -> None:
    assert allowed((), "arm-1", 1) == (True, 1)
    assert allowed((), "arm-1", 3) == (True, 3)


def test_the_same_again_is_no_other_look() -> None:
    assert allowed((look("arm-1"),), "arm-1", 1) == (True, 1)


def test_another_arm_beyond_the_plan_is_refused() -> None:
    assert allowed((look("arm-1"),), "arm-2", 1) == (False, 1)
    both = (look("arm-1", 2), look("arm-2", 2))
    assert allowed(both[:1], "arm-2", 2) == (True, 2)
    assert allowed(both, "arm-3", 2) == (False, 2)
    assert allowed(both, "arm-1", 2) == (True, 2)


@pytest.mark.parametrize("later", [1, 2, 5, 100])
def test_the_number_that_was_planned_first_stays(later: int) -> None:
    before = (look("arm-1", 2), look("arm-2", later))
    assert allowed(before[:1], "arm-2", later) == (True, 2)
    assert allowed(before, "arm-3", later) == (False, 2)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 4)), max_size=20))
def test_whatever_is_tried_no_more_arms_are_looked_at_than_the_first_plan_said(tries: list[tuple[str, int]]) -> None:
    before: tuple[Look, ...] = ()
    for arm, planned in tries:
        may, holds = allowed(before, arm, planned)
        assert holds == (tries[0][1])
        if may and arm not in {each.arm for each in before}:
            before = (*before, look(arm, holds))
    assert len(before) == min(tries[0][1], len({arm for arm, _ in tries})) if tries else not before


# ----------------------------------------------------------------------------------------------------- counting

OTHERS = (
    ONE,
    replace(ONE, arm="arm-2"),
    replace(ONE, question="another"),
    replace(ONE, baseline="other"),
    replace(ONE, test_set="other.test.abc"),
)


def test_a_test_set_is_looked_at_whatever_is_asked() -> None:
    assert at_test_set(OTHERS, ONE.test_set) == 4
    assert at_test_set(OTHERS, "other.test.abc") == 1
    assert at_test_set(OTHERS, "no such set") == at_test_set((), ONE.test_set) == 0


def test_the_looks_of_a_question_are_those_at_the_same_queries_against_the_same_baseline() -> None:
    assert of_question(OTHERS, ONE.test_set, "question", "base") == OTHERS[:2]
    assert of_question(OTHERS, ONE.test_set, "another", "base") == OTHERS[2:3]
    assert of_question(OTHERS, ONE.test_set, "another", "other") == ()


# ---------------------------------------------------------------------------------------------------- the record


def test_no_record_is_no_look(store: Store) -> None:
    assert read_looks(store) == ()
    assert not (store.folder / FILE).exists()


def test_looks_are_kept_oldest_first(store: Store) -> None:
    for each in OTHERS:
        record(store, each)
    assert read_looks(store) == read_looks(Store(store.folder, to_read=True)) == OTHERS


def test_a_look_is_kept_once(store: Store) -> None:
    record(store, ONE)
    written = (store.folder / FILE).read_bytes()
    record(store, ONE)
    record(store, replace(ONE, name="renamed", planned=9, at="2027-01-01T00:00:00+00:00"))
    assert (store.folder / FILE).read_bytes() == written


def test_names_are_kept_as_they_are(store: Store) -> None:
    named = replace(ONE, name="我的 “指令”\n…", question="中")
    record(store, named)
    assert read_looks(store) == (named,)
    assert "我的" in (store.folder / FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["", "{", "[", "{}", "null", "5", "[5]", "[{}]", '[{"test_set": "a"}]', '[{"planned": "many"}]', "\udcff"]
)
def test_a_damaged_record_is_an_error_that_names_the_file(store: Store, text: str) -> None:
    path = store.folder / FILE
    path.write_bytes(text.encode(errors="surrogateescape"))
    for attempt in (lambda: read_looks(store), lambda: record(store, ONE)):
        with pytest.raises(StoreError, match=r"looks\.json is damaged.*use another --out") as caught:
            attempt()
        assert str(caught.value).startswith(str(path))
    assert path.read_bytes() == text.encode(errors="surrogateescape")


def test_a_look_that_lacks_a_word_is_damage(store: Store) -> None:
    record(store, ONE)
    path = store.folder / FILE
    (kept,) = json.loads(path.read_bytes())["looks"]
    del kept["planned"]
    path.write_text(json.dumps([kept]), encoding="utf-8")
    with pytest.raises(StoreError, match=r"looks\.json"):
        read_looks(store)


def test_a_folder_in_the_records_place(store: Store) -> None:
    (store.folder / FILE).mkdir()
    with pytest.raises(StoreError, match=r"looks\.json"):
        read_looks(store)


def test_two_runs_that_record_at_once_lose_nothing(tmp_path: Path) -> None:
    folder, together = tmp_path / "results", threading.Barrier(2)

    def run(number: int) -> None:
        store = Store(folder)
        together.wait()
        for place in range(20):
            record(store, look(f"arm-{number}-{place}"))
            record(store, look(f"shared-{place}"))

    runs = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    arms = [each.arm for each in read_looks(Store(folder))]
    assert sorted(arms) == sorted(f"{who}-{place}" for who in ("arm-0", "arm-1", "shared") for place in range(20))


def test_the_time_of_a_look_has_its_zone() -> None:
    assert now().endswith("+00:00")
