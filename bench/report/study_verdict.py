"""One sentence or two per dataset: which instruction was chosen, and what the test queries say of it.

What is said follows ``Contrast.direction`` of the test side alone. Dev chooses and is named as what it is: the best of
many looks better than it is.
"""

from __future__ import annotations

from bench.report import words
from bench.report.study_view import StudyView, datasets, difference, direction, name, of, p_value, small
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
    return "Nothing was concluded here: no instruction was chosen and tested."


def _sentence(study: StudyView, found: Conclusion) -> str:
    if found.ending == "baseline":
        return _baseline(study, found)
    test = _contrast(study, found, of(study, found.dataset, found.measure, "test"))
    if found.ending == "not tested" or test is None:
        return _not_tested(study, found)
    said = {1: _better, -1: _worse, 0: _not_shown}[direction(test)](study, found, test)
    return said + (" So few queries bear no general claim." if test.queries < FEW_QUERIES else "")


def _better(study: StudyView, found: Conclusion, test: Contrast) -> str:
    chosen_on = f" It was chosen {_on_dev(study, found)}." if found.dev_queries else ""
    return f"{name(test.arm)} is better than {name(test.baseline)}: {_figures(test)}, {_p(test)}.{chosen_on}"


def _worse(study: StudyView, found: Conclusion, test: Contrast) -> str:
    chosen_on = f" It had been chosen {_on_dev(study, found)}." if found.dev_queries else ""
    return f"{name(test.arm)} is worse than {name(test.baseline)}: {_figures(test)}, {_p(test)}.{chosen_on}"


def _not_shown(study: StudyView, found: Conclusion, test: Contrast) -> str:
    said = f"No instruction was shown to help: {name(test.arm)}{_the_best(study, found)}"
    if test.wins == test.losses == 0 and test.ties:
        title = words.measure_title(test.measure)
        return f"{said} has the same {title} as {name(test.baseline)} on each of {_queries(test.queries, 'test')}."
    mean, span = difference(test.difference, shown=False)
    changes = f"changes {words.measure_title(test.measure)} by {mean} ({span})"
    power = small(test.detectable)
    could = "" if power == MISSING else (
        f"; a true difference of {power} would have been found in {POWER:.0%} of studies"
    )  # fmt: skip
    return f"{said} {changes} on {_queries(test.queries, 'test')} against {name(test.baseline)}, {_p(test)}{could}."


def _baseline(study: StudyView, found: Conclusion) -> str:
    if len(study.arms) <= 1 and not of(study, found.dataset, found.measure):
        return f"There is no other arm than {name(study.baseline)}, so there was nothing to compare."
    on = _on_dev(study, found)
    return f"No instruction was better than {name(study.baseline)} {on}, so there was nothing to test."


def _not_tested(study: StudyView, found: Conclusion) -> str:
    on_dev = _contrast(study, found, of(study, found.dataset, found.measure, "dev"))
    figures = ""
    if on_dev is not None:
        mean, span = difference(on_dev.difference, shown=False)
        figures = f", {words.measure_title(on_dev.measure)} {mean} ({span})"
    best = f"{name(found.chosen)} was the best {_on_dev(study, found)}{figures}, and was not compared on test."
    reason = words.clean(found.reason).rstrip(".")
    return f"{best} Nothing is claimed: {reason}." if reason else f"{best} Nothing is claimed."


def _contrast(study: StudyView, found: Conclusion, among: list[Contrast]) -> Contrast | None:
    return next((each for each in among if each.arm == found.chosen), None)


def _on_dev(study: StudyView, found: Conclusion) -> str:
    """``on 160 dev queries (12 arms)``."""
    arms = {each.arm for each in of(study, found.dataset, found.measure, "dev")} | {study.baseline}
    on = f"on {_queries(found.dev_queries, 'dev')}"
    return f"{on} ({words.plural(len(arms), 'arm')})" if len(arms) > 1 else on


def _the_best(study: StudyView, found: Conclusion) -> str:
    """In commas, what the chosen arm did on dev."""
    on_dev = _contrast(study, found, of(study, found.dataset, found.measure, "dev"))
    if not found.dev_queries:
        return ""
    gained = f" ({difference(on_dev.difference, shown=False)[0]})" if on_dev is not None else ""
    return f", the best on {_queries(found.dev_queries, 'dev')}{gained},"


def _figures(test: Contrast) -> str:
    mean, span = difference(test.difference, shown=True)
    return f"{words.measure_title(test.measure)} {mean} ({span}) on {_queries(test.queries, 'test')}"


def _p(test: Contrast) -> str:
    p = p_value(test.p_holm)
    if p == MISSING:
        return "without a p-value"
    return f"p {p} adjusted" if p.startswith("<") else f"p = {p} adjusted"


def _queries(n: int, side: str) -> str:
    return words.plural(n, f"{side} query")
