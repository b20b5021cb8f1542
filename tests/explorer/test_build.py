"""The data of one set: what is in them, and how they are cut until they fit."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.explorer.build import STEPS, Pipeline, build
from bench.explorer.data import unpack
from bench.types import Dataset, Document, Query, ScoredDoc


def test_every_query_has_its_values_traps_and_documents(dataset: Dataset, pipelines: list[Pipeline]) -> None:
    head, body = unpack(build(dataset, "ndcg@10", pipelines, (0, 1)))
    assert head.queries == 4
    assert head.trials == ("a", "b")
    assert [(each.name, each.unit, each.mean) for each in head.pipelines] == [
        ("BM25", "score", 0.6575),
        ("BM25 + reranker", "probability", 0.7),
    ]
    assert [(field.name, field.values) for field in head.fields] == [
        ("language", ("en", "zh")),
        ("domain", ("food", "tech")),
    ]
    query_id, text, fields, values, traps, left_out, documents = body["queries"][0]
    assert (query_id, text, fields, values, traps, left_out) == ("q1", "protect my server", [0, 1], [0.63, 1.0], 1, 0)
    shown = {body["documents"][place][0]: (grade, ranks, scores) for place, grade, ranks, scores in documents}
    assert shown == {
        "d1": (2, [2, 1], [7.25, 0.9997]),
        "d2": (0, [1, 2], [9.5, 0.0001]),
        "d6": (None, [3, 3], [1.0, 0.0001]),
    }


def test_a_relevant_document_that_nobody_found_is_shown_without_a_rank(
    dataset: Dataset, pipelines: list[Pipeline]
) -> None:
    _, body = unpack(build(dataset, "ndcg@10", pipelines, (0, 1)))
    last = {body["documents"][row[0]][0]: row[1:] for row in body["queries"][3][6]}
    assert last["d6"] == [1, [0, 0], [0, 0]]
    assert body["queries"][3][4] == 3


def test_a_judged_document_that_the_corpus_lacks_is_left_out(dataset: Dataset, pipelines: list[Pipeline]) -> None:
    lacking = replace(dataset, corpus=[each for each in dataset.corpus if each.id != "d6"])
    _, body = unpack(build(lacking, "ndcg@10", pipelines, (0, 1)))
    assert "d6" not in [each[0] for each in body["documents"]]
    assert body["queries"][3][5] == 1


def test_the_same_input_gives_the_same_bytes(make: dict[str, Callable[..., Any]]) -> None:
    assert build(make["set"](), "ndcg@10", make["pipelines"](), (0, 1)) == build(
        make["set"](), "ndcg@10", make["pipelines"](), (0, 1)
    )


def _large(make: dict[str, Callable[..., Any]], queries: int) -> tuple[Dataset, list[Pipeline]]:
    rng = random.Random(5)

    def words(n: int) -> str:
        return " ".join(f"{rng.getrandbits(30):x}" for _ in range(n))

    corpus = tuple(Document(f"d{n}", words(200), words(3)) for n in range(300))
    dataset = replace(make["set"](), corpus=corpus, queries=tuple(Query(f"q{n}", words(6)) for n in range(queries)))
    dataset = replace(dataset, qrels={query.id: {rng.choice(corpus).id: 1} for query in dataset.queries})
    run = {query.id: tuple(ScoredDoc(d.id, -float(n)) for n, d in enumerate(rng.sample(corpus, 40)))
           for query in dataset.queries}  # fmt: skip
    values = {query.id: rng.random() for query in dataset.queries}
    return dataset, [replace(each, run=lambda: run, values=values) for each in make["pipelines"]()]


def test_documents_get_fewer_and_shorter_until_the_data_fit(make: dict[str, Callable[..., Any]]) -> None:
    dataset, pipelines = _large(make, 60)
    whole = build(dataset, "ndcg@10", pipelines, (0, 1))
    budget = len(whole) // 4
    cut = build(dataset, "ndcg@10", pipelines, (0, 1), budget=budget)
    head, body = unpack(cut)
    assert len(cut) <= budget < len(whole)
    assert head.queries == 60
    assert replace(head.cut, queries=0) in STEPS[1:]
    assert all(len(text) <= head.cut.characters for *_, text in body["documents"])
    assert all(len(query[6]) <= head.cut.documents for query in body["queries"])


def test_where_nothing_else_helps_queries_are_left_out_and_counted(make: dict[str, Callable[..., Any]]) -> None:
    dataset, pipelines = _large(make, 60)
    cut = build(dataset, "ndcg@10", pipelines, (0, 1), budget=9_000)
    head, body = unpack(cut)
    assert len(cut) <= 9_000
    assert 0 < head.queries == len(body["queries"]) < 60
    assert head.cut.queries == 60 - head.queries


def test_hostile_texts_are_data(make: dict[str, Callable[..., Any]]) -> None:
    evil = '</script><img src=x onerror="alert(1)"> \u202e " \' & \x00 \ud800'
    dataset = make["set"]({"d1": (evil, evil), "d2": ("", evil)}, {"q1": (evil, {"lang": evil})})
    _, body = unpack(build(replace(dataset, name=evil), "ndcg@10", make["pipelines"](), (0, 1)))
    assert "</script>" in body["queries"][0][1]
    assert "\x00" not in body["documents"][0][3]
