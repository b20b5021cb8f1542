"""The best measured setting for each of three uses, in words: development, production, edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.derived import device, dtype, joules_per_query, latency, memory_bytes, server_qps, throughput
from bench.report import words
from bench.report.groups import primary, settings, variants
from bench.report.say import t
from bench.stats import percentile
from bench.types import TrialResult


def tiers(results: Sequence[TrialResult]) -> list[tuple[str, str]]:
    """(tier, sentence) for the trials of one dataset; reranking cells alone are compared, where there are any.

    Development is the machine everybody has: a CPU, in fp32 if that was measured, and of its cells the fastest.
    Production is CUDA: of the cells measured under load the one that takes most queries within its bound on the 99th
    percentile; without such a measurement, or where no cell meets the bound, the fastest. Edge is what fits a small
    device: least memory, and least energy for a query where energy was measured.
    """
    said, cells = variants(results), _cells(results)
    return [
        (t("Development"), _development(cells, said)),
        (t("Production"), _production(cells, said)),
        (t("Edge"), _edge(cells, said)),
    ]


def recommended(results: Sequence[TrialResult]) -> list[tuple[str, TrialResult]]:
    """(tier, the cell that its sentence names), without the tiers that were not measured."""
    cells = _cells(results)
    found = (
        (t("Development"), _fastest_on_cpu(cells)[0]),
        (t("Production"), _best_within(cells) or _fastest(_on_cuda(cells))),
        (t("Edge"), _smallest(cells)),
    )
    return [(tier, cell) for tier, cell in found if cell is not None]


def _cells(results: Sequence[TrialResult]) -> list[TrialResult]:
    return [result for result in results if result.trial.reranker is not None] or list(results)


def _fastest(cells: Sequence[TrialResult]) -> TrialResult | None:
    return max(_known(cells, throughput), key=lambda result: throughput(result) or 0.0, default=None)


def _fastest_on_cpu(cells: Sequence[TrialResult]) -> tuple[TrialResult | None, list[TrialResult], bool]:
    """The cell, those it was chosen of, and whether these are the ones in fp32."""
    known = _known([result for result in cells if device(result) == "cpu"], throughput)
    fp32 = [result for result in known if dtype(result) == "fp32"]
    return _fastest(fp32 or known), fp32 or known, bool(fp32)


def _on_cuda(cells: Sequence[TrialResult]) -> list[TrialResult]:
    return [result for result in cells if device(result).startswith("cuda")]


def _best_within(cells: Sequence[TrialResult]) -> TrialResult | None:
    within = _known(_on_cuda(cells), server_qps)
    return max(within, key=lambda result: (server_qps(result) or 0.0, throughput(result) or 0.0), default=None)


def _smallest(cells: Sequence[TrialResult]) -> TrialResult | None:
    known = _known(cells, memory_bytes)
    return min(known, key=lambda result: (memory_bytes(result) or 0, -(throughput(result) or 0.0)), default=None)


def _development(cells: Sequence[TrialResult], said: dict[str, str]) -> str:
    if not any(device(result) == "cpu" for result in cells):
        return t("No CPU was measured.")
    best, known, in_fp32 = _fastest_on_cpu(cells)
    if best is None:
        return t("No cell on a CPU finished with a throughput.")
    among = words.plural(len(known), "cell")
    most = t("the most of {cells} on a CPU in fp32", cells=among) if in_fp32 else t(
        "the most of {cells} on a CPU", cells=among
    )  # fmt: skip
    return t("{settings}: {speed}, {most}; {rest}.", settings=settings(best, said), speed=_speed(best), most=most,
             rest=_rest(best))  # fmt: skip


def _production(cells: Sequence[TrialResult], said: dict[str, str]) -> str:
    mine = _on_cuda(cells)
    if not mine:
        return t("No CUDA device was measured.")
    best = _best_within(cells)
    if best is not None:
        return t(
            "{settings}: takes {rate} queries/s with 99% of them answered within {bound} (measured p99 {p99}), the "
            "most of {cells} that keep their bound; {speed}; {rest}.",
            settings=settings(best, said),
            rate=words.figure3(server_qps(best)),
            bound=words.seconds(best.trial.server_p99_s),
            p99=words.seconds(_p99_at_best(best)),
            cells=words.plural(len(_known(mine, server_qps)), "cell"),
            speed=_speed(best),
            rest=_rest(best),
        )
    best = _fastest(mine)
    if best is None:
        return t("No cell on a CUDA device finished with a throughput.")
    loaded = [result for result in mine if result.cost and result.cost.load_points]
    why = t("No cell was measured under load, so the fastest is named.")
    if loaded:
        bounds = sorted({result.trial.server_p99_s for result in loaded})
        kept = words.listed([words.seconds(bound) for bound in bounds])
        why = t("No cell keeps p99 within {bounds}; the fastest is named.", bounds=kept)
    named = t(
        "{settings}: {speed}, the most of {cells} on CUDA; {rest}.",
        settings=settings(best, said),
        speed=_speed(best),
        cells=words.plural(len(_known(mine, throughput)), "cell"),
        rest=_rest(best),
    )
    return words.sentences((why, named))


def _p99_at_best(result: TrialResult) -> float | None:
    best = server_qps(result)
    points = result.cost.load_points if result.cost else ()
    return next((percentile(point.latency_s, 99) for point in points if point.offered_qps == best), None)


def _edge(cells: Sequence[TrialResult], said: dict[str, str]) -> str:
    small = _smallest(cells)
    if small is None:
        return t("Memory was not measured.")
    parts = [_latency(small), *_quality(small)]
    text = t(
        "{settings}: {memory} of memory at its peak, the least of {cells}; {speed}; {rest}.",
        settings=settings(small, said),
        memory=words.size(memory_bytes(small)),
        cells=words.plural(len(_known(cells, memory_bytes)), "cell"),
        speed=_speed(small),
        rest=words.clauses(parts),
    )
    metered = _known(cells, joules_per_query)
    if not metered:
        return text
    frugal = min(metered, key=lambda result: joules_per_query(result) or 0.0)
    which = t("it too") if frugal is small else settings(frugal, said)
    least = t("Least energy: {which}, {joules} J for a query.", which=which,
              joules=words.figure3(joules_per_query(frugal)))  # fmt: skip
    return words.sentences((text, least))


def _known(results: Sequence[TrialResult], value: Callable[[TrialResult], float | None]) -> list[TrialResult]:
    return [result for result in results if result.status == "ok" and value(result) is not None]


def _speed(result: TrialResult) -> str:
    rate = words.figure3(throughput(result))
    if result.cost is None or not result.cost.offline_pairs:
        return t("{rate} queries/s", rate=rate)
    return t("{rate} pairs/s", rate=rate)


def _rest(result: TrialResult) -> str:
    memory = memory_bytes(result)
    needs = [] if memory is None else [t("{memory} of memory at its peak", memory=words.size(memory))]
    return words.clauses([_latency(result), *needs, *_quality(result)])


def _latency(result: TrialResult) -> str:
    p95 = latency(result, 95)
    if p95 is None:
        return t("latency not measured")
    return t("a query takes {time} at the 95th percentile", time=words.seconds(p95))


def _quality(result: TrialResult) -> list[str]:
    measure = primary([result])
    interval = result.quality.means.get(measure) if result.quality else None
    return [f"{words.measure_title(measure)} {words.score(interval.mean)}"] if interval else []
