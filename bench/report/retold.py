"""Sentences that a study or a claims file has stored, in the reader's language.

They were written in English when they were found. Here each is known by its wording, which holds its values, and is
said again with these. A sentence that is not known (a message of a library, what a file's author wrote) stays as it
is, and so does every sentence while English is spoken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from bench.report.say import speaking, spoken, t
from bench.report.words import clauses
from bench.study.words import Conclusion

Saying = Callable[..., str]
"""What says a sentence with its values by name; it passes over values that it has no place for."""

_VALUES = (
    "amount", "arm", "arms", "asked", "baseline", "ceiling", "cores", "counted", "data", "dataset", "depth", "field",
    "found", "here", "high", "load", "low", "measure", "n", "needed", "off", "seconds", "slack", "status", "total",
    "value", "what", "why",
)  # fmt: skip

_REASONS: tuple[Saying, ...] = (
    lambda **v: t("{arm} could not be measured on test; see the failed trials", **v),
    lambda **v: t(
        "{arm} is the best on dev now, and the test queries have been looked at for {arms} ({n} of {total} planned): "
        "choosing again by them would be choosing on test. Take fresh queries",
        **v,
    ),
)
_NOTES: tuple[Saying, ...] = (
    lambda **v: t("{arm} could not be measured on {dataset} and takes no part there: {why}", **v),
    lambda **v: t(
        "{arm} scored every pair of {dataset} exactly as {baseline} did: the engine or the model may not read "
        "instructions at all",
        **v,
    ),
    lambda **v: t(
        "{n} of {total} queries of {dataset} have no field {field}, which {arm} is to read; they were asked with its "
        "text, or the template's default",
        **v,
    ),
    lambda **v: t("{arms}: no text is given for {dataset}", **v),
    lambda **v: t("Sets are compared one by one; only the summary over sets speaks of several, and says how."),
)
_SPREADS: tuple[Saying, ...] = (lambda **v: t("assumed"), lambda **v: t("measured on dev"))
_SUMMED: tuple[Saying, ...] = (lambda **v: t("chosen on each set"),)
_PARTS: tuple[Saying, ...] = (lambda **v: t("dev"), lambda **v: t("test"), lambda **v: t("temperature"))
_LACKS: tuple[Saying, ...] = (
    lambda **v: t("none was given"),
    lambda **v: t("no judged query has candidates"),
    lambda **v: t("no candidate is judged"),
    lambda **v: t("a score is not a finite number"),
    lambda **v: t("scores from {low} to {high} are no probabilities", **v),
    lambda **v: t("the engine gives a score in a unit of its own, which is no probability of being relevant"),
    lambda **v: t("there are no pairs to fit a temperature to"),
    lambda **v: t("all pairs are relevant: no temperature fits them best"),
    lambda **v: t("all pairs are not relevant: no temperature fits them best"),
    lambda **v: t("the surer the scores, the worse: the best temperature is infinite, which gives every pair 0.5"),
    lambda **v: t("scores separate relevant from other pairs at 0.5 without a mistake: the best temperature is 0"),
    lambda **v: t("the best temperature is beyond {low} to {high}", **v),
)
_SLACKS: tuple[Saying, ...] = (
    lambda **v: t("its printed precision"),
    lambda **v: t("the stated tolerance of {amount}", **_amounts(v)),
)
_DATA: tuple[Saying, ...] = (lambda **v: t("some of the data"), lambda **v: t("other data"))
_AMOUNTS: tuple[Saying, ...] = (lambda **v: t("{n} points", **v),)
_COUNTED: tuple[Saying, ...] = (
    lambda **v: t("{n} queries", **v),
    lambda **v: t("{n} samples", **v),
    lambda **v: t("{n} rounds", **v),
    lambda **v: t("{n} rates", **v),
    lambda **v: t("{n} files", **v),
    lambda **v: t("{n} documents", **v),
    lambda **v: t("{n} measurements", **v),
)
_FINDINGS: tuple[Saying, ...] = (
    lambda **v: t(
        "{why}; no reranker could reach it, as the best order of the first stage's {n} candidates gives {ceiling}; "
        "depth {needed} would do",
        **{**v, "why": again(v["why"], _FINDINGS)},
    ),
    lambda **v: t(
        "{why}; no reranker could reach it, as the best order of the first stage's {n} candidates gives {ceiling}; "
        "raise depth, or take a better first stage",
        **{**v, "why": again(v["why"], _FINDINGS)},
    ),
    lambda **v: t(
        "{counted} cannot tell it from a figure that is {amount} off; about {needed} would do", **_amounts(v)
    ),
    lambda **v: t("the interval covers it, measured on {data}", **_amounts(v)),
    lambda **v: t("the very same data give it, within {slack}", **_amounts(v)),
    lambda **v: t("the very same data are off by {off}, nearer to {amount} than to nothing", **_amounts(v)),
    lambda **v: t("the interval covers it, but the very same data are off by {off}, more than {slack}", **_amounts(v)),
    lambda **v: t("the whole interval lies on the other side of the bound"),
    lambda **v: t("the interval lies on both sides of the bound; {counted} are too few", **_amounts(v)),
    lambda **v: t("the whole interval keeps the bound, measured on {data}", **_amounts(v)),
    lambda **v: t("the whole interval keeps the bound"),
    lambda **v: t(
        "the data that it was printed for is not here; other data gives {value}, which excludes it and refutes nothing",
        **_amounts(v),
    ),
    lambda **v: t("off by {off}, and the interval excludes it", **_amounts(v)),
    lambda **v: t("off by {off}", **_amounts(v)),
    lambda **v: t("it is about {asked}; the figure beside it was measured on {here}", **v),
    lambda **v: t("it is about {asked}, and this is {here}: {why}", **{**v, "why": again(v["why"], _FINDINGS)}),
    lambda **v: t("several sets have it; name one of them with dataset"),
    lambda **v: t("no trial of the pipeline {arm} fits; see pipeline, dataset and where", **v),
    lambda **v: t("{n} trials of the pipeline {arm} fit; say which with where", **v),
    lambda **v: t("the trial has no quality: its weights are random, or its pairs are drawn"),
    lambda **v: t("the pipeline that is taken off has no quality"),
    lambda **v: t("the pipeline has no reranker on this machine"),
    lambda **v: t("no latency was measured: the scenario single_stream was not run"),
    lambda **v: t("no throughput was measured: the scenario offline was not run"),
    lambda **v: t("no rate was measured: the scenario server was not run"),
    lambda **v: t("{measure} was not measured here: {why}", **v),
    lambda **v: t("{measure} was not measured here", **v),
    lambda **v: t("there are no judged scores to read"),
    lambda **v: t("the engine {arm} gives scores that are no probabilities", **v),
    lambda **v: t("no judged candidate has a probability within {value}", **v),
    lambda **v: t("no candidate has a judgement"),
    lambda **v: t("the set {dataset} is not on this machine; where to get it: {why}", **v),
    lambda **v: t("the set {dataset} is not on this machine; fetch it with: {why}", **v),
)


def reason(found: Conclusion) -> str:
    """Why a set's chosen arm was not compared on test."""
    return again(found.reason, _REASONS)


def note(stored: str) -> str:
    """A remark of the study."""
    return again(stored, _NOTES)


def spread_from(stored: str) -> str:
    """Where a standard deviation comes from."""
    return again(stored, _SPREADS)


def summed_arm(stored: str) -> str:
    """An arm of the summary over sets: its name, or that of the chosen ones."""
    return again(stored, _SUMMED)


def treatment(stored: str) -> str:
    """What became of candidates that nobody judged; in English it stands beside their share, and speaks for itself."""
    if spoken() == "en":
        return stored
    return {"left out": t("left out"), "not relevant": t("counted as not relevant")}.get(stored, stored)


def lacking(stored: str) -> str:
    """What an arm's calibration lacks and why: ``test: none was given; temperature: …``."""
    if spoken() == "en":
        return stored
    parts = [part.partition(": ") for part in stored.split("; ")]
    return clauses(
        t("{part}: {why}", part=again(part, _PARTS), why=again(why, _LACKS)) if colon else part
        for part, colon, why in parts
    )


def finding(stored: str) -> str:
    """Why a printed figure has its verdict."""
    return again(stored, _FINDINGS)


def _amounts(values: Mapping[str, str]) -> dict[str, str]:
    """The values that are words themselves: differences in points, tolerances, what was counted, whose data."""
    known = {"slack": _SLACKS, "data": _DATA, "counted": _COUNTED, "amount": _AMOUNTS, "off": _AMOUNTS,
             "value": _AMOUNTS}  # fmt: skip
    return {name: again(value, known.get(name, ())) for name, value in values.items()}


def again(stored: str, sayings: Sequence[Saying]) -> str:
    """``stored`` as the first of ``sayings`` that gives its very words in English has it."""
    if spoken() == "en":
        return stored
    for say in sayings:
        found = _pattern(say).fullmatch(stored)
        if found:
            return say(**found.groupdict())
    return stored


@cache
def _pattern(say: Saying) -> re.Pattern[str]:
    """The English sentence, with a group for each of its values."""
    with speaking("en"):
        said = say(**{name: f"\0{name}\0" for name in _VALUES})
    words = re.split("\0(.*?)\0", said)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(words)), re.DOTALL
    )
