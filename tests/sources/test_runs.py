"""Somebody's TREC run as candidates: trec_eval's order, clear errors, and what is odd counted; then reranked."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.prepare import prepare_each
from bench.retrievers.given import GivenRetriever, find_lists
from bench.sources import open_set
from bench.sources.runs import read_candidates
from bench.types import DataError, Document, Query, RerankBenchError, Trial

QUERIES, DOCUMENTS = ("q1", "q2"), frozenset({"d1", "d2", "d3"})


def write(folder: Path, text: str, name: str = "run.trec") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1 Q0 d1 1 0.5\n", ":1: 5 columns; a line of a TREC run has 6 columns, query Q0 document rank score tag"),
        ("q1 Q0 d1 1 0.5 a b\n", ":1: 7 columns;"),
        ("q1 Q0 d1 1 high t\n", ":1: the score 'high' is no finite number; the fifth column is the score"),
        ("q1 Q0 d1 1 nan t\n", ":1: the score 'nan' is no finite number"),
        ("q1 Q0 d1 1 1_0 t\n", ":1: the score '1_0' is no finite number"),
        ("q1 Q0 d1 1 1e60 t\n", ":1: the score '1e60' is no finite number"),
        ("q1 Q0 d1 1 2 t\nq1 Q0 d1 2 1 t\n", ":2: query 'q1' has the document 'd1' twice; trec_eval refuses"),
        (
            "q1 Q0 d1 1 2 t\nq1 Q0 x 2 1 t\nq2 Q0 y 1 1 t\n",
            ":2: the document 'x' is none of the set's (and 1 more such",
        ),
        ("q8 Q0 d1 1 2 t\n", ": none of the 2 judged queries is in this run; is it of another set?"),
        ("", ": none of the 2 judged queries is in this run"),
    ],
)
def test_what_is_wrong_in_a_run(text: str, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_candidates(path, QUERIES, DOCUMENTS)
    assert str(caught.value).startswith(f"{path}{said}")


def test_scores_decide_and_what_is_odd_is_counted(tmp_path: Path) -> None:
    lines = "q1 Q0 d1 1 0.5 t\nq1\tQ0  d3 2 7e-1 t\r\n\nq1 Q0 d2 3 0.5 t\nq9 Q0 other 1 1 t\n"
    path = tmp_path / "run.trec.gz"
    path.write_bytes(gzip.compress(lines.encode()))
    found = read_candidates(path, QUERIES, DOCUMENTS)
    assert [doc for doc, _ in found.run["q1"]] == ["d3", "d2", "d1"]
    assert [str(notice) for notice in found.notices] == [
        "1 × line is of a query that is not among the judged ones, left out (first: run.trec.gz:5)",
        "1 × candidate ties with its neighbour; ids decide their order (first: query q1)",
        "1 × query's ranks and scores disagree; ordered by score, as trec_eval does (first: query q1)",
        "1 × query has no candidates, and counts 0 (first: query q2)",
    ]


def test_ranks_among_equal_scores_are_no_contradiction(tmp_path: Path) -> None:
    path = write(tmp_path, "q1 Q0 d1 0 1 t\nq1 Q0 d2 1 1 t\nq1 Q0 d3 2 0.5 t\n")
    assert [notice.message[:14] for notice in read_candidates(path, ("q1",)).notices] == ["candidate ties"]


scores = st.sampled_from(["1", "1.0", "0.5", "-3", "1e-3", "1.00000001", "0.1"])
drawn = st.dictionaries(st.tuples(st.sampled_from("pqr"), st.sampled_from("abcdef")), scores, min_size=1)


@given(drawn, st.dictionaries(st.tuples(st.sampled_from("pqr"), st.sampled_from("abcdef")), st.just(1), min_size=1))
@settings(max_examples=30, deadline=None)
def test_the_order_is_that_of_trec_eval(
    tmp_path_factory: pytest.TempPathFactory, lines: dict[tuple[str, str], str], judged: dict[tuple[str, str], int]
) -> None:
    """Reciprocal ranks by trec_eval's own code tell the place of the first judged document."""
    path = write(
        tmp_path_factory.mktemp("run"), "".join(f"{q} Q0 {d} 1 {score} t\n" for (q, d), score in lines.items())
    )
    ours = read_candidates(path).run
    qrels = [ir_measures.Qrel(query, doc, 1) for query, doc in judged]
    for value in ir_measures.pytrec_eval.iter_calc([ir_measures.RR], qrels, ir_measures.read_trec_run(str(path))):
        places = [n for n, (doc, _) in enumerate(ours.get(value.query_id, ()), 1) if (value.query_id, doc) in judged]
        assert value.value == pytest.approx(1 / places[0] if places else 0.0)


# ------------------------------------------------------------------------------------------- the retriever `given`


def test_given_keeps_the_scores_and_an_absent_query_is_empty(tmp_path: Path) -> None:
    retriever = GivenRetriever(write(tmp_path, "q1 Q0 d1 1 3 t\nq1 Q0 d2 2 5 t\nq1 Q0 d3 3 -1 t\nq7 Q0 zz 1 1 t\n"))
    retriever.index([Document(name, "") for name in sorted(DOCUMENTS)])
    run = retriever.search([Query("q1", "x", {"candidates": ["d3"]}), Query("q2", "y")], 2)
    assert run == {"q1": (("d2", 5.0), ("d1", 3.0)), "q2": ()}
    with pytest.raises(DataError, match="query 'q7': the candidate 'zz' is none of the 3 documents"):
        retriever.search([Query("q7", "z")], 2)


def trial(small_set: Path, **changes: object) -> Trial:
    base = Trial(small_set.name, "P", retriever="given", candidates="run.trec", depth=2)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_candidates_are_checked_before_anything_runs(small_set: Path) -> None:
    base, lines = small_set.parent, "q1 Q0 d2 1 3 t\nq1 Q0 d1 2 2 t\nq1 Q0 d4 3 1 t\nq2 Q0 d3 1 1 t\n"
    path = write(base, lines)
    (first,) = prepare_each([trial(small_set)], base, lambda *_: None)
    assert not isinstance(first, RerankBenchError)
    assert first.notes == (
        "run.trec: 1 × query has no candidates, and counts 0 (first: query q3)",
        "1 of 3 queries have more than 2 candidates, which are cut there; depth 3 reranks whole lists",
    )
    path.write_text(lines + "q3 Q0 d5 1 1 t\n", encoding="utf-8")
    (second,) = prepare_each([trial(small_set, depth=3)], base, lambda *_: None)
    assert not isinstance(second, RerankBenchError)
    assert second.notes == ()
    assert second.inputs["dataset"] == first.inputs["dataset"]
    assert second.inputs["candidates"] != first.inputs["candidates"]
    missing, none_given = prepare_each(
        [trial(small_set, candidates="no.trec"), trial(small_set, candidates=None)], base, lambda *_: None
    )
    assert "no.trec: cannot be read: No such file or directory" in str(missing)
    assert "query 'q1' has no candidates" in str(none_given)


def test_a_sample_of_the_queries_is_no_reason_to_complain(small_set: Path) -> None:
    write(small_set.parent, "q1 Q0 d2 1 3 t\nq2 Q0 d3 1 1 t\nq3 Q0 d5 1 1 t\n")
    (found,) = prepare_each([trial(small_set, max_queries=1)], small_set.parent, lambda *_: None)
    assert not isinstance(found, RerankBenchError)
    assert found.dataset is not None
    assert len(found.dataset.queries) == 1
    assert "2 × line is of a query that is not among the judged ones" in found.notes[0]


def test_a_real_run_keeps_its_figure(shared_data: object, tmp_path: Path) -> None:
    """Anserini's BM25 run of CACM as candidates: the average precision that trec_eval gives for the file itself."""
    folder = shared_data("trec_eval_test") / "anserini_cacm"  # type: ignore[operator]
    run, qrels = folder / "cacm-bm25.run", folder / "qrels.cacm.txt"
    lists = ir_measures.read_trec_run(str(run))
    judged = list(ir_measures.read_trec_qrels(str(qrels)))
    names = sorted({line.doc_id for line in lists} | {line.doc_id for line in judged})
    write(tmp_path, "".join(f"{name}\ttext\n" for name in names), "docs.tsv")
    write(tmp_path, "".join(f"{name}\ttopic\n" for name in sorted({line.query_id for line in judged})), "topics.tsv")
    write(tmp_path, qrels.read_text(encoding="utf-8"), "qrels.txt")
    dataset = open_set(str(tmp_path), "test", tmp_path)
    retriever = GivenRetriever(run)
    retriever.index(dataset.corpus)
    ours = retriever.search(dataset.queries, 1000)
    expected = ir_measures.calc_aggregate([ir_measures.AP], judged, ir_measures.read_trec_run(str(run)))
    scored = [ir_measures.ScoredDoc(query, doc, score) for query, docs in ours.items() for doc, score in docs]
    assert ir_measures.calc_aggregate([ir_measures.AP], judged, scored) == expected
    assert expected[ir_measures.AP] == pytest.approx(0.2744, abs=5e-5)  # of the file at hand, which is cut at 30
    assert find_lists(Trial("x", "P", candidates=str(run)), dataset, tmp_path).counts.keys() == ours.keys()


def test_a_fault_in_a_query_that_nobody_judged_is_found_all_the_same(tmp_path: Path) -> None:
    """A trial's process reads the file without knowing the queries: it must not find what was passed over before."""
    path = tmp_path / "run.trec"
    path.write_text("q1 Q0 d1 1 2.0 x\nother Q0 d9 1 nan x\n", encoding="utf-8")
    for queries in (None, frozenset({"q1"})):
        with pytest.raises(DataError, match="nan"):
            read_candidates(path, queries, frozenset({"d1"}) if queries else None)
