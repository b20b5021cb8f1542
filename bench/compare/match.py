"""Pure: which trial of one results folder is to be compared with which of another, and whether it may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from bench.report.groups import dataset_name
from bench.types import Trial, TrialResult

_NOT_AXES = ("pipeline", "split")
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """The same trial before (``a``) and after (``b``). ``axes``: the fields that it was matched by beside its dataset,
    split and pipeline, where it was not matched by its id."""

    a: TrialResult
    b: TrialResult
    by_id: bool
    axes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """A's trial, which is in one pair at most."""
        return self.a.trial.id


@dataclass(frozen=True, slots=True)
class Matching:
    """Pairs in A's order, and what has no partner."""

    pairs: tuple[Pair, ...]
    only_a: tuple[TrialResult, ...]
    only_b: tuple[TrialResult, ...]


def match(a: Sequence[TrialResult], b: Sequence[TrialResult]) -> Matching:
    """Trials of one id are partners; the others by dataset, split, pipeline and the fields that vary within these.

    Fields that vary are those that take several values among the trials of that dataset, split and pipeline in one of
    the folders: a sweep is matched cell by cell, and a setting that each folder has one value of may differ.
    """
    of_b = {result.trial.id: result for result in b}
    same = {result.trial.id for result in a} & of_b.keys()
    axes = _axes(a, b)
    left_b: dict[Key, TrialResult] = {}
    for result in b:
        if result.trial.id not in same:
            left_b.setdefault(_key(result, axes), result)
    pairs, only_a = list[Pair](), list[TrialResult]()
    for result in a:
        if result.trial.id in same:
            pairs.append(Pair(result, of_b[result.trial.id], by_id=True))
        elif partner := left_b.pop(_key(result, axes), None):
            pairs.append(Pair(result, partner, by_id=False, axes=axes[_place(result)]))
        else:
            only_a.append(result)
    taken = {pair.b.trial.id for pair in pairs}
    return Matching(tuple(pairs), tuple(only_a), tuple(result for result in b if result.trial.id not in taken))


def refusal(pair: Pair) -> str:
    """Why the two must not be compared: they were not judged by the same labelled set, or on no query in common. Empty
    where they may be."""
    checksums = [_checksum(result) for result in (pair.a, pair.b)]
    if None in checksums:
        return "it is not recorded which labelled set they were judged on, so it cannot be known to be the same"
    if checksums[0] != checksums[1]:
        old, new = (str(checksum).removeprefix("sha256:")[:12] for checksum in checksums)
        return f"the labelled set is not the same: its checksum is {old}… in A and {new}… in B"
    a, b = judged(pair.a), judged(pair.b)
    return "no query was judged in both" if a and b and not a & b else ""


def judged(result: TrialResult) -> frozenset[str]:
    """The queries of which it has a value of any measure."""
    per_query = result.quality.per_query.values() if result.quality else ()
    return frozenset(query_id for values in per_query for query_id in values)


def _checksum(result: TrialResult) -> str | None:
    return result.dataset.get("checksum") or result.inputs.get("dataset") or None


def _place(result: TrialResult) -> Key:
    return dataset_name(result), result.trial.split, result.trial.pipeline


def _key(result: TrialResult, axes: dict[Key, tuple[str, ...]]) -> Key:
    place = _place(result)
    return *place, *(getattr(result.trial, name) for name in axes[place])


def _axes(*folders: Iterable[TrialResult]) -> dict[Key, tuple[str, ...]]:
    varied: dict[Key, set[str]] = {}
    for folder in folders:
        members: dict[Key, list[Trial]] = {}
        for result in folder:
            members.setdefault(_place(result), []).append(result.trial)
        for place, trials in members.items():
            varied.setdefault(place, set()).update(_varying(trials))
    names = [field.name for field in fields(Trial)]
    return {place: tuple(name for name in names if name in found) for place, found in varied.items()}


def _varying(trials: Sequence[Trial]) -> list[str]:
    names = [field.name for field in fields(Trial) if field.name not in _NOT_AXES]
    return [name for name in names if len({getattr(trial, name) for trial in trials}) > 1]
