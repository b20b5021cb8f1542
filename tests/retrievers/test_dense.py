"""The dense retriever: exact cosine order, prompts where they belong, cached documents, and clear refusals."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cache import EmbeddingCache
from bench.data import load_dataset, read_corpus
from bench.data.corpus import DiskCorpus
from bench.machine.meter import Stopwatch
from bench.retrievers import dense as dense_module
from bench.retrievers import load_retriever
from bench.retrievers.dense import DenseRetriever
from bench.retrievers.zipf import write_zipf
from bench.types import DataError, Document, ModelError, Query, ScoreError, Trial, rank

CORPUS = [Document(f"d{n}", text) for n, text in enumerate(["cat dog", "whale", "bread yeast", "server", "cat", "fox"])]
QUERIES = [Query("q1", "cat"), Query("q2", "yeast bread"), Query("q3", "server attack")]


def trial_of(folder: Path, **fields: Any) -> Trial:
    return replace(Trial(dataset="x", pipeline="x", retriever="dense", embedder=str(folder), dtype="fp32"), **fields)


def load(folder: Path, cache: EmbeddingCache | None = None, **fields: Any) -> DenseRetriever:
    retriever = load_retriever(trial_of(folder, **fields), "cpu", cache)
    assert isinstance(retriever, DenseRetriever)
    return retriever


def vectors_of(folder: Path, texts: list[str]) -> np.ndarray[Any, Any]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    vectors: np.ndarray[Any, Any] = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    return vectors


@pytest.mark.parametrize("k", [1, 3, 100])
def test_the_order_is_that_of_all_cosines(make_model: Callable[..., Path], k: int) -> None:
    folder = make_model()
    retriever = load(folder)
    retriever.index(CORPUS)
    run = retriever.search(QUERIES, k)
    cosines = vectors_of(folder, [query.text for query in QUERIES]) @ vectors_of(folder, [d.text for d in CORPUS]).T
    for query, row in zip(QUERIES, cosines.tolist(), strict=True):
        expected = rank(zip([document.id for document in CORPUS], row, strict=True), k)
        assert [doc.doc_id for doc in run[query.id]] == [doc.doc_id for doc in expected]
        assert [doc.score for doc in run[query.id]] == pytest.approx([doc.score for doc in expected], abs=1e-6)


def test_ties_at_the_cut_go_by_document_id(make_model: Callable[..., Path]) -> None:
    retriever = load(make_model())
    retriever.index([Document(f"d{n:02}", "cat") for n in range(40)] + [Document("z", "dog")])
    found = [doc.doc_id for doc in retriever.search([Query("q", "cat")], 5)["q"]]
    assert found == ["d39", "d38", "d37", "d36", "d35"]


def test_small_chunks_change_nothing(make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    retriever = load(make_model())
    retriever.index(CORPUS)
    whole = retriever.search(QUERIES, 3)
    monkeypatch.setattr(dense_module, "CHUNK_TEXTS", 1)
    told: list[tuple[int, int]] = []
    parts = load_retriever(
        trial_of(make_model(), embedder_batch_size=2), "cpu", None, lambda done, total: told.append((done, total))
    )
    parts.index(CORPUS)
    assert told == [(2, 6), (4, 6), (6, 6)]
    for query, ranking in parts.search(QUERIES, 3).items():
        assert [doc.doc_id for doc in ranking] == [doc.doc_id for doc in whole[query]]


@pytest.mark.parametrize("window", [1, 2, 4, 6, 100])
def test_windows_over_the_corpus_change_nothing(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    whole = load(make_model())
    whole.index(CORPUS)
    monkeypatch.setattr(dense_module, "WINDOW_TEXTS", window)
    told: list[tuple[int, int]] = []
    cache = EmbeddingCache(tmp_path / "cache")
    parts = load_retriever(trial_of(make_model()), "cpu", cache, lambda done, total: told.append((done, total)))
    parts.index(CORPUS)
    assert told[-1] == (6, 6)
    assert len(told) == -(-6 // window)
    assert parts.search(QUERIES, 3) == whole.search(QUERIES, 3)


def test_a_corpus_on_disk_is_gone_through_twice_and_then_once(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To name its vectors and to embed it; and to name them, when they are there."""
    monkeypatch.setattr(read_corpus, "HELD_BYTES", -1)
    dataset = load_dataset(write_zipf(tmp_path / "set", documents=60, queries=5))
    passes: list[int] = []
    own = DiskCorpus.__iter__
    monkeypatch.setattr(DiskCorpus, "__iter__", lambda corpus: passes.append(len(corpus)) or own(corpus))
    monkeypatch.setattr(dense_module, "WINDOW_TEXTS", 16)
    runs = []
    for expected in ([60, 60], [60, 60, 60]):
        retriever = load(make_model(), EmbeddingCache(tmp_path / "cache"))
        retriever.index(dataset.corpus)
        runs.append(retriever.search(dataset.queries, 10))
        assert passes == expected
    held = load(make_model())
    held.index(tuple(dataset.corpus))
    assert runs == [held.search(dataset.queries, 10)] * 2


def test_each_side_has_its_own_prompt(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    retriever = load(folder, query_prompt="query: ", document_prompt="document: ")
    retriever.index(CORPUS)
    found = {doc.doc_id: doc.score for doc in retriever.search([Query("q", "cat")], 100)["q"]}
    queries, documents = vectors_of(folder, ["query: cat"]), vectors_of(folder, [f"document: {d.text}" for d in CORPUS])
    assert [found[document.id] for document in CORPUS] == pytest.approx((queries @ documents.T)[0].tolist(), abs=1e-6)


@pytest.mark.parametrize(("given", "means"), [(None, "query: "), ("", ""), ("cat ", "cat ")])
def test_a_prompt_left_out_is_the_models_own_and_an_empty_one_is_none(
    make_model: Callable[..., Path], given: str | None, means: str
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = make_model()
    expected = vectors_of(folder, [f"{means}dog"]) @ vectors_of(folder, ["cat dog"]).T
    SentenceTransformer(str(folder), device="cpu", prompts={"query": "query: "}).save(
        str(folder), create_model_card=False
    )
    retriever = load(folder, query_prompt=given)
    retriever.index(CORPUS[:1])
    (found,) = retriever.search([Query("q", "dog")], 1)["q"]
    assert found.score == pytest.approx(expected.item(), abs=1e-6)


def test_documents_come_from_the_cache_and_queries_do_not(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = make_model(), EmbeddingCache(tmp_path / "cache")
    first = load(folder, cache)
    first.index(CORPUS)
    assert not first.index_from_cache
    run = first.search(QUERIES, 3)

    second = load(folder, cache)
    asked: list[str] = []
    encode = second._encoder.encode

    def watched(texts: Sequence[str], prompt: str) -> Any:
        asked.extend(texts)
        return encode(texts, prompt)

    monkeypatch.setattr(second._encoder, "encode", watched)
    second.index(CORPUS)
    assert second.index_from_cache
    assert second.search(QUERIES, 3) == run
    assert asked == [query.text for query in QUERIES]
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1


def test_what_decides_the_vectors_decides_the_entry(make_model: Callable[..., Path], tmp_path: Path) -> None:
    folder, cache = make_model(), EmbeddingCache(tmp_path / "cache")
    load(folder, cache).index(CORPUS)
    others: list[tuple[Path, dict[str, Any], list[Document]]] = [
        (make_model(seed=1), {}, CORPUS),
        (folder, {"document_prompt": "document: "}, CORPUS),
        (folder, {"dtype": "bf16"}, CORPUS),
        (folder, {}, CORPUS[::-1]),
        (folder, {}, CORPUS[1:]),
        (folder, {}, [Document("d", "cat dogwhale"), *CORPUS[2:]]),
    ]
    for model, fields, corpus in others:
        retriever = load(model, cache, **fields)
        retriever.index(corpus)
        assert not retriever.index_from_cache, (model, fields)
    same = load(folder, cache, query_prompt="query: ", embedder_batch_size=1)
    same.index([Document(f"renamed-{document.id}", document.text) for document in CORPUS])
    assert same.index_from_cache


def test_a_damaged_entry_is_set_aside_and_computed_anew(
    make_model: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, cache = make_model(), EmbeddingCache(tmp_path / "cache")
    first = load(folder, cache)
    first.index(CORPUS)
    run = first.search(QUERIES, 3)
    (entry,) = (tmp_path / "cache").glob("*.npy")
    content = bytearray(entry.read_bytes())
    content[-1] ^= 1
    entry.write_bytes(content)

    again = load(folder, cache)
    with caplog.at_level(logging.WARNING):
        again.index(CORPUS)
    assert "damaged" in caplog.text
    assert again.search(QUERIES, 3) == run
    assert entry.with_name(entry.name + ".damaged").exists()
    third = load(folder, cache)
    third.index(CORPUS)
    assert third.index_from_cache


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_vectors_are_fp32_and_of_length_one_in_every_dtype(make_model: Callable[..., Path], dtype: str) -> None:
    import torch

    vectors = load(make_model(), dtype=dtype)._encoder.encode(["cat dog", "whale fox"], "")
    assert vectors.dtype == torch.float32
    assert vectors.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-6)


def test_embedding_and_search_are_timed_apart(make_model: Callable[..., Path]) -> None:
    retriever, stages = load(make_model()), Stopwatch()
    retriever.index(CORPUS)
    retriever.search(QUERIES, 3, stages)
    assert set(stages.seconds) == {"embed", "search"}
    assert retriever.search([], 3) == {}


def test_a_vector_that_is_not_a_number_names_its_document(make_model: Callable[..., Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_model()
    (weights,) = folder.rglob("model.safetensors")
    tensors = load_file(weights)
    (name,) = tensors
    tensors[name][3] = float("nan")  # "whale"
    save_file(tensors, weights)
    with pytest.raises(ScoreError, match=r"'d1' is not finite"):
        load(folder).index(CORPUS)


def test_misuse_is_told(make_model: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_model()
    retriever = load(folder)
    with pytest.raises(RuntimeError, match="index"):
        retriever.search(QUERIES, 3)
    with pytest.raises(DataError, match="no documents"):
        retriever.index([])
    with pytest.raises(ModelError, match="leave embedder_max_length out"):
        load(folder, embedder_max_length=8)
    with pytest.raises(ModelError):
        load(tmp_path / "nowhere")
    for tokenizer in folder.rglob("tokenizer.json"):
        tokenizer.write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded as an embedding model"):
        load(folder)


def test_the_shipped_embedder_gives_vectors_for_any_text() -> None:
    retriever = load_retriever(Trial("x", "x", retriever="dense", embedder="asset:tracer-embedder"), "cpu")
    retriever.index(CORPUS)
    assert len(retriever.search(QUERIES, 6)["q1"]) == len(CORPUS)
