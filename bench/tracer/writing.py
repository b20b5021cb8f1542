"""Writes single queries and documents of each kind from the grammar.

Kinds of document, seen from the need (entity, intent) they are ``about``:

- ``answer`` gives steps; ``restated`` names the need in another phrase first, ``literal`` in the query's own;
- ``background`` gives only history, ``pointer`` only a reference to another place;
- ``quote`` quotes the question of another intent (``lure``) and ``word`` uses its words for something else, before
  answering their own;
- ``direction`` answers a need that goes from one entity to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from bench.tracer.grammar import Grammar, Phrases
from bench.tracer.splits import partner

KINDS = ("answer", "restated", "literal", "background", "pointer", "quote", "word", "direction")


@dataclass(frozen=True, slots=True)
class Need:
    """What a query asks; ``target`` is the second entity of a direction, else empty."""

    lang: str
    domain: str
    entity: str
    intent: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Doc:
    """A written document and the truth about it."""

    need: Need
    kind: str
    lure: str
    title: str
    text: str


class Writer:
    """Draws sentences of one split from a random stream."""

    def __init__(self, grammar: Grammar, split: str, rng: Random) -> None:
        self.grammar = grammar
        self.split = split
        self.rng = rng

    def query(self, need: Need, phrase: int | None = None) -> tuple[str, int]:
        """A question for the need, with the given phrase or any, and the number of the phrase it uses."""
        phrases = self._phrases(need, need.intent).questions
        number = self.rng.randrange(len(phrases)) if phrase is None else phrase
        return self._sentence(need, "query", number, q=phrases[number]), number

    def doc(self, need: Need, kind: str, lure: str = "", phrase: int | None = None) -> Doc:
        """A document about ``need``; ``lure`` and ``phrase`` say which question a trap imitates.

        A ``restated`` answer takes any question phrase but ``phrase``, a ``literal`` one ``phrase`` itself.
        """
        write = {
            "answer": self._answer,
            "background": self._background,
            "pointer": self._pointer,
            "direction": self._direction,
        }
        if kind in write:
            sentences = write[kind](need)
        elif kind in ("restated", "literal"):
            sentences = self._restated(need, phrase, kind == "literal")
        else:
            sentences = self._trap(need, kind, lure, phrase)
        joint = " " if need.lang == "en" else ""
        title = self.grammar.titles[need.lang][need.domain]
        return Doc(need, kind, lure, title, joint.join(sentences))

    def _phrases(self, need: Need, intent: str) -> Phrases:
        table = self.grammar.directions if need.target else self.grammar.intents
        return table[intent].phrases[need.lang]

    def _sentence(self, need: Need, frames: str, number: int, **slots: str) -> str:
        """Puts phrase ``number`` into a frame the split allows, then the entities into the result."""
        templates = self.grammar.frames[need.lang][frames]
        text = templates[partner(self.rng, self.split, number, len(templates))]
        for slot, phrase in slots.items():
            text = text.replace("{" + slot + "}", phrase)
        entity = self.grammar.mention(need.lang, need.domain, need.entity)
        target = self.grammar.mention(need.lang, need.domain, need.target)
        return text.replace("{E}", entity).replace("{A}", entity).replace("{B}", target)

    def _answer(self, need: Need) -> list[str]:
        answers = self._phrases(need, need.intent).answers
        one, two = self.rng.sample(range(len(answers)), 2)
        return [
            self._sentence(need, "opener", one, a=answers[one]),
            self._sentence(need, "next", two, a=answers[two]),
        ]

    def _restated(self, need: Need, phrase: int | None, literal: bool) -> list[str]:
        own = self._phrases(need, need.intent)
        one, two = self.rng.sample(range(len(own.answers)), 2)
        number = self.rng.choice([n for n in range(len(own.questions)) if phrase is None or (n == phrase) == literal])
        return [
            self._sentence(need, "restated", number, q=own.questions[number], a=own.answers[one]),
            self._sentence(need, "next", two, a=own.answers[two]),
        ]

    def _background(self, need: Need) -> list[str]:
        topics = self._phrases(need, need.intent).topics
        one, two = self.rng.sample(range(len(topics)), 2)
        return [
            self._sentence(need, "background", one, t=topics[one]),
            self._sentence(need, "background_next", two, t=topics[two]),
        ]

    def _pointer(self, need: Need) -> list[str]:
        topics = self._phrases(need, need.intent).topics
        places = self.grammar.shared[need.lang]["where"]
        topic, place = self.rng.randrange(len(topics)), self.rng.randrange(len(places))
        return [
            self._sentence(need, "pointer", topic, t=topics[topic]),
            self._sentence(need, "pointer_next", place, where=places[place]),
        ]

    def _direction(self, need: Need) -> list[str]:
        answers = self._phrases(need, need.intent).answers
        closings = self.grammar.shared[need.lang]["closing"]
        one, two = self.rng.randrange(len(answers)), self.rng.randrange(len(closings))
        return [
            self._sentence(need, "direction", one, a=answers[one]),
            self._sentence(need, "next", two, a=closings[two]),
        ]

    def _trap(self, need: Need, kind: str, lure: str, phrase: int | None) -> list[str]:
        own, lured = self._phrases(need, need.intent), self._phrases(need, lure)
        step = self.rng.randrange(len(own.answers))
        closing = self._sentence(need, "next", step, a=own.answers[step])
        if kind == "quote":
            number = self.rng.randrange(len(lured.questions)) if phrase is None else phrase
            topic = self.rng.choice(own.topics)
            return [self._sentence(need, "quote", number, q=lured.questions[number], t=topic), closing]
        number = phrase if phrase is not None and phrase < len(lured.words) else self.rng.randrange(len(lured.words))
        return [self._sentence(need, "word", number, w=lured.words[number]), closing]
