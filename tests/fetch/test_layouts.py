"""Every published form of one small set gives that set; files that are none of them are named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.fetch.layouts import SHUFFLED, Choice, Parts, needed, read_layout
from bench.types import DataError

SHARD = "-00000-of-00001"
Forms = dict[str, tuple[str, str, dict[str, bytes]]]


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def forms(kit: Any) -> Forms:
    """Name -> layout, subset, files."""
    judged = [{"query-id": q, "corpus-id": d, "score": g} for q, d, g in kit.JUDGED]
    by_id = [{"id" if key == "_id" else key: value for key, value in row.items()} for row in kit.DOCUMENTS]
    asked = [{"id": row["_id"], "text": row["text"]} for row in kit.QUERIES]
    head = (
        "---\nconfigs:\n- config_name: corpus\n  data_files: [{split: corpus, path: a/*.parquet}]\n"
        "- config_name: queries\n  data_files: [{split: queries, path: b.jsonl}]\n"
        "- config_name: default\n  data_files:\n  - {split: train, path: c/train.tsv}\n"
        "  - {split: test, path: c/x.tsv}\n---\n# A set\n"
    )
    train = kit.tsv([("q3", "d3", 1)])
    return {
        "beir": ("beir", "", kit.beir()),
        "beir in a folder": ("beir", "", kit.beir("scifact/")),
        "beir in gzip": ("beir", "", {f"{name}.gz": gzip.compress(text) for name, text in kit.beir().items()}),
        "a repository of jsonl and tsv": ("mteb-retrieval", "", kit.beir() | {"qrels/train.tsv": train}),
        "a repository of jsonl alone": (
            "mteb-retrieval",
            "",
            {
                "corpus.jsonl": kit.lines(by_id),
                "queries.jsonl": kit.lines(asked),
                "qrels/test.jsonl": kit.lines(judged),
            },
        ),
        "parquet by configuration": (
            "mteb-retrieval",
            "",
            {
                f"corpus/test{SHARD}.parquet": kit.parquet(by_id),
                f"queries/test{SHARD}.parquet": kit.parquet(asked),
                f"data/test{SHARD}.parquet": kit.parquet(judged),
                f"data/train{SHARD}.parquet": kit.parquet(judged[:1]),
            },
        ),
        "parquet in shards": (
            "mteb-retrieval",
            "",
            {
                "corpus/corpus-00000-of-00002.parquet": kit.parquet(kit.DOCUMENTS[:5]),
                "corpus/corpus-00001-of-00002.parquet": kit.parquet(kit.DOCUMENTS[5:]),
                f"queries/queries{SHARD}.parquet": kit.parquet(kit.QUERIES),
                f"qrels/test{SHARD}.parquet": kit.parquet(judged),
            },
        ),
        "parquet named by part": (
            "mteb-retrieval",
            "",
            {
                f"data/corpus{SHARD}-8afe7b7a7eca49e3.parquet": kit.parquet(by_id),
                f"data/queries{SHARD}-930bf3b805a80dd9.parquet": kit.parquet(asked),
                f"qrels/test{SHARD}-92ed0416056ff7e1.parquet": kit.parquet(judged),
            },
        ),
        "both forms of every file": (
            "mteb-retrieval",
            "",
            kit.beir()
            | {
                f"corpus/corpus{SHARD}.parquet": kit.parquet(kit.DOCUMENTS),
                f"queries/queries{SHARD}.parquet": kit.parquet(kit.QUERIES),
            },
        ),
        "as the README says": (
            "mteb-retrieval",
            "",
            {
                "README.md": head.encode(),
                "a/x.parquet": kit.parquet(kit.DOCUMENTS),
                "b.jsonl": kit.lines(kit.QUERIES),
                "c/x.tsv": kit.tsv(kit.JUDGED),
                "c/train.tsv": train,
            },
        ),
        "one subset of several": (
            "mteb-retrieval",
            "en",
            {
                f"en-corpus/test{SHARD}.parquet": kit.parquet(kit.DOCUMENTS),
                f"en-queries/test{SHARD}.parquet": kit.parquet(kit.QUERIES),
                f"en-qrels/test{SHARD}.parquet": kit.parquet(judged),
                f"de-corpus/test{SHARD}.parquet": kit.parquet(kit.DOCUMENTS[:2]),
                f"de-queries/test{SHARD}.parquet": kit.parquet(kit.QUERIES[:2]),
                f"de-qrels/test{SHARD}.parquet": kit.parquet(judged[:2]),
            },
        ),
        "nano": (
            "nano",
            "",
            {
                f"corpus/train{SHARD}.parquet": kit.parquet(kit.DOCUMENTS),
                f"queries/train{SHARD}.parquet": kit.parquet(kit.QUERIES),
                f"qrels/train{SHARD}.parquet": kit.parquet([{"query-id": q, "corpus-id": d} for q, d, _ in kit.JUDGED]),
            },
        ),
    }  # fmt: skip


FORMS = (
    "beir", "beir in a folder", "beir in gzip", "a repository of jsonl and tsv", "a repository of jsonl alone",
    "parquet by configuration", "parquet in shards", "parquet named by part", "both forms of every file",
    "as the README says", "one subset of several", "nano",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_set(kit: Any, tmp_path: Path, form: str) -> None:
    layout, subset, files = forms(kit)[form]
    parts = read_layout(layout, put(tmp_path, files), Choice("test", subset))
    documents = [(each.id, each.title, each.text) for each in parts.corpus]
    assert documents == [(row["_id"], row["title"], row["text"]) for row in kit.DOCUMENTS]
    assert [(each.id, each.text) for each in parts.queries] == [(f"q{n}", f"topic {n}") for n in range(3)]
    grades = kit.JUDGED if form != "nano" else [(query, document, 1) for query, document, _ in kit.JUDGED]
    assert list(parts.judgements) == grades
    assert parts.notes == ()


@pytest.mark.parametrize("form", FORMS)
def test_what_a_layout_asks_for_is_enough(kit: Any, tmp_path: Path, form: str) -> None:
    """The patterns of a download take every file that is read."""
    from fnmatch import fnmatchcase

    layout, subset, files = forms(kit)[form]
    wanted = needed(layout, Choice("test", subset))
    taken = {name: text for name, text in files.items() if any(fnmatchcase(name, each) for each in wanted)}
    parts = read_layout(layout, put(tmp_path, taken), Choice("test", subset))
    assert len(list(parts.corpus)) == 12
    if form == "one subset of several":
        assert not [name for name in taken if name.startswith("de-")]


def test_a_split_is_found_by_its_other_name(kit: Any, tmp_path: Path) -> None:
    files = kit.beir() | {"qrels/dev.tsv": kit.tsv(kit.JUDGED[:2])}
    assert len(read_layout("mteb-retrieval", put(tmp_path, files), Choice("validation")).judgements) == 2


def instructed(kit: Any, order: Callable[[list[str]], list[str]]) -> dict[str, bytes]:
    judged = [{"query-id": q, "corpus-id": d, "score": g} for q, d, g in kit.JUDGED]
    listed = {"q0": ["d3", "d0", "d7"], "q1": ["d1", "d8"], "q2": ["d2", "d9", "d5"]}
    return {
        f"corpus/corpus{SHARD}.parquet": kit.parquet(kit.DOCUMENTS),
        f"queries/queries{SHARD}.parquet": kit.parquet(kit.QUERIES),
        f"data/test{SHARD}.parquet": kit.parquet(judged),
        "instruction/instruction.jsonl": kit.lines(
            [{"query-id": f"q{n}", "instruction": f"say {n}"} for n in range(4)]
        ),
        f"top_ranked/test{SHARD}.parquet": kit.parquet(
            [{"query-id": query, "corpus-ids": order(each)} for query, each in listed.items()]
        ),
    }  # fmt: skip


def test_instructions_and_candidates_are_kept_beside_the_queries(kit: Any, tmp_path: Path) -> None:
    files = instructed(kit, lambda each: each[::-1])
    parts = read_layout("mteb-instruction", put(tmp_path, files), Choice("test"))
    assert [dict(query.metadata) for query in parts.queries] == [
        {"instruction": "say 0", "candidates": ["d7", "d0", "d3"]},
        {"instruction": "say 1", "candidates": ["d8", "d1"]},
        {"instruction": "say 2", "candidates": ["d5", "d9", "d2"]},
    ]
    assert parts.notes == (), "an order that a search made is kept"


def test_an_order_that_was_made_from_the_judgements_is_not_kept(kit: Any, tmp_path: Path) -> None:
    parts = read_layout("mteb-instruction", put(tmp_path, instructed(kit, lambda each: each)), Choice("test"))
    assert parts.notes == (SHUFFLED,)
    assert sorted(parts.queries[0].metadata["candidates"]) == ["d0", "d3", "d7"]
    again = read_layout("mteb-instruction", tmp_path, Choice("test"))
    assert [query.metadata for query in again.queries] == [query.metadata for query in parts.queries]


def test_a_query_without_an_instruction_is_an_error(kit: Any, tmp_path: Path) -> None:
    files = instructed(kit, lambda each: each)
    files["instruction/instruction.jsonl"] = kit.lines([{"query-id": "q0", "instruction": "say"}])
    with pytest.raises(DataError, match="2 judged queries have no instruction"):
        read_layout("mteb-instruction", put(tmp_path, files), Choice("test"))


def rerank(kit: Any, tmp_path: Path) -> Parts:
    rows = [
        {
            "query": f"topic {n}",
            "positive": [f"good {n}.{at}" for at in range(2)],
            "negative": [f"bad {at}" for at in range(5)],
        }
        for n in range(8)
    ]
    rows.insert(3, {"query": "lost", "positive": [], "negative": ["x"]})
    put(tmp_path, {f"data/dev{SHARD}.parquet": kit.parquet(rows)})
    return read_layout("mteb-reranking", tmp_path, Choice("dev"))  # fmt: skip


def test_rows_for_rerankers_become_a_set_whose_ids_and_order_tell_nothing(kit: Any, tmp_path: Path) -> None:
    parts = rerank(kit, tmp_path)
    corpus = {document.id: document.text for document in parts.corpus}
    assert (len(corpus), len(parts.queries), len(parts.judgements)) == (56, 8, 56)
    assert all(("good" in corpus[document]) == (grade == 1) for _, document, grade in parts.judgements)
    grades = {(query, document): grade for query, document, grade in parts.judgements}
    firsts = [grades[query.id, query.metadata["candidates"][0]] for query in parts.queries]
    assert 0 < sum(firsts) < 8, "the first candidate is now relevant and now not"
    by_name = [grades[query.id, max(query.metadata["candidates"])] for query in parts.queries]
    assert 0 < sum(by_name) < 8, "nor is the candidate of the highest id, which wins ties"
    assert any("left out, as mteb does" in note for note in parts.notes)


NOT_A_SET: dict[str, tuple[str, Callable[[Any], dict[str, bytes]], str]] = {
    "nothing": ("mteb-retrieval", lambda kit: {"photo.jpg": b"x"}, r"no table is here .* there is photo\.jpg"),
    "an empty folder": ("beir", lambda kit: {}, "found none; the folder is empty"),
    "two sets": ("beir", lambda kit: kit.beir("a/") | kit.beir("b/"), r"found 2: a/corpus\.jsonl, b/corpus\.jsonl"),
    "no judgements": (
        "mteb-retrieval",
        lambda kit: {name: text for name, text in kit.beir().items() if "qrels" not in name},
        r"no judgements are here \(a part called default or qrels\); there is corpus \(corpus\), queries",
    ),
    "a missing split": (
        "beir",
        lambda kit: {name.replace("test", "dev"): text for name, text in kit.beir().items()},
        r"qrels/test\.tsv is missing; its splits are dev",
    ),
    "a missing shard": (
        "mteb-retrieval",
        lambda kit: kit.beir() | {"corpus/corpus-00000-of-00003.parquet": kit.parquet(kit.DOCUMENTS)},
        "1 of 3 shards of corpus/corpus are here",
    ),
    "no Parquet": (
        "mteb-retrieval",
        lambda kit: kit.beir() | {"corpus/corpus.parquet": b"PAR1 no"},
        r"corpus\.parquet: cannot be read as parquet",
    ),
    "other columns": (
        "mteb-retrieval",
        lambda kit: kit.beir() | {"queries.jsonl": b'{"_id": "q0", "body": "x"}\n'},
        r"queries\.jsonl:1: no text in the columns _id, body",
    ),
    "a grade of a half": (
        "mteb-retrieval",
        lambda kit: kit.beir() | {"qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq0\td0\t0.5\n"},
        r"test\.tsv:1: the grade '0.5' is not a whole number",
    ),
    "an id with a blank": (
        "mteb-retrieval",
        lambda kit: kit.beir() | {"qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq 0\td0\t1\n"},
        "white space",
    ),
    "a broken line": (
        "mteb-retrieval",
        lambda kit: kit.beir() | {"queries.jsonl": b'{"_id": "q0", "text": "x"}\n{"_id"\n'},
        r"queries\.jsonl:2: not JSON",
    ),
}


@pytest.mark.parametrize("case", NOT_A_SET)
def test_files_that_are_no_such_set_are_named(kit: Any, tmp_path: Path, case: str) -> None:
    layout, files, said = NOT_A_SET[case]
    (tmp_path / "set").mkdir()
    with pytest.raises(DataError, match=said):
        list(read_layout(layout, put(tmp_path / "set", files(kit)), Choice("test")).corpus)


def test_a_readme_that_nobody_can_read_says_nothing(kit: Any, tmp_path: Path) -> None:
    for text in (b"---\n: [\n---\n", b"\xff\xfe", b"---", json.dumps({"configs": 3}).encode()):
        files = kit.beir() | {"README.md": text}
        assert len(read_layout("mteb-retrieval", put(tmp_path, files), Choice("test")).queries) == 3
