"""Guesses of time: what is finished costs nothing, what is shared is counted once, and a dry run leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import bench.roofline
from bench.cli import app
from bench.config.plan import Plan, load_plan
from bench.dryrun.estimate import (
    SEARCH_S,
    Known,
    SetSize,
    estimate,
    flops_per_pair,
    guess_tokens,
    prompts_of,
    set_key,
    to_rate,
)
from bench.dryrun.show import cells_table, duration, sentences
from bench.dryrun.survey import model_config, old_results, survey
from bench.keys import quality_key
from bench.machine.flops import ModelShape
from bench.store import Store
from bench.types import ConfigError, Cost, DataError, ModelError, Trial, TrialResult, Work

SHAPE = ModelShape(1024, 28, 16, 8, 128, 3072)
SIZE = SetSize(queries=100, documents=1000, query_tokens=10, document_tokens=(50, 150, 400))
TRIAL = Trial(
    "set", "P", reranker="org/model", engine="transformers", device="cpu", dtype="fp32", batch_size=4, depth=20,
    timed_queries=10, warmup_queries=2, max_length=512,
)  # fmt: skip
RATE = 1e14


def known(*trials: Trial, results: tuple[TrialResult, ...] = (), **changes: object) -> Known:
    everything = (*trials, *(result.trial for result in results))
    facts = Known(
        {set_key(trial): SIZE for trial in everything}, {"org/model": SHAPE}, {("cpu", "fp32"): RATE}, results
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def finished(trial: Trial, offline_s: float = 30.0, wall_s: float = 100.0, **changes: object) -> TrialResult:
    cost = Cost(
        load_s=1.0, index_s=None, latency_s=(3.0,) * 10, stages_s={}, offline_s=(offline_s,), offline_queries=10,
        offline_pairs=200, baseline_rss_bytes=None, peak_rss_bytes=None, peak_device_bytes=None,
        reserved_device_bytes=None, work=Work(pairs=200), warmup_s=(3.0, 3.0),
    )  # fmt: skip
    return replace(TrialResult(trial, "ok", cost=cost, wall_s=wall_s), **changes)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------------------- counting


def test_operations_at_a_share_of_the_rate_are_the_seconds() -> None:
    guess = estimate([TRIAL], known(TRIAL))
    pair_s = (flops_per_pair(TRIAL, SIZE, SHAPE) or 0) / (RATE * 0.3)
    query_s = pair_s * 20 + SEARCH_S
    start_s = estimate([replace(TRIAL, timed_queries=0, warmup_queries=0)], known(TRIAL)).cells[0].seconds or 0.0
    passes = 2 + 10 + 10 * 3  # warm-up, single stream, three offline rounds of under 10 s
    assert query_s * 10 * 2 < 10
    (cell,) = guess.cells
    assert cell.seconds == pytest.approx(start_s + passes * query_s)
    assert guess.quality_s == pytest.approx(100 * query_s)
    assert guess.pairs == passes * 20 + 100 * 20
    assert guess.total_s == cell.seconds + guess.quality_s
    assert not guess.unknown


def test_twice_the_candidates_take_twice_the_time_and_a_slow_device_longer() -> None:
    def speed(trial: Trial, rate: float = 1e10) -> float:
        facts = known(trial, rates={("cpu", "fp32"): rate})
        return estimate([trial], facts).cells[0].seconds or 0.0

    base = speed(TRIAL)
    assert speed(replace(TRIAL, depth=40)) == pytest.approx(2 * base, rel=0.05)
    assert speed(TRIAL, 1e9) > 5 * base
    assert speed(replace(TRIAL, max_length=128)) < 0.8 * base
    assert speed(replace(TRIAL, engine="packed")) < 0.5 * base


def test_a_long_offline_round_is_not_repeated() -> None:
    quick, slow = (estimate([TRIAL], known(TRIAL, rates={("cpu", "fp32"): rate})) for rate in (1e14, 1e10))
    assert quick.pairs - slow.pairs == 2 * 10 * 20


def test_the_server_scenario_lasts_as_long_as_its_arrivals() -> None:
    served = replace(TRIAL, scenarios=("server",), server_qps=(0.5,), server_queries=100)
    quick = estimate([served], known(served, rates={("cpu", "fp32"): 1e15})).cells[0].seconds
    assert quick == pytest.approx(200, rel=0.1)


def test_prompts_are_cut_as_the_engines_cut_them() -> None:
    prompts = prompts_of(replace(TRIAL, max_length=200), SIZE)
    assert max(prompts.lengths) == 200
    assert min(prompts.lengths) < 200
    assert [document for document, _ in prompts_of(TRIAL, SIZE).documents] == [50, 150, 400]


def test_quality_is_counted_once_for_cells_that_differ_in_speed_alone() -> None:
    cells = [replace(TRIAL, batch_size=size, max_length=length) for length in (256, 512) for size in (1, 4, 16)]
    guess = estimate(cells, known(*cells))
    assert guess.quality_passes == 2
    assert len({cell.seconds for cell in guess.cells}) == 2  # by length alone: a batch size is no count of pairs
    done = known(*cells, quality_done=frozenset([quality_key(cells[0])]))
    assert estimate(cells, done).quality_passes == 1
    assert estimate(cells, done).quality_s < guess.quality_s


def test_drawn_pairs_and_random_weights_have_no_quality_pass() -> None:
    drawn = replace(TRIAL, dataset='drawn:{"queries":4}', retriever="given")
    random = replace(TRIAL, reranker="shape:qwen3-0.6b")
    for trial in (drawn, random):
        assert estimate([trial], known(trial, shapes={str(trial.reranker): SHAPE})).quality_passes == 0


def test_drawn_candidates_are_as_many_as_each_query_brings() -> None:
    drawn = replace(TRIAL, dataset='drawn:{"queries":4}', retriever="given", depth=100)
    size = SetSize(queries=4, documents=32, query_tokens=12, document_tokens=(100,))
    guess = estimate([drawn], Known({set_key(drawn): size}, {"org/model": SHAPE}, {("cpu", "fp32"): 1e15}))
    assert guess.pairs == (2 + 4 + 3 * 4) * 8


# -------------------------------------------------------------------------------------------------- what is known


def test_a_finished_cell_costs_nothing() -> None:
    other = replace(TRIAL, batch_size=16)
    guess = estimate([TRIAL, other], known(TRIAL, other, results=(finished(TRIAL),)))
    assert [cell.finished for cell in guess.cells] == [True, False]
    assert guess.cells[0].seconds == 0
    assert guess.to_run == 1
    alone = estimate([TRIAL], known(results=(finished(TRIAL),)))
    assert (alone.total_s, alone.quality_passes, alone.pairs) == (0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [({"status": "oom"}, True), ({"status": "timeout"}, True), ({"status": "failed"}, False),
     ({"status": "oom", "implied_by": "x"}, False)],
)  # fmt: skip
def test_what_counts_as_finished_is_what_is_not_run_again(changes: dict[str, object], counts: bool) -> None:
    guess = estimate([TRIAL], known(results=(finished(TRIAL, **changes),)))
    assert guess.cells[0].finished is counts


def test_a_finished_cell_of_the_same_model_and_engine_is_the_guide() -> None:
    other = replace(TRIAL, batch_size=16)
    guess = estimate([other], known(other, results=(finished(TRIAL),)))
    beside_s = 100 - (10 * 3 + 30 + 2 * 3)  # what the finished cell spent off the clock
    query_s = 3.0  # of 30 s for ten
    assert guess.guided == 1
    assert guess.cells[0].seconds == pytest.approx(beside_s + (2 + 10 + 10) * query_s, rel=0.01)
    assert to_rate([other], known(other, results=(finished(TRIAL),))) == {}


def test_the_same_number_format_is_the_better_guide() -> None:
    other = replace(TRIAL, batch_size=16)
    half = finished(replace(TRIAL, dtype="bf16"), offline_s=3.0)
    both = known(other, results=(half, finished(TRIAL, offline_s=30.0)))
    alone = known(other, results=(half,))
    assert (estimate([other], both).total_s) > 2 * estimate([other], alone).total_s
    assert estimate([other], alone).guided == 1


def test_another_model_engine_or_device_is_no_guide() -> None:
    for change in ({"reranker": "org/other"}, {"engine": "packed"}, {"device": "cuda:0"}, {"quantisation": "int8"}):
        other = replace(TRIAL, **change)  # type: ignore[arg-type]
        facts = known(other, results=(finished(TRIAL),), shapes={"org/model": SHAPE, "org/other": SHAPE})
        assert estimate([other], facts).guided == 0
        assert to_rate([other], facts) == {(other.device, other.dtype): SHAPE}


def test_what_nobody_can_tell_is_none_and_named() -> None:
    strangers = [
        replace(TRIAL, reranker="org/unknown"),
        replace(TRIAL, device="cuda:0"),
        replace(TRIAL, engine="http", url="http://localhost/rerank"),
    ]
    guess = estimate(strangers, known(*strangers))
    assert [cell.seconds for cell in guess.cells] == [None] * 3
    assert guess.unknown == (
        "org/unknown, as no config.json that tells its size is on this machine",
        "cuda:0 in fp32, as this machine has no such device or it does not multiply in that format",
        "http://localhost/rerank scores at a rate of its own",
    )


def test_the_largest_model_is_the_one_to_measure_with() -> None:
    small = ModelShape(64, 2, 4, 2, 16, 128)
    trials = [replace(TRIAL, reranker="small"), TRIAL]
    assert to_rate(trials, known(*trials, shapes={"small": small, "org/model": SHAPE})) == {("cpu", "fp32"): SHAPE}


def test_tokens_are_guessed_by_script() -> None:
    assert guess_tokens("") == 0
    assert 8 <= guess_tokens("Close every port that is not in use.") <= 10
    assert 6 <= guess_tokens("如何安全地读取文件") <= 9


# ------------------------------------------------------------------------------------------------------- in words


def test_the_table_has_the_fields_that_vary_and_a_dash_where_they_decide_nothing() -> None:
    plain = Trial("sets/a", "BM25")
    plan = Plan("s", (plain, TRIAL), Path(), "", axes=("dtype", "batch_size"))
    guess = estimate(plan.trials, known(plain, TRIAL, results=(finished(TRIAL),)))
    table = cells_table(plan, guess)
    assert table.columns == ("#", "set", "pipeline", "dtype", "batch_size", "guess")
    assert table.rows[0][:5] == ("1", "a", "BM25", "–", "–")
    assert table.rows[1] == ("2", "set", "P", "fp32", "4", "finished")


def test_a_guess_says_that_it_is_one_and_what_it_rests_on() -> None:
    strange = replace(TRIAL, reranker="org/unknown")
    facts = known(TRIAL, strange)
    said = " ".join(sentences(estimate([TRIAL, strange], facts), facts, Path("out")))
    assert "2 cells, 0 of them finished in out; 2 quality passes to make." in said
    assert "At least about" in said
    assert "100,000 GFLOP/s on cpu in fp32" in said
    assert "pairs of about" in said
    assert "Not guessed: org/unknown, as no config.json" in said
    assert "It is a guess" in said
    largest = replace(TRIAL, batch_size="max")
    assert any("largest batch" in line for line in sentences(estimate([largest], facts), facts, Path("out")))
    done = known(results=(finished(TRIAL),))
    assert sentences(estimate([TRIAL], done), done, Path("out"))[-1] == "Nothing would run."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (42.4, "42 s"), (59.6, "1 min"), (719, "12 min"), (3590, "1 h"), (12_000, "3 h 20 min")],
)
def test_durations_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


# ------------------------------------------------------------------------------------------------------ looking up


def test_models_are_known_without_a_network(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert (model_config("shape:qwen3-0.6b", None, root) or {})["hidden_size"] == 1024
    assert (model_config("asset:tracer-reranker", None, root) or {})["hidden_size"] == 128
    assert (model_config("./bench/assets/tracer-reranker", None, root) or {})["hidden_size"] == 128
    assert (model_config("Qwen/Qwen3-Reranker-4B", None, root) or {})["hidden_size"] == 2560
    assert model_config("org/nobody-knows", None, root) is None
    assert model_config("./nowhere", None, root) is None
    with pytest.raises(ModelError, match="shape"):
        model_config("shape:nothing", None, root)


def test_results_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    assert old_results(tmp_path / "nowhere") == ()
    Store(tmp_path).write_result(finished(TRIAL))
    (tmp_path / "trials" / "broken.json").write_text("{")
    assert [result.trial for result in old_results(tmp_path)] == [TRIAL]


@pytest.fixture
def config(small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench.roofline, "peak_rate", lambda shape, dtype, device: 2e11)
    path = tmp_path / "study.yaml"
    tree = {
        "name": "study",
        "datasets": [str(small_set)],
        "pipelines": {"BM25": {}, "Reranked": {"reranker": "asset:tracer-reranker", "device": "cpu"}},
        "axes": {"batch_size": [1, 4], "dtype": ["fp32", "bf16"]},
    }
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


def test_a_dry_run_prints_the_cells_and_writes_nothing(config: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    before = sorted(tmp_path.rglob("*"))
    done = CliRunner().invoke(app, ["run", str(config), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert sorted(tmp_path.rglob("*")) == before
    said = " ".join(done.output.split())
    for row in ("1 small BM25 – –", "2 small Reranked 1 fp32", "5 small Reranked 4 bf16"):
        assert row in said
    assert "6 small" not in said
    assert "5 cells, 0 of them finished in results/study; 3 quality passes to make." in said
    assert "200 GFLOP/s on cpu in fp32" in said
    assert "About" in said


def test_a_dry_run_knows_what_is_finished(config: Path, tmp_path: Path) -> None:
    trials, _ = survey(load_plan(config), tmp_path / "out")
    Store(tmp_path / "out").write_result(finished(trials[1]))
    done = CliRunner().invoke(app, ["run", str(config), "--dry-run", "--out", str(tmp_path / "out")])
    assert "5 cells, 1 of them finished" in " ".join(done.output.split())
    assert "finished cells of the same model and engine (for 3 cells)" in " ".join(done.output.split())


@pytest.mark.parametrize("kind", ["qwen3", "bert"])
@pytest.mark.parametrize(
    "wrong",
    [
        '"num_attention_heads": 0',
        '"num_attention_heads": -4',
        '"hidden_size": 1e999',
        '"hidden_size": NaN',
        f'"intermediate_size": {"9" * 4000}',
        '"num_hidden_layers": [[2]]',
        f'"own": {"[" * 100_000}{"]" * 100_000}',
        f'"hidden_size": {"[" * 900}{"]" * 900}',
        '"hidden_size": "64',
    ],
)
def test_a_dry_run_with_a_hostile_config_of_a_model(config: Path, tmp_path: Path, kind: str, wrong: str) -> None:
    """A figure that is none, numbers beyond all bounds, JSON too deep or cut off: a cell without a guess."""
    (tmp_path / "model").mkdir()
    figures = '"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 96'
    (tmp_path / "model" / "config.json").write_text(f'{{"model_type": "{kind}", {figures}, {wrong}}}')
    asked = ["run", str(config), "--dry-run", "batch_size=1", "dtype=fp32", f"reranker={tmp_path / 'model'}"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.exception
    assert "as no config.json that tells its size is on this machine" in " ".join(done.output.split())


def test_a_dry_run_says_what_a_run_would_stumble_over(config: Path, root: Path) -> None:
    runner = CliRunner()
    assert isinstance(runner.invoke(app, ["run", str(config), "--dry-run", "datasets=nowhere"]).exception, DataError)
    wrong = ["run", str(config), "--dry-run", "engine=transformers", "quantisation=int8"]
    assert isinstance(runner.invoke(app, wrong).exception, ConfigError)
    benchmark = ["run", str(root / "configs" / "engines.yaml"), "--dry-run"]
    assert "no cells" in str(runner.invoke(app, benchmark).exception)


def test_a_cell_for_another_machine_is_shown_and_not_guessed(config: Path, tmp_path: Path) -> None:
    trials, facts = survey(load_plan(config, ["device=cuda:99", "batch_size=1", "dtype=fp32"]), tmp_path)
    guess = estimate(trials, facts)
    assert [cell.seconds is None for cell in guess.cells] == [False, True]
    assert len(guess.unknown) == 1
    assert guess.unknown[0].startswith("cuda:99 in fp32, as this machine has no such device")
