"""Which settings are tried, which is chosen, and when it is not worth going on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bench.engines.link import Lost
from bench.engines.results import Tried
from bench.engines.search import best, hopeless, search

SIZES = [{"batch_size": size} for size in (1, 2, 4, 8, 16)]


class FakeLink:
    """Answers as scripted: batch size -> seconds, or what is raised; a process that ended stays ended."""

    def __init__(self, script: Mapping[int, float | Lost], loads: Mapping[int, Lost] | None = None) -> None:
        self.script, self.loads, self.alive, self.size = script, loads or {}, True, 0
        self.asked: list[tuple[int, int]] = []

    def ask(self, do: str, **rest: Any) -> Mapping[str, Any]:
        if do == "load":
            self.size = rest["setting"]["batch_size"]
            if self.size in self.loads:
                raise self.loads[self.size]
            return {}
        self.asked.append((self.size, rest["part"]))
        answer = self.script[self.size]
        if isinstance(answer, Lost):
            self.alive = answer.fate == "oom"
            raise answer
        return {"seconds": answer}


def tried(link: FakeLink, warmup_pairs: int = 0) -> tuple[Tried, ...]:
    return search(link, SIZES, 32, warmup_pairs, lambda one: None)  # type: ignore[arg-type]


def test_all_are_tried_while_it_helps_and_the_fastest_is_best() -> None:
    found = tried(FakeLink({1: 5.0, 2: 4.0, 4: 3.0, 8: 3.5, 16: 4.0}))
    assert len(found) == 5
    assert best(found) == {"batch_size": 4}


def test_quick_ones_are_timed_twice_slow_ones_once() -> None:
    link = FakeLink({1: 5.0, 2: 20.0, 4: 30.0})
    found = tried(link)
    assert [len(one.seconds) for one in found] == [2, 1, 1]
    assert link.asked == [(1, 32), (1, 32), (2, 32), (4, 32)]


def test_a_warm_up_comes_first() -> None:
    link = FakeLink(dict.fromkeys((1, 2, 4, 8, 16), 20.0))
    tried(link, warmup_pairs=3)
    assert link.asked[:2] == [(1, 3), (1, 32)]


def test_two_hopeless_ones_in_a_row_end_the_search() -> None:
    assert [one.setting["batch_size"] for one in tried(FakeLink({1: 1, 2: 3, 4: 1.5, 8: 3, 16: 3}))] == [1, 2, 4, 8, 16]
    assert [one.setting["batch_size"] for one in tried(FakeLink({1: 1, 2: 1.5, 4: 3, 8: 3}))] == [1, 2, 4, 8]
    assert not hopeless([])


@pytest.mark.parametrize("fate", ["oom", "timeout"])
def test_larger_ones_are_not_tried_once_it_is_too_much(fate: Any) -> None:
    found = tried(FakeLink({1: 1.0, 2: Lost(fate, "too much")}))
    assert [one.fate for one in found] == ["ok", fate]
    assert found[1].message == "too much"
    assert best(found) == {"batch_size": 1}


def test_a_process_that_ended_ends_the_search() -> None:
    found = tried(FakeLink({1: 1.0, 2: Lost("failed", "gone")}))
    assert [one.fate for one in found] == ["ok", "failed"]


def test_nothing_that_works_is_no_best() -> None:
    assert best(tried(FakeLink({1: Lost("oom", "too much")}))) is None


def test_what_cannot_be_loaded_at_all_is_told_to_the_caller() -> None:
    with pytest.raises(Lost, match="not here"):
        tried(FakeLink({}, {1: Lost("unavailable", "not here")}))
    found = tried(FakeLink({1: 1.0}, {2: Lost("oom", "no room")}))
    assert [one.fate for one in found] == ["ok", "oom"]
