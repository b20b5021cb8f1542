"""What makes a trial's figures doubtful, in the reader's language: the stored warnings, and what its facts say besides.

A warning was written in English when it was found (``bench.judge``, ``bench.machine.steadiness``, the preparation). It
is known by its wording and said again, as ``retold.py`` does with what studies and claims have stored; those of an
engine, a server or a cluster stay as they are. A wording that earlier versions stored is known too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.machine.steadiness import doubt_of_load
from bench.report import words
from bench.report.retold import Saying, again
from bench.report.say import spoken, t
from bench.types import TrialResult

_PASSES: tuple[Saying, ...] = (lambda **v: t("1 pass"), lambda **v: t("{n} passes", **v))
_REPEATED: tuple[Saying, ...] = (
    lambda **v: t("the same query, asked again and again"),
    lambda **v: t("rounds of the same queries"),
)
_SERIES: tuple[Saying, ...] = (lambda **v: t("single queries"), lambda **v: t("rounds"))
_REASONS: tuple[Saying, ...] = (
    lambda **v: t("hardware slowdown"),
    lambda **v: t("heat (software)"),
    lambda **v: t("heat (hardware)"),
    lambda **v: t("power brake"),
)
_OF_QUALITY: tuple[Saying, ...] = (
    lambda **v: t("{measure}: nothing is ranked below depth {depth}; raise depth to measure further", **v),
    lambda **v: t(
        "{n} of {total} queries have no results and count 0; look at their words, or take another first stage", **v
    ),
    lambda **v: t("{n} of {total} queries have no results and count 0", **v),
    lambda **v: t(
        "every candidate of every query has one and the same score: the reranker has decided nothing there, and ids "
        "have; see `rerankbench doctor`"
    ),
    lambda **v: t(
        "every candidate of {n} of {total} queries has the same score: the reranker has decided nothing there, and ids "
        "have; see `rerankbench doctor`",
        **v,
    ),
    lambda **v: t(
        "every candidate of every query has one and the same score: the first stage has decided nothing there, and ids "
        "have; take another one"
    ),
    lambda **v: t(
        "every candidate of {n} of {total} queries has the same score: the first stage has decided nothing there, and "
        "ids have; take another one",
        **v,
    ),
    lambda **v: t(
        "{value} of neighbours in the top 10 tie; ids decide their order; score in fp32, or quote figures with the "
        "range that ties leave them",
        **v,
    ),
    lambda **v: t(
        "{value} of neighbours in the top 10 tie; ids decide their order; quote figures with the range that ties leave "
        "them",
        **v,
    ),
    lambda **v: t("{value} of neighbours in the top 10 tie; ids decide their order", **v),
    lambda **v: t(
        "in other orders of tied scores, which ids decide, figures could be: {found}; quote them with that",
        found=_ranges(v["found"]),
    ),
    lambda **v: t(
        "{value} of the top 10 are unjudged and count as not relevant; compare, do not quote alone", **v
    ),
    lambda **v: t("{value} of the documents were cut to fit max_length {n}; raise it to compare", **v),
    lambda **v: t(
        "no quality figures: the quality pass of these settings ended as {status}: {why}", **v
    ),
)  # fmt: skip
_OF_TIME: tuple[Saying, ...] = (
    lambda **v: t(
        "the machine was busy before the run (load {load} on {cores} cores); measure times on an idle one", **v
    ),
    lambda **v: t(
        "not warmed up: after {amount} the times still changed; raise warmup_queries, or leave the machine alone while "
        "it measures",
        amount=again(v["amount"], _PASSES),
    ),
    lambda **v: t(
        "noisy: {what} vary by {value} (standard deviation over mean, {n} times); stop what else runs on this machine "
        "and measure again, and until then trust no difference below {low}",
        **{**v, "what": again(v["what"], _REPEATED)},
    ),
    lambda **v: t(
        "drifts: the last third of the {what} is {value} slower than the first; the machine may be throttling: let it "
        "cool, fix its clock speed, and measure again",
        **{**v, "what": again(v["what"], _SERIES)},
    ),
    lambda **v: t(
        "drifts: the last third of the {what} is {value} faster than the first; it was not warm when timing began: "
        "raise warmup_queries and measure again",
        **{**v, "what": again(v["what"], _SERIES)},
    ),
    lambda **v: t(
        "throttled: the CPU quota of its container held the trial up in {n} of {total} periods, {seconds} s in all; "
        "raise the quota or set fewer threads, and measure again",
        **v,
    ),
    lambda **v: t(
        "throttled: {n} of {total} cores were slowed down for heat while times were taken; let the machine cool, and "
        "measure again",
        **v,
    ),
    lambda **v: t(
        "throttled: heat held the GPU's clock back for {n} of {seconds} s; let it cool, and measure again", **v
    ),
    lambda **v: t(
        "throttled: the limit of power held the GPU's clock back for {n} of {seconds} s; compare with figures under "
        "the same limit alone",
        **v,
    ),
    lambda **v: t(
        "throttled: the GPU's driver gives as reasons for a lower clock: {why}; see `nvidia-smi -q -d PERFORMANCE`, "
        "and measure again",
        why=words.series(again(each, _REASONS) for each in v["why"].split(", ")),
    ),
)
_OF_SETTINGS: tuple[Saying, ...] = (
    lambda **v: t("code of {arm} from {value} was run on this machine", **v),
    lambda **v: t("batch_size max: {n} is the largest that fits", **v),
    lambda **v: t(
        "{n} of {total} queries have more than {depth} candidates, which are cut there; depth {needed} reranks whole "
        "lists",
        **v,
    ),
    lambda **v: t(
        "the packed engine cannot serve {arm}: {why}; the engine transformers scored it instead", **v
    ),
)  # fmt: skip
_RANGE = re.compile(r"(?P<measure>\S+) (?P<low>\S+) to (?P<high>\S+)")


def warnings_of(result: TrialResult) -> list[str]:
    """The stored warnings, and that the machine was busy where a result without quality could not be told so."""
    busy = doubt_of_load(result)
    found = dict.fromkeys((*result.warnings, *([busy] if busy else ())))
    return [words.clean(warning(words.clean(text))) for text in found]


def warning(stored: str) -> str:
    """One of them, in the language being spoken."""
    return again(stored, (*_OF_QUALITY, *_OF_TIME, *_OF_SETTINGS))


def heard(results: Sequence[TrialResult]) -> dict[str, list[TrialResult]]:
    """Each warning once, with the results that have it."""
    found: dict[str, list[TrialResult]] = {}
    for result in results:
        for text in warnings_of(result):
            found.setdefault(text, []).append(result)
    return found


def _ranges(stored: str) -> str:
    """``mrr 0.750 to 1.000, map 0.2 to 0.3``; the pattern of the sentence itself is asked for with another text."""
    if spoken() == "en":
        return stored
    matches = [_RANGE.fullmatch(each) for each in stored.split(", ")]
    return words.series(
        t("{measure} {low} to {high}", **match.groupdict()) if match else "" for match in matches
    ) if all(matches) else stored  # fmt: skip
