"""What is written is read back, whole or not at all."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sealed import sealed
from bench.store import Store, format_qrels, format_run, parse_qrels, parse_run, read_result, slug, write_atomically
from bench.types import Cost, Interval, Quality, StoreError, Trial, TrialResult, Work, rank

COST = Cost(0.1, None, (0.01, 0.02), {"search": (0.01, 0.02)}, (0.5,), 2, None, 1, 2, None, None, Work(1, 2))
QUALITY = Quality({"map": Interval(0.5, 0.4, 0.6)}, {"map": {"问题": 0.5}}, Interval(1, 1, 1), 0.0)
RESULT = TrialResult(
    Trial("set", "三 stages", measures=("map",)), "ok", inputs={"dataset": "abc"}, quality=QUALITY, cost=COST,
    environment={"cpu": "x", "threads": None}, started_at="2026-01-01T00:00:00+00:00",
)  # fmt: skip

ids = st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=5)
runs = st.dictionaries(
    ids, st.dictionaries(ids, st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1)
)


def test_a_result_is_read_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    store.write_result(RESULT)
    assert store.results() == (RESULT,)
    assert store.find(RESULT.trial, {"dataset": "abc"}) == RESULT


def test_other_inputs_or_another_outcome_are_not_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_result(RESULT)
    assert store.find(RESULT.trial, {"dataset": "changed"}) is None
    assert store.find(replace(RESULT.trial, depth=3), {"dataset": "abc"}) is None
    store.write_result(replace(RESULT, status="failed"))
    assert store.find(RESULT.trial, {"dataset": "abc"}) is None


@given(runs)
def test_run_files_bring_every_score_back_exactly(scored: dict[str, dict[str, float]]) -> None:
    run = {query_id: rank(docs.items()) for query_id, docs in scored.items()}
    assert parse_run(format_run(run, "tag")) == run


def test_run_files_are_what_trec_tools_read(tmp_path: Path) -> None:
    name, _ = Store(tmp_path).write_run(RESULT.trial, "Set A", "key", {"q1": rank([("d1", 0.5), ("d2", 0.25)])})
    assert re.fullmatch(r"runs/set-a\.三-stages\.key-100\.[0-9a-f]{8}\.trec", name)
    assert (tmp_path / name).read_text() == "q1 Q0 d1 1 0.5 三-stages\nq1 Q0 d2 2 0.25 三-stages\n"


def test_rankings_of_a_pass_that_was_made_anew_lie_beside_the_old_ones(tmp_path: Path) -> None:
    """A deeper pass scores the same pairs in other batches: what differs in the last digit is another file."""
    store, first = Store(tmp_path), {"q1": rank([("d1", 3.0)])}
    written = [
        store.write_run(RESULT.trial, "s", "key", {"q1": rank([("d1", score)])}, first)
        for score in (0.5, 0.5, 0.5000001)
    ]
    assert written[0] == written[1]
    assert not {*written[0][1]} & {*written[2][1]}
    for name, checksums in written:
        assert {*checksums} == {name, name.replace(".trec", ".first-stage.trec")}
        assert not store.lacks(replace(RESULT, run_file=name, checksums=checksums))


@pytest.mark.parametrize(
    "name", ["runs/../../victim", "../victim", "/etc/passwd", "runs/..", "runs/a/b", "trials/x", ""]
)
def test_a_result_that_names_files_of_others_moves_none_of_them(tmp_path: Path, name: str) -> None:
    """Anybody can seal a result."""
    store, victim = Store(tmp_path / "out"), tmp_path / "victim"
    victim.write_text("somebody's")
    for each in (replace(RESULT, checksums={name: "0" * 64}), replace(RESULT, run_file=name)):
        store.write_result(each)
        path = tmp_path / "out" / "trials" / f"{RESULT.trial.id}.json"
        with pytest.raises(StoreError, match="is no file of a run"):
            read_result(path)
        assert store.find(RESULT.trial, RESULT.inputs) is None
        assert not path.exists(), "set aside"
    assert [each.name for each in tmp_path.iterdir() if each.name != "out"] == ["victim"]


def test_a_result_with_settings_that_no_config_can_give_is_damaged(tmp_path: Path) -> None:
    """Of a version that sealed none, or by somebody who seals what he likes."""
    written = b'{"trial": {"dataset": "set", "pipeline": "P", "timeout_s": 1e400}, "status": "ok"}'
    for data in (written, sealed(written)):
        (tmp_path / "result.json").write_bytes(data)
        with pytest.raises(
            StoreError, match=r"result\.json is damaged \(its trial has a number that no config can give"
        ):
            read_result(tmp_path / "result.json")


@given(st.dictionaries(ids, st.dictionaries(ids, st.integers(-2, 5), min_size=1)))
def test_judgements_are_brought_back_in_their_order(qrels: dict[str, dict[str, int]]) -> None:
    again = parse_qrels(format_qrels(qrels))
    assert again == qrels
    assert [[*grades] for grades in again.values()] == [[*grades] for grades in qrels.values()]


def test_judgements_are_written_once_for_a_set_its_split_and_its_sample(tmp_path: Path) -> None:
    store, facts = Store(tmp_path), {"name": "Set A", "split": "dev", "checksum": "sha256:0123456789"}
    name, _ = store.write_qrels(RESULT.trial, facts, {"q1": {"d1": 2, "d2": 0}})
    assert name == "qrels/set-a.dev.01234567.qrels"
    assert (tmp_path / name).read_text() == "q1 0 d1 2\nq1 0 d2 0\n"
    written = (tmp_path / name).stat().st_mtime_ns
    store.write_qrels(RESULT.trial, facts, {"q1": {"d1": 2, "d2": 0}})
    assert (tmp_path / name).stat().st_mtime_ns == written, "the name holds the checksum: what is there is the same"
    sample = replace(RESULT.trial, max_queries=50, seed=3)
    assert store.write_qrels(sample, facts, {"q1": {"d1": 2}})[0] == "qrels/set-a.dev.50-seed-3.01234567.qrels"
    assert store.write_qrels(RESULT.trial, {**facts, "checksum": "sha256:ff"}, {"q1": {"d1": 2}})[0] != name


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_result(RESULT)
    path = tmp_path / "trials" / f"{RESULT.trial.id}.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"\.json is damaged .* run its config into this folder again"):
        store.results()
    assert path.exists(), "who only reads moves nothing"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        Store(tmp_path).write("file", b"new")
    assert path.read_bytes() == b"old"
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_file()) == ["file"]


def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--out"):
        Store(tmp_path / "file" / "below")


def test_file_names_keep_every_script() -> None:
    assert slug("Embedding + 重排 (v2)") == "embedding-重排-v2"
    assert slug("///") == "unnamed"
