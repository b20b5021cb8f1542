"""Trials in processes of their own: what they hand back, what is kept, what is not run twice, what trouble makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ir_measures
import pytest

import bench.process
from bench.config.plan import Plan
from bench.prepare import prepare
from bench.runner import run_all
from bench.store import Store
from bench.types import DataError, ModelError, Trial, TrialResult

MEASURES = ("ndcg@10", "recall@10", "map")


def trial(folder: Path, **changes: object) -> Trial:
    base = Trial(str(folder), "BM25", depth=5, measures=MEASURES, timed_queries=2, warmup_queries=1)
    return replace(base, **changes)  # type: ignore[arg-type]


class Told:
    """Collects what a run says."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.finished: list[tuple[TrialResult, bool]] = []

    def tell(self, stage: str, done: int, total: int) -> None:
        self.stages.append(stage)

    def done(self, result: TrialResult, found: bool) -> None:
        self.finished.append((result, found))


def run(trials: list[Trial], out: Path) -> tuple[list[TrialResult], Told]:
    told = Told()
    plan = Plan("study", tuple(trials), out.parent, "")
    return run_all(prepare(plan, told.tell), plan, Store(out), told.tell, told.done), told


def test_a_trial_gives_quality_and_cost_in_one_result(small_set: Path, tmp_path: Path) -> None:
    (result,), told = run([trial(small_set)], tmp_path / "out")
    assert result.status == "ok", result.message
    assert result.quality is not None
    assert result.cost is not None
    assert set(result.quality.means) == set(MEASURES)
    assert set(result.quality.per_query["map"]) == {"q1", "q2", "q3"}
    assert result.quality.means["ndcg@10"].mean > 0.6
    assert len(result.cost.latency_s) == 2
    assert set(result.cost.stages_s) == {"search"}
    assert result.cost.offline_queries == 2
    assert result.cost.offline_pairs is None
    assert result.cost.peak_device_bytes is None
    assert result.cost.peak_rss_bytes is None or result.cost.peak_rss_bytes > 10_000_000
    assert result.environment["packages"]["torch"]
    assert {"BM25: answer queries", "BM25: warm up", "BM25: time single queries", "judge"} <= set(told.stages)


def test_the_run_file_gives_another_library_the_same_figures(small_set: Path, tmp_path: Path) -> None:
    (result,), _ = run([trial(small_set)], tmp_path / "out")
    assert result.quality is not None
    lines = (small_set / "qrels" / "test.tsv").read_text().splitlines()[1:]
    qrels = [ir_measures.Qrel(q, d, int(grade)) for q, d, grade in (line.split("\t") for line in lines)]
    run_lines = ir_measures.read_trec_run(str(tmp_path / "out" / str(result.run_file)))
    theirs = ir_measures.calc_aggregate([ir_measures.nDCG @ 10, ir_measures.AP], qrels, run_lines)
    assert result.quality.means["ndcg@10"].mean == pytest.approx(theirs[ir_measures.nDCG @ 10], abs=1e-4)
    assert result.quality.means["map"].mean == pytest.approx(theirs[ir_measures.AP], abs=1e-4)


def test_finished_trials_are_not_run_again_unless_their_inputs_change(small_set: Path, tmp_path: Path) -> None:
    first, _ = run([trial(small_set)], tmp_path / "out")
    (judgements,) = (tmp_path / "out" / "qrels").iterdir()
    kept = judgements.read_bytes()
    judgements.unlink()
    second, told = run([trial(small_set)], tmp_path / "out")
    assert second == first
    assert judgements.read_bytes() == kept, "as they are to a folder from before judgements were kept"
    assert [found for _, found in told.finished] == [True]
    with (small_set / "corpus.jsonl").open("a", encoding="utf-8") as corpus:
        corpus.write('{"_id": "d9", "text": "protect protect protect"}\n')
    third, told = run([trial(small_set)], tmp_path / "out")
    assert [found for _, found in told.finished] == [False]
    assert third[0].inputs != first[0].inputs


def test_a_new_library_makes_the_trial_run_again(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run([trial(small_set)], tmp_path / "out")
    monkeypatch.setattr("bench.machine.device.package_versions", lambda: {"torch": "99.0"})
    _, told = run([trial(small_set)], tmp_path / "out")
    assert [found for _, found in told.finished] == [False]


def test_quality_is_the_same_to_the_last_bit_in_another_run(small_set: Path, tmp_path: Path) -> None:
    (one,), _ = run([trial(small_set)], tmp_path / "one")
    (two,), _ = run([trial(small_set)], tmp_path / "two")
    assert one.quality == two.quality
    assert (tmp_path / "one" / str(one.run_file)).read_bytes() == (tmp_path / "two" / str(two.run_file)).read_bytes()


def test_what_is_missing_is_said_before_anything_runs(small_set: Path, tmp_path: Path) -> None:
    good, lost = trial(small_set), trial(tmp_path / "nowhere")
    with pytest.raises(DataError, match="nowhere"):
        run([good, lost], tmp_path / "out")
    with pytest.raises(ModelError, match="no-such-model"):
        run([good, trial(small_set, reranker="asset:no-such-model")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_trial_that_fails_is_kept_as_failed_and_the_others_run(small_set: Path, tmp_path: Path) -> None:
    bad = trial(small_set, retriever="bm52", pipeline="Typo")
    results, _ = run([bad, trial(small_set)], tmp_path / "out")
    assert [result.status for result in results] == ["failed", "ok"]
    assert "bm25" in results[0].message
    assert {result.status for result in Store(tmp_path / "out").results()} == {"failed", "ok"}


KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize(
    ("body", "kills", "status", "said"),
    [
        (KILLED, [3, 4], "oom", "SIGKILL"),
        (KILLED, [None, None], "oom", "SIGKILL"),
        (KILLED, [3, 3], "failed", "by somebody"),
        ("raise SystemExit(9)", [3, 3], "failed", "exit code 9"),
        ("import sys; sys.stderr.write('the reason'); sys.exit(1)", [3, 3], "failed", "log: "),
    ],
)
def test_a_process_that_dies_is_a_result(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    body: str, kills: list[int | None], status: str, said: str,
) -> None:  # fmt: skip
    counts = iter(kills)
    monkeypatch.setattr(bench.process, "oom_kills", lambda: next(counts))
    script = tmp_path / "child.py"
    script.write_text(body)
    interpreter = tmp_path / "python"
    interpreter.write_text(f'#!/bin/sh\nexec "{bench.process.sys.executable}" "{script}"\n')
    interpreter.chmod(0o755)
    monkeypatch.setattr(bench.process.sys, "executable", str(interpreter))
    (result,), _ = run([trial(small_set)], tmp_path / "out")
    assert result.status == status
    assert said in result.message
    if "log" in said:
        assert "the reason" in Store(tmp_path / "out").log_path(result.trial).read_text()


def test_a_sample_of_the_queries_is_the_same_sample_every_time(small_set: Path, tmp_path: Path) -> None:
    results, _ = run([trial(small_set, max_queries=2), trial(small_set, max_queries=2, depth=4)], tmp_path / "out")
    sampled = [set(result.quality.per_query["map"]) for result in results if result.quality]
    assert len(sampled[0]) == 2
    assert sampled[0] == sampled[1]
    assert results[0].dataset["queries"] == 2
