"""The timing command at small size: every contest checks its answers, runs, and keeps its samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.retrievers.timing import main
from bench.retrievers.turns import Contest, Way, table, take_turns


def test_every_way_runs_once_a_round_in_an_order_that_changes() -> None:
    done: list[str] = []
    ways = {name: Way(lambda name=name: done.append(name), 1) for name in "abc"}
    samples = take_turns(ways, 20, lambda: None)
    rounds = [tuple(done[start : start + 3]) for start in range(0, len(done), 3)]
    assert all(sorted(names) == list("abc") for names in rounds)
    assert len(set(rounds)) > 1
    assert {name: len(seconds) for name, seconds in samples.items()} == {"a": 20, "b": 20, "c": 20}


def test_the_ratio_is_the_median_of_rounds_and_per_item() -> None:
    ways = {"slow": Way(lambda: None, 10), "fast": Way(lambda: None, 40)}
    samples = {"slow": (1.0, 2.0, 30.0), "fast": (2.0, 4.0, 5.0)}
    slow, fast = table(Contest(ways, "fast", "queries", {}), samples).splitlines()[1:]
    assert slow.split() == ["slow", "2.0000", "1.0000", "30.0000", "5.0", "2.00"]
    assert fast.split() == ["fast", "*", "4.0000", "2.0000", "5.0000", "10.0", "1.00"]


def test_bm25(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--documents", "60", "--queries", "6", "--k", "5", "--few", "3", "--rounds", "2"]
    assert main(["bm25", *small, "--out", str(tmp_path / "kept.json")]) == 0
    kept = json.loads((tmp_path / "kept.json").read_text(encoding="utf-8"))
    assert kept["facts"]["scores_bit_identical_on_queries"] == 3
    assert kept["items"]["bm25"] == 6
    assert {len(seconds) for seconds in kept["seconds"].values()} == {2}
    assert "rank_bm25" in capsys.readouterr().out


def test_topk(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--documents", "90", "--queries", "7", "--dimensions", "8", "--k", "5", "--blocks", "3", "6", "20"]
    assert main(["topk", *small, "--rounds", "1", "--clock", "cpu"]) == 0
    assert "blocks of 2^6 scores" in capsys.readouterr().out


def test_embed(make_model: Callable[..., Path], small_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(make_model())
    assert main(["embed", "--model", model, "--dataset", str(small_set), "--rounds", "1"]) == 0
    assert "2048 tokens" not in capsys.readouterr().out  # this model has no tokens to count


def test_a_wrong_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bm25", "--dataset", str(tmp_path / "none")]) == 3
    assert "none" in capsys.readouterr().err
