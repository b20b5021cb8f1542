"""The data of one labelled set, cut until they fit: fewer and shorter documents first, fewer queries last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.explorer.choose import FIRST, Found, look, shown
from bench.explorer.data import Cut, Field, Head, Shown, pack
from bench.explorer.reading import Reader
from bench.explorer.text import clean, excerpt, find, units
from bench.study.features import features, in_order
from bench.types import Dataset, Document, Query, Run, ScoreUnit

BUDGET = 8_000_000
"""Bytes that all data of one page may take when compressed; the page has them in base64, a third larger."""
STEPS = (
    Cut(FIRST, 40, 1200), Cut(FIRST, 30, 900), Cut(FIRST, 24, 600), Cut(8, 20, 450), Cut(6, 16, 350), Cut(5, 12, 280),
    Cut(5, 10, 220), Cut(5, 10, 160), Cut(5, 8, 100), Cut(4, 6, 60),
)  # fmt: skip
MOST_PIPELINES = 8
_MOST_VALUES = 50
"""Of a field: with more, it is no filter."""
_SAMPLE = 300
_HOPELESS = 1.7
"""A step whose sample of queries says that it is so many times too large is not tried. Queries share documents, so the
sample says too much."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One ranking as it is to be shown. ``run`` reads it, as often as asked; ``values`` are the measure's by query."""

    name: str
    unit: ScoreUnit
    depth: int
    values: Mapping[str, float]
    run: Callable[[], Run]
    reader: Reader
    trials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Material:
    dataset: Dataset
    pipelines: Sequence[Pipeline]
    found: Mapping[str, Found]
    documents: Mapping[str, Document]
    stops: Mapping[str, Mapping[str, Mapping[int, int]]]
    fields: tuple[Field, ...]
    said: Mapping[str, Mapping[str, str]]


def build(
    dataset: Dataset,
    measure: str,
    pipelines: Sequence[Pipeline],
    compare: tuple[int, int],
    *,
    left_out: Sequence[str] = (),
    study: bool = False,
    budget: int = BUDGET,
) -> bytes:
    """A payload of at most ``budget`` bytes. ``left_out`` are names of pipelines that are not among these."""
    material = _gather(dataset, pipelines)

    def packed(cut: Cut, queries: Sequence[Query]) -> bytes:
        head = Head(
            set=clean(dataset.name),
            split=clean(dataset.split),
            measure=measure,
            queries=len(queries),
            pipelines=tuple(
                Shown(clean(each.name), "score" if each.unit == "score" else "probability", each.depth,
                      round(_mean(each.values), 6), each.reader.reading)
                for each in pipelines
            ),
            compare=compare,
            fields=material.fields,
            cut=replace(cut, queries=len(dataset.queries) - len(queries), pipelines=tuple(map(clean, left_out))),
            trials=tuple(trial for each in pipelines for trial in each.trials),
            study=study,
        )  # fmt: skip
        return pack(head, _body(material, cut, queries))

    sample = dataset.queries[:: max(1, len(dataset.queries) // _SAMPLE)]
    for cut in STEPS:
        if len(packed(cut, sample)) * len(dataset.queries) / len(sample) > _HOPELESS * budget:
            continue
        payload = packed(cut, dataset.queries)
        if len(payload) <= budget:
            return payload
    queries, payload = dataset.queries, packed(STEPS[-1], dataset.queries)
    while len(payload) > budget and len(queries) > 1:
        queries = queries[::2]
        payload = packed(STEPS[-1], queries)
    return payload


def _gather(dataset: Dataset, pipelines: Sequence[Pipeline]) -> _Material:
    grades = {query.id: dataset.qrels.get(query.id, {}) for query in dataset.queries}
    found = look([each.run for each in pipelines], [each.unit for each in pipelines], grades)
    documents = find(dataset.corpus, {doc_id for one in found.values() for doc_id in one.places})
    for one in found.values():
        for doc_id in [doc_id for doc_id in one.places if doc_id not in documents]:
            del one.places[doc_id], one.best[doc_id]
    stops: dict[str, dict[str, dict[int, int]]] = {}
    for number, each in enumerate(pipelines):
        for query in filter(each.reader.knows, dataset.queries):
            ranked = [doc_id for doc_id, places in found[query.id].places.items() if number in places]
            ends = each.reader.read(query, [documents[doc_id].content for doc_id in ranked])
            for doc_id, end in zip(ranked, ends, strict=True):
                if end is not None:
                    read = len(clean(documents[doc_id].content[:end]))
                    stops.setdefault(query.id, {}).setdefault(doc_id, {})[number] = read
    bare = replace(dataset, corpus=(), qrels={})
    said = features(bare, {}, None)  # without documents: what the queries alone say of themselves
    names = dict.fromkeys(name for one in said.values() for name in one)
    fields = (Field(name, tuple(in_order(one[name] for one in said.values()))) for name in names)
    return _Material(
        dataset,
        pipelines,
        found,
        documents,
        stops,
        tuple(each for each in fields if len(each.values) <= _MOST_VALUES),
        said,
    )


def _body(material: _Material, cut: Cut, queries: Sequence[Query]) -> dict[str, Any]:
    chosen = {
        query.id: shown(material.found[query.id], _grades(material, query), cut.first, cut.documents)
        for query in queries
    }
    places = {doc_id: place for place, doc_id in enumerate(dict.fromkeys(d for ids in chosen.values() for d in ids))}
    stops: dict[str, set[int]] = {}
    for query in queries:
        for doc_id, ends in material.stops.get(query.id, {}).items():
            stops.setdefault(doc_id, set()).update(ends.values())
    values = {field.name: {value: place for place, value in enumerate(field.values)} for field in material.fields}
    return {
        "documents": [excerpt(material.documents[doc_id], cut.characters, stops.get(doc_id, ())) for doc_id in places],
        "queries": [
            [
                clean(query.id),
                clean(query.text),
                [known[material.said[query.id][name]] for name, known in values.items()],
                [_value(each.values.get(query.id)) for each in material.pipelines],
                material.found[query.id].traps,
                _relevant_left_out(material, query, chosen[query.id]),
                [_document(material, query, doc_id, places[doc_id]) for doc_id in chosen[query.id]],
            ]
            for query in queries
        ],
    }  # fmt: skip


def _document(material: _Material, query: Query, doc_id: str, place: int) -> list[Any]:
    stands = material.found[query.id].places[doc_id]
    pipelines = range(len(material.pipelines))
    row: list[Any] = [
        place,
        _grades(material, query).get(doc_id),
        [stands[number].rank if number in stands else 0 for number in pipelines],
        [stands[number].score if number in stands else 0 for number in pipelines],
    ]
    stops = material.stops.get(query.id, {}).get(doc_id)
    if stops:
        whole = clean(material.documents[doc_id].content)
        row.append({str(number): units(whole[:end]) for number, end in stops.items()})
    return row


def _grades(material: _Material, query: Query) -> Mapping[str, int]:
    return material.dataset.qrels.get(query.id, {})


def _relevant_left_out(material: _Material, query: Query, chosen: Sequence[str]) -> int:
    relevant = {doc_id for doc_id, grade in _grades(material, query).items() if grade > 0}
    return len(relevant - set(chosen))


def _value(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values) if values else 0.0
