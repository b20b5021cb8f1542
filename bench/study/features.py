"""What is known of a query before any arm ran: words to divide a set's queries by.

==================  =================================================================================================
language            what the query's field ``lang`` or ``language`` says; where no query has one, ``script`` instead:
                    Chinese characters, Latin letters, other
any other field     of words or yes and no, where it has 2 to 8 values that repeat; ``not stated`` where it is absent
document length     median characters of its relevant documents, in thirds of the queries
lexical overlap     share of the query's distinct words that stand in its best relevant document, in thirds; words are
                    BM25's (``bench.retrievers.tokens``)
trap overlap        whether a candidate that is judged 0 shares more of these words than that document
truncated           whether any of its candidates was cut to fit the reranker
==================  =================================================================================================

No feature looks at a score of the baseline: a query that the baseline happens to rank badly gains by chance alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from statistics import median

from bench.data import contents_of
from bench.retrievers.tokens import tokenise
from bench.study.examples import one_line
from bench.types import Dataset, Query, Run

Features = Mapping[str, Mapping[str, str]]
"""Query id -> feature -> value. Every query has every feature."""

NOT_STATED, NOT_KNOWN = "not stated", "not known"
TRAPPED, NOT_TRAPPED, NO_TRAP = (
    "a wrong document shares more words",
    "no wrong document shares more words",
    "no candidate judged wrong",
)
MOST_VALUES = 8
"""Of a field that is not ``lang``, ``language`` or ``domain``."""
_LANGUAGE = ("lang", "language")
_ORDER = ("no", "yes", "short", "low", "middle", "long", "high", NO_TRAP, NOT_STATED, NOT_KNOWN)
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")

_Values = dict[str, str]
"""Query id -> value of one feature."""


def features(dataset: Dataset, candidates: Run, cut_pairs: Mapping[str, int] | None) -> Features:
    """Every query's value of every feature that has more than one value in this set, in the order of the table above.

    ``candidates`` are what the arms were given to rank. ``cut_pairs`` is how many of a query's candidates were cut;
    None, where that is not known, leaves ``truncated`` out. Texts are read of relevant documents and of candidates that
    are judged 0.
    """
    known = _language(dataset.queries) | _fields(dataset.queries) | _from_texts(dataset, candidates)
    if cut_pairs is not None:
        known["truncated"] = {query.id: _truncated(cut_pairs.get(query.id)) for query in dataset.queries}
    telling = {name: values for name, values in known.items() if len(set(values.values())) > 1}
    return {query.id: {name: values[query.id] for name, values in telling.items()} for query in dataset.queries}


def in_order(values: Iterable[str]) -> list[str]:
    """Values of one feature, each once, as a table has them: by name, or from low to high; what is missing last."""

    def place(value: str) -> tuple[int, str]:
        named = value if value in _ORDER else value.partition(" (")[0]
        return _ORDER.index(named) if named in _ORDER else -1, value

    return sorted(set(values), key=place)


def thirds(
    numbers: Mapping[str, float | None], names: tuple[str, str, str], bounds: Callable[[float, float], str]
) -> dict[str, str]:
    """Each key's class among three of about equal size, named with the smallest and the largest number in it.

    Equal numbers are never parted: each cut goes to the nearest place between unequal ones. Where both go to the same
    there are two classes (the first name and the last), where there is no such place one, without a name. None is
    ``not known``.
    """
    ordered = sorted(number for number in numbers.values() if number is not None)
    groups = [ordered[start:end] for start, end in pairwise([0, *_cuts(ordered), len(ordered)]) if start < end]
    titles = {1: ("",), 2: (names[0], names[2]), 3: names}.get(len(groups), ())
    labels = [
        f"{title} ({bounds(group[0], group[-1])})" if title else bounds(group[0], group[-1])
        for title, group in zip(titles, groups, strict=True)
    ]

    def label(number: float) -> str:
        return next(text for text, group in zip(labels, groups, strict=True) if number <= group[-1])

    return {key: NOT_KNOWN if number is None else label(number) for key, number in numbers.items()}


def _cuts(ordered: Sequence[float]) -> list[int]:
    steps = [place for place in range(1, len(ordered)) if ordered[place] != ordered[place - 1]]
    if not steps:
        return []
    return sorted({min(steps, key=lambda place: abs(3 * place - third * len(ordered))) for third in (1, 2)})


# ------------------------------------------------------------------------------------------ what the queries' file says


def _language(queries: Sequence[Query]) -> dict[str, _Values]:
    stated = {query.id: _word(next((query.metadata[name] for name in _LANGUAGE if query.metadata.get(name)), None))
              for query in queries}  # fmt: skip
    if any(value != NOT_STATED for value in stated.values()):
        return {"language": stated}
    return {"script": {query.id: _script(query.text) for query in queries}}


def _script(text: str) -> str:
    """Kana beside Han characters is Japanese, which is neither of the two that are named."""
    if _CHINESE.search(text) and not _KANA.search(text):
        return "Chinese characters"
    return "Latin letters" if _LATIN.search(text) and not _KANA.search(text) else "other"


def _fields(queries: Sequence[Query]) -> dict[str, _Values]:
    names = dict.fromkeys(name for query in queries for name in query.metadata if name not in _LANGUAGE)
    found = {}
    for name in sorted(names, key=lambda name: name != "domain"):  # stable: the others in the order of the file
        given = [query.metadata.get(name) for query in queries]
        if all(value is None or isinstance(value, str | bool) for value in given):
            values = {query.id: _word(value) for query, value in zip(queries, given, strict=True)}
            if _divides(list(values.values()), len(queries) if name == "domain" else MOST_VALUES):
                found[one_line(name)] = values
    return found


def _divides(values: Sequence[str], most: int) -> bool:
    """Whether these are classes: few, and each stands for two queries on average. A name for each query is none."""
    stated = [value for value in values if value != NOT_STATED]
    return 0 < len(set(stated)) <= min(most, len(stated) // 2)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (one_line(value) if isinstance(value, str) else "") or NOT_STATED


# ----------------------------------------------------------------------------------------------- what the texts say


def _from_texts(dataset: Dataset, candidates: Run) -> dict[str, _Values]:
    texts = contents_of(dataset.corpus)

    @cache
    def words(doc_id: str) -> frozenset[str]:
        return frozenset(tokenise(texts[doc_id]))

    lengths: dict[str, float | None] = {}
    overlaps: dict[str, float | None] = {}
    traps: _Values = {}
    for query in dataset.queries:
        grades = dataset.qrels.get(query.id, {})
        right = [doc_id for doc_id, grade in grades.items() if grade > 0 and doc_id in texts]
        wrong = [scored.doc_id for scored in candidates.get(query.id, ()) if grades.get(scored.doc_id) == 0]
        lengths[query.id] = median(len(texts[doc_id]) for doc_id in right) if right else None
        asked = frozenset(tokenise(query.text))
        if not asked or not right:
            overlaps[query.id], traps[query.id] = None, NOT_KNOWN
            continue
        best = max(len(asked & words(doc_id)) for doc_id in right)
        overlaps[query.id] = best / len(asked)
        worst = max((len(asked & words(doc_id)) for doc_id in wrong), default=None)
        traps[query.id] = NO_TRAP if worst is None else TRAPPED if worst > best else NOT_TRAPPED
    return {
        "document length": thirds(lengths, ("short", "middle", "long"), _characters),
        "lexical overlap": thirds(overlaps, ("low", "middle", "high"), _shares),
        "trap overlap": traps,
    }


def _characters(low: float, high: float) -> str:
    ends = [f"{end:,.1f}".removesuffix(".0") for end in (low, high)]
    return f"{'–'.join(dict.fromkeys(ends))} characters"


def _shares(low: float, high: float) -> str:
    return "–".join(dict.fromkeys(f"{end:.0%}" for end in (low, high)))


def _truncated(cut: int | None) -> str:
    return NOT_KNOWN if cut is None else "yes" if cut else "no"
