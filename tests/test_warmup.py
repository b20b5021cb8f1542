"""Warming up stops when times have settled, and says when they have not."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bench.machine.warmup import warm_up


def warmed(times: Iterable[float], at_most: int) -> tuple[tuple[float, ...], bool]:
    """Warm up work that takes these times, one after another."""
    ahead, now = iter(times), [0.0]

    def call() -> None:
        now[0] += next(ahead)

    return warm_up(call, at_most, lambda: now[0])


def test_it_stops_when_three_times_are_alike() -> None:
    seconds, settled = warmed([64.0, 32.0, 16.0, 16.0, 16.0, 16.0], at_most=10)
    assert seconds == (64.0, 32.0, 16.0, 16.0, 16.0)
    assert settled


@pytest.mark.parametrize(
    ("times", "alike"), [([9.0, 10.0, 11.0], True), ([8.9, 10, 10], False), ([10, 10, 11.1], False)]
)
def test_alike_is_within_a_tenth_of_the_median(times: list[float], alike: bool) -> None:
    assert warmed(times, at_most=3)[1] is alike


def test_times_that_go_on_falling_are_said_not_to_have_settled() -> None:
    seconds, settled = warmed([2.0**-number for number in range(20)], at_most=6)
    assert len(seconds) == 6
    assert not settled


def test_an_outlier_is_waited_out() -> None:
    seconds, settled = warmed([1.0, 1.0, 4.0, 1.0, 1.0, 1.0, 1.0], at_most=7)
    assert seconds == (1.0, 1.0, 4.0, 1.0, 1.0, 1.0)
    assert settled


@pytest.mark.parametrize("at_most", [0, 1, 2])
def test_too_few_calls_show_nothing(at_most: int) -> None:
    assert warmed([1.0] * 9, at_most) == ((1.0,) * at_most, False)


def test_work_that_fails_is_not_hidden() -> None:
    def call() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        warm_up(call, 3)
