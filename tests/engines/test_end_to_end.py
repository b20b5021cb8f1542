"""The real thing, small: the shipped reranker's engines in processes of their own, over two rounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.engines.results import read_outcome
from bench.engines.summary import rows
from bench.rerankers import ENGINES

pytestmark = pytest.mark.long

CONFIG = """
name: small race
model: shape:qwen3-0.6b
threads: 1
rounds: 3
search_pairs: 4
warmup_pairs: 1
workload: {queries: 2, documents: 3, median_tokens: 30, max_tokens: 60}
engines:
  tutorial: {engine: reference}
"""


def test_a_config_from_the_command_line_to_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    packed = "  packed: {engine: packed}\n" if "packed" in ENGINES else ""
    Path("config.yaml").write_text(CONFIG + packed, encoding="utf-8")
    done = CliRunner().invoke(app, ["run", "config.yaml", "model=asset:tracer-reranker", "rounds=2"])
    assert done.exit_code == 0, done.output
    folder = Path("results/small-race")
    outcome = read_outcome(folder)
    assert outcome is not None
    assert outcome.finished
    assert outcome.environment["threads"] == 1
    assert [engine.fate for engine in outcome.engines] == ["ok"] * len(outcome.engines)
    for row in rows(outcome):
        assert row.rounds == 2
        assert row.difference is not None
        assert row.difference < 1e-5
        assert row.ranks is not None
        assert row.ranks.changed == 0
        assert row.needed_share is not None
        assert 0 < row.needed_share.median < 1
        assert row.repeats is True
        assert row.growth_bytes is None or row.growth_bytes < 1 << 30
    assert "mm" in {sample.way for measured in outcome.peaks for sample in measured.samples}
    assert "tutorial" in done.output
    assert "Report: results/small-race/engines.md" in done.output

    again = CliRunner().invoke(app, ["report", str(folder)])
    assert again.exit_code == 0, again.output
    assert "tutorial" in again.output
    refused = CliRunner().invoke(app, ["run", "config.yaml", "model=asset:tracer-reranker", "rounds=1"])
    assert refused.exit_code != 0
    assert "--out" in str(refused.exception)
