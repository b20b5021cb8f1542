"""The report as JSON: the numbers of summary.csv, the sentences of the page, and nothing that JSON cannot hold."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.claims.printed import Printed
from bench.claims.words import Claim, Evidence, Figure, Finding, Ruling, Source
from bench.publish import read_rulings
from bench.report.as_json import as_json, as_plain
from bench.report.groups import by_dataset
from bench.report.rows import summary_csv
from bench.report.say import speaking
from bench.report.verdict import verdicts
from bench.study.study import Study
from bench.study.words import Arm, Conclusion, Contrast
from bench.types import Interval, TrialResult

FOLDER = Path("results/study")


def document(results: Any, **more: Any) -> dict[str, Any]:
    """Through text and back, as a script reads it."""
    found: dict[str, Any] = json.loads(json.dumps(as_json(results, FOLDER, **more), allow_nan=False))
    return found


def test_rows_are_those_of_the_table_as_numbers(
    results: list[TrialResult], make: dict[str, Callable[..., Any]]
) -> None:
    results = [*results, make["failed"](make["trial"]("lost"))]
    found = document(results, command="rerankbench run study.yaml")
    written = list(csv.DictReader(io.StringIO(summary_csv(results))))
    assert [list(row) for row in found["rows"]] == [list(row) for row in written]
    for row, cells in zip(found["rows"], written, strict=True):
        for name, value in row.items():
            assert cells[name] == ("" if value is None else str(value)), name
    assert found["kind"] == "trials" and found["outcomes"] == {"ok": 3, "oom": 1}
    assert found["report"] == {
        "html": "results/study/report.html", "markdown": "results/study/report.md", "csv": "results/study/summary.csv",
    }  # fmt: skip
    assert found["command"] == "rerankbench run study.yaml" and found["faults"] == []
    assert [each["text"] for each in found["warnings"]] == ["41 pairs were cut to 8192 tokens"]
    assert found["warnings"][0]["trial"] == results[2].trial.id
    assert "claims" not in found and "study" not in found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_sentences_are_those_of_the_page_in_the_language_spoken(results: list[TrialResult], language: Any) -> None:
    with speaking(language):
        found = document(results)
        said = verdicts(by_dataset(results))
    assert found["language"] == language
    assert [(each["dataset"], each["text"]) for each in found["verdicts"]] == said


def test_what_is_no_finite_number_is_null(results: list[TrialResult]) -> None:
    cost = results[0].cost
    assert cost is not None
    odd = replace(results[0], cost=replace(cost, load_s=float("inf"), index_s=float("nan")), warnings=("a \ud800",))
    row = document([odd])["rows"][0]
    assert row["load_s"] is row["index_s"] is None
    assert document([odd])["warnings"][0]["text"] == "a ?"
    assert as_plain({"a": (1, 2.5, float("-inf"), None, True)}) == {"a": [1, 2.5, None, None, True]}


def test_claims_bring_their_rulings() -> None:
    printed = Printed("96.5%", 0.965, 0.0005, "=", "%", 1)
    figure = Figure("after", "recall@10", printed, "Reranked", minus="BM25")
    ruling = Ruling(
        Claim("recall", "It takes recall to 96.5%.", Source("A brochure", where="page 3"), (figure,)), "refuted", "off",
        (Finding(figure, "refuted", "off", Evidence(0.81, 0.78, 0.84, 240, "proxy")),), ("other data",),
    )  # fmt: skip
    untested = replace(ruling, findings=(Finding(figure, "not testable here", "no weights"),))
    found = document([], rulings=(ruling, untested))
    assert found["kind"] == "claims" and found["report"]["claims"] == "results/study/claims.csv"
    claim, other = found["claims"]
    assert (claim["id"], claim["verdict"], claim["deviations"]) == ("recall", "refuted", ["other data"])
    assert claim["figures"][0]["claimed"]["value"] == 0.965 and claim["figures"][0]["measured"]["low"] == 0.78
    assert other["figures"][0]["measured"] is None and claim["source"]["where"] == "page 3"


def test_a_published_folder_of_claims_reads_as_its_table(root: Path) -> None:
    rulings = read_rulings(root / "reports" / "tutorial")
    found = document([], rulings=rulings)
    table = list(
        csv.DictReader((root / "reports" / "tutorial" / "claims.csv").read_text(encoding="utf-8").splitlines())
    )
    assert [(each["id"], each["verdict"]) for each in found["claims"]] == [(row["id"], row["verdict"]) for row in table]


def test_a_study_brings_contrasts_and_conclusions(results: list[TrialResult]) -> None:
    contrast = Contrast(
        "SciFact", "ndcg@10", "b", "a", "test", "test", 120, 0.7, 0.6, Interval(0.1, 0.05, 0.15), 0.001, 0.002, None,
        0.03, 60, 40, 20,
    )  # fmt: skip
    conclusion = Conclusion("SciFact", "ndcg@10", "b", "better", "it is", "dev", "test", 100, 120, 1, 1)
    study = Study("s", "a", ("ndcg@10",), (Arm("a"), Arm("b", "Find it")), (contrast,), (conclusion,))
    found = document(results, study=study)
    assert found["kind"] == "study" and found["report"]["contrasts"] == "results/study/ab.csv"
    assert found["study"]["contrasts"][0]["direction"] == 1 and found["study"]["contrasts"][0]["effect"] is None
    assert found["study"]["conclusions"][0]["ending"] == "better"
    assert "is better than" in found["verdicts"][0]["text"]
