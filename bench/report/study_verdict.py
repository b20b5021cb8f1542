"""One sentence or two per dataset: which instruction was chosen, and what the test queries say of it.

What is said follows ``Contrast.direction`` of the test side alone. Dev chooses and is named as what it is: the best of
many looks better than it is.
"""

from __future__ import annotations

from bench.report import words
from bench.report.retold import reason
from bench.report.say import t
from bench.report.study_view import (
    StudyView,
    datasets,
    difference,
    direction,
    name,
    of,
    p_value,
    queries_of,
    small,
)
from bench.report.verdict import FEW_QUERIES
from bench.report.words import MISSING
from bench.study.words import POWER, Conclusion, Contrast


def verdicts(study: StudyView) -> list[tuple[str, str]]:
    """(dataset, what can be said), for each dataset of the study."""
    concluded = {each.dataset: each for each in study.conclusions}
    return [
        (words.clean(dataset), _sentence(study, concluded[dataset]) if dataset in concluded else _unconcluded())
        for dataset in datasets(study)
    ]


def _unconcluded() -> str:
    return t("Nothing was concluded here: no instruction was chosen and tested.")


def _sentence(study: StudyView, found: Conclusion) -> str:
    if found.ending == "baseline":
        return _baseline(study, found)
    test = _contrast(found, of(study, found.dataset, found.measure, "test"))
    if found.ending == "not tested" or test is None:
        return _not_tested(study, found)
    said = {1: _better, -1: _worse, 0: _not_shown}[direction(test)](study, found, test)
    return words.sentences([said, t("So few queries bear no general claim.") if test.queries < FEW_QUERIES else ""])


def _better(study: StudyView, found: Conclusion, test: Contrast) -> str:
    arm, baseline, figures, p = name(test.arm), name(test.baseline), _figures(test), _p(test)
    said = t("{arm} is better than {baseline}: {figures}, {p}.", arm=arm, baseline=baseline, figures=figures, p=p)
    return words.sentences([said, t("It was chosen on {dev}.", dev=_dev(study, found)) if found.dev_queries else ""])


def _worse(study: StudyView, found: Conclusion, test: Contrast) -> str:
    arm, baseline, figures, p = name(test.arm), name(test.baseline), _figures(test), _p(test)
    said = t("{arm} is worse than {baseline}: {figures}, {p}.", arm=arm, baseline=baseline, figures=figures, p=p)
    return words.sentences(
        [said, t("It had been chosen on {dev}.", dev=_dev(study, found)) if found.dev_queries else ""]
    )


def _not_shown(study: StudyView, found: Conclusion, test: Contrast) -> str:
    arm, baseline = _the_best(study, found, test), name(test.baseline)
    title, queries = words.measure_title(test.measure), queries_of(test.queries, "test")
    if test.wins == test.losses == 0 and test.ties:
        return t(
            "No instruction was shown to help: {arm} has the same {measure} as {baseline} on each of {queries}.",
            arm=arm,
            measure=title,
            baseline=baseline,
            queries=queries,
        )
    mean, span = difference(test.difference, shown=False)
    power = small(test.detectable)
    could = "" if power == MISSING else t(
        "; a true difference of {difference} would have been found in {power} of studies",
        difference=power,
        power=f"{POWER:.0%}",
    )  # fmt: skip
    return t(
        "No instruction was shown to help: {arm} changes {measure} by {mean} ({span}) on {queries} against {baseline}, "
        "{p}{could}.",
        arm=arm,
        measure=title,
        mean=mean,
        span=span,
        queries=queries,
        baseline=baseline,
        p=_p(test),
        could=could,
    )


def _baseline(study: StudyView, found: Conclusion) -> str:
    baseline = name(study.baseline)
    if len(study.arms) <= 1 and not of(study, found.dataset, found.measure):
        return t("There is no other arm than {baseline}, so there was nothing to compare.", baseline=baseline)
    return t(
        "No instruction was better than {baseline} on {dev}, so there was nothing to test.",
        baseline=baseline,
        dev=_dev(study, found),
    )


def _not_tested(study: StudyView, found: Conclusion) -> str:
    on_dev = _contrast(found, of(study, found.dataset, found.measure, "dev"))
    figures = ""
    if on_dev is not None:
        mean, span = difference(on_dev.difference, shown=False)
        figures = t(", {measure} {mean} ({span})", measure=words.measure_title(on_dev.measure), mean=mean, span=span)
    best = t(
        "{arm} was the best on {dev}{figures}, and was not compared on test.",
        arm=name(found.chosen),
        dev=_dev(study, found),
        figures=figures,
    )
    why = words.clean(reason(found)).rstrip(".")
    return words.sentences([best, t("Nothing is claimed: {why}.", why=why) if why else t("Nothing is claimed.")])


def _contrast(found: Conclusion, among: list[Contrast]) -> Contrast | None:
    return next((each for each in among if each.arm == found.chosen), None)


def _dev(study: StudyView, found: Conclusion) -> str:
    """``160 dev queries (12 arms)``."""
    arms = {each.arm for each in of(study, found.dataset, found.measure, "dev")} | {study.baseline}
    on = queries_of(found.dev_queries, "dev")
    return t("{queries} ({n} arms)", queries=on, n=words.count(len(arms))) if len(arms) > 1 else on


def _the_best(study: StudyView, found: Conclusion, test: Contrast) -> str:
    """The chosen arm and, in commas, what it did on dev."""
    arm = name(test.arm)
    on_dev = _contrast(found, of(study, found.dataset, found.measure, "dev"))
    if not found.dev_queries:
        return arm
    dev = queries_of(found.dev_queries, "dev")
    if on_dev is None:
        return t("{arm}, the best on {dev},", arm=arm, dev=dev)
    gain = difference(on_dev.difference, shown=False)[0]
    return t("{arm}, the best on {dev} ({gain}),", arm=arm, dev=dev, gain=gain)


def _figures(test: Contrast) -> str:
    mean, span = difference(test.difference, shown=True)
    return t(
        "{measure} {mean} ({span}) on {queries}",
        measure=words.measure_title(test.measure),
        mean=mean,
        span=span,
        queries=queries_of(test.queries, "test"),
    )


def _p(test: Contrast) -> str:
    p = p_value(test.p_holm)
    if p == MISSING:
        return t("without a p-value")
    return t("p {p} adjusted", p=p) if p.startswith("<") else t("p = {p} adjusted", p=p)
