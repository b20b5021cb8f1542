"""Looks at test queries: counted over whatever was asked, kept once each, and no more of them than were planned."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from bench.sealed import sealed
from bench.store import Store
from bench.study.looks import (
    FILE,
    Look,
    Question,
    Tried,
    at_queries,
    granted,
    look_of,
    of_question,
    plan,
    read_looks,
    take,
)
from bench.types import StoreError

ONE = Look("set.test.abc", "question", "arm-1", "base", "mine", 1, "2026-01-01T00:00:00+00:00", "abc of q1 and q2")
ASKED = Question("set.test.abc", "abc of q1 and q2", "question", "base", ("older question", "older base"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def look(arm: str, planned: int = 1) -> Look:
    return replace(ONE, arm=arm, planned=planned)


def older(arm: str, planned: int = 1, question: str = "older question", base: str = "older base") -> Look:
    """As an earlier version wrote it."""
    return replace(ONE, question=question, arm=arm, baseline=base, planned=planned, queries="")


def tried(arm: str) -> Tried:
    return Tried(f"name of {arm}", arm, f"older {arm}")


def keep(store: Store, *looks: Look) -> None:
    payload = json.dumps({"looks": [asdict(each) for each in looks]}, ensure_ascii=False, indent=1)
    store.write(FILE, sealed(payload.encode()))


def may(before: tuple[Look, ...], arm: str, planned: int) -> tuple[bool, int]:
    return granted(before, ASKED, tried(arm), planned) is not None, plan(before, ASKED, planned)


# ------------------------------------------------------------------------------------------------------ granted


def test_the_first_look_is_granted() -> None:
    assert may((), "arm-1", 1) == (True, 1)
    assert may((), "arm-1", 3) == (True, 3)
    given = granted((), ASKED, tried("arm-1"), 3)
    assert given is not None
    assert given.at.endswith("+00:00")
    assert replace(given, at=ONE.at) == replace(ONE, name="name of arm-1", planned=3)


def test_the_same_again_is_no_other_look() -> None:
    assert may((look("arm-1"),), "arm-1", 1) == (True, 1)
    assert granted((look("arm-1"),), ASKED, tried("arm-1"), 1) == look("arm-1")


def test_another_arm_beyond_the_plan_is_refused() -> None:
    assert may((look("arm-1"),), "arm-2", 1) == (False, 1)
    both = (look("arm-1", 2), look("arm-2", 2))
    assert may(both[:1], "arm-2", 2) == (True, 2)
    assert may(both, "arm-3", 2) == (False, 2)
    assert may(both, "arm-1", 2) == (True, 2)


@pytest.mark.parametrize("later", [1, 2, 5, 100])
def test_the_number_that_was_planned_first_stays(later: int) -> None:
    before = (look("arm-1", 2), look("arm-2", later))
    assert may(before[:1], "arm-2", later) == (True, 2)
    assert may(before, "arm-3", later) == (False, 2)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 4)), max_size=20))
def test_whatever_is_tried_no_more_arms_are_looked_at_than_the_first_plan_said(tries: list[tuple[str, int]]) -> None:
    before: tuple[Look, ...] = ()
    for arm, planned in tries:
        look = granted(before, ASKED, tried(arm), planned)
        assert plan(before, ASKED, planned) == tries[0][1]
        if look is not None and look not in before:
            before = (*before, look)
    assert len(before) == min(tries[0][1], len({arm for arm, _ in tries})) if tries else not before


# ------------------------------------------------------------------------------------- the same queries, renamed


@pytest.mark.parametrize(
    ("test_set", "queries"),
    [
        ("set-2.test.abc", ONE.queries),  # another name
        ("set-2.test.abc", "unknown"),
        ("set.test.9-seed-0.abc", ONE.queries),  # a sample that is the whole set
    ],
)
def test_queries_are_the_same_under_another_name(test_set: str, queries: str) -> None:
    again = replace(ASKED, test_set=test_set, queries=queries)
    assert at_queries((ONE,), again) == 1
    assert granted((ONE,), again, tried("arm-2"), 1) is None
    assert granted((ONE,), again, tried("arm-1"), 1) == ONE


@pytest.mark.parametrize("test_set", ["set.other.abc", "set.test.40-seed-0.abc", "set.test.abd"])
def test_another_split_sample_or_checksum_are_other_queries(test_set: str) -> None:
    fresh = replace(ASKED, test_set=test_set, queries="others")
    assert at_queries((ONE, older("older arm-1")), fresh) == 0
    assert granted((ONE,), fresh, tried("arm-2"), 1) is not None


# ------------------------------------------------------------------------------------- looks of earlier versions


def test_a_look_of_an_earlier_version_counts_and_may_be_taken_again() -> None:
    before = (older("older arm-1", 2),)
    assert granted(before, ASKED, tried("arm-1"), 1) == before[0]
    assert may(before, "arm-2", 1) == (True, 2)
    assert may((*before, older("older arm-3", 2)), "arm-2", 9) == (False, 2)
    assert at_queries(before, ASKED) == 1
    renamed = replace(ASKED, test_set="set-2.test.abc")
    assert granted(before, renamed, tried("arm-1"), 1) == before[0]
    assert granted((older("older arm-1"),), renamed, tried("arm-2"), 1) is None


@pytest.mark.parametrize(
    "known_elsewhere",
    [older("somewhere", question="of the set elsewhere"), older("older arm-1", base="of the set elsewhere")],
)
def test_a_look_of_an_earlier_version_that_cannot_be_told_apart_counts(known_elsewhere: Look) -> None:
    """The set may have lain elsewhere: then question, baseline and arm say nothing."""
    assert of_question((known_elsewhere,), ASKED) == (known_elsewhere,)
    assert look_of((known_elsewhere,), ASKED, tried("arm-1")) is None
    for arm in ("arm-1", "arm-2"):
        assert may((known_elsewhere,), arm, 5) == (False, 1)


def test_the_plan_of_the_question_itself_holds_before_that_of_one_that_cannot_be_told_apart() -> None:
    others = older("somewhere", 1, question="of the set elsewhere")
    assert plan((others, older("older arm-1", 3)), ASKED, 9) == 3
    assert plan((others, look("arm-1", 3)), ASKED, 9) == 3
    assert plan((others,), ASKED, 9) == 1


def test_looks_of_earlier_versions_are_read_and_kept_as_they_are(store: Store) -> None:
    words = {name: value for name, value in asdict(older("older arm-1", 2)).items() if name != "queries"}
    for text in (json.dumps([words]).encode(), sealed(json.dumps({"looks": [words]}, indent=1).encode())):
        store.write(FILE, text)
        assert read_looks(store) == (older("older arm-1", 2),)
        taken, looks = take(store, ASKED, tried("arm-2"), 1)
        assert taken is not None
        assert looks == read_looks(store) == (older("older arm-1", 2), taken)


# ----------------------------------------------------------------------------------------------------- counting

OTHERS = (
    ONE,
    replace(ONE, arm="arm-2"),
    replace(ONE, question="another"),
    replace(ONE, baseline="other"),
    replace(ONE, test_set="other.test.abd", queries="abd of q1 and q2"),
)


def test_test_queries_are_looked_at_whatever_is_asked() -> None:
    assert at_queries(OTHERS, ASKED) == 4
    assert at_queries(OTHERS, replace(ASKED, test_set="other.test.abd", queries="abd of q1 and q2")) == 1
    assert at_queries(OTHERS, replace(ASKED, test_set="no such set", queries="none")) == at_queries((), ASKED) == 0


def test_the_looks_of_a_question_are_those_at_the_same_queries_against_the_same_baseline() -> None:
    assert of_question(OTHERS, ASKED) == OTHERS[:2]
    assert of_question(OTHERS, replace(ASKED, question="another")) == OTHERS[2:3]
    assert of_question(OTHERS, replace(ASKED, question="another", baseline="other")) == ()


# ---------------------------------------------------------------------------------------------------- the record


def test_no_record_is_no_look(store: Store) -> None:
    assert read_looks(store) == ()
    assert not (store.folder / FILE).exists()


def test_looks_are_kept_oldest_first(store: Store) -> None:
    given = [take(store, ASKED, tried(arm), 3)[0] for arm in ("c", "a", "b")]
    assert [each.arm for each in given if each] == ["c", "a", "b"]
    assert read_looks(store) == read_looks(Store(store.folder, to_read=True)) == tuple(given)


def test_a_look_is_kept_once(store: Store) -> None:
    take(store, ASKED, tried("arm-1"), 1)
    written = (store.folder / FILE).read_bytes()
    take(store, ASKED, tried("arm-1"), 1)
    taken, looks = take(store, ASKED, replace(tried("arm-1"), name="renamed"), 9)
    assert looks == (taken,)
    assert (store.folder / FILE).read_bytes() == written


def test_a_refused_look_is_not_kept(store: Store) -> None:
    keep(store, ONE)
    written = (store.folder / FILE).read_bytes()
    assert take(store, ASKED, tried("arm-2"), 1) == (None, (ONE,))
    assert (store.folder / FILE).read_bytes() == written


def test_names_are_kept_as_they_are(store: Store) -> None:
    taken, _ = take(store, replace(ASKED, question="中"), replace(tried("arm-1"), name="我的 “指令”\n…"), 1)
    assert read_looks(store) == (taken,)
    assert "我的" in (store.folder / FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["", "{", "[", "{}", "null", "5", "[5]", "[{}]", '[{"test_set": "a"}]', '[{"planned": "many"}]', "\udcff"]
)
def test_a_damaged_record_is_an_error_that_names_the_file(store: Store, text: str) -> None:
    path = store.folder / FILE
    path.write_bytes(text.encode(errors="surrogateescape"))
    for attempt in (lambda: read_looks(store), lambda: take(store, ASKED, tried("arm-1"), 1)):
        with pytest.raises(StoreError, match=r"looks\.json is damaged.*use another --out") as caught:
            attempt()
        assert str(caught.value).startswith(str(path))
    assert path.read_bytes() == text.encode(errors="surrogateescape")


def test_a_look_that_lacks_a_word_is_damage(store: Store) -> None:
    keep(store, ONE)
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


def test_two_runs_that_look_at_once_lose_nothing(tmp_path: Path) -> None:
    folder, together = tmp_path / "results", threading.Barrier(2)

    def run(number: int) -> None:
        store = Store(folder)
        together.wait()
        for place in range(20):
            take(store, ASKED, tried(f"arm-{number}-{place}"), 60)
            take(store, ASKED, tried(f"shared-{place}"), 60)

    at_once(run)
    arms = [each.arm for each in read_looks(Store(folder))]
    assert sorted(arms) == sorted(f"{who}-{place}" for who in ("arm-0", "arm-1", "shared") for place in range(20))


def test_two_runs_at_once_share_the_looks_that_were_planned(tmp_path: Path) -> None:
    """Both are on their way before either has looked."""
    together = threading.Barrier(2)

    class Late(Store):
        def lock(self, name: str) -> FileLock:
            together.wait()
            return super().lock(name)

    for trial in range(10):
        granted: list[Look | None] = []
        folder = tmp_path / str(trial)

        def run(number: int, folder: Path = folder, granted: list[Look | None] = granted) -> None:
            granted.append(take(Late(folder), ASKED, tried(f"arm-{number}"), 1)[0])

        at_once(run)
        assert len([each for each in granted if each]) == len(read_looks(Store(folder))) == 1


def at_once(run: Callable[[int], None]) -> None:
    runs = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
