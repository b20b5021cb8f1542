"""What is said of a finished ranking beside its figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.judge import doubts, judge
from bench.store import Store, read_result
from bench.types import Dataset, Document, Quality, Query, Run, TieRange, Trial, TrialResult, Work, rank

TRIAL = Trial(dataset="d", pipeline="p", measures=("ndcg@5", "mrr", "r_precision", "recall@2"))
QRELS = {"q1": {"a": 1, "b": 0}, "q2": {"c": 2}}
RUN: Run = {
    "q1": rank([("a", 1.0), ("b", 1.0), ("c", 0.5)]),
    "q2": rank([("c", 3.0), ("b", 2.0), ("a", 1.0)]),
}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    corpus = tuple(Document(doc_id, "text") for doc_id in "abc")
    return Dataset("d", "test", corpus, tuple(Query(q, "text") for q in QRELS), QRELS, "sha256:0", tmp_path)


def judged(dataset: Dataset, run: Run = RUN) -> Quality:
    return judge(TRIAL, dataset, run, run, Work())


def test_every_measure_has_its_range_and_every_cut_off_its_unjudged_share(dataset: Dataset) -> None:
    quality = judged(dataset)
    assert [*quality.ties] == [*quality.means] == [*TRIAL.measures]
    assert quality.ties["mrr"] == TieRange(0.75, 0.875, 1.0)
    assert quality.ties["recall@2"] == TieRange(1.0, 1.0, 1.0)
    for name, found in quality.ties.items():
        assert found.low <= quality.means[name].mean <= found.high
    assert quality.unjudged == {
        "unjudged@2": pytest.approx(1 / 4),
        "unjudged@5": pytest.approx(1 / 2),
        "unjudged@10": pytest.approx(1 / 2),
    }


def test_without_ties_the_range_is_the_mean_to_the_last_bit(dataset: Dataset) -> None:
    quality = judged(dataset, {q: rank((doc.doc_id, -place) for place, doc in enumerate(r)) for q, r in RUN.items()})
    assert quality.ties == {name: TieRange(of.mean, of.mean, of.mean) for name, of in quality.means.items()}


def test_ties_that_decide_a_figure_are_a_doubt_and_others_are_not(dataset: Dataset) -> None:
    result = TrialResult(TRIAL, "ok", quality=judged(dataset))
    said = [doubt for doubt in doubts(result, dataset, RUN) if "orders of tied scores" in doubt]
    assert len(said) == 1 and "mrr 0.750 to 1.000" in said[0] and "recall" not in said[0]
    harmless = {"q1": rank([("c", 1.0), ("b", 1.0)]), "q2": RUN["q2"]}
    result = replace(result, quality=judged(dataset, harmless))
    assert not any("orders of tied scores" in doubt for doubt in doubts(result, dataset, harmless))


def test_ranges_survive_the_store_and_older_results_load_without_them(dataset: Dataset, tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    store.write_result(TrialResult(TRIAL, "ok", quality=judged(dataset)))
    path = tmp_path / "out" / "trials" / f"{TRIAL.id}.json"
    assert read_result(path).quality == judged(dataset)
    older = json.loads(path.read_bytes())
    del older["quality"]["ties"], older["quality"]["unjudged"], older["sha256"], older["checksums"]
    path.write_text(json.dumps(older))
    quality = read_result(path).quality
    assert quality is not None and not quality.ties and not quality.unjudged
