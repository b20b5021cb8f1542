"""One flat row per trial, quality and cost together: the table that people take elsewhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from bench.report import groups
from bench.types import TrialResult


def summary_rows(results: Sequence[TrialResult]) -> list[dict[str, Any]]:
    """One row per trial, all with the same columns. None is what was not measured or plays no part, never 0."""
    names = groups.measures(results)
    return [_row(result, names) for result in results]


def summary_csv(results: Sequence[TrialResult]) -> str:
    """The rows as CSV with a header; what is missing is empty."""
    names = groups.measures(results)
    rows = summary_rows(results)
    header = list(rows[0]) if rows else [*_setup(None), *_quality(None, names), *_cost(None)]
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _row(result: TrialResult, names: Sequence[str]) -> dict[str, Any]:
    return {**_setup(result), **_quality(result, names), **_cost(result)}


def _setup(result: TrialResult | None) -> dict[str, Any]:
    keys = ("dataset", "pipeline", "device", "dtype", "batch_size", "max_length", "depth", "status")
    if result is None:
        return dict.fromkeys(keys)
    trial = result.trial
    reranks = trial.reranker is not None
    values = (
        groups.dataset_name(result),
        trial.pipeline,
        groups.device(result),
        groups.dtype(result),
        trial.batch_size if reranks else None,
        trial.max_length if reranks else None,
        trial.depth,
        result.status,
    )
    return dict(zip(keys, values, strict=True))


def _quality(result: TrialResult | None, names: Sequence[str]) -> dict[str, Any]:
    quality = result.quality if result else None
    row: dict[str, Any] = {}
    for name in names:
        interval = quality.means.get(name) if quality else None
        row[name] = interval.mean if interval else None
        row[f"{name}_low"] = interval.low if interval else None
        row[f"{name}_high"] = interval.high if interval else None
    row["ceiling"] = quality.ceiling.mean if quality else None
    return row


def _cost(result: TrialResult | None) -> dict[str, Any]:
    cost = result.cost if result else None
    return {
        "latency_p50_s": groups.latency(result, 50) if result else None,
        "latency_p95_s": groups.latency(result, 95) if result else None,
        "latency_p99_s": groups.latency(result, 99) if result else None,
        "throughput_qps": groups.queries_per_second(result) if result else None,
        "throughput_pps": groups.pairs_per_second(result) if result else None,
        "load_s": cost.load_s if cost else None,
        "index_s": cost.index_s if cost else None,
        "peak_rss_bytes": cost.peak_rss_bytes if cost else None,
        "peak_device_bytes": cost.peak_device_bytes if cost else None,
        "reserved_device_bytes": cost.reserved_device_bytes if cost else None,
        "queries": groups.judged_queries(result) if result else None,
        "trial": result.trial.id if result else None,
    }
