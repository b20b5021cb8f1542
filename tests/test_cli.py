"""The command line as a person meets it: instant help, one line per mistake, exit codes that say which kind."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml


def rerankbench(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False,
        env={**os.environ, "COLUMNS": "120", "PYTHONIOENCODING": "utf-8", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip


@pytest.fixture
def config(small_set: Path, tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    tree = {
        "name": "study",
        "datasets": [str(small_set)],
        "trial": {"depth": 5, "timed_queries": 2, "warmup_queries": 1, "measures": ["ndcg@10", "recall@5"]},
        "pipelines": {"BM25": {"retriever": "bm25"}, "BM25s": {"retriever": "bm25s"}},
    }
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


def test_help_imports_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "ranx", "pandas", "numpy", "matplotlib", "pydantic")
    code = f"import sys, bench.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_command() -> None:
    said = rerankbench("--help").stdout
    for command in ("run", "score", "prompt", "report", "datasets"):
        assert f"\n  {command} " in said


def test_run_writes_all_that_it_promises_and_resumes(config: Path, tmp_path: Path) -> None:
    first = rerankbench("run", config, "depth=4", "--out", "out", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    out = tmp_path / "out"
    rows = list(csv.DictReader((out / "summary.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["pipeline"] for row in rows] == ["BM25", "BM25s"]
    expected = [
        "dataset", "pipeline", "device", "dtype", "batch_size", "max_length", "depth", "status", "ndcg@10", "recall@5",
        "latency_p50_s", "latency_p95_s", "throughput_qps", "throughput_pps", "peak_rss_bytes", "peak_device_bytes",
    ]  # fmt: skip
    assert [name for name in rows[0] if name in expected] == expected
    assert rows[0]["depth"] == "4"
    assert rows[0]["peak_device_bytes"] == rows[0]["throughput_pps"] == ""
    assert 0.6 < float(rows[0]["ndcg@10"]) <= 1
    assert len(list((out / "trials").glob("*.json"))) == len(list((out / "runs").glob("*.trec"))) == 2
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "depth=4" in page
    assert (out / "report.md").stat().st_size > 500
    assert list((out / "figures").glob("*.png"))
    again = rerankbench("run", config, "depth=4", "--out", "out", cwd=tmp_path)
    assert again.stdout.count("not run again") == 2


def test_quiet_says_nothing_and_report_writes_the_same_page_again(config: Path, tmp_path: Path) -> None:
    done = rerankbench("run", config, "--quiet", "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = (tmp_path / "out" / "report.html").read_bytes()
    (tmp_path / "out" / "report.html").unlink()
    done = rerankbench("report", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").read_bytes() == page


def test_a_trial_that_fails_gives_exit_code_1_and_its_reason(config: Path, tmp_path: Path) -> None:
    config.write_text(
        config.read_text(encoding="utf-8").replace("retriever: bm25s", "retriever: bm52"), encoding="utf-8"
    )
    done = rerankbench("run", config, "--out", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no retriever 'bm52'" in " ".join(done.stdout.split())
    assert "failed" in (tmp_path / "out" / "summary.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "nowhere.yaml"], 2, "no config at nowhere.yaml"),
        (["run", "study.yaml", "deepth=3"], 2, "Did you mean 'depth'"),
        (["run", "study.yaml", "datasets=nowhere"], 3, "nowhere"),
        (["run", "study.yaml", "reranker=asset:nothing"], 4, "asset:nothing"),
        (["run", "study.yaml", "--out", "study.yaml/below"], 7, "--out"),
        (["score", "q", "--docs", "nowhere.txt"], 3, "no such file"),
        (["score", "q", "--docs", "empty.txt"], 3, "no document"),
        (["score", "q", "--docs", "one.txt", "--dtype", "fp8"], 2, "fp32"),
        (["score", "q", "--docs", "one.txt", "--hub", "gitee"], 2, "modelscope"),
        (["prompt", "q", "d", "--template", "gwen"], 2, "qwen3"),
        (["datasets", "check", "."], 3, "corpus.jsonl"),
        (["report", "."], 7, "holds no finished run"),
    ],
)
def test_mistakes_are_one_line_and_a_code_of_their_own(
    config: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "one.txt").write_text("one\n")
    done = rerankbench(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in rerankbench("--debug", "run", "nowhere.yaml", cwd=tmp_path).stderr


def test_without_a_hub_the_real_models_are_missed_in_seconds(root: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    done = rerankbench("run", root / "configs" / "qwen3.yaml", "--out", "out", cwd=tmp_path)
    assert time.monotonic() - start < 30
    assert done.returncode == 4
    assert "Qwen/Qwen3-Embedding-0.6B" in done.stderr
    assert "config.json" in done.stderr
    assert not (tmp_path / "out").exists()


def test_datasets_check_counts_and_warns(small_set: Path) -> None:
    done = rerankbench("datasets", "check", small_set)
    assert done.returncode == 0
    assert "documents" in done.stdout
    assert "✓" in done.stdout
    with (small_set / "qrels" / "test.tsv").open("a") as qrels:
        qrels.write("q1\tnowhere\t1\n")
    done = rerankbench("datasets", "check", small_set)
    assert done.returncode == 3
    assert "nowhere" in done.stdout


def test_score_orders_documents_with_the_shipped_model(tmp_path: Path) -> None:
    (tmp_path / "docs.txt").write_text("one document\n\nanother document\n", encoding="utf-8")
    done = rerankbench("score", "a query", "--docs", "docs.txt", "--model", "asset:tracer-reranker", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "loaded in" in done.stdout
    assert "on cpu" in done.stdout or "on cuda" in done.stdout or "on mps" in done.stdout
    scores = [float(number) for number in re.findall(r"\b[01]\.\d{4}\b", done.stdout)]
    assert len(scores) == 2
    assert all(0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


def test_prompt_shows_every_part_and_what_was_cut() -> None:
    long = "word " * 400
    done = rerankbench("prompt", "a query", long, "--model", "asset:tracer-reranker", "--max-length", "200")
    assert done.returncode == 0, done.stderr
    for part in ("system", "instruction", "query", "document", "tail", "tokens of the document were cut"):
        assert part in done.stdout
    assert "200 tokens of at most 200" in " ".join(done.stdout.split())


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another signal there")
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(
    config: Path, tmp_path: Path, interruptible: list[str]
) -> None:
    command = [*interruptible, "run", str(config), "--out", "out"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        process.stdout.readline()  # the first trial is done
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from there" in said
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    again = rerankbench("run", config, "--out", "out", cwd=tmp_path)
    assert again.returncode == 0
    assert again.stdout.count("not run again") >= 1
