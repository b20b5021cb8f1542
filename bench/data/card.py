"""The optional card of a labelled set, ``dataset.toml``: what it is called, its languages, licence and checksums."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.data.records import control_character, shown
from bench.types import DataError

CARD = "dataset.toml"
LONGEST = 2**20
"""Bytes of a card."""
_TEXTS = ("name", "licence", "revision", "description")
_KEYS = (*_TEXTS, "languages", "drops_own_id", "checksums")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DATA_FILE = re.compile(r"corpus\.jsonl|queries\.jsonl|qrels/[^/]+\.tsv")


@dataclass(frozen=True, slots=True)
class Card:
    """``checksums``: file name in the set, without ``.gz`` -> sha256 of its decompressed bytes, in hexadecimal.

    ``drops_own_id``: a document whose id is the query's own is no answer to it, and is left out of every ranking. So
    BEIR and mteb do where queries are documents of the corpus (ArguAna, Quora and others).
    """

    name: str
    languages: tuple[str, ...] = ()
    licence: str = "not stated"
    revision: str = "not stated"
    description: str = ""
    drops_own_id: bool = False
    checksums: Mapping[str, str] = field(default_factory=dict)


def read_card(folder: Path) -> Card:
    """The folder's card; without one, a card that knows the folder's name. Raises DataError for an unusable card."""
    path = folder / CARD
    try:
        if not path.exists():
            return Card(name=folder.resolve().name)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from error
    values = _parse(path)
    for key in values:
        if key not in _KEYS:
            raise DataError(f"the key {shown(key)} is not known; known are {', '.join(_KEYS)}", path)
    texts = {key: _text(path, key, values[key]) for key in _TEXTS if key in values}
    name = texts.pop("name", "").strip() or folder.resolve().name
    if fault := control_character(name):
        raise DataError(f"the name {shown(name)} {fault}", path)
    checksums = _checksums(path, values.get("checksums", {}))
    languages = _languages(path, values.get("languages", []))
    drops = values.get("drops_own_id", False)
    if not isinstance(drops, bool):
        raise DataError(f"drops_own_id is {shown(drops)}; expected true or false", path)
    return Card(name=name, languages=languages, drops_own_id=drops, checksums=checksums, **texts)


def verify(card: Card, folder: Path, found: Mapping[str, str]) -> None:
    """Raise DataError unless every checksum of ``found`` that the card also states is the stated one."""
    for name, checksum in found.items():
        stated = card.checksums.get(name, checksum)
        if stated != checksum:
            message = f"the sha256 of {name} is {checksum}, the card states {stated}"
            raise DataError(
                f"{message}; fetch the file again, or correct the card if the change is meant", folder / CARD
            )


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            read = file.read(LONGEST + 1)
        if len(read) > LONGEST:
            raise DataError(f"longer than {LONGEST // 2**20} MiB; a card is a few lines about the set", path)
        return tomllib.loads(read.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise DataError(f"not TOML: {error}", path, int(at[1]) if at else None) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8; save the file as UTF-8", path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"not TOML that can be read: {error}", path) from error


def _text(path: Path, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(f"{key} = {shown(value)} is not text; put it in quotes", path)
    return value


def _languages(path: Path, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(f'languages = {shown(value)} is not a list of texts, such as ["en", "zh"]', path)
    return tuple(value)


def _checksums(path: Path, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise DataError(f"checksums = {shown(value)} is not a table, [checksums]", path)
    for name, checksum in value.items():
        if not _DATA_FILE.fullmatch(name):
            known = "corpus.jsonl, queries.jsonl and qrels/<split>.tsv (without .gz)"
            raise DataError(f"checksums has the file {shown(name)}; the files of a set are {known}", path)
        if not isinstance(checksum, str) or not _SHA256.fullmatch(checksum):
            raise DataError(
                f"the checksum of {name} is {shown(checksum)}; expected 64 hexadecimal digits (sha256)", path
            )
    return value
