"""Writing a set as it comes, and counting on the way: what does not agree with itself or with its card is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.card import CARD, Card
from bench.data.writing import Judgement, write_beir
from bench.fetch.card import SetCard
from bench.fetch.origins import Raw
from bench.fetch.tables import sha256_of
from bench.types import DataError, Document, Progress, Query

TOLD_EVERY = 2000
"""Documents between two words on how far it is."""


@dataclass(frozen=True, slots=True)
class Made:
    """``judgements`` are all, ``relevant`` those above 0, ``nonzero`` those with another grade than 0 as published."""

    documents: int
    queries: int
    judgements: int
    relevant: int
    nonzero: int
    notes: tuple[str, ...]


def convert(raw: Raw, card: SetCard, folder: Path, tell: Progress) -> Made:
    """Write the set to ``folder`` with a ``dataset.toml`` that holds the checksums of its files.

    Documents stream; their ids and the judgements are held. A document or judgement that is there twice alike is
    written once, and a grade below 0 becomes 0 (judged, not relevant), each told in the notes. Raises DataError for a
    set that contradicts itself, and for counts that are not the card's.
    """
    notes: list[str] = list(raw.notes)
    nonzero, judgements = _once_each(raw.parts.judgements, notes)
    queries = _unique(raw.parts.queries, card.name)
    _all_there({query for query, _, _ in judgements}, {query.id for query in queries}, "queries", card)
    wanted = {document for _, document, _ in judgements} | {
        str(each) for query in queries for each in query.metadata.get("candidates", ())
    }
    counter = _Counter(raw.parts.corpus, card, wanted, tell)
    write_beir(folder, _card_on_disk(raw, card), counter.documents(), queries, {card.split: judgements})
    if counter.repeated:
        notes.append(f"{counter.repeated} documents are there twice alike; each is kept once")
    relevant = sum(1 for _, _, grade in judgements if grade)
    made = Made(counter.count, len(queries), len(judgements), relevant, nonzero, tuple(dict.fromkeys(notes)))
    _as_expected(made, card)
    _add_checksums(folder, card.split)
    return made


@dataclass
class _Counter:
    """Documents on their way to the disk. ``repeated``: how many came again, and alike."""

    corpus: Iterable[Document]
    card: SetCard
    wanted: set[str]
    tell: Progress
    count: int = 0
    repeated: int = 0

    def documents(self) -> Iterator[Document]:
        seen: dict[str, int] = {}
        for document in self.corpus:
            content = hash((document.title, document.text))
            earlier = seen.setdefault(document.id, content)
            if len(seen) == self.count:
                if earlier != content:
                    raise DataError(f"{self.card.name} has two different documents with the id {document.id!r}")
                self.repeated += 1
                continue
            self.count += 1
            if self.count % TOLD_EVERY == 0:
                self.tell(f"write {self.card.name}: {self.count:,} documents", 0, 0)
            yield document
        _all_there(self.wanted, seen.keys(), "documents", self.card)


def _all_there(named: set[str], there: Iterable[str], what: str, card: SetCard) -> None:
    missing = sorted(named.difference(there))
    if missing:
        raise DataError(
            f"the judgements or candidates of {card.name} name {len(missing)} {what} that it does not have (first: "
            f"{missing[0]!r})"
        )


def _once_each(judgements: Sequence[Judgement], notes: list[str]) -> tuple[int, list[Judgement]]:
    """How many grades are not 0, and the judgements, each pair once and no grade below 0."""
    grades: dict[tuple[str, str], int] = {}
    again = 0
    for query, document, grade in judgements:
        earlier = grades.setdefault((query, document), grade)
        again += 1
        if earlier != grade:
            raise DataError(f"query {query!r}, document {document!r} has the grades {earlier} and {grade}")
    again -= len(grades)
    below = sum(1 for grade in grades.values() if grade < 0)
    if again:
        notes.append(f"{again} judgements are there twice alike; each is kept once")
    if below:
        notes.append(f"{below} grades are below 0; they are written as 0, judged and not relevant")
    nonzero = sum(1 for grade in grades.values() if grade)
    return nonzero, [(query, document, max(grade, 0)) for (query, document), grade in grades.items()]


def _unique(queries: Sequence[Query], name: str) -> list[Query]:
    known: dict[str, Query] = {}
    for query in queries:
        if known.setdefault(query.id, query).text != query.text:
            raise DataError(f"{name} has two different queries with the id {query.id!r}")
    return list(known.values())


def _as_expected(made: Made, card: SetCard) -> None:
    """Raises DataError that names both where the card knows better. Most publishers count the relevant pairs alone."""
    told = f"{made.judgements}" + (f" ({made.relevant} of them above 0)" if made.relevant != made.judgements else "")
    checks: list[tuple[str, int | None, Callable[[int], bool], str]] = [
        ("documents", card.corpus, lambda count: count == made.documents, str(made.documents)),
        ("queries", card.queries, lambda count: count == made.queries, str(made.queries)),
        ("judgements", card.judgements, lambda count: count in (made.judgements, made.relevant, made.nonzero), told),
    ]
    wrong = [
        f"{found} {what}, its card says {expected}"
        for what, expected, agrees, found in checks
        if expected is not None and not agrees(expected)
    ]
    if wrong:
        raise DataError(f"{card.name} has {'; '.join(wrong)}; it is not the set that published figures are about")


def _card_on_disk(raw: Raw, card: SetCard) -> Card:
    about = " ".join(text for text in (card.description, card.note, *raw.notes) if text)
    return Card(card.name, card.languages, card.licence, raw.revision, about, card.drops_own_id)


def _add_checksums(folder: Path, split: str) -> None:
    """They come last in the file, as a table does in TOML."""
    names = ("corpus.jsonl", "queries.jsonl", f"qrels/{split}.tsv")
    with (folder / CARD).open("a", encoding="utf-8") as file:
        file.write("\n[checksums]\n" + "".join(f'"{name}" = "{sha256_of(folder / name)}"\n' for name in names))
