"""The grammar as typed data, read from ``grammar.yaml``.

A sentence is one frame with one phrase in it. Frame and phrase numbers decide which split may use the sentence
(see ``splits``), so a test sentence is new although both of its halves were seen in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

GRAMMAR_FILE = Path(__file__).with_name("grammar.yaml")
LANGUAGES = ("en", "zh")
DOMAINS = ("tech", "legal", "general", "service")


@dataclass(frozen=True, slots=True)
class Phrases:
    """What can be said about one intent in one language; ``topics`` and ``words`` are empty for a direction intent."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    topics: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Intent:
    """One need within one domain, phrased in both languages."""

    name: str
    domain: str
    phrases: dict[str, Phrases]


@dataclass(frozen=True, slots=True)
class Grammar:
    """All tables; ``frames[lang][kind]`` are templates, ``shared[lang][kind]`` phrases that fit every intent."""

    nouns: dict[str, dict[str, str]]
    titles: dict[str, dict[str, str]]
    first_names: dict[str, tuple[str, ...]]
    second_names: dict[str, tuple[str, ...]]
    frames: dict[str, dict[str, tuple[str, ...]]]
    shared: dict[str, dict[str, tuple[str, ...]]]
    intents: dict[str, Intent]
    directions: dict[str, Intent]

    def intents_of(self, domain: str) -> tuple[str, ...]:
        return tuple(intent.name for intent in self.intents.values() if intent.domain == domain)

    def direction_of(self, domain: str) -> str:
        return next(intent.name for intent in self.directions.values() if intent.domain == domain)

    def mention(self, lang: str, domain: str, name: str) -> str:
        """The entity as it stands in a sentence: a spaced Latin name or a quoted Chinese one."""
        noun = self.nouns[lang][domain]
        return f"the {name} {noun}" if lang == "en" else f"“{name}”{noun}"


def _lines(block: str | None) -> tuple[str, ...]:
    return tuple((block or "").strip().splitlines())


def _phrases(table: dict[str, str]) -> Phrases:
    return Phrases(_lines(table["q"]), _lines(table["a"]), _lines(table.get("t")), _lines(table.get("w")))


def _intents(table: dict[str, Any]) -> dict[str, Intent]:
    return {
        name: Intent(name, entry["domain"], {lang: _phrases(entry[lang]) for lang in LANGUAGES})
        for name, entry in table.items()
    }


@lru_cache(maxsize=1)
def load_grammar() -> Grammar:
    table = yaml.safe_load(GRAMMAR_FILE.read_text(encoding="utf-8"))
    return Grammar(
        nouns=table["nouns"],
        titles=table["titles"],
        first_names={lang: tuple(table["names"][lang]["first"].split()) for lang in LANGUAGES},
        second_names={lang: tuple(table["names"][lang]["second"].split()) for lang in LANGUAGES},
        frames={lang: {kind: _lines(block) for kind, block in table["frames"][lang].items()} for lang in LANGUAGES},
        shared={lang: {kind: _lines(block) for kind, block in table["shared"][lang].items()} for lang in LANGUAGES},
        intents=_intents(table["intents"]),
        directions=_intents(table["directions"]),
    )
