"""The report on a set covers every split and counts what a reader wants to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data import check_dataset
from bench.types import DataError


def test_every_split_is_reported(small_set: Path) -> None:
    (small_set / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tdX\t1\n")
    dev, test = check_dataset(small_set)
    assert (dev.split, dev.ok, dev.dataset, dev.counts) == ("dev", False, None, None)
    assert "document 'dX' is not in corpus.jsonl" in str(dev.error)
    assert (test.split, test.ok, test.error) == ("test", True, None)
    assert test.counts is not None
    assert (test.counts.documents, test.counts.queries, test.counts.judgements) == (6, 3, 5)
    assert test.counts.grades == {0: 1, 1: 2, 2: 2}


def test_lengths_empty_documents_and_duplicates(small_set: Path) -> None:
    (small_set / "corpus.jsonl").write_text(
        '{"_id": "d1", "title": "ab", "text": "c"}\n{"_id": "d2", "text": "ab c"}\n{"_id": "d3", "text": ""}\n'
        '{"_id": "d4", "text": ""}\n{"_id": "d5", "text": "1234"}\n'
    )
    (report,) = check_dataset(small_set)
    assert report.counts is not None
    assert (report.counts.documents, report.counts.empty_documents, report.counts.duplicate_texts) == (5, 2, 1)
    assert report.counts.mean_document_chars == pytest.approx(12 / 5)
    assert report.dataset is not None
    assert [str(notice) for notice in report.dataset.notices] == [
        "2 × document has neither title nor text, kept (first: corpus.jsonl:3)"
    ]


def test_without_splits_there_is_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="qrels"):
        check_dataset(tmp_path)
