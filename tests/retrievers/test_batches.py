"""Batches hold every text once, stay within their budget, and are as full as the order of lengths lets them be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.retrievers.batches import by_count, by_tokens, grouped

lengths = st.lists(st.integers(0, 50), max_size=40)


@given(lengths, st.integers(1, 200))
def test_batches_by_tokens(lengths: list[int], budget: int) -> None:
    batches = by_tokens(lengths, budget)
    flat = [place for batch in batches for place in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[place] for place in flat] == sorted(lengths, reverse=True)
    for number, batch in enumerate(batches):
        longest = max(1, lengths[batch[0]])
        assert len(batch) == 1 or len(batch) * longest <= budget
        if number + 1 < len(batches):  # one more would not have fitted
            assert (len(batch) + 1) * longest > budget


@given(lengths, st.integers(1, 10))
def test_batches_by_count(lengths: list[int], size: int) -> None:
    batches = by_count(lengths, size)
    flat = [place for batch in batches for place in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[place] for place in flat] == sorted(lengths, reverse=True)
    assert all(len(batch) == size for batch in batches[:-1])


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=5), max_size=20), st.integers(1, 12))
def test_groups_hold_the_batches_in_order_and_are_large_enough(batches: list[list[int]], least: int) -> None:
    groups = list(grouped(batches, least))
    assert [batch for group in groups for batch in group] == batches
    for number, group in enumerate(groups):
        texts = sum(map(len, group))
        assert texts >= least or number == len(groups) - 1
        assert texts - len(group[-1]) < least
