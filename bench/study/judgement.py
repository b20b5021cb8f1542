"""Which arm dev has chosen, and whether it may be compared on test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.keys import arms_key, quality_key
from bench.prepare import Prepared
from bench.store import Store, set_name
from bench.study.choice import choose
from bench.study.file import StudyFile
from bench.study.looks import Look, allowed, at_test_set, now, of_question, read_looks, record
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
    baseline = items[file.baseline]
    test_set = set_name(baseline.trial, baseline.facts)
    question, base_key = _question(baseline.trial), quality_key(baseline.trial)
    before = of_question(read_looks(store), test_set, question, base_key)
    holds = before[0].planned if before else file.looks
    if chosen != file.baseline:
        key = quality_key(items[chosen].trial)
        may, holds = allowed(before, key, file.looks)
        if may:
            record(store, Look(test_set, question, key, base_key, chosen, holds, now()))
    looks = read_looks(store)
    looked = {look.arm for look in of_question(looks, test_set, question, base_key)}
    tested = tuple(arm for arm, item in items.items()
                   if arm != file.baseline and arm in dev.results and quality_key(item.trial) in looked)  # fmt: skip
    refused = () if chosen in (*tested, file.baseline) else tuple(look.name for look in before)
    return Judgement(chosen, tested, refused, at_test_set(looks, test_set), holds)


def _question(trial: Trial) -> str:
    """Arms may have templates of their own: the question is the same without both."""
    return arms_key(replace(trial, template=Trial("", "").template))
