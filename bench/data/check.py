"""What a labelled set holds, split by split: the counts a reader wants before trusting figures made with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from bench.data.beir import load_dataset, splits
from bench.types import DataError, Dataset


@dataclass(frozen=True, slots=True)
class Counts:
    """``grades``: grade -> judgements with it, ascending. ``duplicate_texts``: documents whose content came earlier."""

    documents: int
    empty_documents: int
    duplicate_texts: int
    mean_document_chars: float
    queries: int
    mean_query_chars: float
    judgements: int
    grades: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class SplitReport:
    """One split: the dataset with its counts (its notices are ``dataset.notices``), or the error that stops it."""

    split: str
    dataset: Dataset | None = None
    counts: Counts | None = None
    error: DataError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


def check_dataset(path: Path) -> tuple[SplitReport, ...]:
    """A report on every split of the set at ``path``. Raises DataError when there is no split to report on."""
    return tuple(_check_split(path, split) for split in splits(path))


def _check_split(path: Path, split: str) -> SplitReport:
    try:
        dataset = load_dataset(path, split)
    except DataError as error:
        return SplitReport(split, error=error)
    return SplitReport(split, dataset, count(dataset))


def count(dataset: Dataset) -> Counts:
    """The counts of a dataset; lengths in characters, of title and text together. Judgements are of scored queries."""
    empty = chars = 0
    digests: set[bytes] = set()
    for document in dataset.corpus:
        content = document.content
        empty += not content
        chars += len(content)
        if content:
            digests.add(blake2b(content.encode(), digest_size=16).digest())  # a text itself may be too much to keep
    documents = len(dataset.corpus)
    grades = Counter(grade for judged in dataset.qrels.values() for grade in judged.values())
    return Counts(
        documents=documents,
        empty_documents=empty,
        duplicate_texts=documents - empty - len(digests),
        mean_document_chars=chars / documents,
        queries=len(dataset.queries),
        mean_query_chars=sum(len(query.text) for query in dataset.queries) / len(dataset.queries),
        judgements=grades.total(),
        grades=dict(sorted(grades.items())),
    )
