"""A cache of one's own for each test, so that what one converts is new to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.sources import open_set
from bench.sources.spec import read_entry, spec_name
from bench.types import Dataset


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("RERANKBENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def open_entry(tmp_path: Path) -> Callable[[Mapping[str, Any]], Dataset]:
    """What a run makes of an entry of ``datasets`` in a config that lies in ``tmp_path``."""
    return lambda entry: open_set(spec_name(read_entry(entry, "config")), str(entry.get("split", "test")), tmp_path)


TICKETS = {
    "name": "tickets",
    "corpus": {"file": "docs.csv", "id": "doc_id", "text": "body", "title": "subject"},
    "queries": {"file": "queries.csv", "id": "qid", "text": "question"},
    "qrels": {"file": "judged.csv", "query": "qid", "document": "doc_id", "grade": "label"},
}


@pytest.fixture
def tickets(tmp_path: Path) -> dict[str, Any]:
    """An entry of three small csv files, which lie in ``tmp_path``."""
    (tmp_path / "docs.csv").write_text(
        "doc_id,subject,body\nt1,Login,clear the cookies\nt2,Printer,paper jam\nt3,发票,如何开具发票\n",
        encoding="utf-8",
    )
    (tmp_path / "queries.csv").write_text("qid,question\nq1,cannot log in cookies\nq2,开具发票\n", encoding="utf-8")
    (tmp_path / "judged.csv").write_text("qid,doc_id,label\nq1,t1,2\nq1,t2,0\nq2,t3,1\n", encoding="utf-8")
    return {key: dict(value) if isinstance(value, dict) else value for key, value in TICKETS.items()}
