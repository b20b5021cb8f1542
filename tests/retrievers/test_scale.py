"""The drawn corpus and the measurement of growth: a seed draws the same set, every stage leaves figures."""

from __future__ import annotations

import csv
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest

from bench.cache import EmbeddingCache
from bench.data import load_dataset, read_corpus
from bench.retrievers import MANY_DOCUMENTS, advice, load_retriever, scale, zipf
from bench.types import ConfigError, Trial


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_is_drawn_for_the_same_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipf, "AT_ONCE", 100)
    first = files(zipf.write_zipf(tmp_path / "a", documents=250, queries=7))
    assert files(zipf.write_zipf(tmp_path / "b", documents=250, queries=7)) == first
    assert files(zipf.write_zipf(tmp_path / "c", documents=250, queries=7, seed=1)) != first
    larger = files(zipf.write_zipf(tmp_path / "d", documents=300, queries=7))
    assert larger["corpus.jsonl"].startswith(first["corpus.jsonl"])


def test_words_have_zipfs_frequencies_and_queries_their_document(tmp_path: Path) -> None:
    dataset = load_dataset(zipf.write_zipf(tmp_path / "set", documents=400, queries=40))
    counts = Counter(word for document in dataset.corpus for word in document.content.split())
    (first, most), (second, next_most), *_ = counts.most_common(2)
    assert (first, second) == ("baba", "babe")
    assert most / next_most == pytest.approx((2 + zipf.OFFSET) / (1 + zipf.OFFSET), rel=0.2)
    assert len({word for word, count in counts.items() if count == 1}) > 0.4 * len(counts)
    assert (len(dataset.corpus), len(dataset.queries), dataset.notices) == (400, 40, ())
    retriever = load_retriever(Trial("x", "x", retriever="bm25s"), "cpu")
    retriever.index(dataset.corpus)
    run = retriever.search(dataset.queries, 1)
    assert sum(run[query.id][0].doc_id in dataset.qrels[query.id] for query in dataset.queries) > 36


@pytest.mark.parametrize(("documents", "queries"), [(0, 0), (5, 6), (5, 0)])
def test_sizes_that_cannot_be(tmp_path: Path, documents: int, queries: int) -> None:
    with pytest.raises(ConfigError, match=f"{queries} queries over {documents} documents"):
        zipf.write_zipf(tmp_path / "set", documents, queries)
    assert list(tmp_path.iterdir()) == []


def test_every_stage_leaves_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_corpus, "HELD_BYTES", -1)
    folder = zipf.write_zipf(tmp_path / "set", documents=60, queries=3)
    work = tmp_path / "work"
    scale._write_model(work / scale.MODEL)
    figures = {stage: scale.measure_here(stage, folder, work, 10) for stage in scale.STAGES}
    for stage, found in figures.items():
        assert (found["wall_s"] or 0) > 0, stage
        assert (found["before_bytes"] or 0) > 0, stage
        assert (found["disk_bytes"] == 0) == (stage not in ("bm25s index", "dense index")), stage
    assert (figures["dense index"]["disk_bytes"] or 0) > 60 * 4 * scale.DIMENSIONS
    dense = load_retriever(
        Trial("x", "x", retriever="dense", embedder=str(work / scale.MODEL)), "cpu", EmbeddingCache(work / scale.CACHE)
    )
    dense.index(load_dataset(folder).corpus)
    assert dense.index_from_cache


def test_a_size_is_measured_in_fresh_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "STAGES", {"reading": scale.STAGES["reading"]})
    monkeypatch.setattr(scale, "_write_model", lambda folder: None)
    assert scale.main(["--documents", "30,60", "--queries", "3", "--to", str(tmp_path)]) == 0
    rows = list(csv.DictReader(StringIO((tmp_path / "scale.csv").read_text())))
    assert [(row["stage"], row["documents"], row["queries"]) for row in rows] == [
        ("reading", "30", "3"),
        ("reading", "60", "3"),
    ]
    assert all(float(row["wall_s"]) > 0 and int(row["peak_bytes"]) > 2**20 for row in rows)
    assert (tmp_path / "scale.svg").read_text().count("in proportion") <= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scale.csv", "scale.json", "scale.svg", "sets"]
    assert "CPU µs/doc" in (said := capsys.readouterr().out)
    assert said.count("reading") == 2


def test_a_size_that_cannot_be_ends_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scale.main(["--documents", "2", "--queries", "3", "--to", str(tmp_path)]) == ConfigError.exit_code
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("retriever", "documents", "told"),
    [
        ("bm25", MANY_DOCUMENTS, False),
        ("bm25", MANY_DOCUMENTS + 1, True),
        ("bm25s", 10**6, False),
        ("dense", 10**6, False),
        ("given", 10**6, False),
    ],
)
def test_bm25_over_many_documents_names_bm25s(retriever: str, documents: int, told: bool) -> None:
    said = advice(Trial("x", "x", retriever=retriever), documents)
    assert bool(said) == told
    assert all(f"{documents:,} documents" in text and "use bm25s" in text for text in said)
