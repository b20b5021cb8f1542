"""Which trials belong together, and what to call each one: by dataset, and by what sets it apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import PurePath

from bench.derived import device, dtype
from bench.report.phrases import phrase
from bench.report.say import t
from bench.report.words import clean, series
from bench.types import Trial, TrialResult

PRIMARY = "ndcg@10"
_SECOND_STAGE = {
    "reranker", "reranker_revision", "engine", "template", "instruction", "batch_size", "token_budget", "max_length",
    "deterministic", "quantisation", "attention", "url", "concurrency", "timeout_s",
}  # fmt: skip
_ALIKE = {"dataset", "pipeline", "split", "measures", "timed_queries", "warmup_queries", "hub", "server_queries"}
_DRAWN = "drawn:"
DRAWN_WORKLOAD = "drawn workload"


@dataclass(frozen=True, slots=True)
class Group:
    """The trials of one dataset, in the order given; ``slug`` is ASCII and safe as part of a file name.

    A part of such a group has a label and a slug of its own making (see ``bench.report.sweep``): ``part`` says in words
    what its trials have in common, ``pipeline`` names theirs where the dataset has several, ``whole`` are all trials of
    that dataset.
    """

    label: str
    slug: str
    results: tuple[TrialResult, ...]
    pipeline: str = ""
    part: tuple[str, ...] = ()
    whole: tuple[TrialResult, ...] = ()

    @property
    def finished(self) -> tuple[TrialResult, ...]:
        return tuple(result for result in self.results if result.status == "ok")

    @property
    def full_label(self) -> str:
        parts = " · ".join(part for part in (clean(self.pipeline), *self.part) if part)
        return t("{dataset}, {part}", dataset=self.label, part=parts) if parts else self.label


def dataset_name(result: TrialResult) -> str:
    """The name the dataset gives itself, or else its folder's."""
    asked = result.trial.dataset
    folder = DRAWN_WORKLOAD if asked.startswith(_DRAWN) else PurePath(asked).name or asked
    return clean(result.dataset.get("name") or folder)


def by_dataset(results: Iterable[TrialResult]) -> tuple[Group, ...]:
    """One group for each dataset and split, in order of first appearance, each with a label and a slug of its own.

    The label is in the language being spoken; the slug is not, so that a figure has one name.
    """
    found: dict[tuple[str, str], list[TrialResult]] = {}
    for result in results:
        found.setdefault((result.trial.dataset, result.trial.split), []).append(result)
    names = {key: next((dataset_name(r) for r in members if r.dataset), dataset_name(members[0]))
             for key, members in found.items()}  # fmt: skip
    groups: list[Group] = []
    plain: list[str] = []
    for number, (key, members) in enumerate(found.items(), 1):
        drawn = key[0].startswith(_DRAWN)  # a drawn workload has no splits
        english = names[key]
        label = t("drawn workload") if drawn and english == DRAWN_WORKLOAD else english
        if list(names.values()).count(english) > 1 and not drawn:
            split = clean(key[1])
            english, label = f"{english} ({split})", t("{dataset} ({split})", dataset=label, split=split)
        if english in plain:
            english, label = f"{english} {number}", f"{label} {number}"
        slug = slug_of(english) or f"dataset-{number}"
        while slug in (group.slug for group in groups):
            slug = f"{slug}-{number}"
        plain.append(english)
        groups.append(Group(label, slug, tuple(members)))
    return tuple(groups)


def slug_of(text: str) -> str:
    """ASCII letters, digits and single hyphens; empty where the text has other letters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-") if text.isascii() else ""


def pipelines(results: Iterable[TrialResult]) -> tuple[str, ...]:
    """Names in order of first appearance: a pipeline's place here is its colour in every figure."""
    return tuple(dict.fromkeys(result.trial.pipeline for result in results))


def variants(results: Iterable[TrialResult]) -> dict[str, str]:
    """Trial id -> what sets it apart from the other trials of its pipeline, such as ``depth 50 · batch 8``."""
    members: dict[str, dict[str, Trial]] = {}
    for result in results:
        members.setdefault(result.trial.pipeline, {})[result.trial.id] = result.trial
    said = {}
    for trials in members.values():
        differing = [f.name for f in fields(Trial) if f.name not in _ALIKE and _differs(f.name, trials.values())]
        for id_, trial in trials.items():
            said[id_] = " · ".join(phrase(name, getattr(trial, name)) for name in differing)
    return said


def _differs(name: str, trials: Iterable[Trial]) -> bool:
    plays = [trial for trial in trials if trial.reranker is not None or name not in _SECOND_STAGE]
    return any(getattr(trial, name) != getattr(plays[0], name) for trial in plays)


def full_label(result: TrialResult, said: dict[str, str]) -> str:
    """Pipeline and variant on one line."""
    return " · ".join(part for part in (clean(result.trial.pipeline), said.get(result.trial.id, "")) if part)


def conditions(result: TrialResult, said: dict[str, str]) -> str:
    """Device, number format, batch size and length, whether they differ or not, and what differs."""
    trial = result.trial
    always = [device(result), dtype(result)]
    if trial.reranker is not None:
        always += [phrase("batch_size", trial.batch_size), phrase("max_length", trial.max_length)]
    parts = [clean(part) for part in always if part]
    also = [part for part in said.get(trial.id, "").split(" · ") if part and part not in parts]
    return series([*parts, *also])


def settings(result: TrialResult, said: dict[str, str]) -> str:
    """The pipeline with its ``conditions``."""
    return t("“{pipeline}” ({settings})", pipeline=clean(result.trial.pipeline), settings=conditions(result, said))


def measures(results: Iterable[TrialResult]) -> tuple[str, ...]:
    """Every measure of the trials, in order of first appearance."""
    return tuple(dict.fromkeys(name for result in results for name in result.trial.measures))


def primary(results: Iterable[TrialResult]) -> str:
    """The measure that figures and verdicts speak of: nDCG@10 where it was taken, else the first one."""
    known = measures(results)
    return PRIMARY if PRIMARY in known or not known else known[0]


def judged_queries(result: TrialResult) -> int | None:
    """How many queries the means are over."""
    return max((len(values) for values in result.quality.per_query.values()), default=0) if result.quality else None


def same_quality(results: Sequence[TrialResult], measure: str) -> tuple[tuple[TrialResult, ...], ...]:
    """Trials with the measure, those of one pipeline that differ in cost alone together."""
    seen: dict[tuple[object, ...], list[TrialResult]] = {}
    for result in results:
        if result.quality and measure in result.quality.means:
            values = tuple(sorted(result.quality.per_query.get(measure, {}).items()))
            seen.setdefault((result.trial.pipeline, result.quality.means[measure], values), []).append(result)
    return tuple(tuple(alike) for alike in seen.values())


def in_common(texts: Sequence[str]) -> str:
    """Of what sets several trials apart (see ``variants``), the parts that all of them have."""
    parts = [text.split(" · ") for text in texts]
    return " · ".join(part for part in parts[0] if all(part in other for other in parts))
