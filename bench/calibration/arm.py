"""All of one arm on one set: temperature and threshold come from dev, and test says what they are worth elsewhere."""

from __future__ import annotations

from bench.calibration import thresholds
from bench.calibration.pairs import UNITS, Pairs, pairs_of, treatment_of
from bench.calibration.reliability import reliability
from bench.calibration.temperature import temperature
from bench.calibration.words import ArmCalibration, Unjudged
from bench.claims.words import Missing
from bench.types import Qrels, Run, ScoreUnit


def calibrate(
    dataset: str,
    arm: str,
    dev_run: Run,
    dev_qrels: Qrels,
    test_run: Run | None,
    test_qrels: Qrels | None,
    unit: ScoreUnit,
    *,
    wanted_precision: float = 0.9,
    relevant_from: int = 1,
    unjudged: Unjudged = "auto",
    seed: int = 0,
) -> ArmCalibration:
    """What the scores of one arm are worth as probabilities; parts that cannot be had are None, and the note says why.

    ``auto`` looks at the judgements of dev and treats the unjudged candidates of test alike. Raises ValueError for a
    ``relevant_from`` below 1 and for a wanted precision that is none.
    """
    if not 0 < wanted_precision <= 1:
        raise ValueError(f"a wanted precision is above 0 and at most 1; got {wanted_precision}")
    treatment = treatment_of(dev_qrels, relevant_from) if unjudged == "auto" else unjudged
    dev = pairs_of(dev_run, dev_qrels, unit, relevant_from, treatment)
    test = (
        Missing("none was given")
        if test_run is None or test_qrels is None
        else pairs_of(test_run, test_qrels, unit, relevant_from, treatment)
    )
    notes = [f"{side}: {found.reason}" for side, found in (("dev", dev), ("test", test)) if isinstance(found, Missing)]
    dev_pairs, test_pairs = _pairs(dev), _pairs(test)
    wanted = fitted = None
    if dev_pairs:
        wanted = thresholds.wanted_precision(dev_pairs, test_pairs, wanted_precision, seed)
        fitted = temperature(dev_pairs, test_pairs)
    if isinstance(fitted, Missing):
        notes.append(f"temperature: {fitted.reason}")
    return ArmCalibration(
        dataset=dataset,
        arm=arm,
        unit=UNITS[unit],
        relevant_from=relevant_from,
        unjudged=treatment if dev_pairs or test_pairs else None,
        dev=reliability(dev_pairs, seed) if dev_pairs else None,
        test=reliability(test_pairs, seed) if test_pairs else None,
        thresholds_dev=thresholds.table(dev_pairs, seed=seed) if dev_pairs else (),
        thresholds_test=thresholds.table(test_pairs, seed=seed) if test_pairs else None,
        wanted=wanted,
        temperature=None if isinstance(fitted, Missing) else fitted,
        note="; ".join(notes),
    )


def _pairs(found: Pairs | Missing) -> Pairs | None:
    return found if isinstance(found, Pairs) else None
