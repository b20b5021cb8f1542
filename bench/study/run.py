"""A study from its file to its outcome: every arm on dev, a choice, and the chosen one on test, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.config.plan import Plan
from bench.prepare import Prepared, prepare_each
from bench.process import ThisMachine
from bench.runner import run_all
from bench.store import Store
from bench.study.file import StudyFile, StudySet
from bench.study.judgement import judge_test
from bench.study.measured import Measured, measured
from bench.study.outcome import outcome, queries_table
from bench.study.queries_table import without_texts
from bench.study.scoring import score_arms
from bench.study.study import Study
from bench.types import ConfigError, Progress, RerankBenchError, TrialResult
from bench.workshop import Done


@dataclass(frozen=True, slots=True)
class Studied:
    """The outcome, the results of every trial that it rests on, dev before test, and every comparison by query."""

    study: Study
    results: tuple[TrialResult, ...]
    queries_csv: str

    def without_texts(self) -> Studied:
        """The same for whom texts are not to be handed on: no examples, and queries by their ids alone."""
        return Studied(replace(self.study, examples=()), self.results, without_texts(self.queries_csv))


@dataclass(frozen=True, slots=True)
class Inputs:
    """A study file whose inputs were found: by side, set and arm."""

    dev: Mapping[str, Mapping[str, Prepared]]
    test: Mapping[str, Mapping[str, Prepared]]


def find_inputs(file: StudyFile, tell: Progress) -> Inputs:
    """Everything that the study may read, dev and test, before anything runs. Raises for the first that is missing."""
    asked = [(each.label, side, arm, trial) for each in file.sets for side in ("dev", "test")
             for arm, trial in (each.dev if side == "dev" else each.test).items()]  # fmt: skip
    found = prepare_each([trial for *_, trial in asked], file.base, tell)
    sides: dict[str, dict[str, dict[str, Prepared]]] = {"dev": {}, "test": {}}
    for (label, side, arm, _), item in zip(asked, found, strict=True):
        if isinstance(item, RerankBenchError):
            raise item
        sides[side].setdefault(label, {})[arm] = item
    inputs = Inputs(sides["dev"], sides["test"])
    for each in file.sets:
        _check_apart(each, inputs)
    return inputs


def run_study(
    file: StudyFile, inputs: Inputs, store: Store, tell: Progress, done: Done, *, retry: bool = False
) -> Studied:
    """Run what is not in the folder yet, and say what the study has found."""
    dev = _results(_flat(inputs.dev), file, store, tell, done, retry)
    on_dev = {each.label: measured(each.label, "dev", inputs.dev[each.label], dev, store) for each in file.sets}
    _check_baseline(file, on_dev)
    judgements = {
        each.label: judge_test(file, on_dev[each.label], inputs.test[each.label], store) for each in file.sets
    }
    wanted = [
        inputs.test[label][arm]
        for label, found in judgements.items()
        for arm in ((file.baseline, *found.tested) if found.tested else ())
    ]
    test = _results(wanted, file, store, tell, done, retry)
    on_test = {
        label: measured(label, "test", {arm: inputs.test[label][arm] for arm in (file.baseline, *found.tested)}, test,
                        store)
        for label, found in judgements.items() if found.tested
    }  # fmt: skip
    tell("compare", 0, 0)
    study = outcome(file, on_dev, on_test, judgements)
    return Studied(study, (*dev.values(), *test.values()), queries_table(file, on_dev, on_test))


def _results(
    items: Sequence[Prepared], file: StudyFile, store: Store, tell: Progress, done: Done, retry: bool
) -> dict[str, TrialResult]:
    """By the trial's id, in the order given."""
    items = list({item.trial.id: item for item in items}.values())
    if not items:
        return {}
    plan = Plan(file.name, tuple(item.trial for item in items), file.base, file.text, file.time_limit_s)
    place = ThisMachine(store.host_lock)
    unfinished = [item for item in items if store.find(item.trial, item.inputs, retry=retry) is None]
    score_arms(unfinished, plan, store, place, tell)
    results = run_all(items, plan, store, tell, done, place=place, retry=retry)
    return {item.trial.id: result for item, result in zip(items, results, strict=True)}


def _flat(side: Mapping[str, Mapping[str, Prepared]]) -> list[Prepared]:
    return [item for arms in side.values() for item in arms.values()]


def _check_apart(each: StudySet, inputs: Inputs) -> None:
    """Raises ConfigError where what chooses would also judge: a query that is on both sides."""
    dev, test = (next(iter(side[each.label].values())).dataset for side in (inputs.dev, inputs.test))
    if dev is None or test is None:
        return
    shared = {query.id for query in dev.queries} & {query.id for query in test.queries}
    if shared:
        raise ConfigError(
            f"{each.label}: {len(shared)} queries are both in {each.dev_split} and in {each.test_split} (first: "
            f"{min(shared)!r}); what chooses must not judge"
        )


def _check_baseline(file: StudyFile, on_dev: Mapping[str, Measured]) -> None:
    for label, side in on_dev.items():
        if file.baseline not in side.results:
            raise ConfigError(
                f"{label}: the baseline {file.baseline!r} could not be measured ({side.lost[file.baseline]}), so there "
                "is nothing to compare with"
            )
