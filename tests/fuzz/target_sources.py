"""Sets in other forms: TREC files, tables, rows for rerankers; and TREC runs as candidates.

What a conversion accepts, the one reader of sets accepts as well: that is asserted of every input.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rerankbench_fuzz_engine import Target, in_file, load

forms = load("json_lines")

DOCS = (
    b"<DOC>\n<DOCNO> d1 </DOCNO>\n<TITLE>Servers &amp; walls</TITLE>\n<TEXT>\nUse a <b>firewall</b>.\n</TEXT>\n</DOC>\n"
    b"<DOC><DOCNO>d2</DOCNO><HEADLINE>How attackers</HEADLINE> steal &#100;ata <TEXT>a</TEXT><TEXT>b</TEXT></DOC>\n"
    b"<doc>\r\n<docno>d3</docno>\r\n<docid>3</docid> plain words &#x4e2d; &unknown; </doc>\r\n"
)
DOCS_JSON = (
    b'{"id": "d1", "contents": "Use a firewall", "title": "Servers"}\n{"docno": "d2", "text": "data"}\n'
    b'\n{"_id": 3, "text": null}\n{"doc_id": "d3", "text": 2.5}\n'
)
DOCS_TAB = b"d1\tUse a firewall\nd2\tHow attackers\tsteal data\n\nd3\t\n"
TOPICS = (
    b"<top>\n<num> Number: q1\n<title> Topic: protect my server\n\n<desc> Description:\nHow.\n<narr> Narrative:\nAny.\n"
    b"</top>\n"
    b'<topic number="q2"><query>data &lt;theft&gt;</query><description>x</description></topic>\n'
)
TREC_QRELS = b"q1 0 d1 2\nq1 0 d2 0\n\n# remark\nq2 0 d2 1\nq2 0 d3 -1\n"
RUN = b"q1 Q0 d1 1 2.5 tag\nq1 Q0 d2 2 1.5 tag\nq2 Q0 d3 1 1e-3 tag\n\nq2\tQ0\td1\t2\t-7\ttag\nother Q0 d9 1 0.1 tag\n"
TAGS = (
    b"<DOC>", b"</DOC>", b"<DOCNO>", b"</DOCNO>", b"<TITLE>", b"</title >", b"<TEXT", b"</TEXT>", b"<TI>", b"<top>",
    b"</top>", b"<topic number='", b"<num>", b"<title>", b"<desc>", b"</num>", b"&amp;", b"&#0;", b"&#55296;",
    b"&#1114112;", b"&#x110000;", b"&#" + b"1" * 5000 + b";", b"&NewLine;", b"&#27;", b"&#8232;", b"Number:",
    b"<DOCHDR>", b"d1\t", b"<DOC>" * 50, b"<TITLE " * 400, b"<TEXT>" * 400,
)  # fmt: skip
CSV = b'id,title,text\nd1,Servers,"Use a ""firewall"",\nand a patch"\nd2,,data\nd3,"x",\n'
QUERIES_CSV = b"qid,question\nq1,protect my server\nq2,data\n"
QRELS_CSV = b"qid,did,grade\nq1,d1,2\nq1,d2,0\nq2,d2,1.0\nq2,d3,\n"
JSONL = b'{"id": "d1", "title": "Servers", "text": "Use a firewall"}\n{"id": 2, "text": null}\n{"id": 3.0, "text": 4}\n'
QRELS_JSONL = (
    b'{"qid": "q1", "did": "d1", "grade": 2}\n{"qid": "q1", "did": 2, "grade": false}\n'
    b'{"qid": "q2", "did": "3", "grade": "1.0"}\n{"qid": "q2", "did": "d1", "grade": null}\n'
)
ROWS = (
    b'{"query": "protect", "positive": ["firewall", "patch"], "negative": ["bread"], "id": "a"}\n'
    b'{"query": "bread", "positive": "yeast", "negative": ["sun", "abacus"], "id": "b"}\n'
    b'{"query": "none", "positive": [], "negative": ["x"], "id": "c"}\n'
)
WORDS = (
    b'"',
    b'""',
    b",",
    b"\t",
    b"\r\n",
    b"id",
    b"text",
    b"grade",
    b"1e400",
    b"-1",
    b"nan",
    b"true",
    b"2.5",
    b"\x00",
    b"\xff",
)


def _converted(parts: Any, folder: Path) -> None:
    """Write the set, and read it as a run would."""
    from bench.data import load_dataset
    from bench.data.card import Card
    from bench.data.notices import Tally
    from bench.sources.parts import write_parts
    from bench.types import DataError

    write_parts(folder / "set", Card("set \ud800 \U0001f600", description="\x7f"), parts, Tally())
    try:
        dataset = load_dataset(folder / "set")
    except DataError as error:
        raise AssertionError(f"converted, and refused by the reader: {error}") from error
    assert dataset.queries


def _trec(mutated: str, name: str) -> Callable[[bytes, Path], None]:
    """A TREC set of which the part ``mutated`` is, in a file called ``name``."""

    def read(data: bytes, folder: Path) -> None:
        from bench.sources import trec
        from bench.sources.parts import Parts

        seeds = {"docs": ("docs.trec", DOCS), "topics": ("topics.txt", TOPICS), "qrels": ("qrels.txt", TREC_QRELS)}
        docs, topics, qrels = (
            in_file(folder / own, content) for own, content in {**seeds, mutated: (name, data)}.values()
        )
        parts = Parts(
            lambda tally: trec.documents([docs], tally),
            lambda tally: trec.topics([topics], "title", tally),
            {"test": lambda tally: trec.qrels(qrels, tally)},
            (docs, topics, qrels),
        )
        _converted(parts, folder)

    return read


def _tables(mutated: str, name: str, others: Mapping[str, tuple[str, bytes]]) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        from bench.sources.spec import CorpusTable, QrelsTable, QueriesTable
        from bench.sources.tabular import tabular_parts

        files = {part: in_file(folder / own, content) for part, (own, content) in others.items()}
        files[mutated] = in_file(folder / name, data)
        corpus = CorpusTable(file="corpus", id="id", text="text", title="title")
        queries = QueriesTable(file="queries", id="qid", text="question")
        qrels = QrelsTable(file="qrels", query="qid", document="did", grade="grade")

        def located(table: Any) -> Sequence[Path]:
            return [files[table.file]]

        _converted(tabular_parts(corpus, queries, {"test": qrels}, located), folder)

    return read


def _rows(data: bytes, folder: Path) -> None:
    from bench.sources.reranking import reranking_parts
    from bench.sources.spec import RerankingTable

    table = RerankingTable(file="rows.jsonl", id="id")
    _converted(reranking_parts([in_file(folder / "rows.jsonl", data)], table, "test"), folder)


def _run(data: bytes, folder: Path) -> None:
    from bench.sources.runs import read_candidates
    from bench.store import format_run, parse_run
    from bench.types import DataError, rank

    path = in_file(folder / "run.trec", data)
    queries, documents = ("q1", "q2"), frozenset({"d1", "d2", "d3"})
    whole = None
    with suppress(DataError):
        whole = read_candidates(path)
    found = read_candidates(path, queries, documents)
    assert whole is not None, "a fault in the file is found for some queries and not for others"
    for query, ranking in found.run.items():
        assert ranking == rank(ranking) == whole.run[query]
    assert parse_run(format_run(found.run, "tag")) == found.run


class _Parquet(Sequence[bytes]):
    """Tables of documents, written when they are asked for: pyarrow is not imported to collect tests."""

    def __init__(self) -> None:
        self._made: list[bytes] = []

    def __getitem__(self, place: Any) -> Any:
        return self._written()[place]

    def __len__(self) -> int:
        return len(self._written())

    def _written(self) -> list[bytes]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {"id": ["d1", "d2", "d3"], "title": ["Servers", None, "x"], "text": ["Use a firewall", "data", ""]}
        numbers = {"id": [1, 2, 3], "title": [1.5, None, 2.0], "text": ["a", "b", "c"]}
        for table, options in ((columns, {}), (numbers, {"compression": "none", "use_dictionary": False})):
            if len(self._made) < 2:
                out = io.BytesIO()
                pq.write_table(pa.table(table), out, store_schema=False, write_statistics=False, **options)
                self._made.append(out.getvalue())
        return self._made


def _fields(seed: bytes) -> tuple[Any, ...]:
    return forms.fresh(seed, forms.value_changed), forms.value_changed


def _cells(seed: bytes) -> tuple[Any, ...]:
    return forms.fresh(seed, forms.cell_changed), forms.cell_changed


QRELS_TSV = QRELS_CSV.replace(b",", b"\t")
QUERIES = {"queries": ("queries.csv", QUERIES_CSV)}
ONE_JUDGED = b"qid,did,grade\nq1,d1,1\n"
OF_DOCUMENTS = {**QUERIES, "qrels": ("qrels.csv", QRELS_CSV)}
OF_FIRST = {**QUERIES, "qrels": ("qrels.csv", ONE_JUDGED)}
TARGETS = (
    Target("trec-documents", _trec("docs", "docs.trec"), (DOCS, DOCS_JSON, DOCS_TAB), TAGS, "", 40),
    Target("trec-topics", _trec("topics", "topics.txt"), (TOPICS, b"q1\tserver\nq2\tdata\n"), TAGS, "", 40),
    Target("trec-qrels", _trec("qrels", "qrels.txt"), (TREC_QRELS,), WORDS, "qrels.txt", 40, _cells(TREC_QRELS)),
    Target("trec-run", _run, (RUN,), WORDS, "run.trec", 60, _cells(RUN)),
    Target("csv", _tables("corpus", "docs.csv", OF_DOCUMENTS), (CSV,), WORDS, "", 40, _cells(CSV)),
    Target(
        "csv-qrels", _tables("qrels", "qrels.tsv", {**QUERIES, "corpus": ("docs.csv", CSV)}),
        (QRELS_TSV,), WORDS, "qrels.tsv", 40, _cells(QRELS_TSV),
    ),
    Target("jsonl", _tables("corpus", "docs.jsonl", OF_FIRST), (JSONL,), WORDS, "", 40, _fields(JSONL)),
    Target(
        "jsonl-qrels", _tables("qrels", "qrels.jsonl", {**QUERIES, "corpus": ("docs.jsonl", JSONL)}),
        (QRELS_JSONL,), WORDS, "qrels.jsonl", 40, _fields(QRELS_JSONL),
    ),
    Target("parquet", _tables("corpus", "docs.parquet", OF_FIRST), _Parquet(), (), "", 40),
    Target("reranking-rows", _rows, (ROWS,), WORDS, "rows.jsonl", 40, _fields(ROWS)),
)  # fmt: skip
