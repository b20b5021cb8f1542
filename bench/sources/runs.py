"""Candidates as somebody's TREC run: ``query Q0 document rank score tag``, parted by white space, plain or .gz.

The order is that of trec_eval: by score as a 32-bit float, equal scores by document id, both descending. The column
rank is not read, as there; where it tells another order, that is counted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Container
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.data.notices import Tally
from bench.data.records import shown
from bench.sources.files import Place, sha256_of, text_lines
from bench.types import DataError, Notice, Ranking, Run, ScoreError, as_float32, rank

_RANK = re.compile(r"[+-]?[0-9]{1,18}")
COLUMNS = "a line of a TREC run has 6 columns, query Q0 document rank score tag"


@dataclass(frozen=True, slots=True)
class Candidates:
    """A ranking for each query that has one, what was odd in the file, and its sha256 (hexadecimal)."""

    run: Run
    notices: tuple[Notice, ...]
    sha256: str


def read_candidates(
    path: Path, queries: Collection[str] | None = None, documents: Container[str] | None = None
) -> Candidates:
    """The rankings of ``queries`` in the run at ``path``; lines of other queries are checked, counted and left out.

    Whoever reads it for fewer queries finds the same faults. Raises DataError, with the line, for a line of other than
    six columns, a score that is no finite number, a document that is given twice for a query or, of ``queries``, is
    none of ``documents``, and for a run that has none of the queries. Without ``queries`` or ``documents`` any will do.
    """
    tally = Tally()
    scored: dict[str, dict[str, float]] = {}
    ranked: dict[str, list[tuple[int, str]]] = {}
    unknown: list[tuple[Place, str]] = []
    for number, line in enumerate(text_lines(path, tally), start=1):
        columns = line.split()
        if not columns:
            continue
        place = Place(path, number)
        if len(columns) != 6:
            raise place.error(f"{len(columns)} columns; {COLUMNS}")
        query, _, document, said_rank, said_score, _ = columns
        wanted = queries is None or query in queries
        if not wanted:
            tally.add("line is of a query that is not among the judged ones, left out", str(place))
        elif documents is not None and document not in documents:
            unknown.append((place, document))
            continue
        own = scored.setdefault(query, {})
        if document in own:
            raise place.error(
                f"query {shown(query)} has the document {shown(document)} twice; trec_eval refuses such a run too"
            )
        own[document] = _score(said_score, place)
        if wanted and _RANK.fullmatch(said_rank):
            ranked.setdefault(query, []).append((int(said_rank), document))
    if unknown:
        place, document = unknown[0]
        further = f" (and {len(unknown) - 1:,} more such lines)" if len(unknown) > 1 else ""
        raise place.error(
            f"the document {shown(document)} is none of the set's{further}, so there is nothing to rerank; name the "
            "set that this run was made on"
        )
    run = {query: rank(own.items()) for query, own in scored.items() if queries is None or query in queries}
    if not run:
        absent = f"none of the {len(queries)} judged queries" if queries else "no query"
        raise DataError(f"{absent} is in this run; is it of another set?", path)
    _count_oddities(run, ranked, tally)
    for query in queries or ():
        if query not in run:
            tally.add("query has no candidates, and counts 0", f"query {query}")
    return Candidates(run, tally.notices(), sha256_of(path))


def candidates_path(name: str, base: Path) -> Path:
    """The run's file; a relative path starts from ``base``. Raises DataError for what cannot be a path."""
    try:
        return (base / Path(name).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"the path {shown(name)} leads nowhere ({error}); give a file that can be found") from error


def _score(said: str, place: Place) -> float:
    try:
        score = float(said)
        if not math.isfinite(score) or "_" in said:
            raise ValueError
        return as_float32(score)
    except (ValueError, ScoreError) as error:
        raise place.error(f"the score {shown(said)} is no finite number; the fifth column is the score") from error


def _count_oddities(run: Run, ranked: dict[str, list[tuple[int, str]]], tally: Tally) -> None:
    for query, ranking in run.items():
        ties = sum(a.score == b.score for a, b in pairwise(ranking))
        if ties:
            tally.add("candidate ties with its neighbour; ids decide their order", f"query {query}", ties)
        if _told_otherwise(ranking, ranked.get(query, [])):
            tally.add("query's ranks and scores disagree; ordered by score, as trec_eval does", f"query {query}")


def _told_otherwise(ranking: Ranking, ranks: list[tuple[int, str]]) -> bool:
    """Whether a document of a lower score has the better rank; between equal scores any order is right."""
    scores = {doc.doc_id: doc.score for doc in ranking}
    in_order = [scores[document] for _, document in sorted(ranks)]
    return len(in_order) == len(ranking) and any(later > earlier for earlier, later in pairwise(in_order))
