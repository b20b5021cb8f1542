"""The index of bm25s: built from a stream and mapped from disk, it is the library's own; a damaged one is made anew."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.cache import EmbeddingCache
from bench.data import load_dataset, read_corpus
from bench.data.corpus import DiskCorpus
from bench.retrievers import bm25s_index as module
from bench.retrievers import load_retriever
from bench.retrievers.bm25s import Bm25sRetriever
from bench.retrievers.tokens import tokenise
from bench.retrievers.zipf import write_zipf
from bench.types import Dataset, Document, StoreError, Trial

texts = st.lists(
    st.lists(st.sampled_from(["cat", "dog", "cow", "hen", "猫猫"]), max_size=9).map(" ".join), min_size=1, max_size=9
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two hundred documents on disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_corpus, "HELD_BYTES", -1)
        return load_dataset(write_zipf(tmp_path_factory.mktemp("zipf") / "set", documents=200, queries=20))


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents each building of an index went over."""
    counts: list[int] = []
    own = module.build

    def watched(corpus: Sequence[Document]) -> object:
        counts.append(len(corpus))
        return own(corpus)

    monkeypatch.setattr(module, "build", watched)
    return counts


@settings(deadline=None)  # the first example imports what is used
@given(texts.filter(any))
def test_a_streamed_index_is_the_librarys_own(corpus: list[str]) -> None:
    import bm25s

    words = [tokenise(text) for text in corpus]
    theirs = bm25s.BM25()
    theirs.index(words, show_progress=False)
    ours = module.build([Document(f"d{n}", text) for n, text in enumerate(corpus)])
    assert ours.vocab_dict.keys() == theirs.vocab_dict.keys()
    for word in {word for document in words for word in document}:
        assert np.array_equal(ours.get_scores([word]), theirs.get_scores([word]))
    query = [word for document in words for word in document]
    assert np.array_equal(ours.get_scores(query), theirs.get_scores(query))


def test_a_mapped_index_ranks_as_one_in_memory(drawn: Dataset, tmp_path: Path, built: list[int]) -> None:
    in_memory = Bm25sRetriever()
    in_memory.index(tuple(drawn.corpus))
    expected = in_memory.search(drawn.queries, 50)
    assert all(ranking for ranking in expected.values())
    for number in range(2):
        retriever = load_retriever(Trial("x", "x", retriever="bm25s"), "cpu", EmbeddingCache(tmp_path))
        assert isinstance(retriever, Bm25sRetriever)
        retriever.index(drawn.corpus)
        assert retriever.index_from_cache == (number > 0)
        assert isinstance(retriever._model.scores["data"], np.memmap)
        assert retriever.search(drawn.queries, 50) == expected
    assert built == [200]


def test_only_what_decides_the_index_names_it(drawn: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(drawn.corpus, DiskCorpus)
    assert not module.kept(tmp_path, drawn.corpus.checksum, drawn.corpus)[1]
    assert module.kept(tmp_path, drawn.corpus.checksum, drawn.corpus)[1]
    assert not module.kept(tmp_path, "another", drawn.corpus)[1]
    monkeypatch.setattr(module, "version", lambda name: "0")
    assert not module.kept(tmp_path, drawn.corpus.checksum, drawn.corpus)[1]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["data.csc.index.npy", "vocab.index.json", "params.index.json", "kept.json"])
@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: content.replace(b"1", b"2"), None])
def test_a_damaged_index_is_made_anew(
    drawn: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[bytes], bytes] | None
) -> None:
    module.kept(tmp_path, "set", drawn.corpus)
    (folder,) = tmp_path.iterdir()
    file = folder / name
    whole = file.read_bytes()
    file.write_bytes(damage(whole)) if damage else file.unlink()
    with caplog.at_level(logging.WARNING):
        model, found = module.kept(tmp_path, "set", drawn.corpus)
    assert not found
    assert model.scores["num_docs"] == 200
    assert "damaged" in caplog.text
    assert folder.with_name(folder.name + ".damaged").exists()
    assert json.loads((folder / "kept.json").read_text())
    assert file.read_bytes() == whole


def test_a_small_corpus_leaves_nothing_behind(tmp_path: Path) -> None:
    retriever = Bm25sRetriever(tmp_path)
    retriever.index([Document("a", "cat"), Document("b", "dog")])
    assert list(tmp_path.iterdir()) == []
    assert not retriever.index_from_cache


def test_a_corpus_on_disk_without_a_word(tmp_path: Path, drawn: Dataset) -> None:
    model, found = module.kept(tmp_path, "set", [Document("a", "?!")])
    assert (model.vocab_dict, found, list(tmp_path.iterdir())) == ({}, False, [])


def test_a_folder_that_cannot_be_written(drawn: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match=r"cannot be kept in .*; free space or name another"):
        module.kept(tmp_path / "file", "set", drawn.corpus)
