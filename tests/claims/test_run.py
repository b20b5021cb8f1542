"""A claims file run as a user runs it: every verdict once, each row with its reason, the report beside the table."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.rerankers.reference import ReferenceReranker
from bench.rerankers.template import TEMPLATES
from bench.types import Request

CLAIMS = """
name: study
source: {title: A paper, date: "2025"}
experiments:
  small:
    datasets: [SMALL]
    trial: {depth: 5, measures: [ndcg@10, recall@5], timed_queries: 2, warmup_queries: 1, scenarios: [single_stream]}
    pipelines:
      BM25: {retriever: bm25}
      absent: {retriever: dense, embedder: nobody/has-this-model}
  gone:
    datasets: [nowhere]
    pipelines: {BM25: {retriever: bm25}}
claims:
  - id: recall
    statement: All relevant documents are among the first five.
    experiment: small
    setup: {rank-bm25: "0.0.1"}
    figures: [{name: recall, measure: recall@5, pipeline: BM25, expected: "100%"}]
  - id: too-high
    statement: Half of them are.
    experiment: small
    deviations: [Another tokeniser]
    figures: [{name: recall, measure: recall@5, pipeline: BM25, expected: "50%"}]
  - id: other-data
    statement: On a set that is not here, nDCG is 90%.
    experiment: small
    evidence: proxy
    figures: [{name: ndcg, measure: ndcg@10, pipeline: BM25, expected: "90%"}]
  - id: other-hardware
    statement: It answers in 1 ms.
    experiment: small
    hardware: Abacus 9000
    figures: [{name: median, measure: latency_p50_s, pipeline: BM25, expected: "1 ms"}]
  - id: no-weights
    statement: The embedder reaches 80%.
    experiment: small
    figures: [{name: ndcg, measure: ndcg@10, pipeline: absent, expected: "80%"}]
  - id: no-data
    statement: It is 80% elsewhere.
    experiment: gone
    figures: [{name: ndcg, measure: ndcg@10, pipeline: BM25, expected: "80%"}]
  - id: never
    statement: Users are happier.
    untestable: No measurement of this harness says how happy a user is.
    figures: [{name: happiness, measure: smiles, expected: "30%"}]
  - id: example
    statement: The first scores 0.9, the second 0.1.
    examples: {query: protect a server, documents: [Use a firewall., The abacus.], trial: {reranker: "asset:tracer-reranker"}}
    figures:
      - {name: first, measure: probability, document: 1, expected: "0.9"}
      - {name: second, measure: probability, document: 2, expected: "0.1"}
"""  # noqa: E501

EXPECTED = {
    "recall": "reproduced",
    "too-high": "refuted",
    "other-hardware": "not testable here",
    "no-weights": "not testable here",
    "no-data": "not testable here",
    "never": "not testable here",
}


def rerankbench(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=280, check=False,
        env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, module_small_set: Path) -> Path:
    folder = tmp_path_factory.mktemp("claims")
    (folder / "study.yaml").write_text(CLAIMS.replace("SMALL", str(module_small_set)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    return rerankbench("run", "study.yaml", "--out", "out", cwd=folder)


@pytest.fixture(scope="module")
def rows(folder: Path, done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    assert done.returncode == 0, done.stderr
    text = (folder / "out" / "claims.csv").read_text(encoding="utf-8")
    return {row["id"]: row for row in csv.DictReader(text.splitlines())}


def test_every_claim_has_a_row_and_its_verdict(rows: dict[str, dict[str, str]]) -> None:
    assert list(rows) == ["recall", "too-high", "other-data", "other-hardware", "no-weights", "no-data", "never",
                          "example"]  # fmt: skip
    assert {id_: rows[id_]["verdict"] for id_ in EXPECTED} == EXPECTED
    assert rows["recall"]["measured"] == "100.00"


def test_what_is_missing_is_named(rows: dict[str, dict[str, str]]) -> None:
    assert "nobody/has-this-model" in rows["no-weights"]["reason"]
    assert "nowhere" in rows["no-data"]["reason"]
    assert rows["never"]["reason"].startswith("No measurement of this harness")
    assert "Abacus 9000" in rows["other-hardware"]["reason"]
    assert float(rows["other-hardware"]["measured"]) > 0  # our figure stands beside theirs


def test_other_data_never_refute(rows: dict[str, dict[str, str]]) -> None:
    assert rows["other-data"]["verdict"] in ("consistent", "underpowered", "not testable here")


def test_a_worked_example_is_scored(rows: dict[str, dict[str, str]]) -> None:
    """As the plain reference scores it."""
    reference = ReferenceReranker("asset:tracer-reranker", device="cpu")
    request = Request("protect a server", ("Use a firewall.", "The abacus."), TEMPLATES["qwen3"].default_instruction)
    measured = [float(text) for text in rows["example"]["measured"].split("; ")]
    assert measured == pytest.approx(reference.score_many([request]).scores[0], abs=1e-3)


def test_a_refuted_claim_says_that_the_set_up_differs(rows: dict[str, dict[str, str]]) -> None:
    assert "the set-up differs in 1 known way" in rows["too-high"]["reason"]


def test_the_terminal_and_the_report_show_them(folder: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert "8 claims: 1 reproduced" in done.stdout
    assert "Traceback" not in done.stderr
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    for text in ("Half of them are.", "Another tokeniser", "rank-bm25", "Abacus 9000", "refuted"):
        assert text in page


def test_a_report_can_be_made_anew_with_its_claims(folder: Path, rows: dict[str, dict[str, str]]) -> None:
    (folder / "out" / "report.md").unlink()
    again = rerankbench("report", "out", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert "too-high" in (folder / "out" / "report.md").read_text(encoding="utf-8")
