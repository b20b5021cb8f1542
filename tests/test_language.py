"""``--lang`` and ``--json`` on the command line: one language throughout, and one document on stdout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bench.cli.language import asked_language, text_language
from bench.types import ConfigError

Command = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("asked", "environment", "language"),
    [
        ("zh", {}, "zh"),
        ("en", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("auto", {}, "auto"),
        ("auto", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("auto", {"LC_MESSAGES": "ZH_TW", "LANG": "en_US.UTF-8"}, "zh"),
        ("auto", {"LC_ALL": "C.UTF-8", "LC_MESSAGES": "zh_CN", "LANG": "zh_CN"}, "auto"),
        ("auto", {"LC_ALL": "", "LANG": "zh"}, "zh"),
        ("auto", {"LC_ALL": "de_DE.UTF-8"}, "auto"),
    ],
)
def test_the_language_is_asked_for_or_the_locales(asked: str, environment: dict[str, str], language: str) -> None:
    found = asked_language(asked, environment)
    assert found == language
    assert text_language(found) == ("zh" if language == "zh" else "en")


def test_a_language_that_nobody_wrote_is_refused() -> None:
    with pytest.raises(ConfigError, match="auto, en, zh"):
        asked_language("de")


@pytest.fixture
def config(small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "study.yaml"
    tree = {
        "name": "study", "datasets": [str(small_set)],
        "trial": {"depth": 5, "timed_queries": 2, "warmup_queries": 1, "measures": ["ndcg@10"]},
        "pipelines": {"BM25": {"retriever": "bm25"}},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


def test_run_and_report_speak_chinese_throughout(
    config: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    code, said, wrong = command("run", config, "--out", out, "--lang", "zh")
    assert (code, wrong) == (0, "") and "1 个试验：1 个已完成" in said and f"报告：{out}" in said
    markdown = (out / "report.md").read_text(encoding="utf-8")
    assert markdown.startswith("# RerankBench 报告") and '<html lang="zh"' in (out / "report.html").read_text("utf-8")
    code, said, _ = command("report", out)
    assert code == 0 and "1 trial: 1 finished" in said
    assert (out / "report.md").read_text("utf-8").startswith("# RerankBench report")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "1 个试验" in command("report", out)[1]
    assert (out / "report.md").read_text(encoding="utf-8") == markdown


def test_json_has_stdout_for_itself(config: Path, tmp_path: Path, command: Command) -> None:
    out = tmp_path / "out"
    code, said, wrong = command("run", config, "--out", out, "--json")
    ran = json.loads(said)
    assert code == 0 and wrong.splitlines() == [wrong.splitlines()[0]] and "BM25: done in" in wrong
    assert ran["rows"][0]["pipeline"] == "BM25" and ran["report"]["html"] == str(out / "report.html")
    code, said, wrong = command("report", out, "--json")
    assert code == 0 and wrong == "" and json.loads(said) == ran
    code, said, wrong = command("run", config, "--out", out, "--json", "--quiet")
    assert code == 0 and wrong == "" and json.loads(said)["outcomes"] == {"ok": 1}


def test_json_of_a_run_with_a_failed_trial_is_whole_and_the_code_is_1(
    config: Path, tmp_path: Path, command: Command
) -> None:
    config.write_text(config.read_text("utf-8").replace("retriever: bm25", "retriever: bm52"), encoding="utf-8")
    code, said, wrong = command("run", config, "--out", tmp_path / "out", "--json")
    assert code == 1 and json.loads(said)["outcomes"] == {"failed": 1} and "bm52" in wrong


@pytest.mark.parametrize("option", [["--json"], ["--track", "mlflow"]])
def test_a_dry_run_prints_no_document_and_tracks_nothing(config: Path, command: Command, option: list[str]) -> None:
    code, said, wrong = command("run", config, "--dry-run", *option)
    assert code == 2 and said == "" and option[0] in wrong


def test_an_error_leaves_stdout_empty(tmp_path: Path, command: Command) -> None:
    code, said, wrong = command("run", tmp_path / "nowhere.yaml", "--json")
    assert code == 2 and said == "" and wrong.startswith("error: ")


def test_claims_benchmarks_and_studies_are_documents_too(root: Path, tmp_path: Path, command: Command) -> None:
    import shutil

    for name, kind in (("tutorial", "claims"), ("engines", "engines")):
        out = Path(shutil.copytree(root / "reports" / name, tmp_path / name))
        code, said, _ = command("report", out, "--json")
        found = json.loads(said)
        assert code == 0 and found["kind"] == kind and found["rows"]
        assert all(Path(path).is_file() for path in found["report"].values())
    code, said, wrong = command("report", tmp_path / "engines", "--track", "mlflow")
    assert code == 2 and "--track" in wrong
