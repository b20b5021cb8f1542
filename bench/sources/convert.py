"""A set in another form -> a folder in BEIR layout, made once for the same mapping over the same contents.

The folder is ``converted/KEY`` among the fetched sets, KEY a hash of the mapping and of every source file's sha256, so
a changed file makes another folder. ``conversion.json`` in it, written last, says what was odd on the way, and the
checksum of each file: a folder that is not what was written is set aside, logged, and made anew. A source that changes
while it is read leaves nothing: its set would be kept for ever under the checksum of other contents. A lock keeps a
second process waiting that wants the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from bench.data.card import Card
from bench.data.notices import Tally
from bench.folders import datasets_folder
from bench.sealed import opened, sealed
from bench.sources import trec
from bench.sources.files import sha256_of, unreadable
from bench.sources.hub import UNPINNED, Fetch, fetch_from_hub, hub_parts
from bench.sources.parts import Parts, write_parts
from bench.sources.reranking import reranking_parts
from bench.sources.spec import HubSpec, RerankingSpec, Spec, TableFile, TablesSpec, TrecSpec, spec_name
from bench.sources.tabular import tabular_parts
from bench.types import DataError, Notice, Progress, StoreError, canonical_json
from bench.whole import damage, remove_unfinished, set_aside, write_atomically

VERSION = 2
"""Of what conversion makes of a source; another one is converted anew."""
RECORD = "conversion.json"
"""Beside the set; a folder without one was never finished."""
CANDIDATES = "candidates.trec"
"""Beside a set whose queries bring their candidates: the same as a TREC run, for other tools."""


_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Converted:
    """A folder in BEIR layout, and what was odd in the files that it was made from."""

    folder: Path
    notices: tuple[Notice, ...]


def converted(spec: Spec, base: Path, tell: Progress) -> Converted:
    """The set of ``spec``, whose paths start from ``base``, made unless it is there.

    Raises DataError for what is wrong in a source, StoreError where the cache cannot be written.
    """
    source = _source(spec, base, tell)
    seen = _seen(source.files)

    def convert(folder: Path) -> None:
        tell(f"convert {spec.name}", 0, 0)
        notices = _convert(spec, source, folder)
        try:
            _refuse_changed(seen)
            _record(folder, source.origin, source.files, notices)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    return _made_once(_key(spec, source, seen), convert)


def _made_once(key: str, convert: Callable[[Path], None]) -> Converted:
    folder = datasets_folder() / "converted" / key
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{key}.lock")):
            remove_unfinished(folder)
            if (folder / RECORD).exists() and (fault := _fault(folder)) is not None:
                damage.warning("the converted set in %s is damaged (%s): set aside, and made anew", folder, fault)
                set_aside(folder)
            if not (folder / RECORD).exists():
                convert(folder)
    except OSError as error:
        raise StoreError(
            f"the set cannot be kept in {folder.parent}: {error.strerror or error}. Set RERANKBENCH_CACHE to a folder "
            "that can be written and has room"
        ) from error
    return Converted(folder, _recorded(folder))


def _fault(folder: Path) -> str | None:
    """What is not as it was when the set was converted, in words, or None."""
    try:
        stated = dict(json.loads(opened((folder / RECORD).read_bytes())).get("checksums") or {})
        found = {name: sha256_of(folder / name) for name in stated}
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is gone"
    except (ValueError, TypeError, AttributeError):
        return f"{RECORD} is not what was written"
    changed = sorted(name for name, checksum in stated.items() if found[name] != checksum)
    return f"another checksum: {', '.join(changed)}" if changed else None


# ------------------------------------------------------------------------------------------------------ sources


@dataclass(frozen=True, slots=True)
class _Source:
    """The files that a set is read from (none: its mapping says all, as a pinned revision does), and how to read it.

    ``shares`` is how many of the files each part of the set has, where patterns may part the same files otherwise.
    """

    files: Sequence[Path]
    read: Callable[[], Parts]
    origin: str
    revision: str = "not stated"
    notices: tuple[Notice, ...] = ()
    shares: tuple[int, ...] = ()


def _source(spec: Spec, base: Path, tell: Progress) -> _Source:
    if isinstance(spec, TrecSpec):
        return _trec_source(spec, base)
    if isinstance(spec, TablesSpec):
        return _tables_source(spec, base)
    if isinstance(spec, RerankingSpec):
        paths = located(spec.reranking.file, base)
        return _Source(paths, lambda: reranking_parts(paths, spec.reranking, spec.split), _names(paths))
    return _hub_source(spec, fetch_from_hub(spec, tell))


def _trec_source(spec: TrecSpec, base: Path) -> _Source:
    docs = [path for each in spec.docs for path in _in_folder(located(each, base))]
    topics = [path for each in spec.topics for path in located(each, base)]
    qrels = {split: located(each, base) for split, each in spec.qrels.items()}

    def judgements(paths: Sequence[Path], tally: Tally) -> Any:
        return (judged for path in paths for judged in trec.qrels(path, tally))

    def read() -> Parts:
        return Parts(
            lambda tally: trec.documents(docs, tally),
            lambda tally: trec.topics(topics, spec.field, tally),
            {split: partial(judgements, paths) for split, paths in qrels.items()},
            (docs[0], topics[0], next(iter(qrels.values()))[0]),
        )

    files = [*docs, *topics, *(path for paths in qrels.values() for path in paths)]
    return _Source(files, read, _names(files), shares=(len(docs), len(topics), *map(len, qrels.values())))


def _tables_source(spec: TablesSpec, base: Path) -> _Source:
    def files(table: object) -> Sequence[Path]:
        if not isinstance(table, TableFile):
            raise TypeError(f"{type(table).__name__} is no table with a file")
        return located(table.file, base)

    tables: list[TableFile] = [spec.corpus, spec.queries, *spec.qrels.values()]
    paths = list(dict.fromkeys(path for table in tables for path in files(table)))
    return _Source(paths, lambda: tabular_parts(spec.corpus, spec.queries, spec.qrels, files), _names(paths))


def _hub_source(spec: HubSpec, fetch: Fetch) -> _Source:
    if spec.revision is not None and _COMMIT.fullmatch(spec.revision):
        return _Source((), lambda: hub_parts(spec, fetch)[0], spec.repository, spec.revision)
    parts, files = hub_parts(spec, fetch)
    notice = Notice(UNPINNED.format(spec.repository), 1, spec.revision or "the newest was taken")
    return _Source(files, lambda: parts, spec.repository, spec.revision or "not pinned", (notice,))


def located(file: str, base: Path) -> list[Path]:
    """The file, or the files of a pattern, in order; they start from ``base``. Raises DataError for none."""
    try:
        path = Path(file).expanduser()
        if not any(mark in file for mark in "*?["):
            whole = (base / path).resolve()
            if not whole.exists():
                raise DataError(f"there is no such file; {_beside(whole)}", whole)
            return [whole]
        root = Path(path.anchor) if path.is_absolute() else base
        found = sorted(each.resolve() for each in root.glob(str(path.relative_to(path.anchor))) if each.is_file())
    except (OSError, RuntimeError, ValueError, IndexError) as error:  # a NUL, a link to itself, a user that is none
        raise DataError(f"{file!r} is no path that can be looked up: {error}", base) from error
    if not found:
        raise DataError(f"no file is called {file!r}; paths start from the config's folder", base)
    return found


def _in_folder(paths: Sequence[Path]) -> list[Path]:
    """A folder's files in the place of the folder. Raises DataError for an empty one."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
        if path.is_dir() and not inside:
            raise DataError("the folder has no files", path)
        found += inside if path.is_dir() else [path]
    return found


def _beside(path: Path) -> str:
    """What is in the folder instead, for a message."""
    from difflib import get_close_matches

    if not path.parent.is_dir():
        return "nor its folder; paths start from the config's folder"
    names = sorted(each.name for each in path.parent.iterdir() if not each.name.startswith("."))
    near = get_close_matches(path.name, names, 1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"in its folder is {', '.join(names[:12]) or 'nothing'}"


def _names(paths: Sequence[Path]) -> str:
    names = list(dict.fromkeys(path.name for path in paths))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more files" if len(names) > 4 else "")


# --------------------------------------------------------------------------------------------------- converting


@dataclass(frozen=True, slots=True)
class _Seen:
    """A source file at one moment. Its times tell that other contents came and went; that of its entry cannot be set
    back."""

    path: Path
    sha256: str
    times_ns: tuple[int, int]


def _seen(files: Sequence[Path]) -> tuple[_Seen, ...]:
    return tuple(map(_see, files))


def _see(path: Path) -> _Seen:
    try:
        stat = path.stat()  # before it is read: a change from here on makes another time
    except OSError as error:
        raise unreadable(path, error) from error
    return _Seen(path, sha256_of(path), (stat.st_mtime_ns, stat.st_ctime_ns))


def _refuse_changed(seen: Sequence[_Seen]) -> None:
    """Raises DataError for a file that is not, or was not all the while, as it was seen."""
    for each in seen:
        if _see(each.path) != each:
            raise DataError("the source has changed while it was read; run again when nobody writes to it", each.path)


def _key(spec: Spec, source: _Source, seen: Sequence[_Seen]) -> str:
    facts = {
        "version": VERSION, "set": spec_name(_without_paths(spec)), "shares": source.shares,
        "files": [[each.path.name, each.sha256] for each in seen],
    }  # fmt: skip
    return hashlib.sha256(canonical_json(facts).encode(errors="surrogateescape")).hexdigest()[:24]


def _without_paths(spec: Spec) -> Spec:
    """The files' names and contents are in the key beside it; the folder that they lie in decides nothing."""
    if isinstance(spec, TrecSpec):
        return spec.model_copy(update={
            "docs": (), "topics": (str(len(spec.topics)),), "qrels": dict.fromkeys(spec.qrels, ""),
        })  # fmt: skip
    return spec


def _convert(spec: Spec, source: _Source, folder: Path) -> tuple[Notice, ...]:
    """Write the set; returns what was odd."""
    tally = Tally()
    for notice in source.notices:
        tally.add(notice.message, notice.example, notice.count)
    card = Card(name=spec.name, revision=source.revision, description=f"Converted from {source.origin}.")
    write_parts(folder, card, source.read(), tally)
    if isinstance(spec, RerankingSpec) or (isinstance(spec, HubSpec) and spec.reranking is not None):
        _write_candidates(folder)
    return tuple(tally.notices())


def _record(folder: Path, origin: str, files: Sequence[Path], notices: Sequence[Notice]) -> None:
    made = sorted(path for path in folder.rglob("*") if path.is_file())
    record = {
        "from": origin,
        "files": [path.name for path in files],
        "notices": [[notice.message, notice.count, notice.example] for notice in notices],
        "checksums": {path.relative_to(folder).as_posix(): sha256_of(path) for path in made},
    }
    write_atomically(folder / RECORD, sealed(json.dumps(record, ensure_ascii=False, indent=1).encode(errors="replace")))


def _write_candidates(folder: Path) -> None:
    with (
        (folder / "queries.jsonl").open(encoding="utf-8") as queries,
        (folder / CANDIDATES).open("w", encoding="utf-8", newline="\n") as run,
    ):
        for line in queries:
            query = json.loads(line)
            for place, doc_id in enumerate(query["metadata"]["candidates"], start=1):
                run.write(f"{query['_id']} Q0 {doc_id} {place} {1 / place:.9g} candidates\n")


def _recorded(folder: Path) -> tuple[Notice, ...]:
    try:
        record: Mapping[str, Any] = json.loads(opened((folder / RECORD).read_bytes()))
        return tuple(Notice(str(message), int(count), str(example)) for message, count, example in record["notices"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise StoreError(f"{folder / RECORD} cannot be read; remove its folder and run again") from error
