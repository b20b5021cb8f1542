"""Reading a set in BEIR layout: what comes out, and one clear error or notice for everything that may be wrong."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.data import load_dataset, read_corpus, splits
from bench.types import DataError, Notice

CORPUS = '{"_id": "d1", "title": "T", "text": "one"}\n{"_id": "d2", "text": "two"}\n'
QUERIES = '{"_id": "q1", "text": "first"}\n{"_id": "q2", "text": "second", "metadata": {"a": 1}, "b": 2}\n'
HEADER = "query-id\tcorpus-id\tscore\n"
QRELS = HEADER + "q2\td2\t2\nq1\td1\t1\nq1\td2\t0\n"


@pytest.fixture(params=[pytest.param(read_corpus.HELD_BYTES, id="held"), pytest.param(-1, id="on disk")], autouse=True)
def shape(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is promised of a corpus in memory is promised of one on disk."""
    monkeypatch.setattr(read_corpus, "HELD_BYTES", request.param)
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_bytes(CORPUS.encode())
    (tmp_path / "queries.jsonl").write_bytes(QUERIES.encode())
    (tmp_path / "qrels" / "test.tsv").write_bytes(QRELS.encode())
    return tmp_path


def write(folder: Path, name: str, content: str | bytes) -> None:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def message(folder: Path, split: str = "test") -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(folder, split)
    return str(caught.value)


def test_reads_documents_queries_and_judgements(folder: Path) -> None:
    dataset = load_dataset(folder)
    assert [(d.id, d.title, d.text) for d in dataset.corpus] == [("d1", "T", "one"), ("d2", "", "two")]
    assert [(q.id, q.text, q.metadata) for q in dataset.queries] == [
        ("q1", "first", {}),
        ("q2", "second", {"a": 1, "b": 2}),
    ]
    assert dataset.qrels == {"q1": {"d1": 1, "d2": 0}, "q2": {"d2": 2}}
    assert (dataset.name, dataset.split, dataset.path) == (folder.name, "test", folder)
    assert dataset.notices == ()


def test_compression_changes_nothing(folder: Path) -> None:
    plain = load_dataset(folder)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        write(folder, name + ".gz", gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    assert splits(folder) == ("test",)
    assert load_dataset(folder) == plain


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_checksum_covers_every_file(folder: Path, name: str) -> None:
    before = load_dataset(folder).checksum
    write(folder, name, (folder / name).read_bytes() + b"\n")
    assert load_dataset(folder).checksum != before


def test_queries_that_cannot_be_scored_are_left_out_and_counted(folder: Path) -> None:
    write(folder, "qrels/test.tsv", HEADER + "q1\td1\t1\nq2\td1\t0\n")
    write(folder, "queries.jsonl", QUERIES + '{"_id": "q3", "text": ""}\n')
    dataset = load_dataset(folder)
    assert [query.id for query in dataset.queries] == ["q1"]
    assert dataset.qrels == {"q1": {"d1": 1}}
    assert [str(notice) for notice in dataset.notices] == [
        "1 × query has no positive judgement in this split, left out (first: query q2)",
        "1 × query has no judgement in this split, left out (first: query q3)",
    ]


@pytest.mark.parametrize(
    ("name", "content", "count_and_line", "text"),
    [
        ("corpus.jsonl", b"\xef\xbb\xbf" + CORPUS.encode(), (1, 1), "file begins with a byte-order mark, skipped"),
        ("qrels/test.tsv", b"\xef\xbb\xbf" + QRELS.encode(), (1, 1), "file begins with a byte-order mark, skipped"),
        ("queries.jsonl", QUERIES.replace("\n", "\r\n"), (2, 1), "line ends in CR LF (Windows), read as LF"),
        ("qrels/test.tsv", QRELS.replace("\n", "\r\n"), (4, 1), "line ends in CR LF (Windows), read as LF"),
        ("corpus.jsonl", CORPUS.replace("\n", "\n  \n"), (2, 2), "blank line, skipped"),
        ("qrels/test.tsv", "\n" + QRELS, (1, 1), "blank line, skipped"),
        ("corpus.jsonl", CORPUS + '{"_id": "d3", "text": " "}', (1, 3), "document has neither title nor text, kept"),
        ("corpus.jsonl", CORPUS + '{"_id": "d3", "text": "x", "title": null}', (1, 3), "title is null, read as empty"),
        ("corpus.jsonl", CORPUS + '{"_id": 3, "text": "x"}', (1, 3), "id is a number, read as its digits"),
        (
            "corpus.jsonl",
            CORPUS + '{"_id": "3", "text": "x", "body": "y"}',
            (1, 3),
            "document has fields other than _id, title, text and metadata, not read",
        ),
        ("qrels/test.tsv", QRELS + "q1\td1\t1\n", (1, 5), "judgement is given again with the same grade, read once"),
        (
            "qrels/test.tsv",
            QRELS.replace("2\n", "2.0\n"),
            (1, 2),
            "grade is written with a decimal point, read as a whole number",
        ),
    ],
)
def test_harmless_oddities_are_counted(
    folder: Path, name: str, content: str | bytes, count_and_line: tuple[int, int], text: str
) -> None:
    plain = load_dataset(folder)
    documents = tuple(plain.corpus)
    write(folder, name, content)
    dataset = load_dataset(folder)
    count, line = count_and_line
    assert dataset.notices == (Notice(text, count, f"{name}:{line}"),)
    assert tuple(dataset.corpus[:2]) == documents
    assert (dataset.queries, dataset.qrels) == (plain.queries, plain.qrels)


@pytest.mark.parametrize(
    ("name", "content", "line", "expected"),
    [
        ("corpus.jsonl", CORPUS + "{oops\n", 3, "not JSON"),
        ("corpus.jsonl", CORPUS + "[1]\n", 3, "the line is a list; expected an object"),
        ("corpus.jsonl", CORPUS + '{"text": "x"}\n', 3, "the field '_id' is missing; the line has ['text']"),
        ("corpus.jsonl", CORPUS + '{"_id": "d3"}\n', 3, "the field 'text' is missing"),
        ("corpus.jsonl", CORPUS + '{"_id": "d3", "text": null}\n', 3, "the field 'text' is null; expected text"),
        ("corpus.jsonl", CORPUS + '{"_id": "d3", "text": "", "title": 7}\n', 3, "the field 'title' is a number"),
        ("corpus.jsonl", CORPUS + '{"_id": true, "text": ""}\n', 3, "the field '_id' is true or false"),
        ("corpus.jsonl", CORPUS + '{"_id": 1.5, "text": ""}\n', 3, "the field '_id' is a number"),
        ("corpus.jsonl", CORPUS + '{"_id": "", "text": ""}\n', 3, "the id is empty"),
        ("corpus.jsonl", CORPUS + '{"_id": "a b", "text": ""}\n', 3, "the id 'a b' contains white space"),
        ("corpus.jsonl", CORPUS + CORPUS, 3, "the id 'd1' was given above (and 1 more such line)"),
        (
            "corpus.jsonl",
            CORPUS + '{"_id": "3", "_id": "4", "text": ""}\n',
            3,
            "not JSON that can be read: the field '_id' is given twice",
        ),
        ("corpus.jsonl", CORPUS + '{"_id": "3", "text": "\\ud800"}\n', 3, "a \\u escape is half of a surrogate pair"),
        ("corpus.jsonl", CORPUS + '{"_id": "3", "text": "", "x": NaN}\n', 3, "not JSON that can be read: NaN"),
        ("corpus.jsonl", CORPUS + "[" * 100_000, 3, "not JSON that can be read"),
        ("corpus.jsonl", CORPUS + '{"_id": ' + "9" * 5000 + ', "text": ""}', 3, "not JSON that can be read"),
        ("corpus.jsonl", CORPUS.encode() + b"\xff\n", 3, "byte 1 of the line (0xff) is not UTF-8"),
        (
            "corpus.jsonl",
            CORPUS.encode("utf-16"),
            1,
            "byte 1 of the line (0xff) is not UTF-8; the file looks like UTF-16",
        ),
        ("corpus.jsonl", gzip.compress(CORPUS.encode(), mtime=0), 1, "give its name the ending .gz"),
        ("corpus.jsonl", "", None, "the corpus has no documents"),
        ("queries.jsonl", "\n", None, "there are no queries"),
        ("queries.jsonl", QUERIES + QUERIES, 3, "the id 'q1' was given above (and 1 more such line)"),
        ("queries.jsonl", QUERIES + '{"_id": "q3"}\n', 3, "the field 'text' is missing"),
        ("queries.jsonl", QUERIES.replace("second", " "), 2, "query 'q2' has no text, but judgements in test"),
        ("qrels/test.tsv", "", 1, "the file is empty; expected the header query-id<TAB>corpus-id<TAB>score"),
        ("qrels/test.tsv", HEADER, None, "no query has a positive judgement"),
        ("qrels/test.tsv", HEADER + "q1\td1\t0\n", None, "no query has a positive judgement"),
        (
            "qrels/test.tsv",
            "q1\td1\t1\n",
            1,
            "expected the header query-id<TAB>corpus-id<TAB>score, found 'q1\\td1\\t1'; the line looks like a",
        ),
        ("qrels/test.tsv", "q1 0 d1 1\n", 1, "the line looks like TREC qrels"),
        ("qrels/test.tsv", "corpus-id\tquery-id\tscore\nd1\tq1\t1\n", 1, "expected the header"),
        ("qrels/test.tsv", QRELS + "q1 d1 1\n", 5, "1 column parted by tabs where there should be 3"),
        ("qrels/test.tsv", QRELS + "q1\t0\td1\t1\n", 5, "4 columns parted by tabs where there should be 3"),
        ("qrels/test.tsv", QRELS + "q1\t\t1\n", 5, "the id is empty"),
        ("qrels/test.tsv", QRELS + "q2\td1\tyes\n", 5, "the grade 'yes' is not a whole number"),
        ("qrels/test.tsv", QRELS + "q2\td1\t0.5\n", 5, "the grade '0.5' is not a whole number"),
        ("qrels/test.tsv", QRELS + "q2\td1\t-1\n", 5, "the grade -1 is not from 0"),
        ("qrels/test.tsv", QRELS + "q2\td1\t5000\n", 5, "the grade 5000 is not from 0 (judged, not relevant) to 1000"),
        ("qrels/test.tsv", QRELS + "q2\td1\t" + "9" * 6000, 5, "is not a whole number"),
        (
            "qrels/test.tsv",
            QRELS + "q1\td1\t2\n",
            5,
            "query 'q1', document 'd1' has the grade 2 here and 1 above; keep one",
        ),
        (
            "qrels/test.tsv",
            QRELS + "q9\td1\t1\nq8\td1\t1\n",
            5,
            "query 'q9' is not in queries.jsonl (and 1 more such line)",
        ),
        (
            "qrels/test.tsv",
            QRELS + "q1\td9\t0\n",
            5,
            "document 'd9' is not in corpus.jsonl; add it or remove the judgement",
        ),
    ],
)
def test_what_would_spoil_a_figure_is_an_error(
    folder: Path, name: str, content: str | bytes, line: int | None, expected: str
) -> None:
    write(folder, name, content)
    with pytest.raises(DataError) as caught:
        load_dataset(folder)
    assert (caught.value.path, caught.value.line) == (folder / name, line)
    assert expected in str(caught.value)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_a_gzip_stream_cut_short(folder: Path, kept: float) -> None:
    packed = gzip.compress("".join(json.dumps({"_id": str(n), "text": str(n * n)}) + "\n" for n in range(500)).encode())
    (folder / "corpus.jsonl").unlink()
    write(folder, "corpus.jsonl.gz", packed[: int(len(packed) * kept)])
    assert "corpus.jsonl.gz:" in (text := message(folder))
    assert "damaged or cut short" in text


def test_a_gzip_stream_that_is_none(folder: Path) -> None:
    (folder / "corpus.jsonl").rename(folder / "corpus.jsonl.gz")
    assert "the gzip stream is damaged" in message(folder)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"{name} (or {name}.gz) is missing" in message(folder)


def test_a_file_given_twice(folder: Path) -> None:
    write(folder, "corpus.jsonl.gz", gzip.compress(b""))
    assert "both corpus.jsonl and corpus.jsonl.gz are there" in message(folder)


def test_a_missing_split_names_those_there_are(folder: Path) -> None:
    shutil.copy(folder / "qrels" / "test.tsv", folder / "qrels" / "dev.tsv")
    write(folder, "qrels/._test.tsv", b"left by another system")
    assert splits(folder) == ("dev", "test")
    assert "there is no split 'train'; there is dev, test" in message(folder, "train")
    assert "there is no split '../qrels/test'" in message(folder, "../qrels/test")


def test_no_judgements_at_all(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").unlink()
    assert "has no <split>.tsv" in message(folder)
    (folder / "qrels").rmdir()
    assert "a set in the BEIR layout is a folder with" in message(folder)
    assert "a set in the BEIR layout" in message(folder / "corpus.jsonl")
    assert "a set in the BEIR layout" in message(folder / "nowhere")


def test_a_folder_where_a_file_should_be(folder: Path) -> None:
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl").mkdir()
    assert "corpus.jsonl: cannot be read" in message(folder)


@pytest.mark.parametrize(
    ("name", "documents", "queries", "judgements"),
    [
        ("adi", 82, 35, 170),
        ("cranfield", 1400, 225, 1837),
        ("dureader_demo_zh", 1390, 196, 898),
        ("scifact", 5183, 300, 339),
        ("stard_gold", 1443, 1543, 2716),
        ("statutory_interp_en", 2654, 24, 2654),
        ("xquad_zh", 240, 1190, 1190),
    ],
)
def test_real_sets(
    shared_data: Callable[[str], Path], name: str, documents: int, queries: int, judgements: int
) -> None:
    dataset = load_dataset(shared_data(name))
    found = (len(dataset.corpus), len(dataset.queries), sum(map(len, dataset.qrels.values())))
    assert found == (documents, queries, judgements)
