"""A labelled set in BEIR layout, file by file; and the two other forms of documents that are one file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rerankbench_fuzz_engine import Target, in_file, load

forms = load("json_lines")

CORPUS = (
    b'{"_id": "d1", "title": "Servers", "text": "Use a firewall to protect a server."}\n'
    b'{"_id": "d2", "text": "How attackers steal data from a server.", "metadata": {"year": 2020}}\n'
    + '{"_id": "d3", "title": "", "text": "如何在Python中安全地读取CSV文件"}\n'.encode()
    + b'{"_id": 4, "title": null, "text": ""}\n'
)
QUERIES = (
    b'{"_id": "q1", "text": "protect my server", "metadata": {"kind": "a", "n": [1, 2]}}\n'
    b'{"_id": "q2", "text": "Python CSV", "language": "zh", "candidates": ["d3", "d1"]}\n'
    b'{"_id": "q3", "text": "nobody judged this"}\n'
)
QRELS = b"query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td3\t1.0\nq2\t4\t1\n"
CARD = (
    b'name = "Small set"\nlicence = "CC BY 4.0"\nrevision = "1"\nlanguages = ["en", "zh"]\ndrops_own_id = false\n'
    b'description = """\nTwo\nlines\n"""\n\n[checksums]\n"qrels/dev.tsv" = "' + b"0" * 64 + b'"\n'
)
FILES = {"corpus.jsonl": CORPUS, "queries.jsonl": QUERIES, "qrels/test.tsv": QRELS, "dataset.toml": CARD}
JSON = (
    b'"_id"', b'"text"', b'"title"', b'"metadata"', b'"candidates"', b"null", b"true", b"-0", b"1e400", b"2.5", b"[]",
    b"{}", b'"\\ud800"', b'"\\u0000"', b'"a b"', b'"\\u2028"', b"NaN", b"-Infinity", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\r\n", b"d1", b"q1", b"[" * 3000, b"9" * 5000,
)  # fmt: skip
GRADES = (
    b"\t", b"1.0", b"1.", b"2.5", b"-1", b"1000", b"1001", b"1e400", b"+1", b"nan", "１".encode(), b"q1", b"d1", b"4",
    b"query-id\tcorpus-id\tscore\n", b"q1 0 d1 1\n", b"\r\n", b"\xef\xbb\xbf", b"\xc2\x85",
)  # fmt: skip
TOML = (
    b"name", b"licence", b"revision", b"description", b"languages", b"drops_own_id", b"checksums", b'"corpus.jsonl"',
    b"true", b"[]", b"{}", b'"\\u001b"', b'"""', b"'", b"1979-05-27", b"inf", b"0x", b"[[a]]", b"a.b.c = 1", b"=",
    b"[" * 3000,
)  # fmt: skip


def _reader(name: str) -> Callable[[bytes, Path], None]:
    """The set with ``name`` mutated, read from memory, from disk and compressed."""

    def read(data: bytes, folder: Path) -> None:
        from bench.data import load_dataset
        from bench.types import DataError

        for own, content in {**FILES, name: data}.items():
            (folder / own).parent.mkdir(exist_ok=True)
            in_file(folder / own, content)
        (folder / f"{name}.gz").unlink(missing_ok=True)
        on_disk = _read_from_disk(folder)
        try:
            held = load_dataset(folder)
        except DataError:
            assert on_disk is None, "read from disk, and refused in memory"
            raise
        assert on_disk == _contents(held)
        if name != "dataset.toml":
            in_file(folder / f"{name}.gz", gzip.compress(data, 1, mtime=0))
            (folder / name).unlink()
            try:
                packed = load_dataset(folder)
            except DataError as error:
                raise AssertionError(f"read as it is, and refused when it is compressed: {error}") from error
            assert packed.checksum == held.checksum
            assert _contents(packed) == on_disk

    return read


def _read_from_disk(folder: Path) -> object:
    """What is read where a corpus of any size stays on disk; None where that is refused."""
    from bench.data import load_dataset, read_corpus
    from bench.types import DataError

    before, read_corpus.HELD_BYTES = read_corpus.HELD_BYTES, -1
    try:
        return _contents(load_dataset(folder))
    except DataError:
        return None
    finally:
        read_corpus.HELD_BYTES = before


def _contents(dataset: object) -> object:
    """All of a set, checked for what no set may hold."""
    corpus, queries, qrels = tuple(dataset.corpus), dataset.queries, dataset.qrels  # type: ignore[attr-defined]
    documents = {document.id for document in corpus}
    assert len(documents) == len(corpus)
    assert queries
    assert qrels.keys() == {query.id for query in queries}
    for identifier in (*documents, *qrels):
        assert identifier.split() == [identifier]
        assert not any(ord(sign) < 32 or 126 < ord(sign) < 160 for sign in identifier)
    for text in (*(document.content for document in corpus), *(query.text for query in queries)):
        text.encode()
    for grades in qrels.values():
        assert grades.keys() <= documents
        assert all(type(grade) is int and 0 <= grade <= 1000 for grade in grades.values())
    json.dumps([dict(query.metadata) for query in queries]).encode()
    return corpus, queries, qrels


def _compressed(data: bytes, folder: Path) -> None:
    """A damaged stream of gzip."""
    from bench.data import load_dataset

    for own, content in FILES.items():
        (folder / own).parent.mkdir(exist_ok=True)
        in_file(folder / own, content)
    (folder / "corpus.jsonl").unlink()
    in_file(folder / "corpus.jsonl.gz", data)
    _contents(load_dataset(folder))


def _texts(data: bytes, folder: Path) -> None:
    from bench.texts import read_documents

    for name in ("docs.jsonl", "docs.txt"):
        documents = read_documents(in_file(folder / name, data))
        assert documents
        assert all(isinstance(each, str) for each in documents)


def _changed(seed: bytes, cells: bool = False) -> tuple[Any, ...]:
    change = forms.cell_changed if cells else forms.value_changed
    return forms.fresh(seed, change), change


TARGETS = (
    Target("corpus", _reader("corpus.jsonl"), (CORPUS,), JSON, "corpus.jsonl", 60, _changed(CORPUS)),
    Target("queries", _reader("queries.jsonl"), (QUERIES,), JSON, "queries.jsonl", 60, _changed(QUERIES)),
    Target("qrels", _reader("qrels/test.tsv"), (QRELS,), GRADES, "test.tsv", 60, _changed(QRELS, cells=True)),
    Target("dataset-card", _reader("dataset.toml"), (CARD,), TOML, "dataset.toml", 60),
    Target(
        "corpus-gz", _compressed, tuple(gzip.compress(CORPUS, level, mtime=0) for level in (0, 9)), (), "corpus", 60
    ),
    Target("score-documents", _texts, (CORPUS,), JSON, "docs.", 60, _changed(CORPUS)),
)
