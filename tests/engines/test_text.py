"""From an outcome to what is read: rows, Markdown, CSV, the table in a terminal, the figure."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, replace
from typing import Any

import pytest
from rich.console import Console

from bench.engines.export import csv_text, markdown
from bench.engines.figure import figures
from bench.engines.results import EngineOutcome, Outcome, Pass, PeakRound, Tried
from bench.engines.summary import Spread, peak_pairs_per_s, peaks, rows
from bench.engines.tables import main_table, peak_table, ratio_table, search_table
from bench.engines.terminal import fitting, print_outcome
from bench.machine.peak import PeakSample
from bench.types import Trial, Work

SHAPE = {"hidden": 8, "layers": 2, "heads": 2, "kv_heads": 1, "head_dim": 3, "intermediate": 5}
LINEAR = 2 * 528
"""Operations of a token in the linear maps of both layers."""


def engine(label: str, seconds: list[float], **changes: Any) -> EngineOutcome:
    trial = asdict(Trial("workload", label, reranker="shape:small", engine="transformers", dtype="fp32"))
    passes = tuple(
        Pass(number, number, took, {}, 1000 * (number + 1), None if number == 0 else True)
        for number, took in enumerate(seconds)
    )
    made = EngineOutcome(
        label=label,
        trial=trial,
        setting={"batch_size": 4},
        passes=passes,
        unit="logit",
        scores=((1.0, 2.0), (3.0, 1.0)),
        work=Work(pairs=4, tokens=100, forward_tokens=80, padding_tokens=20),
        memory_how="resident high-water mark",
    )
    return replace(made, **changes)


def outcome(*engines: EngineOutcome, **changes: Any) -> Outcome:
    def samples(scale: float) -> tuple[PeakSample, ...]:
        return (
            PeakSample("mm", "fp32", 512, 1_000_000, 1.0 / scale),
            PeakSample("mm", "fp32", 2048, 4_000_000, 3.0 / scale),
            PeakSample("prepacked", "fp32", 2048, 4_000_000, 2.0 / scale),
        )

    made = Outcome(
        name="race",
        description="a | description",
        config={},
        config_text="name: race\n",
        command="rerankbench run race.yaml",
        started_at="2030-01-01T00:00:00+00:00",
        finished=True,
        device="cpu",
        model={"name": "shape:small", "shape": SHAPE},
        workload={
            "queries": 2, "pairs": 4, "tokens": 100, "document_tokens_median": 20, "document_tokens_least": 5,
            "document_tokens_most": 40, "needed_flops": 500_000, "unshared_flops": 900_000,
        },
        environment={"cpu": "a processor", "threads": 2, "cores_physical": 2, "packages": {"torch": "9.9"}},
        reference=((1.0, 2.0), (3.0, 1.0)),
        peaks=(PeakRound(0, 0, samples(1.0)), PeakRound(1, 1, samples(2.0))),
        engines=engines,
    )  # fmt: skip
    return replace(made, **changes)


TWO = (engine("quick", [1.0, 0.5]), engine("slow", [4.0, 1.0], setting={}))


def test_figures_of_rounds_are_medians_with_their_range() -> None:
    quick, slow = rows(outcome(*TWO))
    assert quick.pairs_per_s == Spread(6.0, 4.0, 8.0)
    assert quick.tokens_per_s == Spread(150.0, 100.0, 200.0)
    assert slow.pairs_per_s == Spread(2.5, 1.0, 4.0)
    assert quick.growth_bytes == 2000
    assert quick.padding == 0.25
    assert quick.repeats is True


def test_shares_are_of_the_peak_in_the_same_round() -> None:
    """The machine was twice as fast in the second round, and so was the engine: its share is the same."""
    (quick,) = rows(outcome(TWO[0]))
    share = 500_000 / 2_000_000
    assert quick.needed_share == Spread(share, share, share)
    computed = 80 * LINEAR / 2_000_000
    assert quick.computed_share == Spread(computed, computed, computed)


def test_engines_are_compared_within_each_round() -> None:
    quick, slow = rows(outcome(*TWO))
    assert quick.speedup == {"slow": Spread(3.0, 2.0, 4.0)}
    assert slow.speedup == {"quick": Spread(0.375, 0.25, 0.5)}


def test_a_round_that_one_did_not_finish_is_not_compared() -> None:
    quick, slow = rows(outcome(TWO[0], engine("slow", [4.0], fate="timeout", message="too slow")))
    assert quick.speedup == {"slow": Spread(4.0, 4.0, 4.0)}
    assert slow.fate == "timeout"
    assert slow.rounds == 1


def test_what_is_unknown_stays_unknown() -> None:
    unmeasured = engine("x", [1.0], work=Work(4, 1, 100, None, None), local=False)
    (row,) = rows(outcome(unmeasured, reference=None))
    assert (row.needed_share, row.computed_share, row.padding) == (None, None, None)
    assert (row.difference, row.ranks, row.repeats) == (None, None, None)
    (row,) = rows(outcome(TWO[0], model={"name": "other", "shape": None}, peaks=()))
    assert (row.needed_share, row.computed_share) == (None, None)
    (row,) = rows(outcome(engine("x", [], fate="unavailable", scores=None, work=None, unit=None)))
    assert row.pairs_per_s is None
    assert row.rounds == 0


def test_both_ways_are_told_and_the_faster_is_the_peak() -> None:
    found = peaks(outcome(*TWO))
    assert [(row.way, row.rows, row.peak) for row in found] == [("mm", 2048, False), ("prepacked", 2048, True)]
    assert found[1].rate == Spread(3e6, 2e6, 4e6)
    assert peak_pairs_per_s(outcome(*TWO), "fp32") == 4 * 3e6 / 500_000
    assert peak_pairs_per_s(outcome(*TWO), "bf16") is None


def test_markdown_holds_every_table_and_what_went_wrong() -> None:
    searched = engine(
        "slow",
        [4.0],
        search=(
            Tried({"batch_size": 4}, 4, (2.0, 1.0)),
            Tried({"batch_size": 8}, 4, fate="oom", message="no | memory"),
        ),
        fate="failed",
        message="it broke",
        notes=("assumed this",),
    )
    text = markdown(outcome(TWO[0], searched, engine("far", [], fate="unavailable", message="not installed")))
    assert "# Engine benchmark: race" in text
    assert "a \\| description" in text
    assert "| quick | 6.00 (4.00–8.00) | 25.0% |" in text
    assert "| far | unavailable | – |" in text
    assert "slow (failed after 1 round)" in text
    assert "no \\| memory" in text
    assert "far: unavailable: not installed" in text
    assert "slow: assumed this" in text
    assert "The weights are random" in text
    assert "**4.00**" in text
    assert "```yaml\nname: race\n```" in text
    assert "None" not in text
    assert "stopped before its end" in markdown(outcome(finished=False))


def test_tables_that_would_be_empty_are_left_out() -> None:
    alone = outcome(TWO[0], peaks=())
    assert ratio_table(alone) is None
    assert search_table(alone) is None
    assert peak_table(alone) is None
    assert markdown(alone)


def test_the_csv_has_a_row_per_engine_and_empty_cells_for_the_unknown() -> None:
    text = csv_text(outcome(*TWO, engine("far", [], fate="unavailable", scores=None, work=None)))
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["engine"] for line in lines] == ["quick", "slow", "far"]
    assert float(lines[0]["pairs_per_s"]) == 6
    assert lines[0]["batch_size"] == "4"
    assert lines[1]["batch_size"] == ""
    assert lines[2]["pairs_per_s"] == lines[2]["growth_bytes"] == ""
    assert csv_text(outcome()) == "engine\n"


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_terminal_table_fits(columns: int) -> None:
    console = Console(width=columns, file=io.StringIO(), force_terminal=False)
    long = engine("an engine with quite a long name, and some more", [1.0, 0.5])
    with console.capture() as captured:
        print_outcome(outcome(*TWO, long, engine("far", [], fate="unavailable", message="not [here]")), console)
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    assert "quick" in text
    assert "6.00" in text
    assert "4.00–8.00" in text
    assert "[here]" in text
    flowed = " ".join(text.split())
    assert "quick against slow: 3.00 times as many pairs/s (2.00 to 4.00 over the rounds)" in flowed
    assert "in fp32: 0.003 GFLOP/s by prepacked; mm 0.002" in flowed
    assert "…" not in text
    assert ("Δp" in text) == (columns >= 80)
    assert ("Computed" in text) == (columns >= 120)


def test_columns_are_kept_by_worth_and_shown_in_their_order() -> None:
    widths = [10] * len(main_table(outcome(*TWO)).columns)
    assert fitting(widths, 200) == list(range(10))
    assert fitting(widths, 10) == [0]
    assert fitting(widths, 40) == [0, 1, 2]


def test_the_figure_is_the_same_bytes_each_time_and_none_without_times() -> None:
    drawn = figures(outcome(*TWO))
    assert set(drawn) == {"engines.svg", "engines.png"}
    assert drawn == figures(outcome(*TWO))
    assert figures(outcome(TWO[0], peaks=()), ("svg",))
    assert figures(outcome(engine("far", [], fate="unavailable"))) == {}
