"""A labelled set in the BEIR layout: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/<split>.tsv``, each plain or ``.gz``.

What would make a figure wrong is a DataError with file and line. What is harmless but odd is a counted Notice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.data.card import read_card, verify
from bench.data.files import TextFile
from bench.data.notices import Tally
from bench.data.qrels import read_qrels
from bench.data.read_corpus import read_corpus
from bench.data.records import read_records, refuse_repeated, shown, text_field
from bench.types import DataError, Dataset, Qrels, Query

_ENDINGS = (".tsv", ".tsv.gz")


def splits(path: Path) -> tuple[str, ...]:
    """The splits that the set at ``path`` has judgements for, sorted. Raises DataError if there is none."""
    folder = path / "qrels"
    try:
        names = [file.name for file in folder.iterdir() if file.name.endswith(_ENDINGS)]
    except OSError as error:
        hint = "a set in the BEIR layout is a folder with corpus.jsonl, queries.jsonl and qrels/<split>.tsv"
        raise DataError(f"cannot be read: {error.strerror or error}; {hint}", folder) from error
    found = {name.removesuffix(".gz").removesuffix(".tsv") for name in names if not name.startswith(".")} - {""}
    if not found:
        raise DataError("has no <split>.tsv; without judgements nothing can be measured", folder)
    return tuple(sorted(found))


def load_dataset(path: Path, split: str = "test") -> Dataset:
    """The set at ``path`` with the judgements of ``split``.

    Its queries are those with at least one positive grade in the split, in the order of ``queries.jsonl``; its qrels
    are those queries' judgements, grades of 0 among them. Its checksum is the sha256 over one line per file, name and
    sha256 of the decompressed bytes: compressing a file does not change it. Of the card only ``drops_own_id``
    enters into it, since it changes rankings.

    A large corpus stays on disk (see ``read_corpus``). Raises DataError, and nothing else, for whatever is in the
    files; StoreError where the disk does not take the decompressed copy of a large corpus.
    """
    known = splits(path)
    if split not in known:
        raise DataError(f"there is no split {split!r}; there is {', '.join(known)}", path)
    tally = Tally()
    card = read_card(path)
    files = [TextFile(path, name) for name in ("corpus.jsonl", "queries.jsonl", f"qrels/{split}.tsv")]
    corpus, ids = read_corpus(files[0], tally)
    queries, query_lines = _read_queries(files[1], tally)
    qrels = read_qrels(files[2], queries.keys(), ids, tally)
    checksums = {file.name: file.checksum for file in files}
    verify(card, path, checksums)
    scored = _scored(files[2], queries, qrels, tally)
    for query in scored:
        if not query.text.strip():
            raise files[1].error(
                f"query {shown(query.id)} has no text, but judgements in {split}", query_lines[query.id]
            )
    return Dataset(
        name=card.name,
        split=split,
        corpus=corpus,
        queries=scored,
        qrels={query.id: qrels[query.id] for query in scored},
        checksum=_combined(checksums | ({"drops_own_id": "true"} if card.drops_own_id else {})),
        path=path,
        languages=card.languages,
        licence=card.licence,
        revision=card.revision,
        description=card.description,
        drops_own_id=card.drops_own_id,
        notices=tally.notices(),
    )


def _read_queries(file: TextFile, tally: Tally) -> tuple[dict[str, Query], dict[str, int]]:
    """The queries by id, and the line of each."""
    queries: dict[str, Query] = {}
    numbers: dict[str, int] = {}
    repeated: list[tuple[str, int]] = []
    for line, identifier, record in read_records(file, tally):
        if identifier in queries:
            repeated.append((identifier, line.number))
        queries[identifier] = Query(identifier, text_field(file, line, record, "text"), _metadata(record))
        numbers[identifier] = line.number
    refuse_repeated(file, repeated)
    if not queries:
        raise file.error("there are no queries; expected one object a line with _id and text")
    return queries, numbers


def _metadata(record: Mapping[str, Any]) -> dict[str, Any]:
    """BEIR's own ``metadata`` object, opened, and every further field of the query."""
    further = {name: value for name, value in record.items() if name not in ("_id", "text")}
    if isinstance(further.get("metadata"), dict):
        return {**further.pop("metadata"), **further}
    return further


def _scored(file: TextFile, queries: Mapping[str, Query], qrels: Qrels, tally: Tally) -> tuple[Query, ...]:
    """The queries with a positive grade. The others have no ideal ranking, so no measure is defined for them."""
    scored = []
    for query in queries.values():
        grades = qrels.get(query.id)
        if grades is None:
            tally.add("query has no judgement in this split, left out", f"query {query.id}")
        elif not any(grades.values()):
            tally.add("query has no positive judgement in this split, left out", f"query {query.id}")
        else:
            scored.append(query)
    if not scored:
        raise file.error("no query has a positive judgement, so nothing can be measured")
    return tuple(scored)


def _combined(checksums: Mapping[str, str]) -> str:
    lines = "".join(f"{name}\t{checksum}\n" for name, checksum in sorted(checksums.items()))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
