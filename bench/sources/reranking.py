"""Rows of one query each with its relevant and its irrelevant texts, as MTEB publishes sets for rerankers.

As mteb does, rows without a positive or without a negative are left out, and a text that several queries have is
several documents. A query's candidates are its own texts, kept beside it for the retriever ``given``, in an order (by
hash) that says nothing of the judgements, with ids that say nothing either: the order of ties comes from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.data.notices import Tally
from bench.data.writing import Judgement
from bench.sources import cells
from bench.sources.files import Place
from bench.sources.parts import Parts
from bench.sources.spec import HubReranking, RerankingTable
from bench.sources.tables import read_rows
from bench.types import DataError, Document, Query

LEFT_OUT = "row lacks a positive or a negative text, left out as mteb does"


def reranking_parts(paths: Sequence[Path], columns: RerankingTable | HubReranking, split: str) -> Parts:
    """The rows as a set. They are read once; queries and judgements are held while the documents pass."""
    queries: list[tuple[Place, Query]] = []
    judged: list[tuple[Place, Judgement]] = []

    def documents(tally: Tally) -> Iterator[tuple[Place, Document]]:
        queries.clear()
        judged.clear()
        for place, name, query, graded in _rows(paths, columns, split, tally):
            queries.append((place, Query(name, query, {"candidates": [doc_id for doc_id, _, _ in graded]})))
            for doc_id, text, grade in graded:
                judged.append((place, (name, doc_id, grade)))
                yield place, Document(doc_id, text)
        if not queries:
            raise DataError("no row has a query with a positive and a negative text", paths[0])

    return Parts(documents, lambda tally: queries, {split: lambda tally: judged}, (paths[0],) * 3)


def _rows(
    paths: Sequence[Path], columns: RerankingTable | HubReranking, split: str, tally: Tally
) -> Iterator[tuple[Place, str, str, list[tuple[str, str, int]]]]:
    """Place, query id, query, and (id, text, grade) of each candidate."""
    needed = (columns.query, columns.positive, columns.negative, *([columns.id] if columns.id else []))
    kept = 0
    for place, row in read_rows(paths, columns, needed, (), tally):
        query = cells.text(row[columns.query], place, columns.query, tally, what="query")
        positive = cells.texts(row[columns.positive], place, columns.positive, tally)
        negative = cells.texts(row[columns.negative], place, columns.negative, tally)
        if not positive or not negative:
            tally.add(LEFT_OUT, str(place))
            continue
        name = f"{split}_query{kept}"
        if columns.id:
            name = cells.identifier(row[columns.id], place, columns.id, tally)
        kept += 1
        graded = [(text, 1) for text in positive] + [(text, 0) for text in negative]
        order = sorted((_hash(f"{name}\0{at}\0{query}"), at) for at in range(len(graded)))
        yield place, name, query, [(f"{name}_{number:05}", *graded[at]) for number, (_, at) in enumerate(order)]


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
