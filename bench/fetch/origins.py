"""Getting the raw files of a card from one of its origins, or out of the user's hands, and reading them as a set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.fetch.card import Origin, SetCard
from bench.fetch.errors import OutOfReachError
from bench.fetch.hub import hub_files
from bench.fetch.irsets import read_ir
from bench.fetch.layouts import Choice, Parts, needed, read_layout
from bench.fetch.modelscope import BRANCH
from bench.fetch.parts import tables_in
from bench.fetch.tables import ending
from bench.fetch.unpack import is_archive, unpack
from bench.fetch.url import Expected, check_file, download
from bench.folders import cache_root
from bench.types import ConfigError, DataError, Hub, Progress

BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Raw:
    """A set as it came. ``origin`` is where from and ``revision`` which one, in words for its card and receipt.

    ``files`` are what it was read from, relative to ``folder``; ``spent`` are downloads that are of no more use once
    the set is made. ``notes`` say how far the files were checked, and what was done to them.
    """

    parts: Parts
    origin: str
    revision: str
    by_hand: bool = False
    folder: Path | None = None
    files: tuple[str, ...] = ()
    spent: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def obtain(card: SetCard, origin: Origin, hub: Hub, work: Path, tell: Progress) -> Raw:
    """The set from that origin. Raises OutOfReachError when it gives nothing, DataError when it gives another thing."""
    choice = Choice(card.split, origin.subset, origin.files)
    if origin.kind == "ir":
        return Raw(read_ir(origin.place), f"ir_datasets {origin.place}", f"ir_datasets {origin.place}")
    if origin.kind == "url":
        target = cache_root() / "downloads" / f"{card.name}-{(origin.sha256 or origin.md5)[:8]}" / _file_name(origin)
        file = download(origin.place, target, _expected(origin), tell)
        return _from_file(file, origin, choice, work, tell, spent=(file,))
    name, revision = origin.place, origin.revision
    if hub == "modelscope":
        if not origin.modelscope:
            raise OutOfReachError(f"no repository on modelscope is known for {card.name}; leave out --hub modelscope")
        name, revision = origin.modelscope, BRANCH
    folder = hub_files(name, revision, needed(origin.layout, choice), hub, tell)
    notes = ("modelscope pins no commit; the files are its newest",) if hub == "modelscope" else ()
    return _read(folder, origin, choice, Raw(_NOTHING, f"{hub} {name}", f"{name}@{revision}", notes=notes))


def given(card: SetCard, source: Path, work: Path, tell: Progress) -> Raw:
    """The set from files that the user has fetched: a card's archive is checked as a download is.

    A card without origins takes a folder in BEIR layout. Raises DataError when the files are for none of the origins.
    """
    if not source.is_dir():
        raise ConfigError(f"--from {source} is no folder; give the folder that holds the files of {card.name}")
    if not card.origins:
        own = Origin("hub", "files in BEIR layout", "beir")
        blank = Raw(_NOTHING, own.place, "no published revision")
        return _by_hand(_read(source, own, Choice(card.split, "", ()), blank), checked=False)
    reasons = []
    for number, origin in enumerate(card.origins):
        choice = Choice(card.split, origin.subset, origin.files)
        file = source / _file_name(origin) if origin.kind == "url" else None
        if origin.kind == "ir":
            reasons.append(f"ir_datasets keeps files of its own (for {origin.place}: in $IR_DATASETS_HOME)")
            continue
        if file is not None and file.is_file():
            check_file(file, _expected(origin), str(file))
            return _by_hand(_from_file(file, origin, choice, work / f"raw{number}", tell), checked=True)
        try:
            blank = Raw(_NOTHING, f"{origin.kind} {origin.place}", _pinned(origin))
            return _by_hand(_read(source, origin, choice, blank), checked=False)
        except DataError as error:
            reasons.append(f"as {origin.place}: {error}")
    raise DataError(f"{card.name} cannot be read from {source}: {'; '.join(reasons)}")


def _by_hand(raw: Raw, *, checked: bool) -> Raw:
    note = "the files were given by hand" + ("" if checked else " and could be checked by their counts only")
    return replace(raw, revision=f"{raw.revision}, {BY_HAND}", by_hand=True, notes=(*raw.notes, note))


def _from_file(
    file: Path, origin: Origin, choice: Choice, work: Path, tell: Progress, spent: tuple[Path, ...] = ()
) -> Raw:
    """What one downloaded file holds: an archive's files, or a table by itself."""
    work.mkdir(parents=True, exist_ok=True)
    if is_archive(file.name):
        unpack(file, work, needed(origin.layout, choice), tell)
    elif ending(file.name):
        (work / file.name).symlink_to(file.resolve())
    else:
        raise DataError(f"{origin.place} is neither an archive (zip, tar, tar.gz) nor a table", file)
    return _read(work, origin, choice, Raw(_NOTHING, origin.place, _pinned(origin), spent=spent))


def _read(folder: Path, origin: Origin, choice: Choice, raw: Raw) -> Raw:
    parts = read_layout(origin.layout, folder, choice)
    files = tuple(tables_in(folder, choice.patterns))
    return replace(raw, parts=parts, folder=folder, files=files, notes=(*raw.notes, *parts.notes))


_NOTHING = Parts((), (), ())


def _pinned(origin: Origin) -> str:
    if origin.kind == "hub":
        return f"{origin.place}@{origin.revision}"
    kind = "sha256" if origin.sha256 else "md5"
    return f"{origin.place} ({kind} {origin.sha256 or origin.md5})"


def _expected(origin: Origin) -> Expected:
    return Expected(origin.sha256, origin.md5, origin.size_bytes)


def _file_name(origin: Origin) -> str:
    """The last part of the address, without anything that could lead out of a folder."""
    name = unquote(urlsplit(origin.place).path).rpartition("/")[2].replace("\\", "_").replace("\0", "_")
    return "file" if name in ("", ".", "..") else name
