"""How published files become a set: one reader per layout, each giving documents, queries and judgements.

===================== ==========================================================================================
``beir``              ``corpus.jsonl``, ``queries.jsonl``, ``qrels/SPLIT.tsv``, plain or gzip, at any depth
``mteb-retrieval``    configurations ``corpus``, ``queries`` and ``default`` (or ``qrels``); ``top_ranked`` if there
``mteb-instruction``  the same with ``instruction``, which is kept beside each query
``nano``              the same as ``mteb-retrieval``; every judgement there is a 1 and goes without saying
``mteb-reranking``    rows of ``query``, ``positive`` and ``negative``, the last two lists of texts
``mteb-edits``        rows of ``commit``, ``instruction`` and ``diff`` (CodeEditSearch)
``ir``                a name of ir_datasets, whose client reads it (see ``bench.fetch.irsets``)
===================== ==========================================================================================

The names are those that mteb 2.26 reads: ``SUBSET-corpus``, ``SUBSET-queries``, ``SUBSET-qrels`` for one subset of
several, columns ``_id`` or ``id``, ``query-id``, ``corpus-id``, ``score``.

Candidates that come with a set are kept as the field ``candidates`` of its queries, for the retriever ``given``. Where
the relevant ones come first for every query, that order was made from the judgements, as in sets converted from rows of
positives and negatives; the candidates are then put in an order that says nothing (by hash).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from bench.data.writing import Judgement
from bench.fetch.parts import Contents, contents, files_of, found_instead, tables_in
from bench.fetch.tables import Row, read_rows
from bench.types import DataError, Document, Query

T = TypeVar("T")

SHUFFLED = "candidates were listed with the relevant ones first; they are kept in an order that says nothing"
TABLES = ("*.parquet", "*.jsonl", "*.jsonl.gz", "*.tsv", "*.tsv.gz", "README.md")
BEIR_FILES = ("corpus.jsonl*", "queries.jsonl*", "qrels/*.tsv*")

_ID = ("_id", "id", "corpus-id", "query-id", "doc_id", "docid", "qid")
_QUERY_ID = ("query-id", "query_id", "qid")
_CORPUS_ID = ("corpus-id", "corpus_id", "doc_id", "docid", "pid")
_SCORE = ("score", "relevance", "label")
_TEXT = ("text", "query", "contents")
_LARGEST_GRADE = 2**31


@dataclass(frozen=True, slots=True)
class Parts:
    """A set as it is read: ``corpus`` streams and is read once, the queries and judgements of one split are held.

    ``notes`` say what was done to the files that a reader of figures should know.
    """

    corpus: Iterable[Document]
    queries: Sequence[Query]
    judgements: Sequence[Judgement]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Which part of a folder is wanted."""

    split: str
    subset: str = ""
    patterns: tuple[str, ...] = field(default=())


def needed(layout: str, choice: Choice) -> tuple[str, ...]:
    """Patterns of the files that a layout reads, for a download or an archive."""
    if choice.patterns:
        return tuple(dict.fromkeys([*choice.patterns, "README.md"]))
    if layout == "beir":
        return tuple(f"{depth}{name}" for name in BEIR_FILES for depth in ("", "*/"))
    if choice.subset:
        own = (f"{choice.subset}-*", f"*/{choice.subset}-*", f"*-{choice.subset}/*", f"{choice.subset}/*")
        return (*own, "README.md")
    return TABLES


def read_layout(layout: str, folder: Path, choice: Choice) -> Parts:
    """The set in ``folder``. Raises DataError, saying what was found, for files that are not of the layout."""
    return _READERS[layout](folder, choice)


# ------------------------------------------------------------------------------------------------------- readers


def _beir(folder: Path, choice: Choice) -> Parts:
    names = tables_in(folder, choice.patterns)
    at = [name for name in names if name.rpartition("/")[2] in ("corpus.jsonl", "corpus.jsonl.gz")]
    if len(at) != 1:
        said = f"found {len(at)}: {', '.join(at)}" if at else f"found none; {found_instead(folder)}"
        raise DataError(f"expected one corpus.jsonl, with queries.jsonl and qrels/ beside it; {said}", folder)
    root = at[0].rpartition("/")[0]
    prefix = f"{root}/" if root else ""
    files = {name.removeprefix(prefix).removesuffix(".gz"): folder / name for name in names if name.startswith(prefix)}
    splits = sorted(name[6:-4] for name in files if name.startswith("qrels/") and name.endswith(".tsv"))
    for name in ("queries.jsonl", f"qrels/{choice.split}.tsv"):
        if name not in files:
            there = f"; its splits are {', '.join(splits) or 'none'}" if "qrels" in name else ""
            raise DataError(f"{prefix}{name} is missing{there}; {found_instead(folder)}", folder)
    judgements = _judgements([files[f"qrels/{choice.split}.tsv"]])
    return Parts(_documents([files["corpus.jsonl"]]), _queries([files["queries.jsonl"]], judgements), judgements)


def _mteb(folder: Path, choice: Choice) -> Parts:
    return _configurations(folder, choice, instructed=False)


def _mteb_instruction(folder: Path, choice: Choice) -> Parts:
    return _configurations(folder, choice, instructed=True)


def _configurations(folder: Path, choice: Choice, *, instructed: bool) -> Parts:
    found = contents(folder, choice.patterns)

    def files(role: str) -> Sequence[Path]:
        config = _config(found, role, choice.subset)
        if config is None:
            wanted = " or ".join(_names(role, choice.subset))
            raise DataError(f"no {role} is here (a part called {wanted}); there is {_shown(found)}", folder)
        return files_of(found, config, choice.split, folder)

    def has(role: str) -> bool:
        return _config(found, role, choice.subset) is not None

    judgements = _judgements(_judgement_files(found, choice, folder))
    beside: dict[str, dict[str, Any]] = {}
    notes: tuple[str, ...] = ()
    if instructed or has("instructions"):
        for query, said in _each(files("instructions"), _instruction):
            beside.setdefault(query, {})["instruction"] = said
    if has("candidates"):
        candidates, notes = _candidates(files("candidates"), judgements)
        for query, listed in candidates.items():
            beside.setdefault(query, {})["candidates"] = listed
    queries = _queries(files("queries"), judgements, beside)
    lacking = [query.id for query in queries if "instruction" not in query.metadata] if instructed else []
    if lacking:
        raise DataError(f"{len(lacking)} judged queries have no instruction (first: {lacking[0]!r})", folder)
    return Parts(_documents(files("documents")), queries, judgements, notes)


def _reranking(folder: Path, choice: Choice) -> Parts:
    """mteb's older form. As mteb does, rows without a positive or a negative are left out, and a text that several
    queries have is several documents. Ids tell nothing of the judgements, as the order of ties comes from them."""
    found = contents(folder, choice.patterns)
    config = choice.subset or "default"
    if config not in found and len(found) == 1:
        config = next(iter(found))
    if config not in found:
        raise DataError(f"no rows of query, positive and negative are here; there is {_shown(found)}", folder)
    files = files_of(found, config, choice.split, folder)
    queries, judgements = [], []
    for name, query, graded in _judged(files, choice.split):
        queries.append(Query(name, query, {"candidates": [document.id for document, _ in graded]}))
        judgements += [(name, document.id, grade) for document, grade in graded]
    documents = (document for _, _, graded in _judged(files, choice.split) for document, _ in graded)
    empty = sum(1 for row in _each(files, _texts_of_row) if not row.candidates)
    left_out = (f"{empty} rows without a positive or without a negative were left out, as mteb does",) if empty else ()
    return Parts(documents, queries, judgements, (SHUFFLED, *left_out))


class _Judged(NamedTuple):
    """A row of texts. ``candidates`` are (text, grade), none where the row is left out."""

    query: str
    candidates: list[tuple[str, int]]


def _judged(files: Sequence[Path], split: str) -> Iterator[tuple[str, str, list[tuple[Document, int]]]]:
    """Per row that counts the query's id and text, and its candidates with their grades in an order of no meaning."""
    kept = (row for row in _each(files, _texts_of_row) if row.candidates)
    for number, row in enumerate(kept):
        name = f"{split}_query{number}"
        mixed = sorted(
            (_hash(f"{name}\0{place}\0{text}"), text, grade) for place, (text, grade) in enumerate(row.candidates)
        )
        yield name, row.query, [(Document(f"{name}_{at:05}", text), grade) for at, (_, text, grade) in enumerate(mixed)]


def _texts_of_row(row: Row) -> _Judged:
    query = _text(_value(row, ("query",), "query"))
    positive, negative = (_texts(_value(row, (side,), side), side) for side in ("positive", "negative"))
    both = bool(positive and negative)
    return _Judged(query, [(text, 1) for text in positive] + [(text, 0) for text in negative] if both else [])


EDITS = 1000
"""As many rows of each language does mteb take."""


class _Edit(NamedTuple):
    commit: str
    instruction: str
    diff: str


def _edits(folder: Path, choice: Choice) -> Parts:
    """Rows of a commit, its instruction and its diff, in a folder per language. Queries are numbered, as mteb does."""
    names = tables_in(folder, choice.patterns or (f"{choice.subset}/*", f"*/{choice.subset}/*"))
    if not names:
        raise DataError(f"no table is in a folder {choice.subset}; {found_instead(folder)}", folder)
    edits = list(islice(_each([folder / name for name in names], _edit), EDITS))
    queries = [Query(str(at), edit.instruction) for at, edit in enumerate(edits)]
    judgements = [(str(at), edit.commit, 1) for at, edit in enumerate(edits)]
    documents = {edit.commit: edit.diff for edit in edits}
    return Parts([Document(commit, diff) for commit, diff in documents.items()], queries, judgements)


def _edit(row: Row) -> _Edit:
    commit = _identifier(_value(row, ("commit",), "commit"))
    return _Edit(commit, *(_text(_value(row, (name,), name)) for name in ("instruction", "diff")))


_READERS: Mapping[str, Callable[[Path, Choice], Parts]] = {
    "beir": _beir,
    "mteb-retrieval": _mteb,
    "mteb-instruction": _mteb_instruction,
    "nano": _mteb,
    "mteb-reranking": _reranking,
    "mteb-edits": _edits,
}

# ------------------------------------------------------------------------------------------------ configurations

_ROLES = {
    "documents": ("corpus",),
    "queries": ("queries", "query"),
    "judgements": ("default", "qrels"),
    "instructions": ("instruction",),
    "candidates": ("top_ranked",),
}


def _judgement_files(found: Contents, choice: Choice, folder: Path) -> Sequence[Path]:
    """``default`` is also what the hub calls every table that has no name, so its columns must be those of judgements.

    Raises DataError when there are no judgements, or none of the split.
    """
    names = [name for name in _names("judgements", choice.subset) if name in found]
    fault: DataError | None = None
    for name in names:
        try:
            files = files_of(found, name, choice.split, folder)
        except DataError as error:
            fault = fault or error
            continue
        if any(column in next(read_rows(files[0]), {}) for column in _QUERY_ID):
            return files
    wanted = " or ".join(_names("judgements", choice.subset))
    raise fault or DataError(f"no judgements are here (a part called {wanted}); there is {_shown(found)}", folder)


def _names(role: str, subset: str) -> list[str]:
    if not subset:
        return list(_ROLES[role])
    return [name for each in _ROLES[role] for name in (f"{subset}-{each}", f"{each}-{subset}")]


def _config(found: Contents, role: str, subset: str) -> str | None:
    return next((name for name in _names(role, subset) if name in found), None)


def _shown(found: Contents) -> str:
    return ", ".join(f"{config} ({', '.join(sorted(splits))})" for config, splits in sorted(found.items()))


# --------------------------------------------------------------------------------------------------------- rows


def _each(files: Sequence[Path], make: Callable[[Row], T]) -> Iterator[T]:
    """``make`` of every row; what is wrong with a row is told with its file and number."""
    for file in files:
        for number, row in enumerate(read_rows(file), 1):
            try:
                yield make(row)
            except DataError as error:
                raise DataError(str(error), file, number) from error


def _documents(files: Sequence[Path]) -> Iterator[Document]:
    def make(row: Row) -> Document:
        return Document(_identifier(_value(row, _ID, "id")), _text(_value(row, _TEXT, "text")), _text(row.get("title")))

    return _each(files, make)


def _queries(
    files: Sequence[Path], judgements: Sequence[Judgement], beside: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Query]:
    """The judged queries, in the file's order, with what goes ``beside`` each."""
    judged = {query for query, _, _ in judgements}

    def make(row: Row) -> Query:
        name = _identifier(_value(row, _ID, "id"))
        own = {"instruction": _text(row["instruction"])} if row.get("instruction") else {}
        return Query(name, _text(_value(row, _TEXT, "text")), own | dict((beside or {}).get(name, {})))

    return [query for query in _each(files, make) if query.id in judged]


def _judgements(files: Sequence[Path]) -> list[Judgement]:
    def make(row: Row) -> Judgement:
        grade = next((row[name] for name in _SCORE if name in row), 1)
        return _query_id(row), _identifier(_value(row, _CORPUS_ID, "document id")), _grade(grade)

    return list(_each(files, make))


def _candidates(files: Sequence[Path], judgements: Sequence[Judgement]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Query -> candidates, and what was done to their order."""

    def make(row: Row) -> tuple[str, list[str]]:
        return _query_id(row), [_identifier(each) for each in _value(row, ("corpus-ids",), "document ids")]

    listed = dict(_each(files, make))
    relevant = {(query, document) for query, document, grade in judgements if grade > 0}
    if not all(_relevant_first(query, each, relevant) for query, each in listed.items()):
        return listed, ()
    return {query: _shuffled(query, each) for query, each in listed.items()}, (SHUFFLED,)


def _relevant_first(query: str, listed: Sequence[str], relevant: set[tuple[str, str]]) -> bool:
    marks = [(query, document) in relevant for document in listed]
    return marks == sorted(marks, reverse=True)


def _shuffled(query: str, listed: Sequence[str]) -> list[str]:
    return sorted(listed, key=lambda document: _hash(f"{query}\0{document}"))


def _instruction(row: Row) -> tuple[str, str]:
    return _query_id(row), _text(_value(row, ("instruction",), "instruction"))


def _query_id(row: Row) -> str:
    return _identifier(_value(row, _QUERY_ID, "query id"))


def _value(row: Row, names: Sequence[str], what: str) -> Any:
    for name in names:
        if name in row:
            return row[name]
    raise DataError(f"no {what} in the columns {', '.join(map(str, row))}; expected {' or '.join(names)}")


def _identifier(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"the id {value!r} is {type(value).__name__}; expected text or a whole number")
    name = str(value)
    if name.split() != [name]:
        raise DataError(f"the id {name!r} is empty or has white space in it, which no run file can hold")
    return name


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(f"expected text, found {type(value).__name__}: {str(value)[:80]!r}")
    return value


def _texts(value: Any, side: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list):
        raise DataError(f"{side} is {type(value).__name__}; expected a list of texts")
    return [_text(each) for each in values]


def _grade(value: Any) -> int:
    """A whole number, also one written as 1.0 or as text."""
    try:
        number = float(value)
        if number == int(number) and abs(number) < _LARGEST_GRADE:
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(f"the grade {value!r} is not a whole number")


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
