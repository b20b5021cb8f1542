"""What every source is turned into, and the checks on the way into a set: ids once, judgements of what is there.

Documents pass one at a time; of the set only its ids and the judgements of one split are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.data.card import Card
from bench.data.notices import Tally
from bench.data.records import shown
from bench.data.writing import Judgement, write_beir
from bench.sources.files import Place
from bench.types import DataError, Document, Query

EMPTY_DOCUMENT = "document has neither title nor text, kept"


@dataclass(frozen=True, slots=True)
class Parts:
    """A set as it is read. Each part is called once, in this order; ``qrels`` maps a split to its judgements.

    ``origins`` are where documents, queries and judgements are from, for what has no line to blame.
    """

    documents: Callable[[Tally], Iterable[tuple[Place, Document]]]
    queries: Callable[[Tally], Iterable[tuple[Place, Query]]]
    qrels: Mapping[str, Callable[[Tally], Iterable[tuple[Place, Judgement]]]]
    origins: tuple[Path, Path, Path]


def write_parts(folder: Path, card: Card, parts: Parts, tally: Tally) -> Path:
    """Write the set to ``folder`` in BEIR layout. What is odd is counted.

    Raises DataError for an id given twice, for judgements of what is not there or that contradict each other, for a
    query without text that has relevant documents, and for a part that is empty.
    """
    documents: set[str] = set()
    queries: dict[str, tuple[Place, bool]] = {}
    return write_beir(
        folder,
        card,
        _documents(parts, documents, tally),
        _queries(parts, queries, tally),
        {split: _judgements(read(tally), documents, queries, parts.origins[2], split, tally)
         for split, read in parts.qrels.items()},
    )  # fmt: skip


def _documents(parts: Parts, known: set[str], tally: Tally) -> Iterator[Document]:
    for place, document in parts.documents(tally):
        if document.id in known:
            raise place.error(f"the document {shown(document.id)} was given above; ids are unique")
        known.add(document.id)
        if not document.content:
            tally.add(EMPTY_DOCUMENT, str(place))
        yield document
    if not known:
        raise DataError("there are no documents", parts.origins[0])


def _queries(parts: Parts, known: dict[str, tuple[Place, bool]], tally: Tally) -> Iterator[Query]:
    for place, query in parts.queries(tally):
        if query.id in known:
            raise place.error(f"the query {shown(query.id)} was given above, at {known[query.id][0]}; ids are unique")
        known[query.id] = place, bool(query.text.strip())
        yield query
    if not known:
        raise DataError("there are no queries", parts.origins[1])


def _judgements(
    rows: Iterable[tuple[Place, Judgement]], documents: set[str], queries: Mapping[str, tuple[Place, bool]],
    origin: Path, split: str, tally: Tally,
) -> Iterator[Judgement]:  # fmt: skip
    """Each judgement once. An unknown id is told with how many more there are: it is most often a wrong file."""
    given: dict[str, dict[str, int]] = {}
    unknown: list[tuple[Place, str]] = []
    for place, (query_id, doc_id, grade) in rows:
        if query_id not in queries or doc_id not in documents:
            kind, name = ("query", query_id) if query_id not in queries else ("document", doc_id)
            unknown.append((place, f"the judged {kind} {shown(name)} is none of the set's"))
            continue
        grades = given.setdefault(query_id, {})
        if doc_id not in grades:
            grades[doc_id] = grade
            yield query_id, doc_id, grade
        elif grades[doc_id] == grade:
            tally.add("judgement is given again with the same grade, read once", str(place))
        else:
            pair = f"query {shown(query_id)}, document {shown(doc_id)}"
            raise place.error(f"{pair} has the grade {grade} here and {grades[doc_id]} above; keep one")
    if unknown:
        place, message = unknown[0]
        further = f" (and {len(unknown) - 1:,} more such judgements)" if len(unknown) > 1 else ""
        raise place.error(f"{message}{further}; add it, or remove the judgement")
    relevant = [query_id for query_id, grades in given.items() if any(grades.values())]
    if not relevant:
        raise DataError(f"no query of the split {split!r} has a relevant document; nothing can be measured", origin)
    for query_id in relevant:
        place, has_text = queries[query_id]
        if not has_text:
            raise place.error(f"the query {shown(query_id)} has no text, and relevant documents in {split!r}")
