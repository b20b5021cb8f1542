"""What a report is made of, before it is HTML or Markdown: plain text throughout, escaped by whoever writes it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.claims.words import Ruling
from bench.report.words import MISSING
from bench.study.study import Study
from bench.types import TrialResult


@dataclass(frozen=True, slots=True)
class Report:
    """All that the sections read."""

    results: Sequence[TrialResult]
    config_text: str = ""
    command: str = ""
    rulings: Sequence[Ruling] = ()
    study: Study | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, with a smaller note beside it (an interval); ``best`` is set in bold, ``code`` in a fixed width."""

    text: str
    note: str = ""
    best: bool = False
    code: bool = False

    @property
    def missing(self) -> bool:
        return self.text == MISSING


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of a row is its header. ``text_columns`` (0-based) hold words; the others hold figures."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    text_columns: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    kind: Literal["plain", "verdict", "note"] = "plain"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure by its name (the file's, without suffix); ``alt`` says in words what it shows."""

    name: str
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """Small multiples: the same figure for each dataset, side by side where there is room."""

    caption: str
    items: tuple[Picture, ...]


Block = Table | Paragraph | Bullets | Code | Pictures


@dataclass(frozen=True, slots=True)
class Section:
    id: str
    title: str
    blocks: tuple[Block, ...]
