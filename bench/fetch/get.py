"""A card becomes a set on this machine: fetched, checked, converted, counted, and only then put where it is looked for.

The work is done in a folder beside the final one, which appears whole or not at all: after a kill, a full disk or
counts that are not the card's there is no folder that looks finished. What was downloaded is kept for the next try.
A set that is here is held against the checksums in its receipt, and fetched again where it is not what was written.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bench.fetch.card import SetCard, card_folder
from bench.fetch.convert import convert
from bench.fetch.errors import OutOfReachError
from bench.fetch.offline import OFFLINE, is_offline
from bench.fetch.origins import Raw, given, obtain
from bench.fetch.receipt import RECEIPT, fault_of, write_receipt
from bench.types import ConfigError, Hub, Progress, StoreError
from bench.whole import damage, set_aside

log = logging.getLogger(__name__)


def here(card: SetCard) -> Path | None:
    """The folder of a set that was fetched whole, None if it was not. Its contents are not read."""
    folder = card_folder(card)
    return folder if (folder / RECEIPT).is_file() and (folder / "corpus.jsonl").is_file() else None


def get(card: SetCard, *, hub: Hub = "huggingface", source: Path | None = None, tell: Progress) -> Path:
    """The folder of the card's set in BEIR layout, fetched if it is not here yet or not what was written.

    Its origins are tried in the card's order; ``source`` is a folder with the raw files instead. Another process that
    fetches the same set is waited for. Raises DataError when no place gives the set or what it gives is not what the
    card says, and StoreError where the disk does not take it.
    """
    return get_or_keep(card, hub=hub, source=source, tell=tell)[0]


def get_or_keep(
    card: SetCard, *, hub: Hub = "huggingface", source: Path | None = None, tell: Progress
) -> tuple[Path, bool]:
    """As ``get``, and whether the set was here already, and is what was written."""
    with _alone(card, tell):
        folder = card_folder(card)
        if folder.exists():
            tell(f"check {card.name}", 0, 0)
            fault = fault_of(folder, card)
            if fault is None:
                return folder, True
            _put_away(card, folder, fault)
        return _make(card, hub, source, tell), False


def _put_away(card: SetCard, folder: Path, fault: str) -> None:
    damage.warning("the set %s in %s is damaged (%s): set aside, and fetched again", card.name, folder, fault)
    try:
        set_aside(folder)
    except OSError as error:
        raise StoreError(f"{folder} cannot be set aside: {error.strerror or error}; remove it and run again") from error


def _make(card: SetCard, hub: Hub, source: Path | None, tell: Progress) -> Path:
    folder = card_folder(card)
    work = folder.with_name(f".{folder.name}.work")
    try:
        if work.exists():
            shutil.rmtree(work)
        work.mkdir(parents=True)
        try:
            raw = given(card, source, work, tell) if source is not None else _first_to_give(card, hub, work, tell)
            made = convert(raw, card, work / "set", tell)
            write_receipt(work / "set", card, raw, made)
            if folder.exists():
                shutil.rmtree(folder)
            (work / "set").rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        for path in raw.spent:
            shutil.rmtree(path.parent, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"{card.name} cannot be kept in {folder.parent}: {error.strerror or error}. Set RERANKBENCH_CACHE to a "
            "folder that can be written and has room"
        ) from error
    return folder


def _first_to_give(card: SetCard, hub: Hub, work: Path, tell: Progress) -> Raw:
    """The first origin that can be reached; what it gives counts, good or bad."""
    if not card.origins:
        raise OutOfReachError(
            f"{card.name} is not fetched by this program; with its files in BEIR layout, add --from FOLDER. {card.note}"
        )
    reasons: list[str] = []
    for number, origin in enumerate(card.origins):
        try:
            raw = obtain(card, origin, hub, work / f"raw{number}", tell)
        except (OutOfReachError, ConfigError) as error:
            reasons.append(str(error))
            continue
        if reasons:
            log.warning("%s is taken from %s: %s", card.name, raw.origin, "; ".join(reasons))
        return raw
    if is_offline():
        raise OutOfReachError(f"{card.name} cannot be fetched: {OFFLINE}, and no cache here has it whole")
    if len(reasons) == 1:
        raise OutOfReachError(f"{card.name} cannot be fetched: {reasons[0]}")
    listed = "".join(f"\n  {reason}" for reason in reasons)
    raise OutOfReachError(f"{card.name} cannot be fetched from any of its {len(reasons)} places:{listed}")


@contextmanager
def _alone(card: SetCard, tell: Progress) -> Iterator[None]:
    """Hold the card's lock, which the system frees when its holder dies; say so where another process has it."""
    path = card_folder(card).parent / f".{card_folder(card).name}.lock"
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.warning("another process is fetching %s; waiting for it", card.name)
            tell(f"wait for the process that fetches {card.name}", 0, 0)
            lock.acquire()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}. Set RERANKBENCH_CACHE to a folder that can be "
            "written"
        ) from error
    try:
        yield
    finally:
        lock.release()
