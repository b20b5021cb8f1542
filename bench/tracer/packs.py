"""Endless training and checking material: a query, an instruction and candidates of known relation to the query.

Relations (all about the query's entity unless said otherwise):

- ``answer``, ``restated``, ``literal``, ``background`` and ``pointer`` as in ``writing``;
- ``quoting-answer`` answers the query but quotes or plays on another question;
- ``near-name`` and ``other-name`` are about the same need of another entity;
- ``other-intent`` and ``other-background`` are about another need, ``quote`` and ``word`` are so in the query's words;
- ``direction`` answers, ``reverse`` swaps the two entities, ``near-source`` and ``near-target`` replace one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from bench.tracer.grammar import DOMAINS, Grammar
from bench.tracer.instructions import INSTRUCTIONS, Instruction
from bench.tracer.names import any_name, name, near_name
from bench.tracer.writing import Doc, Need, Writer

POINTER_TARGET = 0.3
RELATIONS = {
    "answer": 1,
    "restated": 1,
    "literal": 1,
    "background": 2,
    "near-name": 5,
    "other-name": 1,
    "other-intent": 3,
    "other-background": 1,
    "pointer": 2,
    "quote": 3,
    "word": 3,
    "quoting-answer": 1,
}
"""Weights of the relations in a pack, beside one sure answer and one sure background."""
SECOND_RELATIONS = {
    "answer": 2,
    "restated": 2,
    "literal": 1,
    "background": 1,
    "near-name": 3,
    "other-intent": 6,
    "other-background": 3,
    "pointer": 1,
    "quote": 2,
    "word": 1,
    "quoting-answer": 3,
}
"""Weights once names and traps are learnt: documents that only the asked intent tells apart."""
KINDS_OF: dict[str, tuple[str, ...]] = {
    "near-name": ("answer", "restated", "literal", "background"),
    "other-name": ("answer", "restated", "literal", "background"),
    "other-intent": ("answer", "restated"),
    "other-background": ("background",),
}
"""The kinds of document a relation draws from, where they are not the relation's own name."""
DIRECTION_RELATIONS = {"direction": 3, "reverse": 4, "near-source": 1, "near-target": 1}


@dataclass(frozen=True, slots=True)
class Candidate:
    doc: Doc
    relation: str
    target: float
    """The probability of "yes" the reranker is taught under the pack's instruction."""


@dataclass(frozen=True, slots=True)
class Pack:
    need: Need
    instruction: Instruction
    query: str
    candidates: tuple[Candidate, ...]


def target(relation: str, meaning: str) -> float:
    """The truth by construction: what an instruction of this meaning asks of a document of this relation."""
    if relation == "pointer":
        return POINTER_TARGET
    if relation == "background":
        return 0.0 if meaning == "solve" else 1.0
    if relation in ("answer", "restated", "literal", "quoting-answer", "direction"):
        return 0.0 if meaning == "background" else 1.0
    return 0.0


class Packer:
    """Draws packs of one split from a random stream."""

    def __init__(
        self,
        grammar: Grammar,
        split: str,
        rng: Random,
        direction_share: float = 0.15,
        relations: dict[str, int] = RELATIONS,
    ) -> None:
        self.grammar = grammar
        self.split = split
        self.rng = rng
        self.writer = Writer(grammar, split, rng)
        self.direction_share = direction_share
        self.relations = relations

    def pack(self, size: int, lang: str) -> Pack:
        """A pack of ``size`` candidates in random order."""
        directed = self.rng.random() < self.direction_share
        need, instruction = self._need(directed, lang), self._instruction(directed)
        query, phrase = self.writer.query(need)
        if directed:
            relations = ["direction", "reverse", *self._draw(DIRECTION_RELATIONS, size - 2)]
        else:
            relations = ["answer", "background", *self._draw(self.relations, size - 2)]
        self.rng.shuffle(relations)
        candidates = tuple(
            Candidate(self._doc(need, relation, phrase), relation, target(relation, instruction.meaning))
            for relation in relations
        )
        return Pack(need, instruction, query, candidates)

    def name_pack(self, size: int, lang: str) -> Pack:
        """A pack for the first lesson: query and documents are bare mentions, half of the others are near names."""
        need = self._need(False, lang)
        relations = self._draw({"answer": 2, "near-name": 2, "other-name": 1}, size)
        candidates = tuple(
            Candidate(Doc(one, "answer", "", "", self._mention(one)), relation, target(relation, "generic"))
            for relation in relations
            for one in [self._other(need, relation)]
        )
        return Pack(need, INSTRUCTIONS["official"], self._mention(need), candidates)

    def _draw(self, weights: dict[str, int], size: int) -> list[str]:
        return self.rng.choices(list(weights), weights=list(weights.values()), k=size)

    def _mention(self, need: Need) -> str:
        return self.grammar.mention(need.lang, need.domain, need.entity)

    def _name(self, lang: str) -> str:
        return name(self.grammar, lang, *any_name(self.grammar, lang, self.split, self.rng))

    def _near(self, lang: str, of: str) -> str:
        firsts, seconds = self.grammar.first_names[lang], self.grammar.second_names[lang]
        first = next(n for n, part in enumerate(firsts) if of.startswith(part) and of[len(part) :] in seconds)
        parts = first, seconds.index(of[len(firsts[first]) :])
        return name(self.grammar, lang, *near_name(self.grammar, lang, self.split, parts, self.rng))

    def _need(self, directed: bool, lang: str) -> Need:
        domain = self.rng.choice(DOMAINS)
        if directed:
            entity = self._name(lang)
            while (other := self._name(lang)) == entity:
                pass
            return Need(lang, domain, entity, self.grammar.direction_of(domain), other)
        return Need(lang, domain, self._name(lang), self.rng.choice(self.grammar.intents_of(domain)))

    def _instruction(self, directed: bool) -> Instruction:
        """Each meaning as often as the next; a direction has no background documents, so it is not asked for any."""
        meaning = self.rng.choice(("generic", "solve") if directed else ("generic", "solve", "background"))
        return self.rng.choice([one for one in INSTRUCTIONS.values() if one.meaning == meaning])

    def _other(self, need: Need, relation: str) -> Need:
        """The need a candidate of this relation is written about."""
        if relation in ("near-name", "near-source"):
            return replace(need, entity=self._near(need.lang, need.entity))
        if relation == "near-target":
            return replace(need, target=self._near(need.lang, need.target))
        if relation == "other-name":
            return replace(need, entity=self._name(need.lang))
        if relation == "reverse":
            return replace(need, entity=need.target, target=need.entity)
        if relation in ("other-intent", "other-background", "quote", "word"):
            others = [intent for intent in self.grammar.intents_of(need.domain) if intent != need.intent]
            return replace(need, intent=self.rng.choice(others))
        return need

    def _doc(self, need: Need, relation: str, phrase: int) -> Doc:
        about = self._other(need, relation)
        if relation in ("quote", "word"):
            return self.writer.doc(about, relation, need.intent, phrase)
        if relation == "quoting-answer":
            lure = self._other(need, "other-intent").intent
            return self.writer.doc(about, self.rng.choice(("quote", "word")), lure)
        kinds = ("direction",) if need.target else KINDS_OF.get(relation, (relation,))
        kind = kinds[0] if len(kinds) == 1 else self.rng.choice(kinds)
        return self.writer.doc(about, kind, phrase=None if relation == "other-intent" else phrase)
