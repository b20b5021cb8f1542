"""The search for the largest batch size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.fit import largest_that_fits


@given(st.integers(1, 3000), st.integers(0, 4000))
def test_it_finds_the_boundary_and_asks_little(at_most: int, boundary: int) -> None:
    asked: list[int] = []

    def fits(size: int) -> bool:
        asked.append(size)
        return size <= boundary

    assert largest_that_fits(fits, at_most) == min(boundary, at_most)
    assert all(1 <= size <= at_most for size in asked)
    assert len(asked) == len(set(asked)) <= 2 * at_most.bit_length() + 1
