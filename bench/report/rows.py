"""One flat row per trial, quality and cost together: the table that people take elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench import derived
from bench.report import groups, words
from bench.spreadsheet import csv_text
from bench.types import TrialResult


def summary_rows(results: Sequence[TrialResult]) -> list[dict[str, Any]]:
    """One row per trial, all with the same columns. None is what was not measured or plays no part, never 0."""
    names, shares = groups.measures(results), _unjudged(results)
    return [_row(result, names, shares) for result in results]


def summary_csv(results: Sequence[TrialResult]) -> str:
    """The rows as CSV with a header; what is missing is empty."""
    rows = summary_rows(results)
    return csv_text(list(rows[0]) if rows else list(_row(None, (), _unjudged(results))), rows)


def _row(result: TrialResult | None, names: Sequence[str], shares: Sequence[str]) -> dict[str, Any]:
    """What is new stands behind what was there before, so that a column keeps its place."""
    row = {**_setup(result), **_quality(result, names), **_cost(result), **_sweep(result)}
    return {**row, **_doubt(result, shares)}


def _unjudged(results: Sequence[TrialResult]) -> list[str]:
    """``unjudged@10`` and the like, by rising cut-off; every table has the first."""
    found = {name for result in results if result.quality for name in result.quality.unjudged}
    return sorted({"unjudged@10", *found}, key=lambda name: int(name.partition("@")[2]))


def _setup(result: TrialResult | None) -> dict[str, Any]:
    keys = ("dataset", "pipeline", "device", "dtype", "batch_size", "max_length", "depth", "status")
    if result is None:
        return dict.fromkeys(keys)
    trial = result.trial
    reranks = trial.reranker is not None
    values = (
        groups.dataset_name(result),
        trial.pipeline,
        derived.device(result),
        derived.dtype(result),
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
        "latency_p50_s": derived.latency(result, 50) if result else None,
        "latency_p95_s": derived.latency(result, 95) if result else None,
        "latency_p99_s": derived.latency(result, 99) if result else None,
        "throughput_qps": derived.queries_per_second(result) if result else None,
        "throughput_pps": derived.pairs_per_second(result) if result else None,
        "load_s": cost.load_s if cost else None,
        "index_s": cost.index_s if cost else None,
        "peak_rss_bytes": cost.peak_rss_bytes if cost else None,
        "peak_device_bytes": cost.peak_device_bytes if cost else None,
        "reserved_device_bytes": cost.reserved_device_bytes if cost else None,
        "queries": groups.judged_queries(result) if result else None,
        "trial": result.trial.id if result else None,
    }


def _sweep(result: TrialResult | None) -> dict[str, Any]:
    return {**_settings(result), **_latency_intervals(result), **_meters(result), **_work(result), **_outcome(result)}


def _settings(result: TrialResult | None) -> dict[str, Any]:
    trial = result.trial if result and result.trial.reranker is not None else None
    return {
        "engine": trial.engine if trial else None,
        "template": trial.template if trial else None,
        "quantisation": trial.quantisation if trial else None,
        "token_budget": trial.token_budget if trial else None,
    }


def _latency_intervals(result: TrialResult | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for q in (50, 95, 99):
        interval = derived.latency_interval(result, q) if result else None
        row[f"latency_p{q}_low_s"] = interval.low if interval else None
        row[f"latency_p{q}_high_s"] = interval.high if interval else None
    return row


def _meters(result: TrialResult | None) -> dict[str, Any]:
    cost = result.cost if result else None
    loaded = bool(cost and cost.load_points)
    return {
        "server_qps_at_p99": derived.server_qps(result) if result else None,
        "server_p99_bound_s": result.trial.server_p99_s if result and loaded else None,
        "offline_rounds": len(cost.offline_s) or None if cost else None,
        "offline_variation": derived.offline_variation(result) if result else None,
        "cold_load_s": cost.cold_load_s if cost else None,
        "rss_growth_bytes": derived.rss_growth_bytes(result) if result else None,
        "driver_device_bytes": cost.driver_device_bytes if cost else None,
        "energy_j_per_query": derived.joules_per_query(result) if result else None,
        "mean_power_w": derived.mean_power_w(result) if result else None,
    }


def _work(result: TrialResult | None) -> dict[str, Any]:
    """Counts of one offline round."""
    work = derived.offline_work(result) if result else None
    achieved = derived.model_flops_per_s(result) if result else None
    return {
        "forward_calls": work.forward_calls or None if work else None,
        "tokens_per_call": derived.tokens_per_call(result) if result else None,
        "padding_share": derived.padding_share(work),
        "truncated_pairs": work.truncated_pairs if work else None,
        "model_tflops_per_s": achieved / 1e12 if achieved is not None else None,
        "share_of_peak": derived.share_of_peak(result) if result else None,
    }


def _outcome(result: TrialResult | None) -> dict[str, Any]:
    agreement = result.agreement if result else None
    return {
        "agreement_largest_difference": agreement.largest_difference if agreement else None,
        "agreement_top10_changed": agreement.top10_changed if agreement else None,
        "implied_by": result.implied_by if result else None,
        "message": words.clean(result.message) or None if result else None,
    }


def _doubt(result: TrialResult | None, shares: Sequence[str]) -> dict[str, Any]:
    """What blurs the figures: how far the order of tied scores could move any mean, and shares without judgement."""
    quality = result.quality if result else None
    widths = [of.high - of.low for of in quality.ties.values()] if quality else []
    unjudged = quality.unjudged if quality else {}
    return {"widest_tie_range": max(widths, default=None), **{name: unjudged.get(name) for name in shares}}
