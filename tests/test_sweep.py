"""Sweeps: what is measured once, what is not tried, what is not tried again. A stand-in runs the jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import pytest

from bench.config.plan import Plan
from bench.job import FIRST_STAGE, RUN, TIMED, Job, Report
from bench.prepare import prepare
from bench.process import Returned
from bench.runner import run_all
from bench.store import Store, format_run
from bench.types import Cost, ModelError, Progress, Status, Trial, TrialResult, Work, rank

FIRST = {q: rank((f"d{i}", 1 / (i + k)) for i in range(1, 7)) for k, q in enumerate(("q1", "q2", "q3"), 1)}
COST = Cost(0.1, 0.1, (0.01, 0.01), {"rerank": (0.01, 0.01)}, (0.5,), 2, 8, 1, 2, None, None, Work())


def bounded(limit: int) -> Callable[[Job], Status]:
    """Memory for so many tokens in a batch."""
    return lambda job: "oom" if int(job.trial.batch_size or 1) * job.trial.max_length > limit else "ok"


@dataclass
class StandIn:
    """Answers jobs at once; its scores move by ``wobble`` with the batch size."""

    fate: Callable[[Job], Status] = lambda job: "ok"
    wobble: float = 0.0
    pairs: int = 100
    slots: int = 1
    jobs: list[Job] = field(default_factory=list)

    def run(
        self, job: Job, tell: Progress, may_time: Callable[[], None], time_limit_s: float | None = None
    ) -> Returned:
        self.jobs.append(job)
        status = self.fate(job)
        if status != "ok":
            return Returned(Report(status, f"it was {status}"))
        batch = job.trial.batch_size if isinstance(job.trial.batch_size, int) else 1
        depth = max(job.depth, job.trial.depth) if "quality" in job.passes else job.trial.depth
        run = {
            q: rank((doc.doc_id, 1 - doc.score + self.wobble * batch) for doc in ranking[:depth])
            for q, ranking in FIRST.items()
        }
        report, files = Report("ok", unit="score", environment={"device": "cpu"}), {}
        if "quality" in job.passes:
            cold_load_s = 3.0 if job.passes == ("quality",) else None
            report = replace(report, work=Work(pairs=18, forward_calls=3), cold_load_s=cold_load_s)
            files = {RUN: run, FIRST_STAGE: {q: ranking[:depth] for q, ranking in FIRST.items()}}
        if job.passes == ("load",):
            report = replace(report, cold_load_s=2.5)
        if "fit" in job.passes:
            report = replace(report, largest_batch=self.pairs)
        if "speed" in job.passes:
            work = Work(pairs=100, forward_calls=-(-100 // batch), forward_tokens=1000)
            report = replace(report, cost=replace(COST, work=work, peak_flops_per_s=1e12, model_flops=1e9))
            files[TIMED.format("offline")] = {"q1": run["q1"]}
        return Returned(report, {name: format_run(made, "x").encode() for name, made in files.items()})

    def cancel(self) -> None: ...

    def count(self, name: str) -> int:
        return sum(name in job.passes for job in self.jobs)


def cells(folder: Path, **axes: list[object]) -> list[Trial]:
    base = Trial(
        str(folder), "BM25 + tiny", reranker="asset:tracer-reranker", engine="transformers", device="cpu", dtype="fp32",
        depth=4, measures=("ndcg@10",), timed_queries=2, warmup_queries=1, scenarios=("offline",),
    )  # fmt: skip
    return [replace(base, **dict(zip(axes, values, strict=True))) for values in product(*axes.values())]  # type: ignore[arg-type]


def sweep(trials: list[Trial], out: Path, place: StandIn, *, retry: bool = False) -> list[TrialResult]:
    plan = Plan("sweep", tuple(trials), out.parent, "")

    def quiet(stage: str, done: int, total: int) -> None: ...

    return run_all(prepare(plan, quiet), plan, Store(out), quiet, lambda *_: None, place=place, retry=retry)


def test_quality_is_measured_once_for_all_that_differs_in_speed(small_set: Path, tmp_path: Path) -> None:
    place = StandIn()
    trials = cells(small_set, batch_size=[1, 4, 16, 64], max_length=[128, 256, 512], dtype=["fp32", "bf16"])
    results = sweep(trials, tmp_path / "out", place)
    assert [result.trial for result in results] == trials
    assert (place.count("quality"), place.count("speed")) == (6, 24)
    assert all(set(job.passes) in ({"quality"}, {"speed"}) for job in place.jobs)
    assert all(result.quality is not None for result in results)
    assert all(result.cost is not None and result.cost.cold_load_s == 3.0 for result in results)


def test_a_single_trial_makes_both_passes_in_one_process(small_set: Path, tmp_path: Path) -> None:
    place = StandIn()
    (result,) = sweep(cells(small_set), tmp_path / "out", place)
    assert [job.passes for job in place.jobs] == [("quality", "speed")]
    assert result.quality is not None
    assert result.cost is not None
    assert result.cost.cold_load_s is None


def test_the_deepest_scores_serve_every_smaller_depth(small_set: Path, tmp_path: Path) -> None:
    place = StandIn()
    results = sweep(cells(small_set, depth=[2, 6, 4]), tmp_path / "out", place)
    assert [job.depth for job in place.jobs if "quality" in job.passes] == [6]
    for result, depth in zip(results, (2, 6, 4), strict=True):
        lines = (tmp_path / "out" / str(result.run_file)).read_text().splitlines()
        kept = {line.split()[2] for line in lines if line.startswith("q1 ")}
        assert kept == {f"d{i}" for i in range(1, depth + 1)}
        assert result.agreement is not None
        assert (result.agreement.largest_difference, result.agreement.top10_changed) == (0.0, 0)


def test_scores_that_move_with_the_batch_are_measured_as_such(small_set: Path, tmp_path: Path) -> None:
    results = sweep(cells(small_set, batch_size=[1, 16]), tmp_path / "out", StandIn(wobble=0.01))
    seen = [result.agreement for result in results]
    assert all(found is not None and found.queries == 1 for found in seen)
    # the quality pass has the engine's own batch size, 16
    assert [round(found.largest_difference, 4) for found in seen if found] == [0.15, 0.0]


def test_what_is_larger_than_what_did_not_fit_is_not_tried(small_set: Path, tmp_path: Path) -> None:
    place = StandIn(fate=bounded(4 * 256))
    trials = cells(small_set, batch_size=[64, 16, 4, 1], max_length=[128, 256, 512])
    results = sweep(trials, tmp_path / "out", place)
    by_cell = {(result.trial.batch_size, result.trial.max_length): result for result in results}
    tried = {(job.trial.batch_size, job.trial.max_length) for job in place.jobs if "speed" in job.passes}
    assert {cell for cell, result in by_cell.items() if result.status == "ok"} == {
        (1, 128), (1, 256), (1, 512), (4, 128), (4, 256),
    }  # fmt: skip
    assert {cell for cell in tried if by_cell[cell].status == "oom"} == {(4, 512), (16, 128)}
    for cell, result in by_cell.items():
        assert (result.implied_by is None) == (cell in tried)
        if result.implied_by:
            assert result.status == "oom"
            assert result.implied_by in {by_cell[4, 512].trial.id, by_cell[16, 128].trial.id}


def test_memory_that_ran_out_is_a_result_until_retried(small_set: Path, tmp_path: Path) -> None:
    trials = cells(small_set, batch_size=[1, 4, 16])
    sweep(trials, tmp_path / "out", StandIn(fate=bounded(8192)))
    again = StandIn()
    results = sweep(trials, tmp_path / "out", again)
    assert again.jobs == []
    assert [result.status for result in results] == ["ok", "oom", "oom"]
    assert results[2].implied_by == results[1].trial.id
    third = StandIn()
    assert [result.status for result in sweep(trials, tmp_path / "out", third, retry=True)] == ["ok", "ok", "ok"]
    assert third.count("speed") == 2


def test_a_failure_is_tried_again_without_being_asked(small_set: Path, tmp_path: Path) -> None:
    sweep(cells(small_set), tmp_path / "out", StandIn(fate=lambda job: "failed"))
    assert sweep(cells(small_set), tmp_path / "out", StandIn())[0].status == "ok"


def test_no_quality_pass_that_fits_leaves_speed_and_says_so(small_set: Path, tmp_path: Path) -> None:
    place = StandIn(fate=lambda job: "oom" if "quality" in job.passes else "ok")
    results = sweep(cells(small_set, batch_size=[1, 4]), tmp_path / "out", place)
    assert [job.trial.batch_size for job in place.jobs if "quality" in job.passes] == [16, 1]
    for result in results:
        assert (result.status, result.quality) == ("ok", None)
        assert result.cost is not None
        assert any("no quality figures" in warning for warning in result.warnings)


def test_a_quality_pass_that_fails_fails_its_cells_and_is_tried_once(small_set: Path, tmp_path: Path) -> None:
    place = StandIn(fate=lambda job: "failed" if "quality" in job.passes else "ok")
    results = sweep(cells(small_set, batch_size=[1, 4]), tmp_path / "out", place)
    assert [job.passes for job in place.jobs] == [("quality",)]
    assert [(result.status, result.cost) for result in results] == [("failed", None)] * 2
    assert all("quality pass" in result.message and "it was failed" in result.message for result in results)
    assert [r.status for r in sweep(cells(small_set, batch_size=[1, 4]), tmp_path / "out", StandIn())] == ["ok", "ok"]


def test_the_largest_batch_is_found_once(small_set: Path, tmp_path: Path) -> None:
    place = StandIn(fate=bounded(37 * 8192))
    (result,) = sweep(cells(small_set, batch_size=["max"]), tmp_path / "out", place)
    assert result.trial.batch_size == 37
    assert any("37 is the largest that fits" in warning for warning in result.warnings)
    again = StandIn(fate=bounded(37 * 8192))
    assert sweep(cells(small_set, batch_size=["max"]), tmp_path / "out", again)[0].trial.batch_size == 37
    assert again.jobs == []


def test_a_size_that_fits_once_and_not_for_long_is_lowered(small_set: Path, tmp_path: Path) -> None:
    def fate(job: Job) -> Status:
        return bounded((37 if "fit" in job.passes else 30) * 8192)(job)

    (result,) = sweep(cells(small_set, batch_size=["max"]), tmp_path / "out", StandIn(fate=fate))
    assert (result.status, result.trial.batch_size) == ("ok", 28)  # 37, 32, 28
    again = StandIn(fate=fate)
    assert sweep(cells(small_set, batch_size=["max"]), tmp_path / "out", again)[0].trial.batch_size == 28
    assert again.jobs == []


def test_a_search_that_fails_is_no_answer(small_set: Path, tmp_path: Path) -> None:
    place = StandIn(fate=lambda job: "failed" if job.trial.batch_size == 2 else "ok")
    with pytest.raises(ModelError, match="largest batch size: with 2"):
        sweep(cells(small_set, batch_size=["max"]), tmp_path / "out", place)
    nothing = StandIn(fate=lambda job: "oom")
    (result,) = sweep(cells(small_set, batch_size=["max"]), tmp_path / "other", nothing)
    assert result.status == "oom"


def test_random_weights_have_no_quality_and_still_agree_with_themselves(small_set: Path, tmp_path: Path) -> None:
    shape = [replace(trial, reranker="shape:qwen3-tiny") for trial in cells(small_set, batch_size=[1, 16])]
    place = StandIn(wobble=0.01)
    results = sweep(shape, tmp_path / "out", place)
    assert (place.count("quality"), place.count("load")) == (0, 1)
    assert [result.cost.cold_load_s for result in results if result.cost] == [2.5, 2.5]
    assert [result.quality for result in results] == [None, None]
    assert [round(r.agreement.largest_difference, 4) for r in results if r.agreement] == [0.0, 0.15]


def test_many_slots_give_the_same_results(small_set: Path, tmp_path: Path) -> None:
    trials = cells(small_set, batch_size=[1, 4, 16], max_length=[128, 512])
    one = sweep(trials, tmp_path / "one", StandIn())
    many = sweep(trials, tmp_path / "many", StandIn(slots=4))
    assert [(r.trial, r.status, r.quality) for r in many] == [(r.trial, r.status, r.quality) for r in one]
