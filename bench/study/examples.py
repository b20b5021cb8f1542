"""Pure: which queries an arm won and lost against the baseline, and those that it changed most, with their documents.

What makes an example worth reading is what moved in it: the documents that either ranking put first, and the relevant
ones wherever they stand.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from bench.study.words import Side
from bench.types import Dataset, Ranking, Run, ScoreUnit

Outcome = Literal["win", "tie", "loss"]
TOLERANCE = 1e-12
"""Two values of a measure that are no farther apart are equal: a sum in another order differs by less."""
EACH = 3
"""So many gains and losses; the explorer of the report has all of dev."""
FIRST = 5
"""So many of either ranking are shown."""
MOST_DOCUMENTS = 10
_ALWAYS = 3
"""Where there is no room for all, the first three of either ranking come before relevant documents farther down."""
CHARACTERS = 300
_LOOK_BACK = 40
_BREAK = re.compile(r"\s|(?<=[，。；！？、：…])")


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure's value for each query under the baseline (``before``) and under an arm (``after``).

    Raises ValueError where they are not of the same queries, or where a value is not a number.
    """

    dataset: str
    side: Side
    split: str
    measure: str
    arm: str
    baseline: str
    before: Mapping[str, float]
    after: Mapping[str, float]

    def __post_init__(self) -> None:
        alone = sorted(self.before.keys() ^ self.after.keys())
        if alone:
            raise ValueError(f"{self.arm} and {self.baseline} need values of the same queries; {alone[0]!r} has one")
        for query_id, value in (*self.before.items(), *self.after.items()):
            if not math.isfinite(value):
                raise ValueError(f"{self.measure} of the query {query_id!r} is {value}; only numbers can be compared")


@dataclass(frozen=True, slots=True)
class ExampleDocument:
    """``text`` is title and text on one line, shortened. ``grade`` None is not judged.

    Ranks count from 1; rank and score are None where that ranking does not hold the document.
    """

    doc_id: str
    text: str
    grade: int | None
    rank_before: int | None
    rank_after: int | None
    score_before: float | None
    score_after: float | None

    @property
    def relevant(self) -> bool:
        return self.grade is not None and self.grade > 0


@dataclass(frozen=True, slots=True)
class Example:
    """A query that the arm changed. ``documents`` stand in the arm's order.

    ``unit`` is that of the documents' scores: probabilities where the engine gave logits, else the engine's own.
    """

    dataset: str
    side: Side
    measure: str
    arm: str
    baseline: str
    query_id: str
    query: str
    before: float
    after: float
    unit: ScoreUnit
    documents: tuple[ExampleDocument, ...]

    @property
    def outcome(self) -> Outcome:
        return outcome(self.before, self.after)


def outcome(before: float, after: float) -> Outcome:
    """Of one query, within ``TOLERANCE``; every measure here is better the larger it is."""
    if abs(after - before) <= TOLERANCE:
        return "tie"
    return "win" if after > before else "loss"


def outcomes(compared: Compared) -> dict[str, Outcome]:
    """Query id -> what the arm did to it."""
    return {query_id: outcome(value, compared.after[query_id]) for query_id, value in compared.before.items()}


def examples(
    compared: Compared,
    dataset: Dataset,
    run_before: Run,
    run_after: Run,
    texts: Mapping[str, str],
    unit: ScoreUnit,
    each: int = EACH,
) -> tuple[Example, ...]:
    """The ``each`` largest gains, then the ``each`` largest losses, the largest first; never a tie.

    Changes of one size stand by query id. ``texts`` are the documents' contents (``bench.data.contents_of``), read for
    those that are shown. ``unit`` is that of the scores in the runs. Raises ValueError for a query that the dataset
    lacks, KeyError for a document without text.
    """
    queries = {query.id: query.text for query in dataset.queries}
    strangers = sorted(compared.before.keys() - queries.keys())
    if strangers:
        raise ValueError(f"{dataset.name} has no query {strangers[0]!r}")
    found = []
    for query_id in _most_changed(compared, each):
        shown = _documents(
            run_before.get(query_id, ()), run_after.get(query_id, ()), dataset.qrels.get(query_id, {}), unit
        )
        found.append(
            Example(
                compared.dataset,
                compared.side,
                compared.measure,
                compared.arm,
                compared.baseline,
                query_id,
                one_line(queries[query_id]),
                compared.before[query_id],
                compared.after[query_id],
                "probability" if unit == "logit" else unit,
                tuple(replace(document, text=shortened(texts[document.doc_id])) for document in shown),
            )
        )
    return tuple(found)


def _most_changed(compared: Compared, each: int) -> list[str]:
    """Gains, then losses. Sizes are rounded, so that equal ones are equal whatever was subtracted from what."""
    size = {q: round(abs(compared.after[q] - value), 12) for q, value in compared.before.items()}
    known = outcomes(compared)
    return [
        query_id
        for wanted in ("win", "loss")
        for query_id in sorted((q for q in known if known[q] == wanted), key=lambda q: (-size[q], q))[:each]
    ]


class _Place(NamedTuple):
    rank: int | None = None
    score: float | None = None


def _documents(
    before: Ranking, after: Ranking, grades: Mapping[str, int], unit: ScoreUnit
) -> tuple[ExampleDocument, ...]:
    """What is shown of both rankings, without texts, in the order of the second."""
    old, new = _places(before, unit), _places(after, unit)
    found = []
    for doc_id in {**old, **new}:
        was, now = old.get(doc_id, _Place()), new.get(doc_id, _Place())
        found.append(
            ExampleDocument(doc_id, "", grades.get(doc_id), was.rank, now.rank, was.score, now.score)  # text: later
        )
    kept = sorted((each for each in found if each.relevant or _best_rank(each) <= FIRST), key=_importance)
    return tuple(sorted(kept[:MOST_DOCUMENTS], key=_by_rank_after))


def _places(ranking: Ranking, unit: ScoreUnit) -> dict[str, _Place]:
    return {scored.doc_id: _Place(rank, _shown(scored.score, unit)) for rank, scored in enumerate(ranking, 1)}


def _best_rank(document: ExampleDocument) -> int:
    return min(rank for rank in (document.rank_before, document.rank_after) if rank is not None)


def _importance(document: ExampleDocument) -> tuple[int, int, str]:
    best = _best_rank(document)
    return 0 if best <= _ALWAYS else 1 if document.relevant else 2, best, document.doc_id


def _by_rank_after(document: ExampleDocument) -> tuple[float, float, str]:
    return document.rank_after or math.inf, document.rank_before or math.inf, document.doc_id


def _shown(score: float, unit: ScoreUnit) -> float:
    """A logit as its probability, without overflow at either end; another unit as it is."""
    if unit != "logit":
        return score
    return 1.0 / (1.0 + math.exp(-score)) if score >= 0 else math.exp(score) / (1.0 + math.exp(score))


def one_line(text: str) -> str:
    """Runs of white space become a space; control characters go."""
    return "".join(char for char in " ".join(text.split()) if unicodedata.category(char) != "Cc")


def shortened(text: str, characters: int = CHARACTERS) -> str:
    """The beginning of a text on one line, at most ``characters`` and an ellipsis.

    It ends between words or sentences where there is such a place nearby; a longer run of letters is cut within, and
    Chinese between any two characters. No accent is parted from its letter.
    """
    text = one_line(text)
    if len(text) <= characters:
        return text
    end = characters
    breaks = [found.start() for found in _BREAK.finditer(text, max(1, end - _LOOK_BACK), end + 1)]
    if breaks:
        end = breaks[-1]
    while end > 1 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"
