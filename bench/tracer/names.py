"""Names of entities: two parts each, owned by one split, drawn in families of near names."""

from __future__ import annotations

from random import Random

from bench.tracer.grammar import Grammar
from bench.tracer.splits import MODULUS, pairs, partner


def name(grammar: Grammar, lang: str, first: int, second: int) -> str:
    return grammar.first_names[lang][first] + grammar.second_names[lang][second]


def any_name(grammar: Grammar, lang: str, split: str, rng: Random) -> tuple[int, int]:
    """The two part numbers of a random name of the split."""
    first = rng.randrange(len(grammar.first_names[lang]))
    return first, partner(rng, split, first, len(grammar.second_names[lang]))


def near_name(grammar: Grammar, lang: str, split: str, parts: tuple[int, int], rng: Random) -> tuple[int, int]:
    """A name of the same split that shares exactly one part."""
    first, second = parts
    while True:
        if rng.random() < 0.5:
            other = (first, partner(rng, split, first, len(grammar.second_names[lang])))
        else:
            other = (partner(rng, split, second, len(grammar.first_names[lang])), second)
        if other != parts:
            return other


def families(grammar: Grammar, lang: str, split: str, count: int, rng: Random) -> list[tuple[str, str, str]]:
    """``count`` triples of near names, all distinct: the second shares the first part, the third the second part."""
    rows, columns = len(grammar.first_names[lang]), len(grammar.second_names[lang])
    bases = pairs(split, rows, columns)
    rng.shuffle(bases)
    used: set[tuple[int, int]] = set()
    found: list[tuple[str, str, str]] = []
    for first, second in bases:
        step = MODULUS * rng.randrange(1, rows // MODULUS)
        members = ((first, second), (first, (second + step) % columns), ((first + step) % rows, second))
        if len(found) < count and used.isdisjoint(members):
            used.update(members)
            found.append(tuple(name(grammar, lang, *parts) for parts in members))  # type: ignore[arg-type]
    return found
