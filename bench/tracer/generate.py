"""Builds the checked-in data set: families of entities, their documents, their queries and the judgements.

The plan per family of three near names (same domain, language and three asked intents): each entity gets, per asked
intent, two answers and a pointer, and each of the three intents takes one form: ``steered`` (a quoting trap, a word
trap and two background documents), ``trapped`` (the two traps) or ``plain`` (no trap, and answers that restate the
question, one of them in its own words). Neighbouring families share direction needs from one entity to another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.tracer.grammar import DOMAINS, LANGUAGES, load_grammar
from bench.tracer.names import families
from bench.tracer.splits import SPLITS
from bench.tracer.writing import Doc, Need, Writer

SEED = 20260101
REVISION = "1"
FORMS = (("steered", "plain", "trapped"), ("steered", "plain", "plain"))
"""What surrounds a query: background and traps, neither, or traps. Even families take the first row, odd the second.

Direction queries have the form ``directed``."""
FAMILIES = {"train": 3, "dev": 2, "test": 3}
"""Families per language and domain."""
DIRECTIONS = {"train": 3, "dev": 2, "test": 3}
"""Direction queries per language and domain."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query with its judgements: position in the list of documents -> grade."""

    split: str
    need: Need
    text: str
    form: str
    grades: dict[int, int]


def build(seed: int = SEED) -> tuple[list[Doc], list[Query]]:
    """All documents and queries, in a fixed order that depends on the seed alone."""
    grammar, docs, queries = load_grammar(), list[Doc](), list[Query]()
    for split in SPLITS:
        for lang in LANGUAGES:
            rng = Random(f"{seed}/{split}/{lang}")
            writer = Writer(grammar, split, rng)
            found = families(grammar, lang, split, FAMILIES[split] * len(DOMAINS), rng)
            for number, domain in enumerate(DOMAINS):
                members = found[number * FAMILIES[split] : (number + 1) * FAMILIES[split]]
                for place, family in enumerate(members):
                    _add_family(writer, lang, domain, family, FORMS[place % 2], docs, queries)
                _add_directions(writer, lang, domain, members, docs, queries)
    return docs, queries


def _add_family(
    writer: Writer,
    lang: str,
    domain: str,
    family: tuple[str, ...],
    forms: tuple[str, ...],
    docs: list[Doc],
    queries: list[Query],
) -> None:
    intents = list(writer.grammar.intents_of(domain))
    writer.rng.shuffle(intents)
    asked, others = intents[:3], intents[3:]
    phrases = [writer.rng.randrange(4) for _ in asked]
    answers: dict[tuple[str, str], list[int]] = {}
    plans: list[tuple[Need, str, str, dict[int, int]]] = []
    for member, entity in enumerate(family):
        for intent in others[:2]:
            _add(writer, docs, Need(lang, domain, entity, intent), "answer")
        for number, (intent, other, phrase) in enumerate(zip(asked, others, phrases, strict=True)):
            need, elsewhere = Need(lang, domain, entity, intent), Need(lang, domain, entity, other)
            form = forms[(member + number) % 3]
            text, _ = writer.query(need, phrase)
            first, second = ("restated", "literal") if form == "plain" else ("answer", "restated")
            answers[entity, intent] = [
                _add(writer, docs, need, first, phrase=phrase),
                _add(writer, docs, need, second, phrase=phrase),
            ]
            grades = dict.fromkeys(answers[entity, intent], 2)
            grades[_add(writer, docs, need, "pointer")] = 1
            if form != "plain":
                grades[_add(writer, docs, elsewhere, "quote", intent, phrase)] = 0
                grades[_add(writer, docs, elsewhere, "word", intent, phrase)] = 0
            if form == "steered":
                grades.update({_add(writer, docs, need, "background"): 0 for _ in range(2)})
            plans.append((need, text, form, grades))
    for need, text, form, grades in plans:
        for entity in family:
            if entity != need.entity:
                grades.update(dict.fromkeys(answers[entity, need.intent], 0))
        queries.append(Query(writer.split, need, text, form, grades))


def _add_directions(
    writer: Writer, lang: str, domain: str, found: list[tuple[str, str, str]], docs: list[Doc], queries: list[Query]
) -> None:
    intent = writer.grammar.direction_of(domain)
    for number in range(DIRECTIONS[writer.split]):
        source, target = found[number][0], found[(number + 1) % len(found)][1]
        need, reverse = Need(lang, domain, source, intent, target), Need(lang, domain, target, intent, source)
        text, _ = writer.query(need)
        grades = {_add(writer, docs, need, "direction"): 2 for _ in range(2)}
        grades.update({_add(writer, docs, reverse, "direction"): 0 for _ in range(2)})
        queries.append(Query(writer.split, need, text, "directed", grades))


def _add(writer: Writer, docs: list[Doc], need: Need, kind: str, lure: str = "", phrase: int | None = None) -> int:
    """Writes a document that differs from all others of the same entity; returns its position."""
    seen = {doc.text for doc in docs if need.entity in (doc.need.entity, doc.need.target)}
    while (doc := writer.doc(need, kind, lure, phrase)).text in seen:
        pass
    docs.append(doc)
    return len(docs) - 1


def write(out: Path, seed: int = SEED) -> None:
    """Writes the set in BEIR's layout, with checksums in ``dataset.toml``; same seed, same bytes."""
    docs, queries = build(seed)
    order = list(range(len(docs)))
    Random(f"{seed}/order").shuffle(order)
    ids = {position: f"d{number:04d}" for number, position in enumerate(order, start=1)}
    files = {"corpus.jsonl": _jsonl(_corpus_row(ids[position], docs[position]) for position in order)}
    rows: list[dict[str, object]] = []
    for split in SPLITS:
        lines = ["query-id\tcorpus-id\tscore"]
        for number, query in enumerate((query for query in queries if query.split == split), start=1):
            rows.append(_query_row(f"{split}-{number:03d}", query))
            ranked = sorted(query.grades.items(), key=lambda item: (-item[1], ids[item[0]]))
            lines += [f"{split}-{number:03d}\t{ids[position]}\t{grade}" for position, grade in ranked]
        files[f"qrels/{split}.tsv"] = "\n".join(lines) + "\n"
    files["queries.jsonl"] = _jsonl(rows)
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    (out / "dataset.toml").write_bytes(_card(files).encode("utf-8"))


def _jsonl(rows: Iterable[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _corpus_row(identifier: str, doc: Doc) -> dict[str, object]:
    row: dict[str, object] = {"_id": identifier, "title": doc.title, "text": doc.text, **_about(doc.need)}
    return row | {"kind": doc.kind} | ({"lure": doc.lure} if doc.lure else {})


def _query_row(identifier: str, query: Query) -> dict[str, object]:
    return {
        "_id": identifier,
        "text": query.text,
        **_about(query.need),
        "form": query.form,
        "steered": query.form == "steered",
    }


def _about(need: Need) -> dict[str, object]:
    about: dict[str, object] = {
        "lang": need.lang,
        "domain": need.domain,
        "entity": need.entity,
        "intent": need.intent,
    }
    return about | ({"target": need.target} if need.target else {})


def _card(files: dict[str, str]) -> str:
    """``dataset.toml``: what a loader needs to know, and the checksum of each file it reads."""
    checksums = "".join(
        f'"{name}" = "{hashlib.sha256(text.encode("utf-8")).hexdigest()}"\n' for name, text in sorted(files.items())
    )
    return (
        'name = "tracer"\n'
        'languages = ["zh", "en"]\n'
        'licence = "CC0-1.0"\n'
        f'revision = "{REVISION}"\n'
        'description = "Calibration set: short Chinese and English texts from a grammar '
        '(python -m bench.tracer generate); relevance is known by construction."\n'
        "\n[checksums]\n"
        f"{checksums}"
    )
