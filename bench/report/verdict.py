"""What is said of each dataset first: what the reranker gains over its first stage, what that costs, which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.derived import device, latency, no_quality
from bench.machine.steadiness import times_are_doubted
from bench.report import words
from bench.report.groups import Group, conditions, full_label, pipelines, primary, settings, variants
from bench.report.pairs import Pair, pair_of, paired
from bench.report.phrases import cause
from bench.report.say import t
from bench.report.sweep import is_sweep
from bench.report.tables import status
from bench.report.tiers import recommended
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
    return words.sentences((_quality(pair, compared, said), _cost(pair), _settings(group, pair, pairs, said)))


def _without_pair(group: Group, said: dict[str, str]) -> str:
    if not group.finished:
        return t("No trial finished, so there is nothing to compare.")
    if all(no_quality(result) and result.quality is None for result in group.finished):
        return t("{why}. Nothing about quality is claimed; speed and memory are real.", why=_why_none(group.finished))
    lost = [result for result in group.results if result.status != "ok" and result.trial.reranker]
    if lost:
        return t(
            "The reranker's gain cannot be stated: {trial} did not finish ({how}).",
            trial=full_label(lost[0], said),
            how=status(lost[0]),
        )
    if all(no_quality(result) for result in group.finished if result.trial.reranker):
        barred = [result for result in group.finished if no_quality(result)]
        if barred:
            return t("{why}. Nothing about the quality of reranking is claimed.", why=_why_none(barred))
    if not any(result.trial.reranker for result in group.finished):
        return t("No pipeline here has a reranker, so there is no gain to state.")
    return t("No trial here runs the same first stage without its reranker, so no gain can be stated.")


def unclaimed(groups: Sequence[Group], pairs: Mapping[str, Sequence[Pair]]) -> str:
    """Which pipelines were measured for speed and memory alone beside others of which a gain is stated; empty where
    there are none."""
    spoken_of = [group for group in groups if pairs.get(group.slug)]
    barred = [result for group in spoken_of for result in group.results if no_quality(result) and not result.quality]
    if not barred:
        return ""
    return t(
        "{why}. Of {pipelines} speed and memory were measured; nothing about quality is claimed, and no figure of "
        "theirs says anything about it.",
        why=_why_none(barred),
        pipelines=words.listed([f"“{words.clean(name)}”" for name in pipelines(barred)]),
    )


def _why_none(results: Sequence[TrialResult]) -> str:
    whys = words.listed([cause(why) for why in dict.fromkeys(no_quality(result) for result in results)])
    return t("{cause}: no quality", cause=f"{whys[:1].upper()}{whys[1:]}")


def _quality(pair: Pair, compared: int, said: dict[str, str]) -> str:
    p = words.p_value(pair.adjusted_p)
    if compared > 1:
        p = t("{p}, Holm-adjusted for {comparisons}", p=p, comparisons=words.plural(compared, "comparison"))
    evidence = t(
        "{difference}, paired 95% interval {interval}, {p}, {queries}",
        difference=words.signed(pair.difference.mean),
        interval=_interval(pair),
        p=p,
        queries=words.plural(pair.queries, "query"),
    )
    told = {
        "title": words.measure_title(pair.measure),
        "before": f"“{full_label(pair.before, said)}”",
        "after": f"“{full_label(pair.after, said)}”",
        "old": words.score(pair.before_mean),
        "new": words.score(pair.after_mean),
        "evidence": evidence,
    }
    few = t("So few queries bear no general claim.") if pair.queries < FEW_QUERIES else ""
    return words.sentences((_change(pair.direction, told), few))


def _change(direction: int, told: Mapping[str, str]) -> str:
    if direction > 0:
        return t("Reranking raises {title} from {old} with {before} to {new} with {after} ({evidence}).", **told)
    if direction < 0:
        return t("Reranking lowers {title} from {old} with {before} to {new} with {after} ({evidence}).", **told)
    return t(
        "No effect of reranking is shown: {title} is {new} with {after} and {old} with {before} ({evidence}).", **told
    )


def _interval(pair: Pair) -> str:
    return words.between(words.signed(pair.difference.low), words.signed(pair.difference.high))


def _cost(pair: Pair) -> str:
    before, after = latency(pair.before, 95), latency(pair.after, 95)
    if before is None or after is None or before <= 0:
        return t("Its latency was not measured.")
    where = ""
    if device(pair.before) != device(pair.after):
        where = t(" (on {after} and {before})", after=device(pair.after), before=device(pair.before))
    told = t(
        "At the 95th percentile a query takes {after} instead of {before}{where}, {times}; {memory}.",
        after=words.seconds(after),
        before=words.seconds(before),
        where=where,
        times=words.times(after / before),
        memory=_memory(pair.before, pair.after),
    )
    doubted = any(times_are_doubted(result) for result in (pair.before, pair.after))
    return words.sentences((told, t("These times are in doubt: see the warnings.") if doubted else ""))


def _memory(before: TrialResult, after: TrialResult) -> str:
    """Of a device where both sides used one, else of the process; and of a device that only reranking used."""
    old, new = _peak(before, "peak_device_bytes"), _peak(after, "peak_device_bytes")
    if old is not None and new is not None:
        return _peaks(t("device memory"), old, new)
    old, kept = _peak(before, "peak_rss_bytes"), new
    new = _peak(after, "peak_rss_bytes")
    if old is None or new is None:
        return t("peak memory was not measured on both sides")
    process = _peaks(t("process memory"), old, new)
    if kept is None:
        return process
    return t("{process}, with {size} of device memory on top", process=process, size=words.size(kept))


def _peak(result: TrialResult, name: str) -> int | None:
    found: int | None = getattr(result.cost, name, None)
    return found


def _peaks(kind: str, old: int, new: int) -> str:
    if words.size(new) == words.size(old):
        return t("peak {kind} stays at {new}", kind=kind, new=words.size(new))
    return t("peak {kind} is {new} instead of {old}", kind=kind, new=words.size(new), old=words.size(old))


def _settings(group: Group, pair: Pair, pairs: Sequence[Pair], said: dict[str, str]) -> str:
    """The settings to use: of a sweep the best of each tier, else those of the trial; none without a gain."""
    gains = [each for each in pairs if each.direction > 0]
    if not gains:
        return t("No settings are recommended, since no gain is shown.")
    found = _of_tiers(group, pairs, said) if is_sweep(group) else ""
    if found:
        return found
    if pair.direction > 0:
        return t("Its settings: {settings}.", settings=conditions(pair.after, said))
    shown = words.listed([settings(each.after, said) for each in gains])
    return t("A gain is shown with {settings}.", settings=shown)


def _of_tiers(group: Group, pairs: Sequence[Pair], said: dict[str, str]) -> str:
    """The best cell of each tier; only cells with a gain of their own can be, which the tiers by themselves ignore."""
    cells = [result for result in group.finished if result.trial.reranker is not None]
    shown = {cell.trial.id: pair for cell in cells if (pair := pair_of(cell, group.finished, pairs)) is not None}
    gaining = [cell for cell in cells if cell.trial.id in shown and shown[cell.trial.id].direction > 0]
    named: dict[str, list[str]] = {}
    for tier, cell in recommended(gaining):
        named.setdefault(cell.trial.id, []).append(tier.lower())
    best = words.clauses(
        t(
            "{tier}: {settings}, {title} {gain}",
            tier=words.listed(named[cell.trial.id]),
            settings=settings(cell, said),
            title=words.measure_title(shown[cell.trial.id].measure),
            gain=_gain(shown[cell.trial.id]),
        )
        for cell in gaining
        if cell.trial.id in named
    )
    if not best:
        return ""
    if len(gaining) == len(cells):
        return t("Recommended settings: {settings}.", settings=best)
    return t(
        "Recommended settings, of the cells with a gain that is shown ({n} of {all}): {settings}.",
        n=len(gaining),
        all=len(cells),
        settings=best,
    )


def _gain(pair: Pair) -> str:
    return t("{difference} ({interval})", difference=words.signed(pair.difference.mean), interval=_interval(pair))
