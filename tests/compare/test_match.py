"""Which trial goes with which, and which must not be compared at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.compare.comparison import compare, compare_folders
from bench.compare.match import match, refusal
from bench.types import ConfigError, StoreError, Trial, TrialResult

Make = Callable[..., TrialResult]


def test_trials_of_one_id_are_partners_whatever_else_is_there(of: Make) -> None:
    a, b = [of("BM25"), of("Dense")], [of("Other"), of("Dense")]
    found = match(a, b)
    assert [(pair.a.trial.pipeline, pair.by_id) for pair in found.pairs] == [("Dense", True)]
    assert [r.trial.pipeline for r in found.only_a] == ["BM25"]
    assert [r.trial.pipeline for r in found.only_b] == ["Other"]


def test_a_setting_may_differ_where_dataset_split_and_pipeline_do_not(of: Make) -> None:
    (pair,) = match([of(max_length=512)], [of(max_length=8192)]).pairs
    assert not pair.by_id and pair.axes == ()
    assert match([of()], [of(split="dev")]).pairs == ()
    assert match([of()], [of(name="NFCorpus", dataset="sets/nf")]).pairs == ()
    moved = match([of()], [of(dataset="/elsewhere/scifact")]).pairs
    assert len(moved) == 1, "the name that a set gives itself, not where it lies"


def test_a_sweep_is_matched_cell_by_cell(of: Make) -> None:
    sizes = (1, 8, 32)
    a = [of("P", batch_size=size, dtype="fp32") for size in sizes]
    b = [of("P", batch_size=size, dtype="bf16") for size in reversed(sizes)]
    found = match(a, b)
    assert [(pair.a.trial.batch_size, pair.b.trial.batch_size) for pair in found.pairs] == [(s, s) for s in sizes]
    assert {pair.axes for pair in found.pairs} == {("batch_size",)}


def test_a_cell_that_the_other_lacks_is_left_over(of: Make) -> None:
    found = match([of("P", depth=10), of("P", depth=50)], [of("P", depth=50, seed=1), of("P", depth=100, seed=1)])
    assert [(pair.a.trial.depth, pair.b.trial.depth) for pair in found.pairs] == [(50, 50)]
    assert [r.trial.depth for r in (*found.only_a, *found.only_b)] == [10, 100]


cells = st.lists(st.tuples(st.sampled_from("PQ"), st.sampled_from([5, 10]), st.sampled_from([0, 1])), unique=True)


@given(cells, cells)
def test_no_trial_is_in_two_pairs_and_none_is_lost(
    a: list[tuple[str, int, int]], b: list[tuple[str, int, int]]
) -> None:
    left, right = ([bare(*cell) for cell in each] for each in (a, b))
    found = match(left, right)
    assert sorted(r.trial.id for r in (*(p.a for p in found.pairs), *found.only_a)) == sorted(r.trial.id for r in left)
    assert sorted(r.trial.id for r in (*(p.b for p in found.pairs), *found.only_b)) == sorted(r.trial.id for r in right)
    for pair in found.pairs:
        assert pair.by_id == (pair.a.trial.id == pair.b.trial.id)
        assert pair.a.trial.pipeline == pair.b.trial.pipeline


def bare(pipeline: str, depth: int, seed: int) -> TrialResult:
    return TrialResult(Trial("d", pipeline, depth=depth, seed=seed), "ok")


def test_another_checksum_is_another_set_and_is_refused(of: Make) -> None:
    comparison = compare([of(), of("Dense")], [of(checksum="sha256:" + "cd" * 32), of("Dense")])
    refused, compared = comparison.compared
    assert "checksum is abababababab… in A and cdcdcdcdcdcd… in B" in refused.refused
    assert refused.differences == refused.costs == ()
    assert not compared.refused and compared.differences
    assert comparison.refused == (refused,)


def test_a_set_of_which_nobody_kept_the_checksum_is_refused(of: Make) -> None:
    (pair,) = match([of()], [replace(of(), dataset={"name": "SciFact"})]).pairs
    assert "not recorded which labelled set" in refusal(pair)


def test_samples_without_a_query_in_common_are_refused(of: Make) -> None:
    a, b = of(max_queries=2), of(max_queries=2, seed=1)
    a, b = (replace(each, quality=replace(each.quality, per_query={"map": dict.fromkeys(queries, 0.5)}))
            for each, queries in ((a, "xy"), (b, "zw")))  # fmt: skip
    assert compare([a], [b]).refused[0].refused == "no query was judged in both"


def test_nothing_in_common_names_what_there_is(of: Make) -> None:
    with pytest.raises(StoreError, match=r"A and B have no trial in common.*“SciFact: BM25”.*“SciFact: Dense”"):
        compare([of("BM25")], [of("Dense")])
    many = [of(f"P{i}") for i in range(8)]
    with pytest.raises(StoreError, match="“SciFact: P4” and 3 more"):
        compare(many, [of("Dense")])


def test_one_folder_twice_is_a_mistake_and_a_copy_is_none(folder: Callable[..., Path], of: Make) -> None:
    a, b = folder("a", of()), folder("b", of())
    with pytest.raises(ConfigError, match="A and B are the same folder"):
        compare_folders(a, a.parent / "b" / ".." / "a")
    comparison = compare_folders(a, b)
    assert comparison.tests == 0 and all(each.same for each in comparison.compared[0].differences)


def test_a_folder_that_is_none_is_named(folder: Callable[..., Path], of: Make, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere is not a results folder"):
        compare_folders(folder("a", of()), tmp_path / "nowhere")
