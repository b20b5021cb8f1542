"""For any set, writing and reading gives it back; for any bytes, nothing is raised but DataError."""

from __future__ import annotations

import gzip
import json
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data import check_dataset, load_dataset
from bench.types import DataError

FILES = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "dataset.toml")
VALID = {
    "corpus.jsonl": b'{"_id": "d1", "title": "", "text": "one"}\n',
    "queries.jsonl": b'{"_id": "q1", "text": "first"}\n',
    "qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    "dataset.toml": b'name = "x"\n',
}

ids = st.text(st.characters(exclude_categories=("Cs", "Z", "Cc")), min_size=1, max_size=8)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
filled = texts.filter(lambda text: bool(text.strip()))


@st.composite
def labelled_sets(draw: st.DrawFn) -> tuple[dict[str, tuple[str, str]], dict[str, str], dict[str, dict[str, int]]]:
    corpus = draw(st.dictionaries(ids, st.tuples(texts, texts), min_size=1, max_size=5))
    queries = draw(st.dictionaries(ids, filled, min_size=1, max_size=5))
    grades = st.dictionaries(st.sampled_from(sorted(corpus)), st.integers(0, 4), min_size=1)
    qrels = {query: {**draw(grades), next(iter(corpus)): draw(st.integers(1, 4))} for query in queries}
    return corpus, queries, qrels


@settings(deadline=None, max_examples=60)
@given(labelled_sets(), st.booleans(), st.booleans(), st.booleans())
def test_round_trip(
    labelled: tuple[dict[str, tuple[str, str]], dict[str, str], dict[str, dict[str, int]]],
    packed: bool,
    windows: bool,
    escaped: bool,
) -> None:
    corpus, queries, qrels = labelled
    files = {
        "corpus.jsonl": [
            json.dumps({"_id": i, "title": a, "text": b}, ensure_ascii=escaped) for i, (a, b) in corpus.items()
        ],
        "queries.jsonl": [json.dumps({"_id": i, "text": text}, ensure_ascii=escaped) for i, text in queries.items()],
        "qrels/test.tsv": ["query-id\tcorpus-id\tscore"]
        + [f"{query}\t{document}\t{grade}" for query, judged in qrels.items() for document, grade in judged.items()],
    }
    end = "\r\n" if windows else "\n"
    contents = {name: "".join(line + end for line in lines).encode() for name, lines in files.items()}
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name), {f"{n}.gz": gzip.compress(c) for n, c in contents.items()} if packed else contents)
        dataset = load_dataset(Path(name))
    assert {document.id: (document.title, document.text) for document in dataset.corpus} == corpus
    assert {query.id: query.text for query in dataset.queries} == queries
    assert dataset.qrels == qrels


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(st.sampled_from(FILES), st.one_of(st.binary(max_size=200), texts.map(str.encode))),
    st.sets(st.sampled_from(FILES[:3])),
)
def test_any_bytes_give_a_set_or_a_data_error(contents: dict[str, bytes], packed: set[str]) -> None:
    _expect_no_crash({**VALID, **contents}, packed)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["q1", "d1", "", "\ud800", "a b"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["_id", "text", "title", "metadata", "x"]), inner, max_size=5),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(FILES[:2]),
    st.lists(json_values.map(json.dumps), max_size=4),
    st.lists(
        st.lists(st.sampled_from(["q1", "d1", "1", "0", "-1", "1.0", "x", "", " ", "1e3", "١"]), max_size=4).map(
            "\t".join
        )
    ),
)
def test_any_records_give_a_set_or_a_data_error(name: str, lines: list[str], judgements: list[str]) -> None:
    extra = {
        name: VALID[name] + "\n".join(lines).encode(),
        "qrels/test.tsv": VALID["qrels/test.tsv"] + "\n".join(judgements).encode(),
    }
    _expect_no_crash({**VALID, **extra}, set())


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 200), st.integers(0, 255))
def test_one_byte_changed_in_a_gzip_stream(position: int, value: int) -> None:
    stream = bytearray(gzip.compress(VALID["corpus.jsonl"], mtime=0))
    stream[position % len(stream)] = value
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name), {**{n: c for n, c in VALID.items() if n != FILES[0]}, "corpus.jsonl.gz": bytes(stream)})
        with suppress(DataError):
            load_dataset(Path(name))


def _expect_no_crash(contents: dict[str, bytes], packed: set[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name), {f"{n}.gz" if n in packed else n: content for n, content in contents.items()})
        with suppress(DataError):
            load_dataset(Path(name))
        (report,) = check_dataset(Path(name))
        assert report.ok == (report.dataset is not None)


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    (folder / "qrels").mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
