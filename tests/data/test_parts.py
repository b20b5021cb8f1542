"""Parts of a split: what a name means, and on which side a query is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.data import load_dataset
from bench.data.parts import HALF, Part, parse_part, part_of
from bench.sources import check_set, open_set
from bench.types import ConfigError, DataError, Dataset, Document, Query

SIDES = ("dev", "test")
ids = st.text(max_size=8)
shares = st.floats(0, 1, exclude_min=True, exclude_max=True)
seeds = st.integers(0, 10**18 - 1)
parts = st.builds(Part, st.text("abcdev-~#. 测", min_size=1), st.sampled_from(SIDES), shares, seeds)


def dataset(query_ids: list[str]) -> Dataset:
    return Dataset(
        name="set",
        split="train",
        corpus=(Document("d", "a document"),),
        queries=tuple(Query(each, f"query {each}") for each in query_ids),
        qrels={each: {"d": 1} for each in query_ids},
        checksum="c",
        path=Path("set"),
    )


def held(part: Part, query_ids: list[str]) -> list[str]:
    return [each for each in query_ids if part.holds(each)]


# -------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("test/dev", Part("test", "dev")),
        ("test/test", Part("test", "test")),
        ("test/dev~0.3#7", Part("test", "dev", 0.3, 7)),
        ("train/test~0.25", Part("train", "test", 0.25)),
        ("a b/dev#12", Part("a b", "dev", HALF, 12)),
        ("x/test~0.0000001", Part("x", "test", 1e-7)),
    ],
)
def test_names(name: str, part: Part) -> None:
    assert parse_part(name) == part
    assert part.name == name


@given(parts)
def test_a_part_is_what_its_name_says(part: Part) -> None:
    assert parse_part(part.name) == part


@pytest.mark.parametrize(
    ("name", "usual"),
    [("test/dev~0.5", "test/dev"), ("test/dev#0", "test/dev"), ("test/dev~.30#07", "test/dev~0.3#7")],
)
def test_another_spelling_is_the_same_part(name: str, usual: str) -> None:
    part = parse_part(name)
    assert part is not None
    assert part.name == usual


@pytest.mark.parametrize("name", ["test", "dev", "", "test~0.3#7", "测试"])
def test_a_name_without_a_slash_is_a_whole_split(name: str) -> None:
    assert parse_part(name) is None


@pytest.mark.parametrize(
    "name",
    ["/dev", "test/", "test/train", "a/b/dev", "test/dev~1.0", "test/dev~0", "test/dev~0.0", "test/dev~1e-3",
     "test/dev~", "test/dev#", "test/dev#-1", "test/dev#7~0.3", "test/dev~0.3#7 ", "test/DEV", "test/dev~0.٣",
     "test/dev#" + "1" * 5000],
)  # fmt: skip
def test_a_name_that_is_neither(name: str) -> None:
    with pytest.raises(ConfigError, match=r"has a slash and is no part of a split; write test/dev or test/test"):
        parse_part(name)


@given(st.text("/devtst~#.0123 ", max_size=15))
def test_any_name_is_a_part_or_a_split_or_one_error(name: str) -> None:
    try:
        part = parse_part(name)
    except ConfigError:
        return
    assert (part is None) == ("/" not in name)


# -------------------------------------------------------------------------------------------------------- sides


@given(ids, shares, seeds)
def test_a_query_is_on_one_side(query_id: str, share: float, seed: int) -> None:
    assert sum(Part("test", side, share, seed).holds(query_id) for side in SIDES) == 1  # type: ignore[arg-type]


@given(st.lists(ids, unique=True, min_size=1), st.lists(ids), shares, seeds, st.randoms(use_true_random=False))
def test_a_query_stays_where_it_is(
    given_ids: list[str], others: list[str], share: float, seed: int, random: object
) -> None:
    part = Part("test", "dev", share, seed)
    more = [*given_ids, *(each for each in dict.fromkeys(others) if each not in given_ids)]
    random.shuffle(more)  # type: ignore[attr-defined]
    assert set(held(part, more)) & set(given_ids) == set(held(part, given_ids))
    assert held(part, given_ids[1:]) == [each for each in held(part, given_ids) if each != given_ids[0]]


@given(ids, shares, shares, seeds)
def test_a_larger_share_takes_nothing_back(query_id: str, one: float, other: float, seed: int) -> None:
    smaller, larger = sorted((one, other))
    assert Part("t", "dev", smaller, seed).holds(query_id) <= Part("t", "dev", larger, seed).holds(query_id)


def test_the_split_has_no_say_in_the_side() -> None:
    names = [str(number) for number in range(100)]
    assert held(Part("test", "dev"), names) == held(Part("train", "dev"), names)


@pytest.mark.parametrize("share", [0.1, 0.3, HALF, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_share_is_kept_on_average(share: float, seed: int) -> None:
    """Within what 2,000 independent draws leave in all but one of 10,000 cases."""
    names = [f"q{number}" for number in range(2_000)]
    low, high = stats.binom.ppf([0.5e-4, 1 - 0.5e-4], len(names), share)
    assert low <= len(held(Part("test", "dev", share, seed), names)) <= high


def test_seeds_draw_apart() -> None:
    names = [f"q{number}" for number in range(2_000)]
    one, other = (set(held(Part("test", "dev", HALF, seed), names)) for seed in (0, 1))
    low, high = stats.binom.ppf([0.5e-4, 1 - 0.5e-4], len(names), 0.25)
    assert low <= len(one & other) <= high


def test_where_known_queries_are() -> None:
    """Sides are in published studies; they must not move."""
    names = [f"q{number}" for number in range(1, 13)]
    assert held(Part("test", "dev"), names) == ["q2", "q3", "q4", "q6", "q9"]


# --------------------------------------------------------------------------------------------------------- sets


@given(st.lists(ids, unique=True, min_size=1, max_size=30), shares, seeds)
@settings(deadline=None)
def test_both_parts_are_everything_in_the_sets_order(query_ids: list[str], share: float, seed: int) -> None:
    whole, found = dataset(query_ids), []
    for side in SIDES:
        try:
            part = part_of(whole, Part("train", side, share, seed))  # type: ignore[arg-type]
        except DataError:
            continue
        names = [query.id for query in part.queries]
        assert list(part.qrels) == names
        assert names == [each for each in query_ids if each in names]
        assert (part.corpus, part.checksum, part.path, part.name) == (whole.corpus, "c", whole.path, "set")
        found += names
    assert sorted(found) == sorted(query_ids)


def test_a_side_without_queries() -> None:
    part = Part("train", "dev", 1e-9)
    with pytest.raises(
        DataError, match=r"set: none of the 2 queries .*'train' .*train/dev~0\.000000001; take another seed"
    ):
        part_of(dataset(["a", "b"]), part)


def seed_that_splits(query_ids: list[str]) -> int:
    return next(
        seed for seed in range(100) if 0 < len(held(Part("test", "dev", HALF, seed), query_ids)) < len(query_ids)
    )


def test_a_set_is_opened_in_parts(small_set: Path, tmp_path: Path) -> None:
    whole = load_dataset(small_set, "test")
    seed = seed_that_splits([query.id for query in whole.queries])
    dev, test = (open_set("small", Part("test", side, HALF, seed).name, tmp_path) for side in SIDES)  # type: ignore[arg-type]
    assert dev.split == Part("test", "dev", HALF, seed).name
    assert {*dev.qrels, *test.qrels} == {"q1", "q2", "q3"}
    assert len(dev.queries) + len(test.queries) == 3
    for part in (dev, test):
        assert part.checksum == whole.checksum
        assert tuple(part.corpus) == tuple(whole.corpus)
        assert all(part.qrels[query.id] == whole.qrels[query.id] for query in part.queries)
        assert part.notices == whole.notices


def test_a_part_of_a_split_that_is_not_there(small_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no split 'train'; there is test"):
        open_set("small", "train/dev", tmp_path)
    with pytest.raises(ConfigError, match="has a slash"):
        open_set("small", "test/train", tmp_path)


def test_a_check_of_a_part_is_one_of_the_whole_set(small_set: Path, tmp_path: Path) -> None:
    (part,), (whole,) = (check_set("small", tmp_path, split) for split in ("test/dev", "test"))
    assert part == whole
    assert part.ok
    assert part.counts is not None
    assert part.counts.queries == 3
