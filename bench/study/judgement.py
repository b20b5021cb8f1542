"""Which arm dev has chosen, and whether it may be compared on test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.keys import arms_key, quality_key
from bench.prepare import Prepared
from bench.store import Store, set_name
from bench.study.choice import choose
from bench.study.file import StudyFile
from bench.study.looks import Question, Tried, at_queries, look_of, of_question, plan, read_looks, take
from bench.study.measured import Measured
from bench.types import Trial


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of one set's test side: the arm that dev chose, and the arms whose comparison on test holds.

    ``refused`` names the arms that used up the looks; empty where the chosen arm may be compared.
    """

    chosen: str
    tested: tuple[str, ...]
    refused: tuple[str, ...]
    looks: int
    planned: int


def judge_test(file: StudyFile, dev: Measured, items: Mapping[str, Prepared], store: Store) -> Judgement:
    """Which arms of a set may be compared on test, where ``items`` are its arms there. A look is recorded before it is
    taken. Raises StoreError where the record is damaged."""
    chosen = choose(dev.scores, file.measures[0], file.baseline)
    asked = _asked(items[file.baseline])
    if chosen == file.baseline:
        looks = read_looks(store)
    else:
        _, looks = take(store, asked, _tried(chosen, items[chosen]), file.looks)
    others = {arm: _tried(arm, item) for arm, item in items.items() if arm != file.baseline and arm in dev.results}
    tested = tuple(arm for arm, tried in others.items() if look_of(looks, asked, tried))
    refused = () if chosen in (*tested, file.baseline) else tuple(look.name for look in of_question(looks, asked))
    return Judgement(chosen, tested, refused, at_queries(looks, asked), plan(looks, asked, file.looks))


def _asked(baseline: Prepared) -> Question:
    """Arms may have templates of their own: the question is the same without both."""
    trial, template = baseline.trial, Trial("", "").template
    return Question(
        test_set=set_name(trial, baseline.facts),
        queries=_queries(baseline),
        question=arms_key(replace(_anywhere(trial), template=template)),
        baseline=quality_key(_anywhere(trial)),
        older=(arms_key(replace(trial, template=template)), quality_key(trial)),
    )


def _tried(name: str, item: Prepared) -> Tried:
    return Tried(name, quality_key(_anywhere(item.trial)), quality_key(item.trial))


def _anywhere(trial: Trial) -> Trial:
    """The same for trials that differ in their queries, or in where these lie and what they are called, alone."""
    return replace(trial, dataset="", pipeline="", split="", max_queries=None, seed=0)


def _queries(item: Prepared) -> str:
    """A sample as large as its set is the set: which queries are asked, of which data."""
    ids = sorted(query.id for query in item.dataset.queries) if item.dataset else []
    text = "\n".join([str(item.facts.get("checksum") or ""), *ids])
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
