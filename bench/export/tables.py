"""The table of trials and the values of every query, as CSV and as Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.export.source import File, Note, Source
from bench.report.groups import dataset_name
from bench.report.rows import summary_csv, summary_rows
from bench.spreadsheet import csv_text
from bench.types import TrialResult

QUERY_COLUMNS = ("trial", "dataset", "pipeline", "query", "measure", "value")
_TEXTS = frozenset({
    "dataset", "pipeline", "device", "dtype", "status", "trial", "engine", "template", "quantisation", "implied_by",
    "message", "query", "measure",
})  # fmt: skip
_WHOLE = frozenset({
    "batch_size", "max_length", "depth", "queries", "token_budget", "peak_rss_bytes", "peak_device_bytes",
    "reserved_device_bytes", "driver_device_bytes", "rss_growth_bytes", "offline_rounds", "forward_calls",
    "truncated_pairs", "agreement_top10_changed",
})  # fmt: skip


def csv_files(source: Source, _: Note) -> Iterator[File]:
    """``summary.csv`` as the results folder has it, and ``per_query.csv``. What is missing is empty."""
    yield File("summary.csv", summary_csv(source.results).encode())
    yield File("per_query.csv", csv_text(QUERY_COLUMNS, query_rows(source.results)).encode())


def parquet_files(source: Source, _: Note) -> Iterator[File]:
    """The same as ``.parquet``: a column has the same type in every export, and what is missing is null."""
    rows = summary_rows(source.results)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    yield File("summary.parquet", _parquet(columns))
    values = zip(*query_rows(source.results), strict=True)
    long = dict(zip(QUERY_COLUMNS, values, strict=False)) or dict.fromkeys(QUERY_COLUMNS, ())
    yield File("per_query.parquet", _parquet(long))


def query_rows(results: Iterable[TrialResult]) -> Iterator[tuple[str, str, str, str, str, float]]:
    """One row per trial, measure and query, in the order of ``QUERY_COLUMNS``; none of a trial that was not judged."""
    for result in results:
        for measure, values in result.quality.per_query.items() if result.quality else ():
            for query_id, value in values.items():
                yield result.trial.id, dataset_name(result), result.trial.pipeline, query_id, measure, value


def _parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array(_fitting(name, values), _type(name, values)) for name, values in columns.items()}
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out)
    return out.getvalue()


def _type(name: str, values: Sequence[Any]) -> Any:
    """By name, so that it does not hang on what happened to be measured; a column of other texts is text."""
    import pyarrow as pa

    if name in _WHOLE:
        return pa.int64()
    return pa.string() if name in _TEXTS or any(isinstance(value, str) for value in values) else pa.float64()


def _fitting(name: str, values: Sequence[Any]) -> Sequence[Any]:
    """A batch size that was to be the largest, and of which none fitted, is no number."""
    return [None if isinstance(value, str) else value for value in values] if name in _WHOLE else values
