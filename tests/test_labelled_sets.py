"""Sets that nobody here wrote: figures near those on record, through the same code as a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.data import load_dataset
from bench.measures import evaluate
from bench.retrievers import load_retriever
from bench.stats import bootstrap_mean
from bench.types import Trial


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("scifact", 0.66, 0.70),  # on record with stemming: 0.66 to 0.69
        ("cranfield", 0.38, 0.44),  # on record: about 0.40; this set keeps the code -1 as grade 1
        ("stard_gold", 0.48, 0.55),  # character bigrams: 0.504
        ("xquad_zh", 0.94, 0.98),  # character bigrams: 0.967
    ],
)
@pytest.mark.parametrize("retriever", ["bm25", "bm25s"])
def test_bm25_is_where_it_should_be(
    shared_data: Callable[[str], Path], name: str, low: float, high: float, retriever: str
) -> None:
    dataset = load_dataset(shared_data(name))
    stage = load_retriever(Trial(name, "BM25", retriever=retriever), "cpu")
    stage.index(dataset.corpus)
    values = evaluate(stage.search(dataset.queries, 100), dataset.qrels, ["ndcg@10"])["ndcg@10"]
    assert low <= bootstrap_mean(list(values.values())).mean <= high


def test_two_languages_of_one_set_share_their_judgements(shared_data: Callable[[str], Path]) -> None:
    chinese, english = load_dataset(shared_data("xquad_zh")), load_dataset(shared_data("xquad_en"))
    assert chinese.qrels == english.qrels
    assert chinese.checksum != english.checksum
