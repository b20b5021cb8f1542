"""``receipt.json`` in a fetched set: where it came from, when, which files, and what was found in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import __version__
from bench.data.card import CARD, read_card
from bench.fetch.card import SetCard
from bench.fetch.convert import Made
from bench.fetch.origins import BY_HAND, Raw
from bench.fetch.tables import sha256_of
from bench.types import DataError

RECEIPT = "receipt.json"


def write_receipt(folder: Path, card: SetCard, raw: Raw, made: Made) -> None:
    """Sizes in bytes; the time in UTC. Files are those read, then those written."""
    counts = asdict(made)
    notes = counts.pop("notes")
    receipt: dict[str, Any] = {
        "name": card.name,
        "split": card.split,
        "origin": raw.origin,
        "revision": raw.revision,
        "how": BY_HAND if raw.by_hand else "fetched",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "counts": counts,
        "notes": list(notes),
        "read": [] if raw.folder is None else list(_facts(raw.folder, raw.files)),
        "written": list(_facts(folder, (*_parts(card), CARD))),
        "by": f"rerankbench {__version__}",
    }
    (folder / RECEIPT).write_text(json.dumps(receipt, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_receipt(folder: Path) -> dict[str, Any] | None:
    """What was written, None where there is no receipt that can be read."""
    try:
        told = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def fault_of(folder: Path, card: SetCard) -> str | None:
    """What in a fetched set is not what was written, in words that name the file, or None. Every byte is read."""
    receipt = read_receipt(folder)
    try:
        stated = {str(each["name"]): str(each["sha256"]) for each in (receipt or {})["written"]}
    except (LookupError, TypeError):
        return f"{RECEIPT} cannot be read"
    try:
        for name in (*_parts(card), *stated):
            if name not in stated or sha256_of(folder / name) != stated[name]:
                return f"{name} has another checksum than {RECEIPT} says"
        if CARD not in stated and dict(read_card(folder).checksums) != stated:  # as earlier versions wrote it
            return f"{CARD} has other checksums than {RECEIPT} says"
    except FileNotFoundError:
        return f"{name} is gone"
    except (OSError, ValueError, DataError) as error:
        return f"{name} cannot be read: {error}"
    return None


def _parts(card: SetCard) -> tuple[str, ...]:
    return "corpus.jsonl", "queries.jsonl", f"qrels/{card.split}.tsv"


def _facts(folder: Path, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for name in names:
        path = folder / name
        yield {"name": name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
