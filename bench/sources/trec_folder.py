"""Recognises a folder of TREC files by their names.

::

    docs.jsonl  docs.trec.gz  corpus.tsv  docs/…         the documents: one file, or a folder of them
    topics.txt  topics.dev.xml  queries.tsv              the topics, all of them
    qrels.txt   qrels.dev.txt  qrels.test.txt            the judgements; several are splits, by name
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bench.sources.spec import TrecSpec
from bench.types import DataError

_NAME = re.compile(r"(?P<role>docs?|documents|corpus|collection|topics|queries|qrels)(?:[._-](?P<split>.+))?")
_ENDING = re.compile(r"(\.(txt|trec|xml|sgml|tsv|json|jsonl|qrels|topics))+$", re.IGNORECASE)
_ROLES = {"topics": "topics", "queries": "topics", "qrels": "qrels"}


def trec_folder(folder: Path, split: str) -> TrecSpec | None:
    """The TREC files of a folder, their paths absolute; None for a folder in BEIR layout, or of anything else.

    A single file of judgements is the split that is asked for. Raises DataError for a folder that has judgements in
    TREC's form, and lacks a part or has it twice.
    """
    if not folder.is_dir() or (folder / "qrels").is_dir():
        return None
    found = _by_role(folder)
    if "qrels" not in found:
        return None
    names = ", ".join(sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")))
    for role, example in (("docs", "docs.jsonl"), ("topics", "topics.txt")):
        if role not in found:
            raise DataError(f"a folder of TREC files has {role}, such as {example}; there is {names}", folder)
    if len(found["docs"]) > 1:
        docs = " and ".join(path.name for path in found["docs"].values())
        raise DataError(f"both {docs} could be the documents; say which in a config, trec: {{docs: …}}", folder)
    qrels = found["qrels"]
    return TrecSpec(
        name=folder.resolve().name,
        docs=tuple(map(str, found["docs"].values())),
        topics=tuple(map(str, found["topics"].values())),
        qrels={split: str(next(iter(qrels.values())))} if len(qrels) == 1 else {k: str(v) for k, v in qrels.items()},
    )


def _by_role(folder: Path) -> Mapping[str, Mapping[str, Path]]:
    """Role -> split (``test`` where the name has none) -> file; documents are told apart by their file's name."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        stem = _ENDING.sub("", path.name.removesuffix(".gz"))
        match = _NAME.fullmatch(stem)
        if match is None or path.name.startswith("."):
            continue
        role = _ROLES.get(match["role"], "docs")
        if path.is_dir() and role != "docs":
            continue
        key = path.name if role == "docs" else match["split"] or "test"
        of_role = found.setdefault(role, {})
        if key in of_role:
            raise DataError(f"both {of_role[key].name} and {path.name} are there; remove the one not meant", folder)
        of_role[key] = path
    return found
