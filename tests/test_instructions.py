"""Instructions of a query's own, candidates that are found once, and trials that ask for quality alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config.fields import make_trial
from bench.machine.meter import Stopwatch
from bench.pipeline import Pipeline, own_instruction
from bench.types import (
    ConfigError,
    DataError,
    Document,
    Query,
    Request,
    Run,
    Scored,
    ScoreError,
    ScoreUnit,
    Trial,
    Work,
    rank,
)

FIELD = "instruction"
TEXTS = {f"d{number}": f"document {number}" for number in range(6)}


class Listing:
    """A retriever that finds the same documents for every query, best first."""

    index_from_cache = False

    def index(self, corpus: Sequence[Document]) -> None:
        """Nothing is held."""

    def search(self, queries: Sequence[Query], k: int, stages: Stopwatch | None = None) -> Run:
        return {query.id: rank([(doc_id, -place) for place, doc_id in enumerate(TEXTS)], k) for query in queries}


@dataclass
class Listening:
    """A reranker that keeps what it was asked; a score depends on instruction, query and document."""

    asked: list[Request] = field(default_factory=list)
    knows_cut: bool = True
    lost: int = 0
    name: ClassVar[str] = "listening"
    unit: ScoreUnit = "logit"
    device: str = "cpu"
    dtype: str = "fp32"
    load_s: float = 0.0
    notes: tuple[str, ...] = ()
    files: None = None

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        self.asked += requests
        scores = [[self._score(each, text) for text in each.documents][self.lost :] for each in requests]
        pairs = sum(map(len, scores))
        cut = [len(each.query) % 3 for each in requests]
        return Scored(scores, Work(pairs=pairs, tokens=7 * pairs), cut if self.knows_cut else None)

    @staticmethod
    def _score(request: Request, document: str) -> float:
        return float(sum(map(ord, f"{request.instruction}\n{request.query}\n{document}")) * 7919 % 101)


def pipeline(reranker: Listening | None, **changes: Any) -> Pipeline:
    made = Pipeline(Listing(), reranker, TEXTS, depth=4, instruction="the trial's", instruction_field=FIELD)
    return replace(made, **changes)


def query(number: int, **metadata: Any) -> Query:
    return Query(f"q{number}", "text" * number, metadata)


def instructions(queries: Sequence[Query], **changes: Any) -> list[str]:
    reranker = Listening()
    pipeline(reranker, **changes).answer(queries)
    return [request.instruction for request in reranker.asked]


# ---------------------------------------------------------------------------------------- a query's own instruction


def test_a_query_with_the_field_gets_its_own_and_the_others_the_trials() -> None:
    queries = [query(1, instruction="my own"), query(2), query(3, other="x"), query(4, instruction=None)]
    assert instructions(queries) == ["my own", "the trial's", "the trial's", "the trial's"]


def test_an_empty_instruction_of_its_own_is_one() -> None:
    assert instructions([query(1, instruction="")]) == [""]


def test_a_field_that_nobody_asked_for_is_left_alone() -> None:
    queries = [query(1, instruction="my own", other=5)]
    assert instructions(queries, instruction_field=None) == ["the trial's"]
    assert instructions([query(1, instruction="my own", other="mine")], instruction_field="other") == ["mine"]


@pytest.mark.parametrize(
    ("value", "kind"), [(5, "int"), (True, "bool"), (["a"], "list"), ({"a": 1}, "dict"), (0, "int")]
)
def test_a_field_that_holds_no_text_is_an_error_that_names_query_and_field(value: Any, kind: str) -> None:
    with pytest.raises(DataError, match=rf"query 'q2': its field 'instruction' .* holds {kind}; write it as text"):
        instructions([query(1), query(2, instruction=value)])


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.one_of(st.none(), st.text(), st.integers())), st.booleans())
def test_own_instruction(metadata: Mapping[str, Any], named: bool) -> None:
    asked = Query("q", "text", metadata)
    if named and isinstance(metadata.get("a"), int):
        with pytest.raises(DataError):
            own_instruction(asked, "a")
    else:
        assert own_instruction(asked, "a" if named else None) == (metadata.get("a") if named else None)


# ------------------------------------------------------------------------------------------------ candidates, apart

QUERIES = [query(1, instruction="my own"), query(2), query(3), Query("d2", "whose id is a document's")]


@pytest.mark.parametrize("reranker", [None, Listening(), Listening(knows_cut=False)])
@pytest.mark.parametrize("drops_own_id", [False, True])
@pytest.mark.parametrize("depth", [1, 4, 100])
def test_reranking_the_candidates_is_answering(reranker: Listening | None, drops_own_id: bool, depth: int) -> None:
    ready = pipeline(reranker, drops_own_id=drops_own_id, depth=depth)
    assert ready.rerank(QUERIES, ready.candidates(QUERIES)) == ready.answer(QUERIES)


def test_the_candidates_are_the_first_stages_best_without_the_querys_own_document() -> None:
    plain, dropping = (pipeline(None, drops_own_id=drops, depth=3).candidates(QUERIES) for drops in (False, True))
    assert [doc.doc_id for doc in plain["d2"]] == ["d0", "d1", "d2"]
    assert [doc.doc_id for doc in dropping["d2"]] == ["d0", "d1", "d3"]
    assert plain["q1"] == dropping["q1"]


def test_cut_candidates_are_told_for_the_queries_that_have_any() -> None:
    queries = [Query("one", "a" * 3), Query("two", "b" * 4), Query("three", "c" * 5)]
    assert pipeline(Listening()).answer(queries).cut_pairs == {"two": 1, "three": 2}
    assert pipeline(Listening(knows_cut=False)).answer(queries).cut_pairs is None
    assert pipeline(None).answer(queries).cut_pairs is None


def test_a_query_without_candidates_is_asked_nothing() -> None:
    answer = pipeline(Listening()).rerank([query(1)], {})
    assert (answer.run, answer.first_stage, answer.work.pairs) == ({"q1": ()}, {}, 0)


def test_a_score_that_is_missing_is_an_error_that_names_the_query() -> None:
    with pytest.raises(ScoreError, match="'q1': 4 documents were given and 3 scores came back"):
        pipeline(Listening(lost=1)).answer([query(1)])


# ------------------------------------------------------------------------------------------------------------ trials


@pytest.mark.parametrize(
    ("trial", "known"),
    [
        (Trial("set", "BM25"), "169fa5049df1f273"),
        (Trial("set", "BM25", reranker="m", instruction="Find it", depth=7), "f95e08dd2301d6d2"),
    ],
)
def test_ids_from_before_the_field_was_there_stay(trial: Trial, known: str) -> None:
    assert trial.id == known
    assert FIELD + "_field" not in trial.said


def test_the_field_is_part_of_an_id_where_it_plays_one() -> None:
    without = Trial("set", "P", reranker="m")
    assert replace(without, instruction_field="a").id != replace(without, instruction_field="b").id != without.id
    assert replace(without, instruction_field="a").said[FIELD + "_field"] == "a"


def made(**values: Any) -> Trial:
    return make_trial({"dataset": "set", "pipeline": "P", "reranker": "m", **values}, "here")


def test_a_field_without_a_reranker_decides_nothing() -> None:
    assert made(reranker=None, instruction_field="a") == made(reranker=None)
    assert made(instruction_field="a").instruction_field == "a"
    with pytest.raises(ConfigError, match="here: instruction_field: "):
        made(instruction_field=5)


def test_quality_alone() -> None:
    trial = made(scenarios=[])
    assert trial.scenarios == ()
    assert {**asdict(trial), "scenarios": 0} == {**asdict(made()), "scenarios": 0}


@pytest.mark.parametrize(
    "given", [{"timed_queries": 9}, {"warmup_queries": 0}, {"server_qps": [3.0], "server_batch": 2}]
)
def test_what_is_said_of_timing_decides_nothing_then(given: dict[str, Any]) -> None:
    assert made(scenarios=[], **given).id == made(scenarios=[]).id
    assert made(scenarios=["server"], **given).id != made(scenarios=["server"]).id


def test_drawn_pairs_have_no_quality() -> None:
    drawn = {"dataset": 'drawn:{"queries":4}', "retriever": "given"}
    assert made(**drawn, scenarios=["offline"]).scenarios == ("offline",)
    with pytest.raises(ConfigError, match="here: scenarios is empty and drawn pairs have no quality"):
        made(**drawn, scenarios=[])


@pytest.mark.parametrize("scenarios", [None, "offline", ["ofline"], ["offline", "offline"]])
def test_scenarios_that_are_none(scenarios: Any) -> None:
    with pytest.raises(ConfigError, match="here: scenarios"):
        made(scenarios=scenarios)


def test_only_what_was_added_may_be_unsaid() -> None:
    """A field that is left out where it is None was never in older ids; any other field is in all of them."""
    always = {each.name for each in fields(Trial)} - set(Trial("set", "P").said)
    assert always == {"candidates", "instruction_field", "trust_remote_code"}
