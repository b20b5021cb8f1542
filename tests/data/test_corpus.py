"""A corpus on disk: a sequence of documents like any other, whose file is read no more often than it must be."""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data import check_dataset, contents_of, ids_of, load_dataset, read_corpus
from bench.data.corpus import DiskCorpus
from bench.data.ids import Ids, IdsBuilder
from bench.types import DataError, Dataset, Document, StoreError
from bench.whole import UNFINISHED

DOCUMENTS = tuple(Document(f"d{n}", f"文 text {n}" * n, "" if n % 3 else f"title {n}") for n in range(30))


@pytest.fixture(autouse=True)
def nothing_is_held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(read_corpus, "HELD_BYTES", -1)
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set" / "qrels").mkdir(parents=True)
    lines = [
        json.dumps({"_id": d.id, "title": d.title, "text": d.text}, ensure_ascii=bool(n % 2))
        for n, d in enumerate(DOCUMENTS)
    ]
    lines[7] += "\r"
    lines.insert(5, "\u00a0 ")  # blank to Python, though not to JSON
    (tmp_path / "set" / "corpus.jsonl").write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode())
    (tmp_path / "set" / "queries.jsonl").write_text('{"_id": "q", "text": "text"}\n', encoding="utf-8")
    (tmp_path / "set" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td3\t1\n", encoding="utf-8")
    return tmp_path / "set"


@pytest.fixture
def corpus(folder: Path) -> DiskCorpus:
    corpus = load_dataset(folder).corpus
    assert isinstance(corpus, DiskCorpus)
    return corpus


def test_it_is_the_sequence_of_its_documents(corpus: DiskCorpus) -> None:
    assert isinstance(corpus, Sequence)
    assert len(corpus) == 30
    assert tuple(corpus) == DOCUMENTS == tuple(corpus)
    assert [corpus[n] for n in range(-30, 30)] == [DOCUMENTS[n] for n in range(-30, 30)]
    assert list(reversed(corpus)) == list(reversed(DOCUMENTS))
    assert DOCUMENTS[4] in corpus
    assert corpus.index(DOCUMENTS[9]) == 9
    for wrong in (30, -31):
        with pytest.raises(IndexError):
            corpus[wrong]


@pytest.mark.parametrize("part", [slice(None), slice(2, 5), slice(None, None, 7), slice(None, None, -4), slice(40, 50)])
def test_a_slice_is_a_tuple(corpus: DiskCorpus, part: slice) -> None:
    assert corpus[part] == DOCUMENTS[part]


def test_two_iterations_do_not_disturb_each_other(corpus: DiskCorpus) -> None:
    assert [(a.id, b.id) for a, b in zip(corpus, reversed(corpus), strict=True)][:2] == [("d0", "d29"), ("d1", "d28")]
    assert all(a == b == corpus[n] for n, (a, b) in enumerate(zip(corpus, corpus, strict=True)))


def test_ids_and_contents_are_those_of_the_documents(corpus: DiskCorpus) -> None:
    held = tuple(corpus)
    assert list(ids_of(corpus)) == ids_of(held)
    contents = contents_of(corpus)
    assert dict(contents) == contents_of(held) == {document.id: document.content for document in DOCUMENTS}
    assert (len(contents), "d3" in contents, "d99" in contents) == (30, True, False)
    with pytest.raises(KeyError):
        contents["d99"]


def test_it_goes_to_another_process(corpus: DiskCorpus) -> None:
    again = pickle.loads(pickle.dumps(corpus))
    assert again == corpus
    assert tuple(again) == DOCUMENTS
    assert again.ids.index("d7") == 7
    code = "import pickle, sys; c = pickle.load(sys.stdin.buffer); print(c[3].id, c.ids.index('d5'), 'd99' in c.ids)"
    told = subprocess.run(
        [sys.executable, "-P", "-c", code], input=pickle.dumps(corpus), capture_output=True, check=True
    )
    assert told.stdout.split() == [b"d3", b"5", b"False"]


def test_equal_files_are_equal_corpora(folder: Path, corpus: DiskCorpus) -> None:
    assert load_dataset(folder).corpus == corpus
    assert hash(load_dataset(folder).corpus) == hash(corpus)
    with (folder / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"_id": "more", "text": ""}')
    assert load_dataset(folder).corpus != corpus
    assert corpus != DOCUMENTS


def counted_openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    own = Path.open

    def watched(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if mode == "rb":
            opened.append(path.name)
        return own(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", watched)
    return opened


def test_reading_a_set_reads_its_corpus_once_and_each_pass_once_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = counted_openings(monkeypatch)
    corpus = load_dataset(folder).corpus
    assert opened.count("corpus.jsonl") == 1
    assert (len(corpus), list(ids_of(corpus))[-1]) == (30, "d29")
    assert opened.count("corpus.jsonl") == 1
    assert sum(len(document.text) for document in corpus) > 0
    assert opened.count("corpus.jsonl") == 2
    assert len(corpus[::3]) == 10
    assert opened.count("corpus.jsonl") == 3


def test_a_small_corpus_is_read_once_for_good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_corpus, "HELD_BYTES", 2**20)
    opened = counted_openings(monkeypatch)
    corpus = load_dataset(folder).corpus
    assert corpus == DOCUMENTS
    assert (corpus[3], list(corpus)[4], opened.count("corpus.jsonl")) == (DOCUMENTS[3], DOCUMENTS[4], 1)


def test_the_line_at_which_a_corpus_grows_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (folder / "corpus.jsonl").stat().st_size
    monkeypatch.setattr(read_corpus, "HELD_BYTES", size)
    assert isinstance(load_dataset(folder).corpus, tuple)
    monkeypatch.setattr(read_corpus, "HELD_BYTES", size // 2)
    assert isinstance(load_dataset(folder).corpus, DiskCorpus)


def test_a_file_that_changed_is_not_read_on(folder: Path, corpus: DiskCorpus) -> None:
    path = folder / "corpus.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    for use in (lambda: list(corpus), lambda: corpus[0], lambda: corpus[:2], lambda: contents_of(corpus)["d0"]):
        with pytest.raises(DataError, match="the file has changed since it was checked; run again"):
            use()
    path.unlink()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        corpus[0]


def packed(folder: Path) -> Dataset:
    content = (folder / "corpus.jsonl").read_bytes()
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(content))
    return load_dataset(folder)


def test_a_compressed_corpus_is_decompressed_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load_dataset(folder)
    dataset = packed(folder)
    assert dataset == plain
    assert tuple(dataset.corpus) == DOCUMENTS
    (copy,) = (tmp_path / "cache" / "corpora").glob("*.jsonl")
    assert copy.stem == dataset.corpus.checksum  # type: ignore[attr-defined]
    made = copy.stat().st_mtime_ns
    unpacked: list[Path] = []
    own = gzip.open
    monkeypatch.setattr(gzip, "open", lambda path, mode: unpacked.append(path) or own(path, mode))  # type: ignore[func-returns-value]
    assert load_dataset(folder) == plain
    assert tuple(dataset.corpus) == DOCUMENTS  # whose copy nobody touched
    assert (len(unpacked), copy.stat().st_mtime_ns) == (1, made)


def test_a_damaged_copy_is_made_anew(folder: Path, tmp_path: Path) -> None:
    packed(folder)
    (copy,) = (tmp_path / "cache" / "corpora").glob("*.jsonl")
    whole = copy.read_bytes()
    copy.write_bytes(whole.replace(b"title 3", b"title 4"))
    assert tuple(load_dataset(folder).corpus) == DOCUMENTS
    assert copy.read_bytes() == whole


def test_what_a_killed_process_was_decompressing_is_removed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache" / "corpora").mkdir(parents=True)
    (tmp_path / "cache" / "corpora" / f"{UNFINISHED}half").write_bytes(b"half")
    packed(folder)
    assert sorted(each.suffix for each in (tmp_path / "cache" / "corpora").iterdir()) == [".jsonl", ".lock"]


def test_a_cache_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match=r"cannot be decompressed into .*set RERANKBENCH_CACHE"):
        packed(folder)


def test_counts_are_those_of_a_corpus_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"_id": "twice", "text": "文 text 1"}\n{"_id": "empty", "text": " "}')
    (on_disk,) = check_dataset(folder)
    monkeypatch.setattr(read_corpus, "HELD_BYTES", 2**20)
    (held,) = check_dataset(folder)
    assert on_disk.counts == held.counts
    assert held.counts is not None
    assert (held.counts.documents, held.counts.empty_documents, held.counts.duplicate_texts) == (32, 1, 1)


# --------------------------------------------------------------------------------------------------------- ids


def ids_like(identifiers: Sequence[str]) -> Ids:
    builder = IdsBuilder()
    for identifier in identifiers:
        builder.add(identifier)
    return builder.build()


some_ids = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=12)


@given(some_ids, st.text(max_size=3), st.booleans())
def test_ids_are_a_sequence_that_can_be_searched(identifiers: list[str], other: str, collide: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if collide:  # every hash equals every other
            patch.setattr("bench.data.ids.hash64", lambda data: 7)
        ids = ids_like(identifiers)
        assert list(ids) == identifiers == [ids[n] for n in range(len(ids))]
        assert ids[::2] == tuple(identifiers[::2])
        assert [n for n, identifier in enumerate(identifiers) if identifier in identifiers[:n]] == ids.repeated()
        for identifier in [*identifiers, other]:
            assert (identifier in ids) == (identifier in identifiers)
            if identifier in identifiers:
                assert ids.index(identifier) == identifiers.index(identifier)
            else:
                with pytest.raises(ValueError, match="not among the ids"):
                    ids.index(identifier)
    assert 3 not in ids


def test_ids_take_few_bytes() -> None:
    ids = ids_like([f"document-{n}" for n in range(10_000)])
    assert len(pickle.dumps(ids)) < 50 * len(ids)
