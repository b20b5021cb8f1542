"""What every exporter is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.types import TrialResult


@dataclass(frozen=True, slots=True)
class Source:
    """A results folder with what its report shows, and what was asked for (see ``bench.export.export``)."""

    folder: Path
    results: Sequence[TrialResult]
    tasks: Mapping[str, str] = field(default_factory=dict)
    main_score: str = "ndcg@10"


class File(NamedTuple):
    """A file to be written: its path in the folder that is written to, with forward slashes, and its contents."""

    name: str
    payload: bytes


Note = Callable[[str], None]
"""Told, as a sentence, what was left out or named otherwise."""

Exporter = Callable[[Source, Note], Iterator[File]]
