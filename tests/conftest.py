"""What tests share: a labelled set to hold in one's hand, and the larger ones that are not part of the project."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from bench.cli import main

settings.register_profile("whatever the machine does", deadline=None)
settings.load_profile("whatever the machine does")
ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What goes on for half an hour begins first, so that nobody waits for it alone in the end."""
    items.sort(key=lambda item: item.path.parent.name != "soak")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A labelled set from outside the project, by folder name; the test is skipped where it is not at hand.

    The folder that holds them is $RERANKBENCH_DATA, or shared/data beside the checkout.
    """
    holder = Path(os.environ.get("RERANKBENCH_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        if not (holder / name).is_dir():
            pytest.skip(f"no {name} in {holder}; set RERANKBENCH_DATA to the folder that holds it")
        return holder / name

    return find


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command line in this process, given its arguments: exit code, stdout, stderr."""

    def ran(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["rerankbench", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "100")
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return ran


@pytest.fixture(scope="session")
def interruptible() -> list[str]:
    """What a command begins with that is to be interrupted: a shell's background jobs begin with Ctrl-C ignored."""
    usual = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", usual, sys.executable, "-P", "-m", "bench"]


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """Six documents, three queries, in BEIR layout."""
    return _write_small_set(tmp_path / "small")


@pytest.fixture(scope="module")
def module_small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, for a module of tests that leave it as it is."""
    return _write_small_set(tmp_path_factory.mktemp("set") / "small")


def _write_small_set(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    documents = {
        "d1": "How to protect a server from attack: use a firewall and keep it patched.",
        "d2": "How attackers steal data from a server.",
        "d3": "如何在Python中安全地读取CSV文件:使用csv模块的DictReader类。",
        "d4": "机器学习中常用CSV存储特征数据。",
        "d5": "Bread rises because yeast makes gas.",
        "d6": "The history of the abacus.",
    }
    queries = {"q1": "protect my server", "q2": "Python 读取 CSV 文件", "q3": "why does bread rise"}
    (folder / "corpus.jsonl").write_text(
        "".join(
            json.dumps({"_id": i, "title": "", "text": t}, ensure_ascii=False) + "\n" for i, t in documents.items()
        ),
        encoding="utf-8",
    )
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": i, "text": t}, ensure_ascii=False) + "\n" for i, t in queries.items()),
        encoding="utf-8",
    )
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td3\t2\nq2\td4\t1\nq3\td5\t1\n", encoding="utf-8"
    )
    return folder
