"""Which files of a folder are the documents, the queries, the judgements: as the hub's own list says, or the names.

A repository of the Hugging Face hub says in the head of its README.md which files make up which *configuration* and
which *split* of it. Where that is missing the names say it, as the hub's own library reads them: ``corpus/test-*`` and
``test-00000-of-00003.parquet`` are a folder per configuration and a file, or several shards, per split.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.fetch.tables import ENDINGS, ending
from bench.strict_yaml import YamlError, parse
from bench.types import DataError

Contents = Mapping[str, Mapping[str, Sequence[Path]]]
"""Configuration -> split -> files, in order."""

README = "README.md"
LONGEST_HEAD_BYTES = 1 << 20
"""A longer head says nothing."""
PLAIN_FOLDERS = ("", "data")
"""Where files lie that have no configuration of their own."""
_SHARD = re.compile(r"(?P<stem>.*?)-(?P<number>\d{5})-of-(?P<count>\d{5})(?:-[0-9a-f]+)?")
_ALIKE = {"dev": "validation", "validation": "dev"}
_SHOWN = 12


def tables_in(folder: Path, patterns: Sequence[str] = ()) -> list[str]:
    """The tables beneath ``folder`` by relative name, sorted; of those that match a pattern, where there are any."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names = [
        name for name in found if ending(name) and not any(part.startswith((".", "__")) for part in name.split("/"))
    ]
    return sorted(name for name in names if not patterns or any(fnmatchcase(name, each) for each in patterns))


def contents(folder: Path, patterns: Sequence[str] = ()) -> Contents:
    """What a folder holds. Raises DataError, saying what it found, when there is no table at all."""
    names = tables_in(folder, patterns)
    if not names:
        raise DataError(f"no table is here ({', '.join(ENDINGS)}); {found_instead(folder)}", folder)
    told = {config: dict(splits) for config, splits in _told(folder / README, names) if splits}
    taken = {name for splits in told.values() for each in splits.values() for name in each}
    for name in names:
        if name not in taken:
            config, split = _by_name(name)
            told.setdefault(config, {}).setdefault(split, []).append(name)
    return {
        config: {split: _in_order(folder, of_split) for split, of_split in splits.items()}
        for config, splits in told.items()
    }


def files_of(found: Contents, config: str, split: str, folder: Path) -> Sequence[Path]:
    """The files of a split, or of the only split that there is. Raises DataError listing the splits."""
    splits = found[config]
    for name in (split, _ALIKE.get(split, split)):
        if name in splits:
            return splits[name]
    if len(splits) == 1:
        return next(iter(splits.values()))
    raise DataError(f"{config} has no split {split!r}; it has {', '.join(sorted(splits))}", folder)


def found_instead(folder: Path) -> str:
    """What is in a folder, for a message: the first names and how many more."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there is {', '.join(names[:_SHOWN])}{more}" if names else "the folder is empty"


def _by_name(name: str) -> tuple[str, str]:
    """Configuration and split. ``data/corpus-00000-of-00001.parquet`` is the configuration ``corpus``."""
    parent, _, file = name.rpartition("/")
    stem = file.removesuffix(ending(file) or "")
    shard = _SHARD.fullmatch(stem)
    split = shard["stem"] if shard else stem
    config = parent.rpartition("/")[2]
    if config in PLAIN_FOLDERS:
        config = split if split in _CALLED_BY_FILE else "default"
    return config, split


_CALLED_BY_FILE = ("corpus", "queries", "query", "qrels", "instruction", "top_ranked", "qrel_diff")


def _told(readme: Path, names: Sequence[str]) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The configurations that README.md names, with the files that are there; nothing where it says nothing."""
    configs = _head(readme).get("configs")
    for entry in configs if isinstance(configs, list) else ():
        if not isinstance(entry, dict) or "data_files" not in entry:
            continue
        config = entry.get("config_name", "default")
        if not isinstance(config, str):
            continue
        splits: dict[str, list[str]] = {}
        for split, pattern in _data_files(entry["data_files"]):
            matching = [name for name in names if fnmatchcase(name, pattern) or name == pattern]
            splits.setdefault(split, []).extend(matching)
        yield config, {split: found for split, found in splits.items() if found}


def _data_files(said: Any) -> Iterator[tuple[str, str]]:
    """Split and pattern. Said is a pattern (then of the split train), ``{split: …, path: …}``, or a list of these."""
    for each in said if isinstance(said, list) else [said]:
        if isinstance(each, str):
            yield "train", each
        elif isinstance(each, dict):
            split, paths = each.get("split", "train"), each.get("path")
            for path in paths if isinstance(paths, list) else [paths]:
                if isinstance(split, str) and isinstance(path, str):
                    yield split, path


def _head(readme: Path) -> Mapping[str, Any]:
    """What stands before the second three dashes; nothing where that cannot be read: the names still can."""
    try:
        with readme.open("rb") as file:
            said = file.read(LONGEST_HEAD_BYTES).removeprefix(codecs.BOM_UTF8)
            is_cut = bool(file.read(1))
        pieces = said.split(b"---", 2)
        if pieces[0] or len(pieces) < (3 if is_cut else 2):
            return {}
        return _tree(pieces[1].decode("utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}


@lru_cache(maxsize=2)
def _tree(head: str) -> Mapping[str, Any]:
    """The same one is asked for once for each part of a set."""
    try:
        tree = parse(head).tree
    except YamlError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _in_order(folder: Path, names: Sequence[str]) -> list[Path]:
    """The files in the best form there is, every shard of them. Raises DataError for a shard that is missing."""
    best = min((ENDINGS.index(ending(name) or "") for name in names), default=0)
    chosen = sorted(dict.fromkeys(name for name in names if ending(name) == ENDINGS[best]))
    for name in chosen:
        shard = _SHARD.fullmatch(name.removesuffix(ENDINGS[best]))
        if shard is not None:
            alike = [
                each for each in chosen if each.startswith(f"{shard['stem']}-") and f"-of-{shard['count']}" in each
            ]
            if len(alike) != int(shard["count"]):
                raise DataError(f"{len(alike)} of {int(shard['count'])} shards of {shard['stem']} are here", folder)
    return [folder / name for name in chosen]
