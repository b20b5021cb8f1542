"""One sentence per dataset: what the reranker gains over its first stage, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.derived import device, latency, no_quality
from bench.report import words
from bench.report.groups import Group, full_label, pipelines, primary, variants
from bench.report.pairs import Pair, paired
from bench.report.tables import status
from bench.types import TrialResult

FEW_QUERIES = 20


def verdicts(groups: Sequence[Group], pairs: Mapping[str, Sequence[Pair]] | None = None) -> list[tuple[str, str]]:
    """(dataset label, what can be said), for each dataset. No claim that its statistics do not carry."""
    results = [result for group in groups for result in group.results]
    if pairs is None:
        pairs = paired(groups, primary(results))
    compared = sum(len(found) for found in pairs.values())
    said = variants(results)
    return [(group.label, _sentence(group, pairs.get(group.slug, ()), compared, said)) for group in groups]


def headline(pairs: Sequence[Pair]) -> Pair | None:
    """The pair to speak of: a model's embedding before BM25, then the order of the configuration; never the best."""
    return next((pair for pair in pairs if pair.before.trial.embedder), pairs[0] if pairs else None)


def _sentence(group: Group, pairs: Sequence[Pair], compared: int, said: dict[str, str]) -> str:
    pair = headline(pairs)
    if pair is None:
        return _without_pair(group, said)
    return f"{_quality(pair, compared, said)} {_cost(pair)}".strip()


def _without_pair(group: Group, said: dict[str, str]) -> str:
    if not group.finished:
        return "No trial finished, so there is nothing to compare."
    if all(no_quality(result) and result.quality is None for result in group.finished):
        return f"{_why_none(group.finished)}. Nothing about quality is claimed; speed and memory are real."
    lost = [result for result in group.results if result.status != "ok" and result.trial.reranker]
    if lost:
        return f"The reranker's gain cannot be stated: {full_label(lost[0], said)} did not finish ({status(lost[0])})."
    if all(no_quality(result) for result in group.finished if result.trial.reranker):
        barred = [result for result in group.finished if no_quality(result)]
        if barred:
            return f"{_why_none(barred)}. Nothing about the quality of reranking is claimed."
    if not any(result.trial.reranker for result in group.finished):
        return "No pipeline here has a reranker, so there is no gain to state."
    return "No trial here runs the same first stage without its reranker, so no gain can be stated."


def unclaimed(groups: Sequence[Group], pairs: Mapping[str, Sequence[Pair]]) -> str:
    """Which pipelines were measured for speed and memory alone beside others of which a gain is stated; empty where
    there are none."""
    spoken_of = [group for group in groups if pairs.get(group.slug)]
    barred = [result for group in spoken_of for result in group.results if no_quality(result) and not result.quality]
    if not barred:
        return ""
    names = words.listed([f"“{words.clean(name)}”" for name in pipelines(barred)])
    return (
        f"{_why_none(barred)}. Of {names} speed and memory were measured; nothing about quality is claimed, and no "
        "figure of theirs says anything about it."
    )


def _why_none(results: Sequence[TrialResult]) -> str:
    whys = dict.fromkeys(no_quality(result) for result in results)
    text = words.listed([why.removesuffix(": no quality") for why in whys])
    return f"{text[:1].upper()}{text[1:]}: no quality"


def _quality(pair: Pair, compared: int, said: dict[str, str]) -> str:
    title = words.measure_title(pair.measure)
    before, after = f"“{full_label(pair.before, said)}”", f"“{full_label(pair.after, said)}”"
    p = words.p_value(pair.adjusted_p) + (f", Holm-adjusted for {compared} comparisons" if compared > 1 else "")
    difference = pair.difference
    evidence = (
        f"{words.signed(difference.mean)}, paired 95% interval {words.signed(difference.low)} to "
        f"{words.signed(difference.high)}, {p}, {words.plural(pair.queries, 'query')}"
    )
    old, new = words.score(pair.before_mean), words.score(pair.after_mean)
    if pair.direction == 0:
        text = f"No effect of reranking is shown: {title} is {new} with {after} and {old} with {before} ({evidence})."
    else:
        verb = "raises" if pair.direction > 0 else "lowers"
        text = f"Reranking {verb} {title} from {old} with {before} to {new} with {after} ({evidence})."
    return text + (" So few queries bear no general claim." if pair.queries < FEW_QUERIES else "")


def _cost(pair: Pair) -> str:
    before, after = latency(pair.before, 95), latency(pair.after, 95)
    if before is None or after is None or before <= 0:
        return "Its latency was not measured."
    where = ""
    if device(pair.before) != device(pair.after):
        where = f" (on {device(pair.after)} and {device(pair.before)})"
    ratio = words.times(after / before)
    took = f"{words.seconds(after)} instead of {words.seconds(before)}{where}, {ratio}"
    return f"At the 95th percentile a query takes {took}; {_memory(pair.before, pair.after)}."


def _memory(before: TrialResult, after: TrialResult) -> str:
    kinds = (("peak_device_bytes", "device memory"), ("peak_rss_bytes", "process memory"))
    for name, kind in kinds:
        old, new = getattr(before.cost, name, None), getattr(after.cost, name, None)
        if old is not None and new is not None:
            if words.size(new) == words.size(old):
                return f"peak {kind} stays at {words.size(new)}"
            return f"peak {kind} is {words.size(new)} instead of {words.size(old)}"
    return "peak memory was not measured on both sides"
