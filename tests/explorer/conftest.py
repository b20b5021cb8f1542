"""A small set with two pipelines, as the explorer's tests take it apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.explorer.build import Pipeline
from bench.explorer.reading import Reader
from bench.types import Dataset, Document, Query, ScoredDoc, Trial

TEXTS = {
    "d1": ("Firewalls", "How to protect a server from attack: use a firewall and keep it patched."),
    "d2": ("", "How attackers steal data from a server."),
    "d3": ("读取", "如何在Python中安全地读取CSV文件：使用csv模块的DictReader类。"),
    "d4": ("", "机器学习中常用CSV存储特征数据。"),
    "d5": ("", "Bread rises because yeast makes gas. " + "It is a slow affair. " * 40),
    "d6": ("Abacus", "The history of the abacus."),
}
QUERIES = {
    "q1": ("protect my server", {"lang": "en", "domain": "tech"}),
    "q2": ("Python 读取 CSV 文件", {"lang": "zh", "domain": "tech"}),
    "q3": ("why does bread rise", {"lang": "en", "domain": "food"}),
    "q4": ("abacus history", {"lang": "en", "domain": "food"}),
}
QRELS = {"q1": {"d1": 2, "d2": 0}, "q2": {"d3": 2, "d4": 1}, "q3": {"d5": 1}, "q4": {"d6": 1, "d1": 0}}
LEXICAL = {
    "q1": [("d2", 9.5), ("d1", 7.25), ("d6", 1.0)],
    "q2": [("d3", 12.0), ("d4", 3.0)],
    "q3": [("d5", 4.0)],
    "q4": [("d1", 2.0)],
}
RERANKED = {
    "q1": [("d1", 8.0), ("d2", -9.0), ("d6", -20.0)],
    "q2": [("d4", 2.0), ("d3", 1.0)],
    "q3": [("d5", 0.0)],
    "q4": [("d1", 3.0)],
}
VALUES = ({"q1": 0.63, "q2": 1.0, "q3": 1.0, "q4": 0.0}, {"q1": 1.0, "q2": 0.8, "q3": 1.0, "q4": 0.0})


def make_set(documents: Mapping[str, tuple[str, str]] = TEXTS, queries: Mapping[str, Any] = QUERIES) -> Dataset:
    return Dataset(
        name="small",
        split="test",
        corpus=tuple(Document(doc_id, text, title) for doc_id, (title, text) in documents.items()),
        queries=tuple(Query(query_id, text, metadata) for query_id, (text, metadata) in queries.items()),
        qrels={query_id: QRELS.get(query_id, {}) for query_id in queries},
        checksum="sha256:0123456789",
        path=Path("small"),
    )


def make_run(ranked: Mapping[str, Sequence[tuple[str, float]]]) -> dict[str, tuple[ScoredDoc, ...]]:
    return {query_id: tuple(ScoredDoc(*each) for each in ranking) for query_id, ranking in ranked.items()}


def make_pipelines() -> list[Pipeline]:
    reader = Reader(Trial("small", "any"), None, Path())
    return [
        Pipeline("BM25", "score", 3, VALUES[0], lambda: make_run(LEXICAL), reader, ("a",)),
        Pipeline("BM25 + reranker", "logit", 3, VALUES[1], lambda: make_run(RERANKED), reader, ("b",)),
    ]


@pytest.fixture
def dataset() -> Dataset:
    return make_set()


@pytest.fixture
def pipelines() -> list[Pipeline]:
    return make_pipelines()


@pytest.fixture
def make() -> dict[str, Callable[..., Any]]:
    return {"set": make_set, "run": make_run, "pipelines": make_pipelines}


@pytest.fixture
def runs() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return make_run(LEXICAL), make_run(RERANKED)
