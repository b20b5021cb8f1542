"""What was measured on both sides -> what the study has found. Pure but for reading texts of a corpus on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bench.calibration import calibrate
from bench.calibration.words import ArmCalibration
from bench.data import contents_of
from bench.pipeline import own_instruction
from bench.study.across import across
from bench.study.choice import planned
from bench.study.contrasts import Array, contrasts, differences, spread
from bench.study.examples import Compared, Example, examples
from bench.study.features import Features, features
from bench.study.file import StudyFile
from bench.study.judgement import Judgement
from bench.study.measured import Measured
from bench.study.queries_table import Row, queries_csv, query_rows
from bench.study.slices import Slice, slices
from bench.study.study import Study
from bench.study.words import Arm, ArmCost, Conclusion, Contrast, Ending, Planned, Side

SEED = 0
ASSUMED, FROM_DEV = "assumed", "measured on dev"
EACH_CHOSEN = "chosen on each set"
"""As an arm of the summary over sets: on every set the one that was chosen there."""
Sides = Mapping[str, Measured]
"""By the set's label."""


def outcome(file: StudyFile, dev: Sides, test: Sides, judgements: Mapping[str, Judgement]) -> Study:
    """``test`` holds the sets that were looked at, each with the baseline and the arms whose comparison holds."""
    looks = [found.planned for found in judgements.values()]
    on_dev = contrasts([side.scores for side in dev.values()], file.baseline, file.measures, SEED)
    on_test = contrasts(
        [side.scores for side in test.values()], file.baseline, file.measures, SEED, hypotheses(file, looks)
    )
    shown = {label: _shown_arm(on_dev, label, found.chosen, file) for label, found in judgements.items()}
    known = {label: _features(side, file) for label, side in dev.items()}
    return Study(
        name=file.name,
        baseline=file.baseline,
        measures=file.measures,
        arms=tuple(replace(arm, template=_template(arm, file)) for arm in file.arms),
        contrasts=(*on_dev, *on_test),
        conclusions=tuple(_conclusion(file, dev[label], found, on_test) for label, found in judgements.items()),
        planned=(
            *dev_plans(file, {label: len(side.dataset.queries) for label, side in dev.items()}),
            *_test_plans(file, dev, test, shown, hypotheses(file, looks)),
        ),
        across=(*across(_differences(dev, file), "dev"), *across(_of_the_chosen(test, judgements, file), "test")),
        examples=tuple(one for label, side in dev.items() for one in _examples(side, shown[label], file)),
        slices=tuple(one for label, side in dev.items() for one in _slices(side, shown[label], known[label], file)),
        calibrations=tuple(_calibrations(dev, test, file)),
        costs=tuple(_costs(dev, "dev")) + tuple(_costs(test, "test")),
        notes=tuple(dict.fromkeys(_notes(file, dev))),
    )


def _template(arm: Arm, file: StudyFile) -> str:
    """The arm's own, or that of the study's trials."""
    return next(each.dev[arm.name].template for each in file.sets if arm.name in each.dev)


def hypotheses(file: StudyFile, looks: Sequence[int] = ()) -> int:
    """How many comparisons on test share the level: measures × planned looks of all sets, whether they are made or not.

    ``looks`` are what was planned for each set before its first look, which holds whatever the file says since; without
    them nobody has looked yet, and the file's number holds.
    """
    return len(file.measures) * sum(looks or [file.looks] * len(file.sets))


def queries_table(file: StudyFile, dev: Sides, test: Sides) -> str:
    """``ab-queries.csv``: every comparison query by query. Test queries are there by id alone, without their texts."""
    rows: list[Row] = []
    for side in (*dev.values(), *test.values()):
        on_dev = side.scores.side == "dev"
        known = _features(side, file) if on_dev else {}
        texts = {query.id: query.text if on_dev else "" for query in side.dataset.queries}
        for arm in side.results:
            for measure in file.measures if arm != file.baseline else ():
                rows += query_rows(_compared(side, arm, measure, file), texts, known)
    return queries_csv(rows)


# ---------------------------------------------------------------------------------------------------- conclusions


def _conclusion(file: StudyFile, dev: Measured, found: Judgement, on_test: Sequence[Contrast]) -> Conclusion:
    label, measure = dev.scores.dataset, file.measures[0]
    each = next(each for each in file.sets if each.label == label)
    of_chosen = [c for c in on_test if (c.dataset, c.measure, c.arm) == (label, measure, found.chosen)]
    ending, reason = _ending(file, found, of_chosen)
    return Conclusion(
        dataset=label,
        measure=measure,
        chosen=found.chosen,
        ending=ending,
        reason=reason,
        dev_split=each.dev_split,
        test_split=each.test_split,
        dev_queries=len(dev.dataset.queries),
        test_queries=of_chosen[0].queries if of_chosen else 0,
        looks=found.looks,
        planned_looks=found.planned,
    )


def _ending(file: StudyFile, found: Judgement, of_chosen: Sequence[Contrast]) -> tuple[Ending, str]:
    if found.chosen == file.baseline:
        return "baseline", f"no instruction was better than {file.baseline} on dev, so there was nothing to test"
    if found.refused:
        used = ", ".join(dict.fromkeys(found.refused))
        return "not tested", (
            f"{found.chosen} is the best on dev now, and the test queries have been looked at for {used} "
            f"({len(found.refused)} of {found.planned} planned): choosing again by them would be choosing on test. "
            "Take fresh queries"
        )
    if not of_chosen:
        return "not tested", f"{found.chosen} could not be measured on test; see the failed trials"
    direction = of_chosen[0].direction
    endings: dict[int, tuple[Ending, str]] = {
        1: ("better", "interval and adjusted p agree that there is a gain"),
        -1: ("worse", "interval and adjusted p agree that there is a loss"),
        0: ("not shown", "the test queries show neither a gain nor a loss"),
    }
    return endings[direction]


def dev_plans(file: StudyFile, queries: Mapping[str, int]) -> tuple[Planned, ...]:
    """What the dev sides can show, by the assumed spread; ``queries`` are their numbers, by the set's label."""
    comparisons = sum(len(each.dev) - 1 for each in file.sets) * len(file.measures)
    return tuple(
        planned(label, measure, "dev", count, comparisons, file.sd, ASSUMED, file.effect)
        for label, count in queries.items()
        for measure in file.measures
    )


def _test_plans(
    file: StudyFile, dev: Sides, test: Sides, shown: Mapping[str, str | None], comparisons: int
) -> Iterator[Planned]:
    for label, side in test.items():
        arm, count = shown[label], len(side.dataset.queries)
        for measure in file.measures if arm is not None else ():
            sd = spread(differences(dev[label].scores, str(arm), file.baseline, measure))
            yield planned(label, measure, "test", count, comparisons, sd, FROM_DEV, file.effect)


def _differences(sides: Sides, file: StudyFile) -> dict[tuple[str, str], dict[str, Array]]:
    found: dict[tuple[str, str], dict[str, Array]] = {}
    for measure in file.measures:
        for label, side in sides.items():
            for arm in side.results:
                if arm != file.baseline:
                    values = differences(side.scores, arm, file.baseline, measure)
                    found.setdefault((measure, arm), {})[label] = values
    return found


def _of_the_chosen(
    test: Sides, judgements: Mapping[str, Judgement], file: StudyFile
) -> dict[tuple[str, str], dict[str, Array]]:
    """Empty unless the chosen arm of every set was compared on test."""
    if any(label not in test or found.chosen not in test[label].results for label, found in judgements.items()):
        return {}
    return {
        (measure, EACH_CHOSEN): {
            label: differences(test[label].scores, found.chosen, file.baseline, measure)
            for label, found in judgements.items()
        }
        for measure in file.measures
    }


# ------------------------------------------------------------------------------------------------------- queries


def _shown_arm(on_dev: Sequence[Contrast], label: str, chosen: str, file: StudyFile) -> str | None:
    """The arm whose queries are looked into: the chosen one, or the best other one where that is the baseline."""
    if chosen != file.baseline:
        return chosen
    others = [one for one in on_dev if one.dataset == label and one.measure == file.measures[0]]
    return max(others, key=lambda one: one.mean).arm if others else None


def _features(side: Measured, file: StudyFile) -> Features:
    base = side.passes[file.baseline]
    return features(side.dataset, base.first_stage, base.cut_pairs)


def _compared(side: Measured, arm: str, measure: str, file: StudyFile) -> Compared:
    scores = side.scores
    before, after = (scores.per_query[name][measure] for name in (file.baseline, arm))
    return Compared(scores.dataset, scores.side, scores.split, measure, arm, file.baseline, before, after)


def _examples(side: Measured, arm: str | None, file: StudyFile) -> tuple[Example, ...]:
    if arm is None:
        return ()
    return examples(
        _compared(side, arm, file.measures[0], file), side.dataset, side.runs[file.baseline], side.runs[arm],
        contents_of(side.dataset.corpus), side.passes[arm].unit,
    )  # fmt: skip


def _slices(side: Measured, arm: str | None, known: Features, file: StudyFile) -> tuple[Slice, ...]:
    return () if arm is None else slices(_compared(side, arm, file.measures[0], file), known, SEED)


# ----------------------------------------------------------------------------------------- calibration and costs


def _calibrations(dev: Sides, test: Sides, file: StudyFile) -> Iterator[ArmCalibration]:
    asked = file.calibration
    for label, side in dev.items():
        for arm in side.results:
            other = test.get(label)
            tested = other if other is not None and arm in other.results else None
            yield calibrate(
                label, arm, side.runs[arm], side.dataset.qrels,
                tested.runs[arm] if tested else None, tested.dataset.qrels if tested else None,
                side.passes[arm].unit, wanted_precision=asked.precision, relevant_from=asked.relevant_from,
                unjudged=asked.unjudged, seed=SEED,
            )  # fmt: skip


def _costs(sides: Sides, name: Side) -> Iterator[ArmCost]:
    for label, side in sides.items():
        for arm, made in side.passes.items():
            yield ArmCost(label, name, arm, made.work.pairs, made.work.tokens, made.work.forward_tokens, made.seconds)


# --------------------------------------------------------------------------------------------------------- notes


def _notes(file: StudyFile, dev: Sides) -> Iterator[str]:
    fields = {arm.name: arm.query_field for arm in file.arms if arm.query_field}
    for label, side in dev.items():
        for arm, why in side.lost.items():
            yield f"{arm} could not be measured on {label} and takes no part there: {why}"
        for arm in side.results:
            if arm != file.baseline and side.runs[arm] == side.runs[file.baseline]:
                yield (
                    f"{arm} scored every pair of {label} exactly as {file.baseline} did: the engine or the model may "
                    "not read instructions at all"
                )
        for arm, name in fields.items():
            without = sum(own_instruction(query, name) is None for query in side.dataset.queries)
            if without:
                yield (
                    f"{without} of {len(side.dataset.queries)} queries of {label} have no field {name!r}, which {arm} "
                    "is to read; they were asked with its text, or the template's default"
                )
        left_out = [arm.name for arm in file.arms if arm.name not in side.results and arm.name not in side.lost]
        if left_out:
            yield f"{', '.join(left_out)}: no text is given for {label}"
    if len(file.sets) > 1:
        yield "Sets are compared one by one; only the summary over sets speaks of several, and says how."
