"""The shipped claims files: they load, they hold the published figures, and they end with a row for each claim."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.claims import measures
from bench.claims.file import ClaimsFile, load_claims
from bench.claims.gather import evidence
from bench.claims.printed import parse_printed
from bench.claims.verdict import decide
from bench.claims.words import Claim, Evidence, Figure, Missing, Source
from bench.fetch.card import all_cards, find_card
from bench.types import Cost, LoadPoint, Trial, Work

NAMES = ("tutorial", "qwen3-table", "qwen3-embedding", "published")

TUTORIAL = (
    "legal-recall", "instruct-top1", "latency-4090", "service-4090", "memory-fp16", "edge-orin", "load-time",
    "download", "example-llm", "example-csv", "calibration", "long-documents",
)  # fmt: skip

TABLE = {
    "mteb-r": ("61.82", "65.80"),
    "cmteb-r": ("71.02", "71.31"),
    "mmteb-r": ("64.64", "66.36"),
    "mldr": ("50.26", "67.28"),
    "mteb-code": ("75.41", "73.42"),
    "followir": ("5.09", "5.41"),
}
"""Column -> the first stage alone, reranked."""

EMBEDDING = {
    "scifact": "69.72",
    "nfcorpus": "36.71",
    "arguana": "70.97",
    "scidocs": "24.41",
    "fiqa": "46.61",
    "trec-covid": "90.52",
    "touche2020-v3": "69.90",
    "cqadupstack-gaming": "64.14",
    "cqadupstack-unix": "51.49",
    "climate-fever-hard-negatives": "43.62",
    "fever-hard-negatives": "88.94",
    "hotpotqa-hard-negatives": "67.69",
}
MTEB_ENG_V2 = tuple(name for name in EMBEDDING if name not in ("scifact", "nfcorpus"))


@pytest.fixture(scope="module")
def shipped(root: Path) -> dict[str, ClaimsFile]:
    return {name: load_claims(root / "configs" / "claims" / f"{name}.yaml") for name in NAMES}


def printed(file: ClaimsFile) -> dict[str, list[str]]:
    return {claim.id: [figure.printed.text for figure in claim.figures] for claim in file.claims}


# ------------------------------------------------------------------------------------------------- what they hold


def test_no_claims_file_is_shipped_that_is_not_tested_here(root: Path) -> None:
    assert {path.stem for path in (root / "configs" / "claims").glob("*.yaml")} == set(NAMES)


def test_the_tutorial_has_its_twelve_claims(shipped: dict[str, ClaimsFile]) -> None:
    assert tuple(claim.id for claim in shipped["tutorial"].claims) == TUTORIAL


def test_the_tutorials_figures_are_those_in_print(shipped: dict[str, ClaimsFile]) -> None:
    figures = printed(shipped["tutorial"])
    assert figures["legal-recall"] == ["82%", "96.5%", "82%", "96.5%"]  # on two sets
    assert figures["instruct-top1"] == ["88%", "93%", "5 points"]
    assert figures["latency-4090"] == ["0.3 s"]
    assert figures["service-4090"] == ["≥ 120 QPS", "< 150 ms", "≥ 120 QPS"]
    assert figures["memory-fp16"] == ["3.2 GB"]
    assert figures["edge-orin"] == ["< 15 W"]
    assert figures["load-time"] == ["1.8 s"]
    assert figures["download"] == ["≈ 1.2 GB"]
    assert figures["example-llm"] == ["0.94", "0.87", "0.32", "0.21"]
    assert figures["example-csv"] == ["0.962", "0.891", "0.315", "0.127"]
    assert figures["calibration"][0] == "94%"


def test_the_official_table_has_a_claim_per_cell(shipped: dict[str, ClaimsFile]) -> None:
    expected = {
        f"{column}-{which}": [f"{value} points"]
        for column, cells in TABLE.items()
        for which, value in zip(("embedding", "reranker"), cells, strict=True)
    }
    assert len(expected) == 12
    assert printed(shipped["qwen3-table"]) == expected


def test_the_first_stage_has_its_twelve_figures(shipped: dict[str, ClaimsFile]) -> None:
    assert printed(shipped["qwen3-embedding"]) == {name: [f"{value} points"] for name, value in EMBEDDING.items()}


def test_the_two_sources_agree_where_they_overlap() -> None:
    """The table's first column is the mean of ten of the single figures, to within its rounding and theirs."""
    assert len(MTEB_ENG_V2) == 10
    mean = sum(float(EMBEDDING[name]) for name in MTEB_ENG_V2) / len(MTEB_ENG_V2)
    assert mean == pytest.approx(float(TABLE["mteb-r"][0]), abs=0.01)


def test_every_claim_says_where_it_stands_in_print(shipped: dict[str, ClaimsFile]) -> None:
    for file in shipped.values():
        for claim in file.claims:
            assert claim.source.title, claim.id
            assert claim.source.where, claim.id
            assert claim.statement.endswith((".", '".')), claim.id


def test_every_set_that_is_named_has_a_card_and_its_split(shipped: dict[str, ClaimsFile]) -> None:
    for file in shipped.values():
        for trial in (trial for trials in file.trials.values() for trial in trials):
            if trial.dataset.startswith("card:"):
                assert trial.split == find_card(trial.dataset.removeprefix("card:")).split, trial.dataset
            else:
                assert trial.dataset.startswith("drawn:"), trial.dataset


def test_the_sets_of_a_column_are_those_of_its_suite(shipped: dict[str, ClaimsFile]) -> None:
    sets = {
        name: {trial.dataset.removeprefix("card:") for trial in trials}
        for name, trials in shipped["qwen3-table"].trials.items()
    }
    suites = {"chinese": "cmteb-retrieval", "long": "mldr", "english": "mteb-eng-v2", "code": "mteb-code"}
    assert sets == {name: {card.name for card in all_cards() if suite in card.suites} for name, suite in suites.items()}
    assert set(MTEB_ENG_V2) == {card.name for card in all_cards() if "mteb-eng-v2" in card.suites}


def test_what_is_said_of_other_hardware_names_it(shipped: dict[str, ClaimsFile]) -> None:
    hardware = {claim.id: claim.hardware for claim in shipped["tutorial"].claims if claim.hardware}
    assert hardware == {
        "latency-4090": "RTX 4090", "service-4090": "RTX 4090", "memory-fp16": "NVIDIA", "edge-orin": "Orin",
        "load-time": "RTX 4090",
    }  # fmt: skip


# ------------------------------------------------------------------------------------------- figures of a service


def served(rates: dict[float, float], count: int = 20) -> measures.Tested:
    """A trial whose queries waited so many seconds at each rate; its bound is 0.15 s."""
    points = tuple(LoadPoint(rate, (wait,) * count, ((1, wait),) * count, 1.0) for rate, wait in rates.items())
    cost = Cost(1.0, None, (), {}, (), count, count, None, None, None, None, Work(), load_points=points)
    trial = Trial("drawn:{}", "p", scenarios=("server",), server_p99_s=0.15, server_queries=count)
    item: Any = SimpleNamespace(trial=trial)
    result: Any = SimpleNamespace(
        trial=trial, cost=cost, status="ok", quality=None, environment={"device_name": "NVIDIA GeForce RTX 4090"}
    )
    return measures.Tested(item, result, item)


HELD = Figure("under load", "server_qps_at_p99", parse_printed("≥ 120 QPS"), pipeline="p")


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        ({60: 0.1, 110: 0.1, 120: 0.1}, "reproduced"),
        ({60: 0.1, 110: 0.1, 120: 0.2}, "underpowered"),
        ({60: 0.1, 110: 0.2, 120: 0.2}, "refuted"),
        ({60: 0.2, 110: 0.2, 120: 0.2}, "refuted"),
    ],
)
def test_a_rate_lies_between_the_last_that_was_held_and_the_first_that_was_not(
    rates: dict[float, float], verdict: str
) -> None:
    found = measures.READINGS["server_qps_at_p99"](served(rates), HELD, "same")
    assert isinstance(found, Evidence)
    assert found.low == max((rate for rate, wait in rates.items() if wait <= 0.15), default=0.0)
    assert found.high == min((rate for rate, wait in rates.items() if wait > 0.15), default=float("inf"))
    assert decide(HELD, found).verdict == verdict


def test_no_rate_is_told_where_none_was_offered() -> None:
    assert isinstance(measures.READINGS["server_qps_at_p99"](served({}), HELD, "same"), Missing)


@pytest.mark.parametrize(("hardware", "reason"), [("Orin", "it is about Orin, and this is NVIDIA"), ("RTX 4090", "no")])
def test_what_other_hardware_cannot_measure_is_told_with_its_name(hardware: str, reason: str) -> None:
    tested = served({})
    trial = tested.item.trial
    claim = Claim("c", "s", Source("t"), (HELD,), "e", hardware=hardware)
    found = evidence(claim, HELD, [trial], {trial.id: tested})
    assert isinstance(found, Missing)
    assert found.reason.startswith(reason)


# ------------------------------------------------------------------------------------------------------ end to end


def rerankbench(*arguments: object, cwd: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=timeout_s, check=False,
        env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip


def rows_in(folder: Path) -> dict[str, dict[str, str]]:
    text = (folder / "claims.csv").read_text(encoding="utf-8")
    return {row["id"]: row for row in csv.DictReader(text.splitlines())}


def test_published_figures_put_to_another_set(
    root: Path, small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped file with six documents in SciFact's place: BM25 is ruled on, and absent weights are named."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    text = (root / "configs" / "claims" / "published.yaml").read_text(encoding="utf-8")
    (tmp_path / "small.yaml").write_text(text.replace("card:scifact", json.dumps(str(small_set))[1:-1]), "utf-8")
    done = rerankbench("run", "small.yaml", "--out", "out", "timed_queries=1", cwd=tmp_path, timeout_s=250)
    assert done.returncode == 0, done.stderr
    rows = rows_in(tmp_path / "out")
    assert {row["verdict"] for name, row in rows.items() if name.startswith("bm25")} == {"refuted"}
    assert float(rows["bm25-flat-recall-100"]["measured"]) == 1.0
    assert rows["minilm-ndcg"]["verdict"] == "not testable here"
    assert "all-MiniLM-L6-v2" in rows["minilm-ndcg"]["reason"]
    assert "; k1 1.5 and b 0.75, where they were 0.9 and 0.4;" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_the_tutorial_ends_without_hub_or_gpu(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "RERANKBENCH_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    config = root / "configs" / "claims" / "tutorial.yaml"
    done = rerankbench("run", config, "--out", "out", cwd=tmp_path, timeout_s=900)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    rows = rows_in(tmp_path / "out")
    assert tuple(rows) == TUTORIAL
    assert {name for name, row in rows.items() if row["verdict"] != "not testable here"} <= {"download", "memory-fp16"}
    assert rows["download"]["verdict"] == "consistent"
    for name in ("latency-4090", "service-4090", "load-time"):
        assert "it is about RTX 4090" in rows[name]["reason"]
        assert rows[name]["measured"], "our own figure stands beside theirs"
    for name in ("example-llm", "example-csv"):
        assert "Qwen/Qwen3-Reranker-0.6B" in rows[name]["reason"]
    for name, card in (("legal-recall", "stard"), ("instruct-top1", "du-retrieval"), ("calibration", "t2-reranking"),
                       ("long-documents", "mldr-zh")):  # fmt: skip
        assert card in rows[name]["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qwen3-table", "qwen3-embedding"])
def test_the_official_figures_end_without_hub_or_gpu(
    name: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HF_HOME", "RERANKBENCH_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / "empty"))
    config = root / "configs" / "claims" / f"{name}.yaml"
    done = rerankbench("run", config, "--out", "out", cwd=tmp_path, timeout_s=250)
    assert done.returncode == 0, done.stderr
    rows = rows_in(tmp_path / "out")
    assert len(rows) == 12
    assert {row["verdict"] for row in rows.values()} == {"not testable here"}
    assert all(row["reason"] and not row["measured"] for row in rows.values())


def test_a_sample_makes_a_claim_a_subset(shipped: dict[str, ClaimsFile], root: Path) -> None:
    """The header of the table advises ``max_queries=100``; every trial then has it, and what is stated has not."""
    file = load_claims(root / "configs" / "claims" / "qwen3-table.yaml", ["max_queries=100"])
    trials = [trial for trials in file.trials.values() for trial in trials]
    assert {trial.max_queries for trial in trials} == {100}
    assert {trial.max_queries for trials in file.stated.values() for trial in trials} == {None}
    assert {replace(trial, max_queries=None) for trial in trials} == {
        trial for trials in shipped["qwen3-table"].trials.values() for trial in trials
    }
