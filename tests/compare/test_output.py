"""What a comparison says: on a terminal, in a pull request, to a script; and the exit code."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from bench.compare.comparison import Comparison, compare
from bench.compare.export import as_json, render_markdown
from bench.compare.gates import parse_gate
from bench.compare.rulings import Ruling, rule
from bench.compare.show import DETAILS_UP_TO, print_comparison
from bench.report import words
from bench.types import TrialResult

Make = Callable[..., TrialResult]
Values = Callable[..., dict[str, float]]
Run = Callable[..., tuple[int, str, str]]
GATES = ("ndcg@10 >= -0.005", "latency_p95_s <= +10%")


@pytest.fixture
def two(of: Make, values_of: Values, moved: Values) -> tuple[Comparison, tuple[Ruling, ...]]:
    """Something of everything: changed, the same, failed, refused, without a partner; long and Chinese names."""
    base = values_of(0.6)
    worse = {"ndcg@10": moved(base, -0.1, only=30), "map": values_of(0.4)}
    fewer = {"ndcg@10": {q: base[q] for q in [*base][:50]}}
    long = "A pipeline of a name that no column was ever made for, 以及一个很长的中文名称"
    a = [of(long), of("Same"), of("Lost"), of("Refused"), of("Fewer"), of("Only before")]
    b = [
        of(long, worse, max_length=512), of("Same"), of("Lost", status="oom", message="could not allocate\n9.3 GiB"),
        of("Refused", checksum="sha256:" + "cd" * 32), of("Fewer", fewer, max_queries=50), of("Only after"),
    ]  # fmt: skip
    comparison = compare(a, b, "results/main", "results/pull")
    return comparison, rule(comparison, [parse_gate(gate) for gate in GATES])


def printed(comparison: Comparison, rulings: tuple[Ruling, ...], columns: int) -> str:
    console = Console(file=io.StringIO(), width=columns, highlight=False)
    print_comparison(comparison, rulings, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
def test_nothing_is_wider_than_the_terminal(columns: int, two: tuple[Comparison, tuple[Ruling, ...]]) -> None:
    lines = printed(*two, columns).splitlines()
    assert max(words.width(line) for line in lines) <= columns
    assert not any("…" in line for line in lines if "│" in line)


def test_all_is_said_that_bears_on_the_figures(two: tuple[Comparison, tuple[Ruling, ...]]) -> None:
    text = " ".join(printed(*two, 100).split())
    assert "A is results/main, B is results/pull" in text
    assert "p-values are Holm-adjusted over 1 test" in text
    assert "Differs: max_length 8,192 → 512." in text
    assert "Quality: 60 queries have the same nDCG@10 and MAP in both." in text
    assert "B ended as oom: could not allocate 9.3 GiB" in text
    assert "Quality is over the 50 queries that both judged; 10 in A alone left out." in text
    assert "SciFact: Refused: not compared, the labelled set is not the same" in text
    assert "SciFact: Only before: only in A" in text and "SciFact: Only after: only in B" in text
    assert text.index("Not compared") < text.index("Broken: The gate ndcg@10 >= -0.005 is broken in 2 of 4 trials")
    assert "SciFact: Lost: B has no ndcg@10, the trial ended as oom." in text
    assert text.count("2 trials of A not compared.") == len(GATES)


def test_many_pairs_are_an_overview_alone(of: Make) -> None:
    some = [of(f"P{i}") for i in range(DETAILS_UP_TO + 1)]
    text = printed(compare(some, some), (), 100)
    assert "SciFact: P6" in text and "Differs" not in text
    assert f"Every measure of {DETAILS_UP_TO + 1} pairs: --out FILE.md, or --json." in text
    assert "Differs" in printed(compare(some[:-1], some[:-1]), (), 100)


def test_the_markdown_has_every_pair_and_the_gates_first(two: tuple[Comparison, tuple[Ruling, ...]]) -> None:
    text = render_markdown(*two)
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[:2] == ["Gates", "Overview"] and headings[-1] == "Not compared"
    assert len(headings) == 3 + 4
    assert "| nDCG@10 |" in text and "−0.05" in text


def test_the_json_is_plain_and_whole(two: tuple[Comparison, tuple[Ruling, ...]]) -> None:
    comparison, rulings = two
    tree = json.loads(json.dumps(as_json(comparison, rulings), allow_nan=False))
    assert (tree["a"], tree["b"], tree["holds"], tree["tests"]) == ("results/main", "results/pull", False, 1)
    assert [gate["holds"] for gate in tree["gates"]] == [False, False]
    pair = tree["pairs"][0]
    assert pair["matched_by"] == ["dataset", "split", "pipeline"] and tree["pairs"][1]["matched_by"] == "id"
    assert pair["measures"][0]["difference"]["mean"] == pytest.approx(-0.05, abs=0.01)
    assert {cost["column"] for cost in pair["costs"]} >= {"latency_p50_s", "peak_rss_bytes"}
    assert tree["pairs"][3]["refused"] and tree["only_a"] == ["SciFact: Only before"]


# ------------------------------------------------------------------------------------------------- the command itself


def test_exit_codes_tell_a_broken_gate_from_a_mistake(
    command: Run, folder: Callable[..., Path], of: Make, values_of: Values, moved: Values
) -> None:
    a = folder("a", of())
    b = folder("b", of(per_query={"ndcg@10": moved(values_of(0.6), -0.1), "map": values_of(0.4)}))
    assert command("compare", a, b)[0] == 0, "a difference without a gate is no failure"
    assert command("compare", a, b, "--gate", "map >= 0")[0] == 0
    code, out, _ = command("compare", a, b, "--gate", "map >= 0", "--gate", "ndcg@10 >= -0.005")
    assert code == 1 and "Broken: The gate ndcg@10 >= -0.005" in out and "Holds: The gate map >= 0" in out
    assert command("compare", a, b, "--gate", "map")[0] == 2
    assert command("compare", a, a)[0] == 2
    code, out, err = command("compare", a, a / "none")
    assert (code, out) == (7, "") and err.count("\n") == 1 and err.startswith("error: ")
    assert command("compare", a, folder("c", of(checksum="sha256:other")))[0] == 1


def test_json_and_the_report_are_written_beside_the_exit_code(
    command: Run, folder: Callable[..., Path], of: Make, tmp_path: Path
) -> None:
    a, b = folder("a", of()), folder("b", of(status="failed", message="no room"))
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    code, out, _ = command("compare", a, b, "--gate", "map >= 0", "--json", "--out", tmp_path / "new" / "pull.md")
    assert code == 1 and json.loads(out)["gates"][0]["trials"][0]["value"] is None
    assert "# RerankBench comparison" in (tmp_path / "new" / "pull.md").read_text(encoding="utf-8")
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file() and "new" not in path.parts) == before
    code, out, _ = command("compare", a, b, "--out", tmp_path / "new" / "pull.md")
    assert code == 0 and f"Report: {tmp_path / 'new' / 'pull.md'}" in out
    assert command("compare", a, b, "--out", a / "run.json" / "x.md")[0] == 7


def test_the_same_comparison_is_the_same_to_the_last_digit(two: tuple[Comparison, tuple[Ruling, ...]]) -> None:
    comparison, rulings = two
    first = [pair.pair for pair in comparison.compared]
    again = compare([p.a for p in first], [p.b for p in first], "results/main", "results/pull")
    assert as_json(again, rulings)["pairs"] == as_json(comparison, rulings)["pairs"]
