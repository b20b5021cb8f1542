"""The optional card of a labelled set, ``dataset.toml``: what it is called, its languages, licence and checksums."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.types import DataError

CARD = "dataset.toml"
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
    if not path.exists():
        return Card(name=folder.resolve().name)
    values = _parse(path)
    for key in values:
        if key not in _KEYS:
            raise DataError(f"the key {key!r} is not known; known are {', '.join(_KEYS)}", path)
    texts = {key: _text(path, key, values[key]) for key in _TEXTS if key in values}
    name = texts.pop("name", "").strip() or folder.resolve().name
    checksums = _checksums(path, values.get("checksums", {}))
    languages = _languages(path, values.get("languages", []))
    drops = values.get("drops_own_id", False)
    if not isinstance(drops, bool):
        raise DataError(f"drops_own_id is {drops!r}; expected true or false", path)
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
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
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
        raise DataError(f"{key} = {value!r} is not text; put it in quotes", path)
    return value


def _languages(path: Path, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(f'languages = {value!r} is not a list of texts, such as ["en", "zh"]', path)
    return tuple(value)


def _checksums(path: Path, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise DataError(f"checksums = {value!r} is not a table, [checksums]", path)
    for name, checksum in value.items():
        if not _DATA_FILE.fullmatch(name):
            known = "corpus.jsonl, queries.jsonl and qrels/<split>.tsv (without .gz)"
            raise DataError(f"checksums has the file {name!r}; the files of a set are {known}", path)
        if not isinstance(checksum, str) or not _SHA256.fullmatch(checksum):
            raise DataError(f"the checksum of {name} is {checksum!r}; expected 64 hexadecimal digits (sha256)", path)
    return value
