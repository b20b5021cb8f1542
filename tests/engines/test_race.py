"""The race with engines that need no model: its turns, what a trouble leaves, what is written down."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bench.engines.publish import republish, run_benchmark
from bench.engines.race import rotated
from bench.engines.results import EngineOutcome, Outcome, dump_outcome, read_outcome
from bench.engines.summary import rows
from bench.types import ModelError, StoreError

CONFIG = {
    "name": "race",
    "model": "asset:tracer-reranker",
    "rounds": 3,
    "search_pairs": 4,
    "warmup_pairs": 2,
    "time_limit_s": 4.0,
    "workload": {"queries": 2, "documents": 4, "seed": 1},
}


@dataclass
class Ran:
    outcome: Outcome
    report: Path
    told: list[str]

    def __getitem__(self, label: str) -> EngineOutcome:
        return next(engine for engine in self.outcome.engines if engine.label == label)


def run(folder: Path, overrides: tuple[str, ...] = (), **changes: object) -> Ran:
    folder.mkdir(exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({**CONFIG, **changes}, sort_keys=False), encoding="utf-8")
    told: list[str] = []
    outcome, report = run_benchmark(config, list(overrides), folder / "out", "rerankbench run …", told.append)
    return Ran(outcome, report, told)


@pytest.fixture(scope="module")
def ran(stand_ins: None, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    engines = {
        "best at 2": {"engine": "instant", "batch_sizes": [1, 2, 4]},
        "dies at 2": {"engine": "dies", "batch_sizes": [1, 2, 4]},
        "hungry at 2": {"engine": "hungry", "batch_sizes": [1, 2, 4]},
        "not here": {"engine": "absent", "batch_sizes": [1, 2]},
        "not here either": {"engine": "absent"},
        "falls asleep": {"engine": "sleepy"},
        "fickle": {"engine": "fickle"},
        "broken": {"engine": "broken", "batch_sizes": [1, 2]},
    }
    return run(tmp_path_factory.mktemp("race"), engines=engines, rounds=2)


def test_the_best_setting_is_found_and_used(ran: Ran) -> None:
    engine = ran["best at 2"]
    assert engine.fate == "ok"
    assert [tried.setting["batch_size"] for tried in engine.search] == [1, 2, 4]
    assert all(len(tried.seconds) == 2 and tried.pairs == 4 for tried in engine.search)
    assert engine.setting == engine.used == {"batch_size": 2}
    assert len(engine.passes) == 2
    assert len(engine.load_s) == 1
    assert engine.work is not None
    assert engine.work.pairs == 8
    assert engine.notes == ("a note of instant",)


def test_a_setting_that_kills_the_process_costs_that_setting_alone(ran: Ran) -> None:
    engine = ran["dies at 2"]
    assert engine.fate == "ok"
    assert [tried.fate for tried in engine.search] == ["ok", "failed"]
    assert "exit code 9" in engine.search[1].message
    assert engine.setting == {"batch_size": 1}
    assert len(engine.passes) == 2


def test_memory_running_out_ends_the_search(ran: Ran) -> None:
    engine = ran["hungry at 2"]
    assert [tried.fate for tried in engine.search] == ["ok", "oom"]
    assert engine.setting == {"batch_size": 1}
    assert len(engine.passes) == 2


def test_what_cannot_run_here_is_unavailable_and_says_why(ran: Ran) -> None:
    for label in ("not here", "not here either"):
        assert ran[label].fate == "unavailable"
        assert "pip install absent" in ran[label].message
        assert ran[label].passes == ()


def test_a_slow_answer_is_stopped(ran: Ran) -> None:
    engine = ran["falls asleep"]
    assert engine.fate == "timeout"
    assert "the limit" in engine.message
    assert engine.passes == ()


def test_an_engine_that_never_works_is_failed(ran: Ran) -> None:
    engine = ran["broken"]
    assert engine.fate == "failed"
    assert "no such luck" in engine.message
    assert len(engine.search) == 2


def test_scores_are_compared_with_one_pair_at_a_time_and_between_rounds(ran: Ran) -> None:
    by_label = {row.label: row for row in rows(ran.outcome)}
    good, fickle = by_label["best at 2"], by_label["fickle"]
    assert good.difference == 0
    assert good.ranks is not None
    assert good.ranks.changed == 0
    assert good.repeats is True
    assert fickle.difference is not None
    assert fickle.difference > 0.1
    assert fickle.ranks is not None
    assert fickle.ranks.changed == 2
    assert fickle.repeats is False


def test_one_at_a_time_in_a_rotating_order(ran: Ran) -> None:
    finished = [engine for engine in ran.outcome.engines if engine.passes] + [None]
    for number in range(2):
        turns = [p.turn for engine in finished if engine for p in engine.passes if p.round == number]
        turns += [peak.turn for peak in ran.outcome.peaks if peak.round == number]
        assert len(set(turns)) == len(turns) == len(finished)
    assert [peak.turn for peak in ran.outcome.peaks] == [0, 8]
    assert [taken.turn for taken in ran["best at 2"].passes] == [1, 0]


def test_everybody_starts_once_when_there_are_rounds_enough() -> None:
    orders = [rotated(["a", "b", "c"], number) for number in range(6)]
    assert Counter(order[0] for order in orders) == {"a": 2, "b": 2, "c": 2}
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert rotated([], 3) == []


def test_all_is_written_down(ran: Ran) -> None:
    folder = ran.report.parent
    kept = read_outcome(folder)
    assert kept is not None
    assert dump_outcome(kept) == dump_outcome(ran.outcome)
    assert ran.outcome.finished
    assert ran.outcome.environment["cpu"] == "a processor"
    text = ran.report.read_text(encoding="utf-8")
    for engine in ran.outcome.engines:
        assert engine.label in text
    assert "unavailable" in text
    assert (folder / "engines.csv").read_text().count("\n") == 1 + len(ran.outcome.engines)
    assert (folder / "figures" / "engines.svg").stat().st_size > 1000
    assert (folder / "logs" / "broken.log").read_text().count("no such luck")
    assert any(line.startswith("round 2 of 2: best at 2: ") for line in ran.told)


def test_no_path_of_this_machine_is_kept(ran: Ran, root: Path) -> None:
    tree = json.loads((ran.report.parent / "engines.json").read_text())
    assert str(root) not in json.dumps({key: value for key, value in tree.items() if key != "engines"})
    assert {engine["trial"]["reranker"] for engine in tree["engines"]} == {"asset:tracer-reranker"}


def test_a_report_can_be_written_again_from_what_is_kept(ran: Ran, tmp_path: Path) -> None:
    before = ran.report.read_bytes()
    ran.report.unlink()
    again = republish(ran.report.parent)
    assert again is not None
    assert dump_outcome(again[0]) == dump_outcome(ran.outcome)
    assert ran.report.read_bytes() == before
    assert republish(tmp_path) is None


def test_the_same_config_replaces_and_another_is_refused(stand_ins: None, tmp_path: Path) -> None:
    engines = {"one": {"engine": "instant"}}
    first = run(tmp_path, engines=engines, rounds=1, check_scores=False)
    assert first.outcome.reference is None
    again = run(tmp_path, engines=engines, rounds=1, check_scores=False, description="said otherwise")
    assert again.outcome.started_at >= first.outcome.started_at
    with pytest.raises(StoreError, match="--out"):
        run(tmp_path, ("rounds=2",), engines=engines, check_scores=False)
    stopped = json.loads((tmp_path / "out" / "engines.json").read_text()) | {"finished": False}
    (tmp_path / "out" / "engines.json").write_text(json.dumps(stopped))
    assert run(tmp_path, ("rounds=2",), engines=engines, check_scores=False).outcome.config["rounds"] == 2


def test_engines_can_be_loaded_anew_for_each_turn(stand_ins: None, tmp_path: Path) -> None:
    ran = run(tmp_path, engines={"one": {"engine": "instant"}}, rounds=2, keep_loaded=False, check_scores=False)
    assert not ran.outcome.keep_loaded
    assert len(ran["one"].load_s) == len(ran["one"].passes) == 2


def test_a_reference_that_fails_is_a_note(stand_ins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.engines import race

    def lost(*arguments: object, **named: object) -> None:
        raise race.Lost("oom", "no memory left")

    monkeypatch.setattr(race.Link, "ask", lost)
    ran = run(tmp_path, engines={"one": {"engine": "instant"}}, rounds=1)
    assert ran.outcome.reference is None
    assert ran["one"].fate == "oom"
    assert any("no memory left" in note for note in ran.outcome.notes)
    assert "could not be measured" in ran.outcome.peak_message
    assert "no memory left" in ran.report.read_text(encoding="utf-8")


def test_a_missing_model_is_said_before_anything_runs(stand_ins: None, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no-such"):
        run(tmp_path, engines={"one": {"engine": "instant"}}, model="asset:no-such")
    assert not (tmp_path / "out").exists()


def test_a_broken_folder_is_said(stand_ins: None, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "engines.json").write_text("{}")
    with pytest.raises(StoreError, match="damaged, or not a benchmark"):
        run(tmp_path, engines={"one": {"engine": "instant"}})
