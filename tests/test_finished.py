"""What a finished run has left: its trials in its order, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.finished import REPRODUCE, digest, finished_results, finished_run, found_by_run
from bench.sealed import sealed, sha256_of
from bench.store import Store, read_result
from bench.types import StoreError, Trial, TrialResult


def folder_of(path: Path, *pipelines: str, wanted: tuple[str, ...] | None = None) -> Path:
    store, ids = Store(path), {}
    for pipeline in pipelines:
        result = TrialResult(Trial("d", pipeline), "ok", started_at=f"2026-01-01T00:00:00+00:00 {pipeline}")
        store.write_result(result)
        ids[pipeline] = result.trial.id
    if wanted is not None:
        facts = {"trials": [ids.get(pipeline, pipeline) for pipeline in wanted], "config": "c", "command": "x"}
        store.write(REPRODUCE, json.dumps(facts).encode())
    return path


def test_the_last_runs_trials_stand_in_its_order(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a", "b", "c", wanted=("c", "a", "c"))
    assert [result.trial.pipeline for result in finished_results(folder)] == ["c", "a"]
    assert (finished_run(folder).config_text, finished_run(folder).command) == ("c", "x")


def test_a_folder_of_a_run_that_was_stopped_has_what_is_stored(tmp_path: Path) -> None:
    assert [r.trial.pipeline for r in finished_results(folder_of(tmp_path, "b", "a"))] == ["a", "b"]
    with pytest.raises(StoreError, match=r"holds no finished run \(no run.json\)"):
        finished_run(tmp_path)


def test_what_is_lost_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="lacks the results of lost; run its config again"):
        finished_results(folder_of(tmp_path / "lost", "a", wanted=("a", "lost")))
    with pytest.raises(StoreError, match="holds no result of any trial"):
        finished_results(folder_of(tmp_path / "empty", wanted=()))
    for damage in ("{", '{"trials": 3, "config": "", "command": ""}', '{"config": ""}'):
        (folder_of(tmp_path / "damaged", "a", wanted=("a",)) / REPRODUCE).write_text(damage)
        with pytest.raises(StoreError, match=r"run\.json is damaged"):
            finished_results(tmp_path / "damaged")


def test_what_an_earlier_run_has_found_is_not_this_ones(tmp_path: Path) -> None:
    """A plain run into the folder of a claims file leaves its claims there, and shows none."""
    store = Store(folder_of(tmp_path, "a"))
    store.write("claims.json", b"[]")
    facts = {"trials": [], "config": "c", "command": "x"}
    for checksums, found in (({"claims.json": sha256_of(b"[]")}, b"[]"), ({}, None), ({"ab.json": "0"}, None)):
        store.write(REPRODUCE, sealed(json.dumps({**facts, "checksums": checksums}).encode()))
        assert found_by_run(tmp_path, "claims.json") == found
    store.write(REPRODUCE, json.dumps(facts).encode())
    assert found_by_run(tmp_path, "claims.json") == b"[]", "a version that kept no checksums"


def test_a_table_of_two_runs_is_refused(tmp_path: Path) -> None:
    """The set was changed, and the run that was to measure it anew was killed half-way."""
    store = Store(tmp_path)
    old = [TrialResult(Trial("d", name), "ok", inputs={"dataset": "one"}) for name in ("a", "b")]
    for result in old:
        store.write_result(result)
    inputs = {result.trial.id: digest(result.inputs) for result in old}
    facts = {"trials": [*inputs], "config": "c", "command": "x", "checksums": {}, "inputs": inputs}
    store.write(REPRODUCE, sealed(json.dumps(facts).encode()))
    assert len(finished_results(tmp_path)) == 2
    store.write_result(replace(old[0], inputs={"dataset": "another"}))
    with pytest.raises(StoreError, match=rf"over other files \({old[0].trial.id}\).*was cut off; run its config again"):
        finished_results(tmp_path)


def test_a_record_that_is_nested_without_end_is_damaged(tmp_path: Path) -> None:
    (folder_of(tmp_path, "a") / REPRODUCE).write_text("[" * 200_000)
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        finished_results(tmp_path)


def test_published_results_keep_the_ids_that_they_were_stored_under(root: Path) -> None:
    """A field that a trial was given since then must not change them."""
    stored = [*(root / "reports").glob("*/trials/*.json")]
    assert stored
    assert [read_result(path).trial.id for path in stored] == [path.stem for path in stored]
