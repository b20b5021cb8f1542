"""Every measure against the programs that define it. The table: ``pytest -s tests/test_metric_parity.py``.

trec_eval speaks through the outputs that it ships as its own tests, and through pytrec_eval, which is its code as a
library; ir_measures brings pytrec_eval, gdeval, the MS MARCO script and its own Judged.
"""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import ir_measures
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, Judged, P, R, Rprec, Success, nDCG

from bench.measures import CUT_OFF_MEASURES, WHOLE_MEASURES, evaluate, unjudged
from bench.types import Qrels, Run, rank

IN_TREC_EVAL = {
    "ndcg": "ndcg_cut", "recall": "recall", "precision": "P", "map": "map_cut", "hit_rate": "success",
}  # fmt: skip
"""Cut-off measures of ours by what trec_eval calls them; ``mrr@k`` is ``recip_rank`` under its -M k."""
WHOLE_IN_TREC_EVAL = {"mrr": "recip_rank", "map": "map", "r_precision": "Rprec"}
CUTS = (5, 10, 15, 20, 30, 100, 200, 500, 1000)
CUTS_OF = {"hit_rate": (1, 5, 10)}
PRINTED = 5e-5 + 1e-9  # four decimals
EXACT = 1e-9

Values = Mapping[str, float]


@dataclass
class Row:
    """How much was compared of a measure, and how far off it was: values of queries and means, of so many runs."""

    runs: set[int] = field(default_factory=set)
    values: int = 0
    largest: float = 0.0


class Parity:
    """Compares, and keeps what was compared: a row for each measure and reference."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = defaultdict(Row)
        self.run = 0

    def next_run(self) -> None:
        """What is compared from here on is of another run."""
        self.run += 1

    def compare(self, name: str, reference: str, ours: Values, theirs: Values, within: float = EXACT) -> None:
        base, at, _ = name.partition("@")
        row = self.rows[base + at + "k" * len(at), reference]
        row.runs.add(self.run)
        assert theirs
        for query_id, value in theirs.items():
            off = abs(ours[query_id] - value)
            row.values, row.largest = row.values + 1, max(row.largest, off)
            assert off <= within, f"{name} of {query_id}: {ours[query_id]} here, {value} by {reference}"

    def __str__(self) -> str:
        lines = ["| measure | reference | runs | values | largest difference |", "|---|---|--:|--:|--:|"]
        rows = sorted(self.rows.items())
        return "\n".join(
            lines + [f"| {m} | {r} | {len(of.runs):,} | {of.values:,} | {of.largest:.1e} |" for (m, r), of in rows]
        )


@pytest.fixture(scope="module")
def parity() -> Iterator[Parity]:
    made = Parity()
    yield made
    print(f"\n{made}")


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = defaultdict(dict)
    for line in path.read_text().splitlines():
        query_id, _, doc_id, grade = line.split()
        qrels[query_id][doc_id] = int(grade)
    return dict(qrels)


def read_scores(path: Path) -> dict[str, dict[str, float]]:
    scored: dict[str, dict[str, float]] = defaultdict(dict)
    for line in path.read_text().splitlines():
        query_id, _, doc_id, _, score = line.split()[:5]
        scored[query_id][doc_id] = float(score)
    return dict(scored)


def ranked(scores: Mapping[str, Mapping[str, float]]) -> Run:
    return {query_id: rank(docs.items()) for query_id, docs in scores.items()}


def read_output(path: Path) -> dict[str, dict[str, float]]:
    """Measure -> query id (and ``all``) -> value, as trec_eval printed them."""
    printed: dict[str, dict[str, float]] = defaultdict(dict)
    for line in path.read_text().splitlines():
        name, query_id, value = line.split()
        if not name.startswith(("runid", "relstring")):
            printed[name][query_id] = float(value)
    return printed


def with_mean(values: Values, query_ids: list[str]) -> dict[str, float]:
    return {**{q: values[q] for q in query_ids}, "all": fmean(values[q] for q in query_ids)}


def at_level(qrels: Qrels, level: int) -> Qrels:
    """Judgements in which what lies below ``level`` is not relevant: trec_eval's -l, which nDCG does not heed."""
    return {q: {d: grade if grade >= level else min(grade, 0) for d, grade in of.items()} for q, of in qrels.items()}


OUTPUTS = [
    ("out.test.aq", "qrels.test", "results.test", {}),
    ("out.test.aqc", "qrels.test", "results.trunc", {"complete": True}),
    ("out.test.aqcM", "qrels.test", "results.trunc", {"complete": True, "first": 100}),
    ("out.test.aql", "qrels.rel_level", "results.test", {"level": 2}),
    ("out.test.meas_params", "qrels.test", "results.test", {}),
]


@pytest.mark.parametrize(("output", "judgements", "results", "how"), OUTPUTS, ids=[name for name, *_ in OUTPUTS])
def test_trec_evals_own_outputs(
    output: str, judgements: str, results: str, how: dict[str, int], parity: Parity, shared_data: Callable[[str], Path]
) -> None:
    """To the four decimals that it prints, for each query and in the mean, whatever of ours it knows."""
    compare_with_output(parity, shared_data("trec_eval_test") / "test", output, judgements, results, how)


def test_trec_evals_own_outputs_hold_every_measure_that_we_name(shared_data: Callable[[str], Path]) -> None:
    seen = Parity()
    for output in OUTPUTS:
        compare_with_output(seen, shared_data("trec_eval_test") / "test", *output)
    assert {name for name, _ in seen.rows} == {
        *(f"{base}@k" for base in (*CUT_OFF_MEASURES, "unjudged")),
        *WHOLE_MEASURES,
    }


def compare_with_output(
    parity: Parity, folder: Path, output: str, judgements: str, results: str, how: Mapping[str, int]
) -> None:
    parity.next_run()
    qrels, whole = read_qrels(folder / judgements), ranked(read_scores(folder / results))
    run = {query_id: ranking[: how.get("first")] for query_id, ranking in whole.items()}
    query_ids = [query_id for query_id in qrels if how.get("complete") or query_id in run]
    binary, printed = at_level(qrels, how.get("level", 1)), read_output(folder / output)
    names = {}
    for theirs in printed:
        name, _, k = theirs.rpartition("_")
        ours = next((ours for ours, known in IN_TREC_EVAL.items() if name == known and k.isdigit()), None)
        if ours:
            names[f"{ours}@{k}"] = theirs
    names |= {ours: theirs for ours, theirs in WHOLE_IN_TREC_EVAL.items() if theirs in printed}
    assert len(names) >= 10
    for name, theirs in names.items():
        values = evaluate(run, qrels if name.startswith("ndcg") else binary, [name])[name]
        parity.compare(name, "trec_eval's outputs", with_mean(values, query_ids), printed[theirs], PRINTED)
        if name.startswith("ndcg@") and max(grade for of in qrels.values() for grade in of.values()) == 1:
            burges = name.replace("ndcg", "ndcg_burges")  # of grades 0 and 1 both gains are the same
            values = evaluate(run, qrels, [burges])[burges]
            parity.compare(burges, "trec_eval's outputs", with_mean(values, query_ids), printed[theirs], PRINTED)
    if "first" in how:
        values = evaluate(whole, binary, [f"mrr@{how['first']}"])[f"mrr@{how['first']}"]
        parity.compare("mrr@k", "trec_eval's outputs", with_mean(values, query_ids), printed["recip_rank"], PRINTED)
    if "set_F" in printed:  # precision and recall of all that was found
        found = {q: f"f1@{len(run[q])}" for q in run}
        f1 = {q: evaluate(run, binary, [name])[name][q] for q, name in found.items()}
        values = with_mean(dict.fromkeys(qrels, 0.0) | f1, query_ids)
        parity.compare("f1@k", "trec_eval's outputs", values, printed["set_F"], PRINTED)
    for k in (5, 10, 20):
        if f"unj_{k}" in printed:
            shares = dict.fromkeys(qrels, 0.0) | unjudged(run, qrels, k)
            values = with_mean(shares, query_ids)
            parity.compare("unjudged@k", "trec_eval's outputs", values, printed[f"unj_{k}"], PRINTED)


def by_trec_eval(qrels: Qrels, scores: Mapping[str, Mapping[str, float]], measures: set[str]) -> dict[str, Values]:
    """trec_eval's name -> query id -> value, as with -c: a query that the run lacks counts 0."""
    made = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(scores)
    names = {name for of in made.values() for name in of}
    return {name: {query_id: made.get(query_id, {}).get(name, 0.0) for query_id in qrels} for name in names}


def compare_with_trec_eval(
    parity: Parity, reference: str, qrels: Qrels, scores: Mapping[str, Mapping[str, float]], cuts: tuple[int, ...]
) -> None:
    """Every measure of ours, per query and in the mean; scores go to trec_eval as they are, in 64 bits."""
    parity.next_run()
    run, query_ids, at = ranked(scores), [*qrels], ",".join(map(str, cuts))
    theirs = by_trec_eval(
        qrels, scores, {f"{name}.{at}" for name in IN_TREC_EVAL.values()} | {"recip_rank", "map", "Rprec"}
    )
    names = {f"{ours}@{k}": f"{known}_{k}" for ours, known in IN_TREC_EVAL.items() for k in cuts} | WHOLE_IN_TREC_EVAL
    expected = {ours: theirs.get(known, dict.fromkeys(qrels, 0.0)) for ours, known in names.items()}
    exponential = {q: {d: 2**grade - 1 if grade > 0 else grade for d, grade in of.items()} for q, of in qrels.items()}
    burges = by_trec_eval(exponential, scores, {f"ndcg_cut.{at}"})
    for k in cuts:
        first = {q: {doc.doc_id: doc.score for doc in ranking[:k]} for q, ranking in run.items()}
        cut = by_trec_eval(qrels, first, {"recip_rank", f"P.{k}", f"recall.{k}"})
        zero = dict.fromkeys(qrels, 0.0)
        expected[f"mrr@{k}"] = cut.get("recip_rank", zero)
        both = {q: (cut.get(f"P_{k}", zero)[q], cut.get(f"recall_{k}", zero)[q]) for q in qrels}
        expected[f"f1@{k}"] = {q: 2 * p * r / (p + r) if p + r else 0.0 for q, (p, r) in both.items()}
        expected[f"ndcg_burges@{k}"] = burges.get(f"ndcg_cut_{k}", zero)
    assert {name.partition("@")[0] for name in expected} == {*CUT_OFF_MEASURES, *WHOLE_MEASURES}
    ours = evaluate(run, qrels, [*expected])
    for name, values in expected.items():
        parity.compare(name, reference, with_mean(ours[name], query_ids), with_mean(values, query_ids))


@pytest.mark.parametrize(
    ("judgements", "results"),
    [
        ("anserini_cacm/qrels.cacm.txt", "anserini_cacm/cacm-bm25.run"),
        ("ir_measures/compat.qrels", "ir_measures/compat.run"),
        ("ir_measures/cwl.qrels", "ir_measures/cwl.run"),
    ],
)
def test_runs_of_other_tools(judgements: str, results: str, parity: Parity, shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("trec_eval_test")
    qrels, scores = read_qrels(folder / judgements), read_scores(folder / results)
    top = max(grade for of in qrels.values() for grade in of.values())
    assert top <= 1 or "compat" in judgements
    if top > 10:  # 2^50 is no grade that trec_eval could count
        qrels = {q: {d: min(grade, 10) for d, grade in of.items()} for q, of in qrels.items()}
    compare_with_trec_eval(parity, f"pytrec_eval, {results.partition('/')[0]}", qrels, scores, CUTS)


def test_what_anserini_publishes_of_its_run(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("trec_eval_test") / "anserini_cacm"
    qrels, run = read_qrels(folder / "qrels.cacm.txt"), ranked(read_scores(folder / "cacm-bm25.run"))
    assert fmean(evaluate(run, qrels, ["precision@30"])["precision@30"].values()) == pytest.approx(0.1942, abs=PRINTED)


doc_ids = st.sampled_from([f"d{i}" for i in range(14)] + ["é", "文", "Z"])
grades = st.dictionaries(doc_ids, st.integers(-1, 3), min_size=1)
scores = st.sampled_from([-7.5, -1.0, -0.0, 0.0, 1.0, 1.0 + 1e-9, 2.0, 2.0 + 1e-6, 3e30]) | st.floats(-10, 10, width=32)
query_ids = st.sampled_from(["q1", "q2", "q3", "q4"])


@st.composite
def runs_with_judgements(draw: st.DrawFn) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """Queries that nobody judged, that the run lacks, that have nothing relevant, that have an empty ranking."""
    qrels = draw(st.dictionaries(query_ids, grades, min_size=1))
    return qrels, draw(st.dictionaries(query_ids | st.just("unjudged"), st.dictionaries(doc_ids, scores)))


@settings(max_examples=150, deadline=None)
@given(case=runs_with_judgements())
def test_any_run_agrees_with_trec_evals_library(
    case: tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]], parity: Parity
) -> None:
    compare_with_trec_eval(parity, "pytrec_eval, drawn runs", *case, (1, 3, 10))


IN_IR_MEASURES = {
    "ndcg@10": nDCG @ 10, "ndcg@3": nDCG @ 3, "recall@5": R @ 5, "precision@5": P @ 5, "hit_rate@3": Success @ 3,
    "map@4": AP @ 4, "map": AP, "mrr": RR, "r_precision": Rprec,
    "ndcg_burges@5": nDCG(gains={1: 1, 2: 3, 3: 7}) @ 5,
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(case=runs_with_judgements())
def test_any_run_agrees_with_ir_measures(
    case: tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]], parity: Parity
) -> None:
    qrels, scored = case
    parity.next_run()
    ours = evaluate(ranked(scored), qrels, [*IN_IR_MEASURES])
    names = {measure: name for name, measure in IN_IR_MEASURES.items()}
    theirs: dict[str, dict[str, float]] = {name: dict.fromkeys(qrels, 0.0) for name in IN_IR_MEASURES}
    burges = IN_IR_MEASURES["ndcg_burges@5"]
    for asked in ([measure for measure in names if measure != burges], [burges]):  # asked together, its gains may leak
        means, values = ir_measures.calc(asked, qrels, scored)
        for metric in values:
            theirs[names[metric.measure]][metric.query_id] = metric.value
        for measure in asked:
            name = names[measure]
            parity.compare(name, "ir_measures, drawn runs", ours[name], theirs[name])
            parity.compare(
                name, "ir_measures, drawn runs", {"all": fmean(ours[name].values())}, {"all": means[measure]}
            )


def drawn(queries: int = 40, found: int = 30) -> tuple[Qrels, Run]:
    seeded = random.Random(7)
    names = [f"d{i:03}" for i in range(100)]
    qrels = {f"{q}": {d: seeded.randint(0, 3) for d in seeded.sample(names, 40)} for q in range(queries)}
    run = {q: rank((d, seeded.randint(0, 9)) for d in seeded.sample(names, found)) for q in qrels}
    return qrels, run


def by_place(run: Run) -> dict[str, dict[str, float]]:
    """Places for scores: for tools that break ties in another way."""
    return {q: {doc.doc_id: float(len(docs) - place) for place, doc in enumerate(docs)} for q, docs in run.items()}


@pytest.mark.skipif(not shutil.which("perl"), reason="gdeval is a Perl script, and there is no perl")
def test_exponential_gains_agree_with_gdeval(parity: Parity) -> None:
    """Ties too: it breaks them as trec_eval does."""
    qrels, run = drawn()
    parity.next_run()
    measure = nDCG(dcg="exp-log2") @ 20
    scored = [ir_measures.ScoredDoc(q, doc.doc_id, doc.score) for q, ranking in run.items() for doc in ranking]
    theirs = {m.query_id: m.value for m in ir_measures.gdeval.iter_calc([measure], qrels, scored)}
    assert len(theirs) == len(qrels)
    parity.compare(
        "ndcg_burges@k", "gdeval", evaluate(run, qrels, ["ndcg_burges@20"])["ndcg_burges@20"], theirs, 5.1e-6
    )


def test_a_cut_reciprocal_rank_agrees_with_the_ms_marco_script(parity: Parity) -> None:
    qrels, run = drawn(found=12)
    parity.next_run()
    qrels = {q: {d: int(grade == 3) for d, grade in of.items()} for q, of in qrels.items()}
    ours = evaluate(run, qrels, ["mrr@10"])["mrr@10"]
    assert 0 in ours.values() and 1 in ours.values()
    theirs = {m.query_id: m.value for m in ir_measures.msmarco.iter_calc([RR @ 10], qrels, by_place(run))}
    parity.compare("mrr@k", "MS MARCO's script", ours, theirs)


@pytest.mark.parametrize("k", [1, 10, 50])
def test_the_unjudged_share_is_what_ir_measures_leaves(k: int, parity: Parity) -> None:
    qrels, run = drawn()
    parity.next_run()
    theirs = {m.query_id: 1 - m.value for m in ir_measures.judged.iter_calc([Judged @ k], qrels, by_place(run))}
    parity.compare("unjudged@k", "ir_measures' Judged", unjudged(run, qrels, k), theirs)


def test_a_reference_that_differs_is_noticed(parity: Parity) -> None:
    table = Parity()
    with pytest.raises(AssertionError, match=r"map of q: 0\.5 here, 0\.6 by somebody"):
        table.compare("map", "somebody", {"q": 0.5}, {"q": 0.6})
    assert "| map | somebody | 1 | 1 | 1.0e-01 |" in str(table)
