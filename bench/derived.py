"""Figures computed from a trial's raw measurements. Where a part of one was not measured it is None, never 0."""

from __future__ import annotations

from bench.machine.steadiness import coefficient_of_variation
from bench.serving.load import highest_rate
from bench.stats import percentile, percentile_interval
from bench.types import Interval, TrialResult, Work

_DRAWN, _SHAPE = "drawn:", "shape:"


def no_quality(result: TrialResult) -> str:
    """Why this trial can have no quality, in words; empty where it can."""
    if (result.trial.reranker or "").startswith(_SHAPE):
        return "random weights: no quality"
    return "drawn pairs: no quality" if result.trial.dataset.startswith(_DRAWN) else ""


def latency(result: TrialResult, q: float) -> float | None:
    """The q-th percentile of the latency of single queries, in seconds."""
    return percentile(result.cost.latency_s, q) if result.cost else None


def device(result: TrialResult) -> str:
    """The device that was used, where the environment tells what ``auto`` became."""
    return _resolved(result, "device", result.trial.device)


def dtype(result: TrialResult) -> str | None:
    """The number format that was used; None without a model."""
    trial = result.trial
    if trial.embedder is None and trial.reranker is None:
        return None
    return _resolved(result, "dtype", trial.dtype)


def _resolved(result: TrialResult, key: str, asked: str) -> str:
    found = result.environment.get(key)
    return found if isinstance(found, str) and found else asked


def offline_seconds(result: TrialResult) -> float | None:
    """The median round of the offline scenario; None where it was not measured."""
    return percentile(result.cost.offline_s, 50) if result.cost else None


def queries_per_second(result: TrialResult) -> float | None:
    """Of the rounds in which all timed queries were offered at once, the one in the middle."""
    seconds = offline_seconds(result)
    return result.cost.offline_queries / seconds if result.cost and seconds else None


def pairs_per_second(result: TrialResult) -> float | None:
    """None without a reranker: no pairs were scored."""
    seconds = offline_seconds(result)
    if not result.cost or not seconds or not result.cost.offline_pairs:
        return None
    return result.cost.offline_pairs / seconds


def throughput(result: TrialResult) -> float | None:
    """Pairs per second, or queries per second where nothing is reranked."""
    pairs = pairs_per_second(result)
    return queries_per_second(result) if pairs is None else pairs


def latency_interval(result: TrialResult, q: float) -> Interval | None:
    """The q-th percentile of single-query latency in seconds, with its 95% interval."""
    return percentile_interval(result.cost.latency_s, q) if result.cost else None


def offline_variation(result: TrialResult) -> float | None:
    """Coefficient of variation of the offline rounds; None of fewer than two."""
    return coefficient_of_variation(result.cost.offline_s) if result.cost else None


def rss_growth_bytes(result: TrialResult) -> int | None:
    """The process's peak above what was resident before anything was loaded."""
    cost = result.cost
    if cost is None or cost.peak_rss_bytes is None or cost.baseline_rss_bytes is None:
        return None
    return cost.peak_rss_bytes - cost.baseline_rss_bytes


def memory_bytes(result: TrialResult) -> int | None:
    """What the trial needed at its peak: the process and, on a device, what the allocator kept there."""
    cost = result.cost
    if cost is None or cost.peak_rss_bytes is None:
        return None
    if device(result) == "cpu":
        return cost.peak_rss_bytes
    kept = cost.peak_device_bytes if cost.reserved_device_bytes is None else cost.reserved_device_bytes
    return None if kept is None else cost.peak_rss_bytes + kept


def offline_work(result: TrialResult) -> Work | None:
    """The counts of one offline round; None where nothing was scored."""
    return result.cost.work if result.cost and result.cost.work.pairs else None


def tokens_per_call(result: TrialResult) -> float | None:
    work = offline_work(result)
    if work is None or work.forward_tokens is None or not work.forward_calls:
        return None
    return work.forward_tokens / work.forward_calls


def padding_share(work: Work | None) -> float | None:
    """Of the tokens that went through the layers, those that were padding."""
    if work is None or not work.forward_tokens or work.padding_tokens is None:
        return None
    return work.padding_tokens / work.forward_tokens


def model_flops_per_s(result: TrialResult) -> float | None:
    """The operations that a round's prompts need, each computed alone and whole, over the median round.

    It counts what there was to do, not what was done: an engine which computes a shared prefix once does less.
    """
    seconds = offline_seconds(result)
    if result.cost is None or result.cost.model_flops is None or not seconds:
        return None
    return result.cost.model_flops / seconds


def share_of_peak(result: TrialResult) -> float | None:
    """Model FLOP/s over the matrix product's rate, measured on the same device in the same number format."""
    achieved = model_flops_per_s(result)
    if achieved is None or result.cost is None or not result.cost.peak_flops_per_s:
        return None
    return achieved / result.cost.peak_flops_per_s


def joules_per_query(result: TrialResult) -> float | None:
    """Energy of the whole processor or device, over the queries of all offline rounds."""
    cost = result.cost
    queries = len(cost.offline_s) * cost.offline_queries if cost else 0
    return cost.energy_j / queries if cost and cost.energy_j is not None and queries else None


def mean_power_w(result: TrialResult) -> float | None:
    cost = result.cost
    seconds = sum(cost.offline_s) if cost else 0.0
    return cost.energy_j / seconds if cost and cost.energy_j is not None and seconds else None


def server_qps(result: TrialResult) -> float | None:
    """The highest rate of arrivals, in queries/s, at which the 99th percentile was within the trial's bound."""
    if result.cost is None or not result.cost.load_points:
        return None
    trial = result.trial
    return highest_rate(result.cost.load_points, trial.server_p99_s, trial.server_queries)
