"""Sets of a dataset repository, read from its own files, without the package that the hub has for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.reading import unknown
from bench.sources.parts import Parts
from bench.sources.reranking import reranking_parts
from bench.sources.spec import HubPart, HubSpec
from bench.sources.tabular import tabular_parts
from bench.types import DataError, Progress

ALL_TABLES = ("*.parquet", "*.jsonl", "*.jsonl.gz", "*.tsv", "*.tsv.gz", "README.md")
NEWEST = {"huggingface": "main", "modelscope": "master"}
UNPINNED = "the revision of {} is not pinned, so that another day may bring another set; name a commit, revision: …"

Fetch = Callable[[Sequence[str]], Path]
"""Patterns of files -> the folder of the repository in which they are."""


def hub_parts(spec: HubSpec, fetch: Fetch) -> tuple[Parts, tuple[Path, ...]]:
    """The repository's set, and its files. Raises DataError for a part that it lacks, and what ``fetch`` raises."""
    folder = fetch(_patterns(spec))
    used: dict[Path, None] = {}

    def files(part: object) -> Sequence[Path]:
        found = _files(folder, part)
        used.update(dict.fromkeys(found))
        return found

    if spec.reranking is not None:
        parts = reranking_parts(files(spec.reranking), spec.reranking, spec.split)
    elif spec.corpus is None or spec.queries is None or spec.qrels is None:
        raise DataError(f"{spec.repository}: hf needs corpus, queries and qrels, or reranking alone")
    else:
        for table in spec.qrels.values():
            files(table)
        parts = tabular_parts(spec.corpus, spec.queries, spec.qrels, files)
    return parts, tuple(used)


def fetch_from_hub(spec: HubSpec, tell: Progress) -> Fetch:
    """Fetches from the hub, or finds what was fetched before."""

    def fetch(patterns: Sequence[str]) -> Path:
        from bench.fetch import hub_files

        return hub_files(spec.repository, spec.revision or NEWEST[spec.hub], tuple(patterns), spec.hub, tell)

    return fetch


def _patterns(spec: HubSpec) -> tuple[str, ...]:
    """Every table of the repository, unless each part names its own files."""
    parts: list[HubPart | None] = [spec.corpus, spec.queries, spec.reranking, *(spec.qrels or {}).values()]
    named = [part.file for part in parts if part is not None]
    files = [file for file in named if file is not None]
    return tuple(dict.fromkeys(files)) if len(files) == len(named) else ALL_TABLES


def _files(folder: Path, part: object) -> Sequence[Path]:
    """The files of a part: those that a pattern names, or of a configuration and split, as the repository has them."""
    from bench.fetch.parts import contents, files_of

    if not isinstance(part, HubPart):
        raise TypeError(f"{type(part).__name__} is no part of a repository")
    if part.file is not None:
        try:
            found = sorted(path for path in folder.glob(part.file) if path.is_file())
        except (ValueError, NotImplementedError, IndexError, RecursionError, OSError) as error:
            raise DataError(f"{part.file!r} is no path or pattern that can be looked for: {error}", folder) from error
        if not found:
            raise DataError(f"the repository has no file {part.file!r}", folder)
        return found
    there = contents(folder)
    config = part.config or "default"
    if config not in there:
        raise DataError(unknown("configuration", config, tuple(sorted(there))), folder)
    return files_of(there, config, part.split or config, folder)
