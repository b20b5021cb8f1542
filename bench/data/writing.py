"""Writes a labelled set in the BEIR layout, from whatever it was read from; the folder appears whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.data.card import CARD, Card
from bench.data.qrels import HEADER
from bench.types import Document, Query, StoreError
from bench.whole import folder_for

Judgement = tuple[str, str, int]
"""Query id, document id, grade."""


def write_beir(
    folder: Path,
    card: Card,
    corpus: Iterable[Document],
    queries: Iterable[Query],
    qrels: Mapping[str, Iterable[Judgement]],
) -> Path:
    """Write the set to ``folder``, one document at a time, and return it. ``qrels`` maps a split to its judgements.

    What the iterables raise passes through and leaves nothing behind. A folder that is there already is replaced.
    Raises StoreError where the disk does not take it.
    """
    try:
        with folder_for(folder) as made:
            (made / "qrels").mkdir()
            _write_lines(made / "corpus.jsonl", (_json(_id=d.id, title=d.title, text=d.text) for d in corpus))
            _write_lines(made / "queries.jsonl", (_query(query) for query in queries))
            for split, judgements in qrels.items():
                lines = ("\t".join((query_id, doc_id, str(grade))) for query_id, doc_id, grade in judgements)
                _write_lines(made / "qrels" / f"{split}.tsv", _with_header(lines))
            (made / CARD).write_text(_toml(card), encoding="utf-8")
            if folder.exists():
                shutil.rmtree(folder)
    except OSError as error:
        raise StoreError(
            f"the set cannot be written to {folder}: {error.strerror or error}. Set RERANKBENCH_CACHE to a folder that "
            "can be written and has room"
        ) from error
    return folder


def _query(query: Query) -> str:
    return _json(_id=query.id, text=query.text, **({"metadata": dict(query.metadata)} if query.metadata else {}))


def _json(**values: object) -> str:
    return json.dumps(values, ensure_ascii=False)


def _with_header(lines: Iterable[str]) -> Iterable[str]:
    yield "\t".join(HEADER)
    yield from lines


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line)
            file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _toml(card: Card) -> str:
    """JSON text and lists of it are TOML, but for the escapes of characters beyond the first plane: not made here.

    TOML wants U+007F escaped as well, and half a surrogate pair, as in a file's name that is not UTF-8, becomes a
    question mark.
    """
    values = {
        "name": card.name, "licence": card.licence, "revision": card.revision, "description": card.description,
        "languages": list(card.languages),
    }  # fmt: skip
    head = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    head = head.encode(errors="replace").decode().replace("\x7f", "\\u007f")
    head += "drops_own_id = true\n" if card.drops_own_id else ""
    if not card.checksums:
        return head
    return head + "\n[checksums]\n" + "".join(f'"{name}" = "{value}"\n' for name, value in card.checksums.items())
