"""Tables: what is wrong is told with the file, the row and the column, and what is odd is counted and kept."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.types import DataError, Dataset

Open = Callable[[Mapping[str, Any]], Dataset]
DOCS = "doc_id,subject,body\n"
JUDGED = "qid,doc_id,label\n"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("docs.csv", b"", "docs.csv:1: the file is empty; expected a header with doc_id, body, subject"),
        ("docs.csv", b"doc_id,subject,body\n", "docs.csv: there are no documents"),
        ("docs.csv", b"doc_idd,subject,body\nt1,,x\n",
         "docs.csv: unknown column 'doc_id'. Did you mean 'doc_idd'? Known: doc_idd, subject, body"),
        ("docs.csv", b"doc_id;subject;body\nt1;;x\n",
         "docs.csv: unknown column 'doc_id'. Known: doc_id;subject;body; say delimiter: ';'"),
        ("docs.csv", b"doc_id,subject,body,body\n", "docs.csv: the column 'body' is there twice; rename one"),
        ("docs.csv", DOCS.encode() + b"t1,a,b\nt2,a,b,c\n", "docs.csv:3: the row has 4 cells, the header 3"),
        ("docs.csv", DOCS.encode() + b't1,"a\nb",c\n,d,e\n', "docs.csv:4: the column 'doc_id' is empty"),
        ("docs.csv", DOCS.encode() + b"t 1,a,b\n", "docs.csv:2: the column 'doc_id' is 't 1'"),
        ("docs.csv", DOCS.encode() + b't1,a,"b\n', "docs.csv:2: the row is not csv: unexpected end of data"),
        ("docs.csv", DOCS.encode() + b't1,a,"b" c\n', "docs.csv:2: the row is not csv: ',' expected after '\"'"),
        ("docs.csv", DOCS.encode() + b"t1,a,b\nt1,c,d\n", "docs.csv:3: the document 't1' was given above"),
        ("docs.csv", DOCS.encode() + b"t1,a,\xe9\n", "docs.csv:2: byte 6 of the line (0xe9) is not UTF-8; save"),
        ("docs.csv", "doc_id,body".encode("utf-16"), "docs.csv:1: byte 1 of the line (0xff) is not UTF-8; the"),
        ("queries.csv", b"qid,question\nq1,a\nq1,b\n", "queries.csv:3: the query 'q1' was given above"),
        ("queries.csv", b"qid,question\nq1, \nq2,b\n", "queries.csv:2: the query 'q1' has no text"),
        ("judged.csv", JUDGED.encode() + b"q1,t1,1.5\n", "judged.csv:2: the column 'label' is '1.5'"),
        ("judged.csv", JUDGED.encode() + b"q1,t1,good\n", "judged.csv:2: the column 'label' is 'good'"),
        ("judged.csv", JUDGED.encode() + b"q1,t1,1001\n", "judged.csv:2: the column 'label' is 1001"),
        ("judged.csv", JUDGED.encode() + b"q1,t1,1\nq1,t9,1\nq1,t8,1\n",
         "judged.csv:3: the judged document 't9' is none of the set's (and 1 more such judgements); add it"),
        ("judged.csv", JUDGED.encode() + b"q1,t1,1\nq9,t1,1\n", "judged.csv:3: the judged query 'q9' is none"),
        ("judged.csv", JUDGED.encode() + b"q1,t1,1\nq1,t1,2\n",
         "judged.csv:3: query 'q1', document 't1' has the grade 2 here and 1 above; keep one"),
        ("judged.csv", JUDGED.encode() + b"q1,t1,0\n", "judged.csv: no query of the split 'test' has"),
    ],
)  # fmt: skip
def test_what_is_wrong(
    file: str, content: bytes, said: str, tickets: dict[str, Any], tmp_path: Path, open_entry: Open
) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_entry(tickets)
    assert str(caught.value).startswith(f"{tmp_path.resolve()}/{said}")


def test_the_same_errors_of_typed_tables_name_the_row(
    tickets: dict[str, Any], tmp_path: Path, open_entry: Open
) -> None:
    where = {"file": "docs.parquet", "id": "doc_id", "text": "body"}
    for column, said in (
        (pa.array(["a", None]), "row 2: the column 'doc_id' is empty"),
        (pa.array([["a"], ["b"]]), "row 1: the column 'doc_id' is ['a']; an id is text or a whole number"),
    ):
        pq.write_table(pa.table({"doc_id": column, "body": ["x", "y"]}), tmp_path / "docs.parquet")
        with pytest.raises(DataError) as caught:
            open_entry({**tickets, "corpus": where})
        assert f"docs.parquet: {said}" in str(caught.value)
    with pytest.raises(DataError, match=r"unknown column 'text'\. Known: doc_id, body"):
        open_entry({**tickets, "corpus": {**where, "text": "text"}})
    (tmp_path / "docs.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="cannot be read as parquet after row 0"):
        open_entry({**tickets, "corpus": where})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"doc_id": "t1"}', "docs.jsonl:1: unknown column 'body'. Known: doc_id"),
        ('{"doc_id": "t1", "body": ["x"]}', "docs.jsonl:1: the column 'body' is ['x']; expected text"),
        ('{"doc_id": "t1", "body": "x"', "docs.jsonl:1: not JSON:"),
        ('["t1", "x"]', "docs.jsonl:1: the line is a list; expected an object"),
        ('{"doc_id": "t1", "body": "x", "titel": "y"}', "docs.jsonl: unknown column 'title'. Did you mean 'titel'?"),
    ],
)
def test_jsonl(line: str, said: str, tickets: dict[str, Any], tmp_path: Path, open_entry: Open) -> None:
    (tmp_path / "docs.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        open_entry({**tickets, "corpus": {"file": "docs.jsonl", "id": "doc_id", "text": "body", "title": "title"}})
    assert str(caught.value).startswith(f"{tmp_path.resolve()}/{said}")


def test_what_is_odd_is_counted_with_its_place(tickets: dict[str, Any], tmp_path: Path, open_entry: Open) -> None:
    (tmp_path / "docs.csv").write_bytes(b'\xef\xbb\xbfdoc_id,subject,body\r\nt1,a,"b\r\nc"\r\n\r\nt2,,\r\nt3,x,y\r\n')
    (tmp_path / "judged.csv").write_text(JUDGED + "q1,t1,1.0\nq1,t1,1\nq1,t2,false\nq1,t3,-2\nq2,t3,\nq2,t1,TRUE\n")
    dataset = open_entry(tickets)
    assert dataset.corpus[0].text == "b\r\nc"
    assert dataset.qrels == {"q1": {"t1": 1, "t2": 0, "t3": 0}, "q2": {"t1": 1}}
    assert [str(notice) for notice in dataset.notices] == [
        "1 × file begins with a byte-order mark, skipped (first: docs.csv:1)",
        "1 × row spans several lines (line breaks in quotes), kept (first: docs.csv:2)",
        "1 × blank line, skipped (first: docs.csv:4)",
        "1 × document has neither title nor text, kept (first: docs.csv:5)",
        "1 × grade is written with a decimal point, read as a whole number (first: judged.csv:2)",
        "1 × judgement is given again with the same grade, read once (first: judged.csv:3)",
        "2 × grade is true or false, read as 1 or 0 (first: judged.csv:4)",
        "1 × grade is below 0, read as 0 (judged, not relevant) (first: judged.csv:5)",
        "1 × judgement has no grade, left out (first: judged.csv:6)",
    ]


def test_typed_columns_of_numbers_and_nulls(tickets: dict[str, Any], tmp_path: Path, open_entry: Open) -> None:
    """As pandas writes them: ids that are numbers, ids that became floats beside a null, a title that is null."""
    docs = pa.table({"doc_id": [1, 2], "subject": [None, "s"], "body": ["x", None]})
    pq.write_table(docs, tmp_path / "docs.parquet")
    pq.write_table(pa.table({"qid": ["q1"], "question": ["x"]}), tmp_path / "q.parquet")
    judged = pa.table({"qid": ["q1", "q1"], "doc_id": [1.0, 2.0], "label": [True, False]})
    pq.write_table(judged, tmp_path / "judged.parquet")
    dataset = open_entry({
        "name": "typed",
        "corpus": {**tickets["corpus"], "file": "docs.parquet"},
        "queries": {**tickets["queries"], "file": "q.parquet"},
        "qrels": {**tickets["qrels"], "file": "judged.parquet"},
    })  # fmt: skip
    assert [(doc.id, doc.title, doc.text) for doc in dataset.corpus] == [("1", "", "x"), ("2", "s", "")]
    assert dataset.qrels == {"q1": {"1": 1, "2": 0}}
    assert {notice.message: notice.example for notice in dataset.notices} == {
        "id is a number, read as its digits": "docs.parquet, row 1",
        "title is missing (null), read as empty": "docs.parquet, row 1",
        "text is missing (null), read as empty": "docs.parquet, row 2",
        "id is written with a decimal point, read as a whole number": "judged.parquet, row 1",
        "grade is true or false, read as 1 or 0": "judged.parquet, row 1",
    }


def test_without_a_grade_every_row_is_relevant(tickets: dict[str, Any], open_entry: Open) -> None:
    del tickets["qrels"]["grade"]
    assert open_entry(tickets).qrels == {"q1": {"t1": 1, "t2": 1}, "q2": {"t3": 1}}


def test_parts_of_a_table_are_read_in_order(tickets: dict[str, Any], tmp_path: Path, open_entry: Open) -> None:
    whole = (tmp_path / "docs.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    for number, rows in enumerate((whole[1:2], whole[2:]), start=1):
        with gzip.open(tmp_path / f"part-{number}.csv.gz", "wt", encoding="utf-8") as file:
            file.write("".join([whole[0], *rows]))
    tickets["corpus"]["file"] = "part-*.csv.gz"
    assert [doc.id for doc in open_entry(tickets).corpus] == ["t1", "t2", "t3"]


def test_raw_tsv_has_no_quotes_and_a_delimiter_can_be_named(
    tickets: dict[str, Any], tmp_path: Path, open_entry: Open
) -> None:
    (tmp_path / "docs.tsv").write_text('doc_id\tbody\nt1\t"hi" he said\nt2\t"\nt3\tx\n', encoding="utf-8")
    (tmp_path / "queries.csv").write_text("qid;question\nq1;a, b\nq2;c\n", encoding="utf-8")
    tickets["corpus"] = {"file": "docs.tsv", "id": "doc_id", "text": "body", "quoted": False}
    tickets["queries"]["delimiter"] = ";"
    dataset = open_entry(tickets)
    assert [doc.text for doc in dataset.corpus] == ['"hi" he said', '"', "x"]
    assert dataset.queries[0].text == "a, b"
    with pytest.raises(
        DataError, match=r"docs\.tsv:2: the row is not tsv: .*; if its quotes are plain letters, say quoted"
    ):
        open_entry({**tickets, "corpus": {**tickets["corpus"], "quoted": True}})


def test_a_missing_file_names_the_nearest(tickets: dict[str, Any], open_entry: Open) -> None:
    tickets["corpus"]["file"] = "doc.csv"
    with pytest.raises(DataError, match=r"doc\.csv: there is no such file; did you mean docs\.csv\?"):
        open_entry(tickets)
    tickets["corpus"]["file"] = "*.parquet"
    with pytest.raises(DataError, match=r"no file is called '\*\.parquet'"):
        open_entry(tickets)
    tickets["corpus"]["file"] = "docs.xlsx"
    with pytest.raises(DataError, match=r"there is no such file"):
        open_entry(tickets)


def test_another_kind_of_file_is_told(tickets: dict[str, Any], tmp_path: Path, open_entry: Open) -> None:
    (tmp_path / "docs.xlsx").write_bytes(b"PK")
    tickets["corpus"]["file"] = "docs.xlsx"
    with pytest.raises(DataError, match=r"is no table by its name; expected \.csv, \.tsv or \.jsonl"):
        open_entry(tickets)
