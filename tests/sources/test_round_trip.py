"""A set written in any form that is read here is the same set: documents, queries and judgements, letter by letter."""

from __future__ import annotations

import csv
import gzip
import html
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import bench.fetch
from bench.sources import open_set
from bench.sources.spec import read_entry, spec_name
from bench.types import Dataset


@dataclass(frozen=True)
class Small:
    """Documents as (id, title, text), queries as (id, text), and grades by query and document."""

    documents: tuple[tuple[str, str, str], ...]
    queries: tuple[tuple[str, str], ...]
    qrels: dict[str, dict[str, int]]


NASTY = Small(
    (
        ("d-1", '标题 "A", B', 'a "quoted"\ncell,\twith\r\ntabs; and 逗号，'),
        ("2", "", "x < y & z &amp; <b>"),
        ("文档", "'", ""),
    ),
    (("q1", 'what is "x",\ty?'), ("问", "为什么\n面包")),
    {"q1": {"d-1": 2, "2": 0}, "问": {"文档": 1, "d-1": 3}},
)

ids = st.text(st.sampled_from("abcXYZ019-_.:文档éß"), min_size=1, max_size=5)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=12) | st.sampled_from(
    [
        '"',
        '""',
        "a,b",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "c'est",
        "中文，标点。",
        "<DOC>",
        "</TEXT>",
        "&lt;",
        "\\n",
        "null",
        "#",
    ]
)


@st.composite
def small_sets(draw: st.DrawFn) -> Small:
    documents = draw(st.dictionaries(ids, st.tuples(texts, texts), min_size=1, max_size=4))
    queries = draw(st.dictionaries(ids, texts.filter(lambda text: bool(text.strip())), min_size=1, max_size=3))
    grades = st.dictionaries(st.sampled_from(sorted(documents)), st.integers(0, 3), max_size=4)
    qrels = {query: draw(grades) for query in queries}
    first = next(iter(queries))
    qrels[first][draw(st.sampled_from(sorted(documents)))] = draw(st.integers(1, 3))
    return Small(tuple((name, *both) for name, both in documents.items()), tuple(queries.items()), qrels)


# ---------------------------------------------------------------------------------------- writing, one row at a time

Write = Callable[[Path, Sequence[str], Iterable[Sequence[Any]]], None]


def _separated(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with (
        gzip.open(path, "wt", encoding="utf-8", newline="")
        if path.suffix == ".gz"
        else path.open("w", encoding="utf-8", newline="") as file
    ):
        out = csv.writer(
            file, delimiter="\t" if ".tsv" in path.name else ",", lineterminator="\n", quoting=csv.QUOTE_ALL
        )
        out.writerow(header)
        out.writerows(rows)


def _jsonl(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    lines = (json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes("".join(lines).encode())


def _parquet(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    pq.write_table(pa.table({name: list(column) for name, column in zip(header, columns, strict=True)}), path)


WRITERS: dict[str, Write] = {
    "csv": _separated, "csv.gz": _separated, "tsv": _separated, "jsonl": _jsonl, "parquet": _parquet,
}  # fmt: skip


def _judged(small: Small) -> list[tuple[str, str, int]]:
    return [(query, doc, grade) for query, grades in small.qrels.items() for doc, grade in grades.items()]


def _tables(ending: str) -> Callable[[Path, Small], Any]:
    def write(folder: Path, small: Small) -> Any:
        out = WRITERS[ending]
        out(folder / f"d.{ending}", ("key", "head", "body"), small.documents)
        out(folder / f"q.{ending}", ("number", "question"), small.queries)
        out(folder / f"j.{ending}", ("asked", "found", "label"), _judged(small))
        return {
            "name": "drawn set",
            "corpus": {"file": f"d.{ending}", "id": "key", "text": "body", "title": "head"},
            "queries": {"file": f"q.{ending}", "id": "number", "text": "question"},
            "qrels": {"file": f"j.{ending}", "query": "asked", "document": "found", "grade": "label"},
        }

    return write


def _qrels(folder: Path, small: Small) -> None:
    lines = "".join(f"{query} 0 {doc} {grade}\n" for query, doc, grade in _judged(small))
    (folder / "qrels.txt").write_text(lines, encoding="utf-8")


def _trec_json(folder: Path, small: Small) -> Any:
    _jsonl(folder / "docs.jsonl", ("_id", "title", "text"), small.documents)
    _jsonl(folder / "topics.jsonl", ("qid", "query"), small.queries)
    _qrels(folder, small)
    return str(folder)


def _trec_sgml(folder: Path, small: Small) -> Any:
    docs = "".join(
        f"<DOC>\n<DOCNO> {name} </DOCNO>\n<TITLE>{html.escape(title)}</TITLE>\n"
        f"<TEXT>\n{html.escape(text)}\n</TEXT>\n</DOC>\n"
        for name, title, text in small.documents
    )
    with gzip.open(folder / "docs.trec.gz", "wb") as file:
        file.write(docs.encode())
    topics = "".join(
        f"<top>\n<num> Number: {name}\n<title> {html.escape(text)}\n<desc> Description:\nx\n</top>\n\n"
        for name, text in small.queries
    )
    (folder / "topics.txt").write_bytes(topics.encode())
    _qrels(folder, small)
    return {"name": "drawn set", "trec": {"docs": "docs.trec.gz", "topics": "topics.txt", "qrels": "qrels.txt"}}


def _hub(folder: Path, small: Small) -> Any:
    """As the hub's own library writes a repository."""
    for name in ("corpus", "queries", "data"):
        (folder / name).mkdir()
    _parquet(folder / "corpus" / "corpus-00000-of-00001.parquet", ("_id", "title", "text"), small.documents)
    _parquet(folder / "queries" / "queries-00000-of-00001.parquet", ("_id", "text"), small.queries)
    _parquet(folder / "data" / "test-00000-of-00001.parquet", ("query-id", "corpus-id", "score"), _judged(small))
    return {"name": "drawn set", "hf": {
        "repository": "someone/set", "revision": "0" * 40, "corpus": {"config": "corpus", "title": "title"},
        "queries": {"config": "queries"}, "qrels": {"config": "default", "split": "test"},
    }}  # fmt: skip


def _same(text: str) -> str:
    return text


def _stripped(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _spaced(text: str) -> str:
    return " ".join(text.split())


Form = tuple[Callable[[Path, Small], Any], Callable[[str], str], Callable[[str], str]]
FORMS: dict[str, Form] = {
    **{ending: (_tables(ending), _same, _same) for ending in WRITERS},
    "TREC folder, jsonl": (_trec_json, _same, _same),
    "TREC files, tagged": (_trec_sgml, _stripped, _spaced),  # tags are set off by line breaks, which are no text
    "repository of a hub": (_hub, _same, _same),
}


def read_back(entry: Any, folder: Path) -> Dataset:
    name = entry if isinstance(entry, str) else spec_name(read_entry(entry, "config"))
    return open_set(name, "test", folder)


@pytest.mark.parametrize("form", FORMS)
@given(small=small_sets())
@example(small=NASTY)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_what_is_read(form: str, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    write, of_document, of_query = FORMS[form]
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        monkeypatch.setenv("RERANKBENCH_CACHE", str(folder / "cache"))
        monkeypatch.setattr(bench.fetch, "hub_files", lambda *_: folder)
        (folder / "set").mkdir()
        entry = write(folder if form == "repository of a hub" else folder / "set", small)
        dataset = read_back(entry, folder / "set")
    assert [(doc.id, doc.title, doc.text) for doc in dataset.corpus] == [
        (name, of_document(title), of_document(text)) for name, title, text in small.documents
    ]
    positive = {query for query, grades in small.qrels.items() if any(grades.values())}
    assert [(query.id, query.text) for query in dataset.queries] == [
        (name, of_query(text)) for name, text in small.queries if name in positive
    ]
    assert dataset.qrels == {query: grades for query, grades in small.qrels.items() if query in positive}
    assert dataset.name == ("set" if isinstance(entry, str) else "drawn set")


rows = st.lists(st.tuples(texts, st.lists(texts, max_size=3), st.lists(texts, max_size=3)), max_size=3)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@given(rows=rows)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_for_rerankers_keep_their_texts_and_sides(
    ending: str, rows: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [('面包 "why"', ["酵母\n产气", "same"], ["same", "a\tb"]), *rows]
    kept = [row for row in rows if row[1] and row[2] and row[0].strip()]
    rows = [row for row in rows if row in kept or not (row[1] and row[2])]  # a query without text is an error
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        monkeypatch.setenv("RERANKBENCH_CACHE", str(folder / "cache"))
        WRITERS[ending](folder / f"rows.{ending}", ("query", "positive", "negative"), rows)
        dataset = read_back({"name": "rows", "reranking": f"rows.{ending}"}, folder)
        text = {doc.id: doc.text for doc in dataset.corpus}
        beside = (dataset.path / "candidates.trec").read_text(encoding="utf-8").splitlines()
    assert [query.text for query in dataset.queries] == [row[0] for row in kept]
    for query, (_, positive, negative) in zip(dataset.queries, kept, strict=True):
        grades = dataset.qrels[query.id]
        assert sorted(text[doc] for doc, grade in grades.items() if grade) == sorted(positive)
        assert sorted(text[doc] for doc, grade in grades.items() if not grade) == sorted(negative)
        assert query.metadata["candidates"] == list(grades)
    listed = [(query.id, doc) for query in dataset.queries for doc in query.metadata["candidates"]]
    assert [(line.split()[0], line.split()[2]) for line in beside] == listed
