"""Three tables, of documents, queries and judgements, as a set: own files, or those of a dataset repository."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench.data.notices import Tally
from bench.data.writing import Judgement
from bench.sources import cells
from bench.sources.files import Place
from bench.sources.parts import Parts
from bench.sources.spec import CorpusTable, HubCorpus, HubQrels, HubQueries, QrelsTable, QueriesTable
from bench.sources.tables import read_rows
from bench.types import Document, Query

C = TypeVar("C", CorpusTable, HubCorpus)
Q = TypeVar("Q", QueriesTable, HubQueries)
J = TypeVar("J", QrelsTable, HubQrels)
Files = Callable[[object], Sequence[Path]]
"""The files of a table."""


def tabular_parts(corpus: C, queries: Q, qrels: Mapping[str, J], files: Files) -> Parts:
    """The set of these tables, whose files ``files`` finds. Raises DataError where it does."""
    return Parts(
        partial(_documents, files(corpus), corpus),
        partial(_queries, files(queries), queries),
        {split: partial(_judgements, files(table), table) for split, table in qrels.items()},
        (files(corpus)[0], files(queries)[0], files(next(iter(qrels.values())))[0]),
    )


def _documents(paths: Sequence[Path], table: CorpusTable | HubCorpus, tally: Tally) -> Iterator[tuple[Place, Document]]:
    optional = [table.title] if table.title else []
    for place, row in read_rows(paths, table, (table.id, table.text), optional, tally):
        name = cells.identifier(row[table.id], place, table.id, tally)
        title = cells.text(row[table.title], place, table.title, tally, what="title") if table.title else ""
        yield place, Document(name, cells.text(row[table.text], place, table.text, tally), title)


def _queries(paths: Sequence[Path], table: QueriesTable | HubQueries, tally: Tally) -> Iterator[tuple[Place, Query]]:
    for place, row in read_rows(paths, table, (table.id, table.text), (), tally):
        name = cells.identifier(row[table.id], place, table.id, tally)
        yield place, Query(name, cells.text(row[table.text], place, table.text, tally, what="query"))


def _judgements(paths: Sequence[Path], table: QrelsTable | HubQrels, tally: Tally) -> Iterator[tuple[Place, Judgement]]:
    optional = [table.grade] if table.grade else []
    for place, row in read_rows(paths, table, (table.query, table.document), optional, tally):
        query = cells.identifier(row[table.query], place, table.query, tally)
        document = cells.identifier(row[table.document], place, table.document, tally)
        grade = cells.grade(row[table.grade], place, table.grade, tally) if table.grade else 1
        if grade is not None:
            yield place, (query, document, grade)
