"""TREC files: the forms in which topics and documents come, a folder told by its names, and what is wrong in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.notices import Tally
from bench.sources import check_set, open_set, trec
from bench.types import DataError

DOC = "<DOC><DOCNO>d1</DOCNO><TEXT>a firewall for the server</TEXT></DOC>\n"


def write(folder: Path, **files: str) -> Path:
    """Files by name, with ``__`` for a dot."""
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<top>\n<num> Number: 301 \n<title> Topic: Airbus &amp; Boeing\n\n<desc> Description:\nA B\n</top>\n",
         "Airbus & Boeing"),
        ("<top>\n<num>301</num><title>\nover\ntwo lines </title>\n<desc>x</desc></top>", "over two lines"),
        ("<top><num> 301 <title> one line <desc> x </top><top><num> 302 <title> y </top>", "one line"),
        ('<topics>\n<topic number="301" type="x">\n<query>family tree</query>\n<description>d</description>\n</topic>\n'
         "</topics>", "family tree"),
        ('<?xml version="1.0"?>\n<topics task="x"><topic number=\'301\'><query>中文 查询</query>'
         "<question>x</question></topic></topics>", "中文 查询"),
        ('{"id": 301, "title": "from json"}\n', "from json"),
        ('{"qid": "301", "query": "q", "title": "not this"}\n', "q"),
        ("301\twith a tab\n", "with a tab"),
        ("\n301\twindows\r\n", "windows"),
    ],
)  # fmt: skip
def test_topics(content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "topics").write_text(content, encoding="utf-8", newline="")
    _, query = next(trec.topics([tmp_path / "topics"], "title", Tally()))
    assert (query.id, query.text) == ("301", expected)


@pytest.mark.parametrize(("field", "expected"), [("title", "t"), ("description", "what is asked"), ("narrative", "n")])
def test_a_field_of_the_topic(field: str, expected: str, tmp_path: Path) -> None:
    text = "<top>\n<num> Number: 1\n<title> t\n<desc> Description:\nwhat is\nasked\n<narr> Narrative:\nn\n</top>"
    ((_, query),) = trec.topics([write(tmp_path, topics=text) / "topics"], field, Tally())
    assert query.text == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<DOC>\n<DOCNO> d1 </DOCNO>\n<HEADLINE><P>Head</P></HEADLINE>\n"
         "<TEXT>\n<P>\none\n\ntwo &lt;b&gt; AT&amp;T\n</TEXT>\n</DOC>", ("Head", "one\n\ntwo <b> AT&T")),
        ("<doc><docno>d1</docno><text>a</text><text>b</text></doc>", ("", "a\nb")),
        ("<DOC><DOCNO>d1</DOCNO>\n<DOCHDR>http</DOCHDR>\n<html>the rest, a < b</html></DOC>", ("", "the rest, a < b")),
        ('{"docno": "d1", "title": null, "contents": "c"}', ("", "c")),
        ("d1\tplain text", ("", "plain text")),
    ],
)  # fmt: skip
def test_documents(content: str, expected: tuple[str, str], tmp_path: Path) -> None:
    ((_, document),) = trec.documents([write(tmp_path, docs=content) / "docs"], Tally())
    assert (document.id, document.title, document.text) == ("d1", *expected)


def test_a_folder_is_told_by_its_names(tmp_path: Path) -> None:
    write(tmp_path, docs__trec=DOC, topics__txt="1\tfirewall\n", qrels__cacm__txt="1 0 d1 1\n", README__md="x")
    dataset = open_set(tmp_path.name, "test", tmp_path.parent)
    assert (dataset.name, dataset.qrels) == (tmp_path.name, {"1": {"d1": 1}})
    assert dataset.description == "Converted from docs.trec, topics.txt, qrels.cacm.txt."


def test_several_files_of_judgements_are_splits_and_a_folder_of_documents_is_one_corpus(tmp_path: Path) -> None:
    write(tmp_path, topics__dev__txt="1\tfirewall\n", topics__test__txt="2\tserver\n")
    write(tmp_path, qrels__dev="1 0 d1 1\n", qrels__test="2 0 d2 1\n")
    (tmp_path / "docs").mkdir()
    write(tmp_path / "docs", a__trec=DOC, b__jsonl='{"id": "d2", "text": "server"}\n', __hidden="x")
    assert [query.id for query in open_set(str(tmp_path), "dev", tmp_path).queries] == ["1"]
    assert [doc.id for doc in open_set(str(tmp_path), "test", tmp_path).corpus] == ["d1", "d2"]
    assert [report.split for report in check_set(str(tmp_path), tmp_path) if report.ok] == ["dev", "test"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"qrels__txt": "", "topics__txt": ""}, "a folder of TREC files has docs, such as docs.jsonl; there is qrels"),
        ({"qrels__txt": "", "docs__txt": ""}, "a folder of TREC files has topics, such as topics.txt; there is docs"),
        ({"qrels__txt": "", "topics__a": "", "docs__txt": "", "corpus__jsonl": ""}, "both corpus.jsonl and docs.txt"),
        ({"qrels__txt": "", "qrels__trec": ""}, "both qrels.trec and qrels.txt are there; remove the one not meant"),
        ({"corpus__jsonl": "", "queries__jsonl": ""}, "a set in the BEIR layout is a folder with"),
    ],
)  # fmt: skip
def test_a_folder_that_lacks_something(files: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_set(str(write(tmp_path, **files)), "test", tmp_path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("qrels.txt", "1 0 d1\n", "qrels.txt:1: 3 columns; qrels have 4, query iteration document grade; it looks"),
        ("qrels.txt", "# a comment\n1 0 d1 x\n", "qrels.txt:2: the value is 'x'; a grade is a whole number"),
        ("qrels.txt", "1 0 d1 1\n1 0 d1 0\n", "qrels.txt:2: query '1', document 'd1' has the grade 0 here and 1 above"),
        ("qrels.txt", "1 0 d7 1\n", "qrels.txt:1: the judged document 'd7' is none of the set's"),
        ("topics.txt", "", "topics.txt: the file is empty"),
        ("topics.txt", "1 firewall\n", "topics.txt:1: expected id<TAB>text, found '1 firewall'"),
        ("topics.txt", "<top>\n<num> 1\n<desc> x\n</top>", "topics.txt:1: the topic has no title (title or query)"),
        ("topics.txt", "<top>\n<title> x\n</top>", "topics.txt:1: the topic has no <num> and no number=…"),
        ("topics.txt", "\n<top>\n<num> 1\n<title> x\n", "topics.txt:2: the element that begins here does not end"),
        ("topics.txt", '{"number": 1, "text": "x"}', "topics.txt:1: no id in the fields number, text; expected _id"),
        ("docs.txt", "<DOC>\nno number\n</DOC>\n", "docs.txt:1: the document has no <DOCNO>"),
        ("docs.txt", f"<DOC>\n<DOCNO>d0</DOCNO>\n{DOC}", "docs.txt:3: another element begins before that of line 1"),
        ("docs.txt", DOC + DOC, "docs.txt:2: the document 'd1' was given above; ids are unique"),
        ("docs.txt", '{"id": "d1", "body": "x"}', "docs.txt:1: no text in the fields id, body; expected text or"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file(name: str, content: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, docs__txt=DOC, topics__txt="1\tfirewall\n", qrels__txt="1 0 d1 1\n")
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        open_set(str(tmp_path), "test", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path.resolve()}/{said}")
