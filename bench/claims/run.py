"""A claims file from its trials to its rows: what can be had is run, and what cannot is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.claims import examples
from bench.claims.file import ClaimsFile
from bench.claims.gather import Outcome, evidence
from bench.claims.measures import Tested
from bench.claims.setup import deviations
from bench.claims.verdict import decide, weakest
from bench.claims.words import Claim, Evidence, Missing, Ruling
from bench.config.plan import Plan
from bench.prepare import Prepared, prepare_each
from bench.runner import run_all
from bench.store import Store
from bench.types import Progress, RerankBenchError, Trial, TrialResult
from bench.workshop import Done


@dataclass(frozen=True, slots=True)
class Tried:
    """Every claim's ruling, and the results of the trials that were run for them, with their inputs beside them."""

    rulings: tuple[Ruling, ...]
    results: tuple[TrialResult, ...]
    items: tuple[Prepared, ...] = ()


def put_to_test(file: ClaimsFile, store: Store, tell: Progress, done: Done, *, retry: bool = False) -> Tried:
    """Run the trials of all experiments that can be run here, then rule on each claim."""
    asked = list({trial.id: trial for trials in file.trials.values() for trial in trials}.values())
    found = prepare_each(asked, file.base, tell)
    items = list({item.trial.id: item for item in found if isinstance(item, Prepared)}.values())
    plan = Plan(file.name, tuple(item.trial for item in items), file.base, file.text)
    results = run_all(items, plan, store, tell, done, retry=retry) if items else []
    finished = {item.trial.id: Tested(item, result, store) for item, result in zip(items, results, strict=True)}
    outcomes: dict[str, Outcome] = {
        trial.id: item if isinstance(item, RerankBenchError) else finished[item.trial.id]
        for trial, item in zip(asked, found, strict=True)
    }
    rulings = []
    for claim in file.claims:
        tell(f"claim {claim.id}", 0, 0)
        rulings.append(_ruling(claim, file, outcomes))
    return Tried(tuple(rulings), tuple(results), tuple(items))


def _ruling(claim: Claim, file: ClaimsFile, outcomes: Mapping[str, Outcome]) -> Ruling:
    trials = file.trials.get(claim.experiment or "", ())
    ran, stated, tested = list[Trial](), list[Trial](), list[Tested]()
    found: dict[str, Evidence | Missing]
    if claim.untestable is not None:
        found = {figure.name: Missing(claim.untestable) for figure in claim.figures}
    elif claim.example is not None:
        ran, stated = ([examples.example_trial(claim.example, said, claim.id)] for said in (file.overrides, {}))
        scores = examples.probabilities(claim.example, ran[0], file.base)
        found = {figure.name: examples.evidence(figure, scores) for figure in claim.figures}
    else:
        found = {figure.name: evidence(claim, figure, trials, outcomes) for figure in claim.figures}
        pipelines = {name for figure in claim.figures for name in (figure.pipeline, figure.minus)}
        used = [outcomes[trial.id] for trial in trials if trial.pipeline in pipelines]
        tested = [each for each in used if isinstance(each, Tested)]
        ran = [each.result.trial for each in tested]
        stated = [trial for trial in file.stated[claim.experiment or ""] if trial.pipeline in pipelines]
    findings = tuple(decide(each, found[each.name], claim.tolerance, claim.resolution) for each in claim.figures)
    decisive = weakest(findings)
    alike = len({(finding.verdict, finding.reason) for finding in findings}) == 1
    reason = decisive.reason if alike else f"{decisive.figure.name}: {decisive.reason}"
    otherwise = deviations(claim, ran, stated, file.overrides, [each.result for each in tested])
    if decisive.verdict == "refuted" and otherwise:
        reason += f"; the set-up differs in {len(otherwise)} known {'way' if len(otherwise) == 1 else 'ways'}"
    return Ruling(claim, decisive.verdict, reason, findings, otherwise)
