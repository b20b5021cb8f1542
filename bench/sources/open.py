"""Any set that a trial can name -> a checked Dataset: a folder, a card, or what is converted on first use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.data import SplitReport, check_dataset, load_dataset
from bench.data.parts import parse_part, part_of
from bench.data.records import shown
from bench.fetch import CARD, card_of, here, is_fetched
from bench.sources.convert import converted
from bench.sources.spec import HubSpec, RerankingSpec, Spec, is_name, parse_name
from bench.sources.trec_folder import trec_folder
from bench.types import DataError, Dataset, Notice, Progress


def untold(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Found:
    """A set as a folder in BEIR layout, and what was odd in the files that it was converted from."""

    folder: Path
    notices: tuple[Notice, ...] = ()


def open_set(name: str, split: str, base: Path, tell: Progress = untold) -> Dataset:
    """The set that a trial names, with the judgements of ``split`` or of a part of it; a relative path starts from
    ``base``.

    ``name`` is a folder (BEIR layout, or TREC files), ``card:NAME``, ``ir:ID``, or what a config's mapping becomes
    (see ``bench.sources.spec``). Raises DataError for what is wrong with the set or not here, ConfigError for a name
    that nobody knows, and StoreError where a conversion cannot be kept.
    """
    part = parse_part(split)
    whole = part.split if part else split
    found = find_set(name, whole, base, tell)
    dataset = _with_notices(load_dataset(found.folder, whole), found.notices)
    return part_of(dataset, part) if part else dataset


def find_set(name: str, split: str, base: Path, tell: Progress = untold) -> Found:
    """Where the set lies in BEIR layout, converted or read if need be. Raises as ``open_set``."""
    if is_fetched(name):
        return Found(_fetched(name))
    spec: Spec | None
    if is_name(name):
        spec = parse_name(name)
        if split not in (known := splits_of(spec)):
            raise DataError(f"the set {spec.name!r} has no split {split!r}; there is {', '.join(known)}")
    else:
        folder = _folder(name, base)
        spec = trec_folder(folder, split)
        if spec is None:
            return Found(folder)
    made = converted(spec, base, tell)
    return Found(made.folder, made.notices)


def _folder(name: str, base: Path) -> Path:
    """Raises DataError for what cannot be a path: a ``~user`` that is none, a link that leads to itself, a NUL."""
    try:
        folder = (base / Path(name).expanduser()).resolve()
        folder.exists()  # raises for a name that no folder can have
        return folder
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"the path {shown(name)} leads nowhere ({error}); give a folder that can be found") from error


def check_set(name: str, base: Path, split: str = "test", tell: Progress = untold) -> tuple[SplitReport, ...]:
    """A report on every split of a set. Raises as ``open_set`` for a set that cannot be converted."""
    if (part := parse_part(split)) is not None:
        split = part.split
    if is_name(name) and not is_fetched(name):
        split = splits_of(parse_name(name))[0]
    found = find_set(name, split, base, tell)
    return tuple(
        report if report.dataset is None else replace(report, dataset=_with_notices(report.dataset, found.notices))
        for report in check_dataset(found.folder)
    )


def default_split(name: str) -> str:
    """The split that is meant where a config says none: a card's own, or else ``test``. Raises ConfigError."""
    if is_fetched(name):
        return card_of(name).split
    if is_name(name):
        known = splits_of(parse_name(name))
        return known[0] if len(known) == 1 else "test"
    return "test"


def splits_of(spec: Spec) -> Sequence[str]:
    """The splits that a mapping names, in its order."""
    if isinstance(spec, RerankingSpec) or (isinstance(spec, HubSpec) and spec.qrels is None):
        return (spec.split,)
    return tuple(spec.qrels or ())


def _fetched(name: str) -> Path:
    card = card_of(name)
    folder = here(card)
    if folder is None:
        short = name.removeprefix(CARD)
        if not card.origins:
            raise DataError(
                f"the set {short} is not on this machine; where to get it: rerankbench datasets show {short}"
            )
        raise DataError(f"the set {short} is not on this machine; fetch it with: rerankbench datasets get {short}")
    return folder


def _with_notices(dataset: Dataset, before: Sequence[Notice]) -> Dataset:
    """With the conversion's notices first; what it has told already, with its own file's line, is not told again."""
    told = {notice.message for notice in before}
    return replace(dataset, notices=(*before, *_others(dataset.notices, told)))


def _others(notices: Sequence[Notice], told: set[str]) -> Iterator[Notice]:
    return (notice for notice in notices if notice.message not in told)
