"""Results in the forms that other tools read. Each exporter is results in, files out; one function writes them.

``trec``: runs and judgements. ``mteb``: result files in the layout of that package's cache. ``csv`` and ``parquet``:
the table of trials, and every measure of every query in long form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.export import mteb, tables, trec
from bench.export.source import Exporter, Source
from bench.finished import finished_results
from bench.store import write_file
from bench.types import ConfigError, StoreError

FORMATS: Mapping[str, Exporter] = {
    "trec": trec.files,
    "mteb": mteb.files,
    "csv": tables.csv_files,
    "parquet": tables.parquet_files,
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, in order, with each file's size in bytes; and what was left out and why."""

    files: tuple[tuple[Path, int], ...]
    notes: tuple[str, ...]


def export(
    folder: Path,
    to: Path,
    formats: Sequence[str],
    tasks: Mapping[str, str],
    main_score: str,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write the results of ``folder`` under ``to`` in each of the formats; files of the same name are replaced.

    ``tasks`` are mteb's names of datasets, by the dataset's name or as the config names it; ``main_score`` is the
    measure that mteb's files call so. Raises ConfigError for an unknown format, StoreError where nothing can be read
    or written, or where a format has nothing to say of these results.
    """
    for name in formats:
        if name not in FORMATS:
            raise ConfigError(f"--format is {name!r}; it can be {', '.join(FORMATS)}")
    source = Source(folder, finished_results(folder), tasks, main_score)
    written: dict[Path, int] = {}
    notes: list[str] = []
    for name in dict.fromkeys(formats):
        told: list[str] = []
        before = len(written)
        for file in FORMATS[name](source, told.append):
            path = to / file.name
            tell(str(path))
            write_file(path, file.payload, "--to")
            written[path] = len(file.payload)
        if len(written) == before:
            raise StoreError(f"{folder} has nothing to write as {name}. {' '.join(told)}".strip())
        notes += told
    return Exported(tuple(written.items()), tuple(dict.fromkeys(notes)))
