"""The best measured setting for each of three uses, in words: development, production, edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.derived import device, dtype, joules_per_query, latency, memory_bytes, server_qps, throughput
from bench.report import words
from bench.report.groups import primary, settings, variants
from bench.stats import percentile
from bench.types import TrialResult

DEVELOPMENT, PRODUCTION, EDGE = "Development", "Production", "Edge"


def tiers(results: Sequence[TrialResult]) -> list[tuple[str, str]]:
    """(tier, sentence) for the trials of one dataset; reranking cells alone are compared, where there are any.

    Development is the machine everybody has: a CPU, in fp32 if that was measured, and of its cells the fastest.
    Production is CUDA: of the cells measured under load the one that takes most queries within its bound on the 99th
    percentile; without such a measurement, or where no cell meets the bound, the fastest. Edge is what fits a small
    device: least memory, and least energy for a query where energy was measured.
    """
    said = variants(results)
    cells = [result for result in results if result.trial.reranker is not None] or list(results)
    return [
        (DEVELOPMENT, _development(cells, said)),
        (PRODUCTION, _production(cells, said)),
        (EDGE, _edge(cells, said)),
    ]


def _development(cells: Sequence[TrialResult], said: dict[str, str]) -> str:
    mine = [result for result in cells if device(result) == "cpu"]
    if not mine:
        return "No CPU was measured."
    known = _known(mine, throughput)
    if not known:
        return "No cell on a CPU finished with a throughput."
    fp32 = [result for result in known if dtype(result) == "fp32"]
    best = max(fp32 or known, key=lambda result: throughput(result) or 0.0)
    among = f"the most of {words.plural(len(fp32 or known), 'cell')} on a CPU{' in fp32' if fp32 else ''}"
    return f"{settings(best, said)}: {_speed(best)}, {among}; {_rest(best)}."


def _production(cells: Sequence[TrialResult], said: dict[str, str]) -> str:
    mine = [result for result in cells if device(result).startswith("cuda")]
    if not mine:
        return "No CUDA device was measured."
    within = _known(mine, server_qps)
    if within:
        best = max(within, key=lambda result: (server_qps(result) or 0.0, throughput(result) or 0.0))
        return (
            f"{settings(best, said)}: takes {words.figure3(server_qps(best))} queries/s with 99% of them answered "
            f"within {words.seconds(best.trial.server_p99_s)} (measured p99 {words.seconds(_p99_at_best(best))}), the "
            f"most of {words.plural(len(within), 'cell')} that keep their bound; {_speed(best)}; {_rest(best)}."
        )
    known = _known(mine, throughput)
    if not known:
        return "No cell on a CUDA device finished with a throughput."
    best = max(known, key=lambda result: throughput(result) or 0.0)
    loaded = [result for result in mine if result.cost and result.cost.load_points]
    why = "No cell was measured under load, so the fastest"
    if loaded:
        bounds = sorted({result.trial.server_p99_s for result in loaded})
        why = f"No cell keeps p99 within {words.listed([words.seconds(bound) for bound in bounds])}; the fastest"
    return (
        f"{why} is named. {settings(best, said)}: {_speed(best)}, the most of {words.plural(len(known), 'cell')} on "
        f"CUDA; {_rest(best)}."
    )


def _p99_at_best(result: TrialResult) -> float | None:
    best = server_qps(result)
    points = result.cost.load_points if result.cost else ()
    return next((percentile(point.latency_s, 99) for point in points if point.offered_qps == best), None)


def _edge(cells: Sequence[TrialResult], said: dict[str, str]) -> str:
    known = _known(cells, memory_bytes)
    if not known:
        return "Memory was not measured."
    small = min(known, key=lambda result: (memory_bytes(result) or 0, -(throughput(result) or 0.0)))
    among = f"the least of {words.plural(len(known), 'cell')}"
    text = f"{settings(small, said)}: {words.size(memory_bytes(small))} of memory at its peak, {among}; {_speed(small)}"
    text += f"; {_latency(small)}{_quality(small)}."
    metered = _known(cells, joules_per_query)
    if not metered:
        return text
    frugal = min(metered, key=lambda result: joules_per_query(result) or 0.0)
    which = "it too" if frugal is small else settings(frugal, said)
    return f"{text} Least energy: {which}, {words.figure3(joules_per_query(frugal))} J for a query."


def _known(results: Sequence[TrialResult], value: Callable[[TrialResult], float | None]) -> list[TrialResult]:
    return [result for result in results if result.status == "ok" and value(result) is not None]


def _speed(result: TrialResult) -> str:
    unit = "queries" if result.cost is None or not result.cost.offline_pairs else "pairs"
    return f"{words.figure3(throughput(result))} {unit}/s"


def _rest(result: TrialResult) -> str:
    memory = memory_bytes(result)
    needs = f"; {words.size(memory)} of memory at its peak" if memory is not None else ""
    return f"{_latency(result)}{needs}{_quality(result)}"


def _latency(result: TrialResult) -> str:
    p95 = latency(result, 95)
    return "latency not measured" if p95 is None else f"a query takes {words.seconds(p95)} at the 95th percentile"


def _quality(result: TrialResult) -> str:
    measure = primary([result])
    interval = result.quality.means.get(measure) if result.quality else None
    return f"; {words.measure_title(measure)} {words.score(interval.mean)}" if interval else ""
