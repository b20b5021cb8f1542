"""From results in a folder to the explorer's files, and from these into the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.explorer.collect import collect, write_sets
from bench.explorer.data import read_head, unpack
from bench.judge import dataset_facts, judge
from bench.keys import quality_key
from bench.prepare import Prepared
from bench.publish import explored
from bench.store import Store, set_name
from bench.study.study import Study
from bench.types import DataError, Dataset, QualityPass, StoreError, Trial, TrialResult, Work

Ran = tuple[Prepared, TrialResult]
MEASURES = ("ndcg@10", "recall@10")


def untold(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def ran(store: Store, dataset: Dataset, runs: tuple[Mapping[str, Any], Mapping[str, Any]]) -> list[Ran]:
    """BM25, and it reranked, in two batch sizes that share their ranking."""
    first = Trial("small", "BM25", depth=3, measures=MEASURES)
    second = replace(first, pipeline="Reranked", reranker="asset:tracer-reranker", engine="packed", batch_size=4)
    trials = [(first, runs[0]), (second, runs[1]), (replace(second, batch_size=8), runs[1])]
    return [keep(store, dataset, trial, run) for trial, run in trials]


def keep(store: Store, dataset: Dataset, trial: Trial, run: Mapping[str, Any]) -> Ran:
    made = QualityPass(quality_key(trial), {}, trial.depth, "logit" if trial.reranker else "score", Work(),
                       run=run, first_stage=run, cut_pairs={})  # fmt: skip
    store.write_quality(made)
    item = Prepared(trial, dataset, dataset_facts(dataset), {})
    quality = judge(trial, dataset, run, run, Work())
    run_file, _ = store.write_run(trial, dataset.name, made.key, run)
    return item, TrialResult(trial, "ok", dataset=item.facts, quality=quality, run_file=run_file)


def payload_of(store: Store, ran: list[Ran]) -> bytes:
    payload = store.read_explorer(set_name(ran[0][1].trial, ran[0][1].dataset))
    assert payload is not None
    return payload


def test_pipelines_of_one_ranking_are_shown_once(store: Store, ran: list[Ran]) -> None:
    assert collect(ran, [result for _, result in ran], store, Path(), untold) == ()
    head, body = unpack(payload_of(store, ran))
    assert [each.name for each in head.pipelines] == ["BM25", "Reranked"]
    assert head.compare == (0, 1)
    assert head.trials == tuple(result.trial.id for _, result in ran)
    assert head.measure == "ndcg@10"
    assert [query[0] for query in body["queries"]] == ["q1", "q2", "q3", "q4"]
    assert body["queries"][0][3] == [0.63093, 1.0]


def test_collecting_again_changes_no_byte(store: Store, ran: list[Ran]) -> None:
    results = [result for _, result in ran]
    collect(ran, results, store, Path(), untold)
    before = payload_of(store, ran)
    collect(ran, results, store, Path(), untold)
    assert payload_of(store, ran) == before


def test_rankings_of_one_pipeline_are_told_apart(
    store: Store, ran: list[Ran], dataset: Dataset, runs: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> None:
    longer, shorter = (replace(ran[1][1].trial, max_length=length) for length in (512, 64))
    many = [ran[0], keep(store, dataset, longer, runs[1]), keep(store, dataset, shorter, runs[0])]
    collect(many, [result for _, result in many], store, Path(), untold)
    names = [each.name for each in read_head(payload_of(store, many)).pipelines]
    assert names == ["BM25", "Reranked · length 512", "Reranked · length 64"]


def test_no_more_than_eight_pipelines_stand_side_by_side(
    store: Store, ran: list[Ran], dataset: Dataset, runs: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> None:
    base = ran[1][1].trial
    lengths = [keep(store, dataset, replace(base, max_length=64 + n), runs[1]) for n in range(8)]
    other = keep(store, dataset, replace(base, pipeline="Other", dtype="bf16"), runs[0])
    many = [*lengths, ran[0], other]
    collect(many, [result for _, result in many], store, Path(), untold)
    head = read_head(payload_of(store, many))
    assert len(head.pipelines) == 8
    assert [each.name.split(" · ")[0] for each in head.pipelines[-2:]] == ["BM25", "Other"]
    assert len(head.cut.pipelines) == 2


def test_what_has_no_quality_has_no_explorer(store: Store, ran: list[Ran]) -> None:
    lost = [(item, replace(result, quality=None, run_file=None)) for item, result in ran]
    assert collect(lost, [result for _, result in lost], store, Path(), untold) == ()
    assert not (store.folder / "explorer").exists()


def test_a_set_that_cannot_be_read_is_named_and_the_others_are_collected(
    store: Store, ran: list[Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*_: object) -> None:
        raise DataError("the file has changed since it was checked; run again")

    monkeypatch.setattr("bench.explorer.build.find", changed)
    (said,) = collect(ran, [result for _, result in ran], store, Path(), untold)
    assert "the queries of small.test" in said
    assert "has changed" in said


def test_publishing_finds_what_belongs_to_its_results(store: Store, ran: list[Ran]) -> None:
    results = [result for _, result in ran]
    assert explored(store, results) == []
    collect(ran, results, store, Path(), untold)
    assert explored(store, results) == [payload_of(store, ran)]
    assert explored(store, results[:1]) == [], "it shows a pipeline that is not among these results"


def test_beside_a_study_dev_queries_alone_are_shown(store: Store, ran: list[Ran]) -> None:
    results, study = [result for _, result in ran], Study("study", "BM25", MEASURES, ())
    collect(ran, results, store, Path(), untold)
    assert explored(store, results, study) == []
    write_sets(ran, "ndcg@10", {}, store, Path(), untold, study=True)
    (payload,) = explored(store, results, study)
    assert read_head(payload).study


def test_damaged_data_are_an_error_that_says_what_to_do(store: Store, ran: list[Ran]) -> None:
    results = [result for _, result in ran]
    collect(ran, results, store, Path(), untold)
    for path in (store.folder / "explorer").iterdir():
        path.write_bytes(b"damaged")
    with pytest.raises(StoreError, match="run again"):
        explored(store, results)
