"""How far a reranker read, by the tokenizer of the shipped model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.explorer.build import Pipeline, build
from bench.explorer.data import unpack
from bench.explorer.reading import Reader
from bench.rerankers.checkpoint import load_tokenizer
from bench.rerankers.prompt import PromptBuilder
from bench.rerankers.template import find_template
from bench.types import Dataset, QualityPass, Query, Trial, Work

TEXT = "The Sylvira server should compress images before they are sent. 另外还要把回执放在妥当的地方。" * 6
QUERY = Query("q1", "protect my server")
TRIAL = Trial("small", "reranked", reranker="asset:tracer-reranker", engine="packed", max_length=110)


def made(cut: dict[str, int] | None) -> QualityPass:
    return QualityPass("key", {}, 10, "logit", Work(), cut_pairs=cut)


def reader(cut: dict[str, int] | None = None, trial: Trial = TRIAL, **more: int) -> Reader:
    return Reader(trial, made({"q1": 1} if cut is None else cut), Path(), **more)


def test_what_was_read_is_what_the_prompt_holds() -> None:
    end, whole = reader().read(QUERY, [TEXT, "short"])
    assert whole is None
    assert end is not None
    builder = PromptBuilder(load_tokenizer("asset:tracer-reranker"), find_template("qwen3"), TRIAL.max_length)
    instruction = find_template("qwen3").default_instruction
    prompt = builder.build(instruction, QUERY.text, TEXT)
    assert prompt.cut_tokens > 0
    assert builder.build(instruction, QUERY.text, TEXT[:end]).document == prompt.document
    assert builder.build(instruction, QUERY.text, TEXT[:end]).cut_tokens == 0


def test_only_queries_with_cut_candidates_are_tokenised() -> None:
    assert reader().read(Query("q2", QUERY.text), [TEXT]) == [None]
    assert not reader().knows(Query("q2", QUERY.text))


def test_an_instruction_of_the_query_leaves_less_room() -> None:
    own = replace(TRIAL, instruction_field="asks")
    longer = Query("q1", QUERY.text, {"asks": "Judge whether the document solves what is asked " * 2})
    (with_own,), (without,) = (reader(trial=own).read(query, [TEXT]) for query in (longer, QUERY))
    assert with_own is not None
    assert without is not None
    assert with_own < without


@pytest.mark.parametrize(
    ("trial", "cut", "expected"),
    [
        (replace(TRIAL, reranker=None), None, "whole"),
        (TRIAL, {}, "whole"),
        (TRIAL, {"q1": 1}, "known"),
        (replace(TRIAL, engine="reference"), {"q1": 1}, "engine"),
        (replace(TRIAL, reranker="/no/such/folder"), {"q1": 1}, "tokenizer"),
    ],
)
def test_what_can_be_known_is_said(trial: Trial, cut: dict[str, int] | None, expected: str) -> None:
    assert Reader(trial, made(cut), Path()).reading == expected


def test_an_engine_that_cannot_know_says_so() -> None:
    assert Reader(replace(TRIAL, engine="http"), made(None), Path()).reading == "engine"
    assert Reader(TRIAL, None, Path()).reading == "engine"


def test_beyond_so_much_text_reading_is_known_for_some() -> None:
    slow = reader(most=len(TEXT))
    assert slow.read(QUERY, [TEXT]) != [None]
    assert slow.read(QUERY, [TEXT]) != [None]
    assert slow.read(QUERY, [TEXT + "more"]) == [None]
    assert slow.reading == "some"


def test_the_data_say_how_far_each_pipeline_read(dataset: Dataset, pipelines: list[Pipeline]) -> None:
    cut = Reader(TRIAL, made({"q3": 1}), Path())
    payload = build(dataset, "ndcg@10", [pipelines[0], replace(pipelines[1], reader=cut)], (0, 1))
    head, body = unpack(payload)
    assert head.pipelines[1].reading == "known"
    (row,) = body["queries"][2][6]
    length = body["documents"][row[0]][2]
    assert 0 < row[4]["1"] < length
