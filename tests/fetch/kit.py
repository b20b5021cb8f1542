"""A small set in every form in which sets are published, cards for it, and the command in a process of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

DOCUMENTS = [
    {
        "_id": f"d{number}",
        "title": f"Title {number}",
        "text": f"The text of document {number}, about topic {number % 3}.",
    }
    for number in range(12)
]
QUERIES = [{"_id": f"q{number}", "text": f"topic {number}"} for number in range(4)]
JUDGED = [("q0", "d0", 1), ("q0", "d3", 2), ("q1", "d1", 1), ("q2", "d2", 1), ("q2", "d5", 0)]
"""The query q3 has no judgement."""


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def tsv(judged: list[tuple[str, str, int]]) -> bytes:
    return ("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{g}\n" for q, d, g in judged)).encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    held = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), held)
    return held.getvalue()


def beir(prefix: str = "") -> dict[str, bytes]:
    return {
        f"{prefix}corpus.jsonl": lines(DOCUMENTS),
        f"{prefix}queries.jsonl": lines(QUERIES),
        f"{prefix}qrels/test.tsv": tsv(JUDGED),
    }


def zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def write_card(place: Path, name: str, origins: list[dict[str, Any]], **more: Any) -> None:
    tree = {
        "title": name,
        "suites": ["tests"],
        "languages": ["en"],
        "licence": "cc0",
        "description": "A small set.",
        "split": "test",
        "corpus": 12,
        "queries": 3,
        "judgements": 4,
        **more,
        "origins": origins,
    }
    (place / "cards" / f"{name}.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


def command(place: Path, *arguments: str, endpoint: str = "http://127.0.0.1:9", **env: str) -> Any:
    """``rerankbench …`` in a fresh process, as the hub's client reads its settings once."""
    with start(place, *arguments, endpoint=endpoint, **env) as process:
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def start(place: Path, *arguments: str, endpoint: str = "http://127.0.0.1:9", **env: str) -> Any:
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(place / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "MODELSCOPE_ENDPOINT": endpoint,
        "MODELSCOPE_CACHE": str(place / "modelscope"),
        "COLUMNS": "160",
        "no_proxy": "127.0.0.1",
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "bench", *arguments],
        env=os.environ | settings | env,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
