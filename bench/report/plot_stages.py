"""Figure: the mean latency of a query, in its stages. Means, since they add up and percentiles do not.

Where the longest bar is so long that most others would hardly be seen, bars are shares of their own total; a
logarithmic axis would not do, for on it parts do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report import style
from bench.report.canvas import BAR_IN, Names, Row, duration_ticks, keep_ticks_inside, legend, rows_panel
from bench.report.groups import Group, full_label, variants
from bench.report.say import t
from bench.report.sweep import MANY_DRAWN, Choice, by_swept_device, choose, sentence_of_parts
from bench.report.words import clauses, clean, seconds, sentences, series, shorten
from bench.types import TrialResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WORTH_SHOWING = 0.01
_SEEN = 0.04


def caption(measure: str) -> str:
    return t("Mean latency of a query in its stages, queries offered one at a time. Other: what no stage accounts for.")


def stage_means(result: TrialResult) -> dict[str, float]:
    """Stage -> mean seconds, in the order that stages run; ``other`` is the rest, if it is at least 1%."""
    cost = result.cost
    if cost is None or not cost.latency_s:
        return {}
    total = sum(cost.latency_s) / len(cost.latency_s)
    order = [name for name in style.STAGES if name in cost.stages_s]
    order += [name for name in cost.stages_s if name not in style.STAGES]
    means = {name: sum(cost.stages_s[name]) / len(cost.latency_s) for name in order}
    means = {name: mean for name, mean in means.items() if mean > 0}
    rest = total - sum(means.values())
    if rest > _WORTH_SHOWING * total:
        means["other"] = means.get("other", 0.0) + rest
    return means


def draws(group: Group, measure: str) -> bool:
    return any(stage_means(result) for result in group.finished)


def chosen(group: Group, measure: str) -> Choice:
    return choose([result for result in group.finished if stage_means(result)], measure, MANY_DRAWN)


def note(group: Group, measure: str) -> str:
    parts = by_swept_device(group)
    said = [sentence_of_parts(parts, chosen, measure)]
    if any(as_shares(chosen(part, measure).results) for part in parts):
        said.append(
            t(
                "Where half of the means or more are below {share} of the highest, bars are shares of their own mean, "
                "which stands at the right.",
                share=f"{_SEEN:.0%}",
            )
        )
    return sentences(text for text in said if text)


def as_shares(results: Sequence[TrialResult]) -> bool:
    totals = [sum(stage_means(result).values()) for result in results]
    return 2 * sum(total < _SEEN * max(totals) for total in totals) >= max(1, len(totals))


def draw(group: Group, measure: str, names: Names) -> Figure:
    from matplotlib.patches import Patch
    from matplotlib.ticker import PercentFormatter

    results = chosen(group, measure).results
    said = variants(results)
    where = f", {names.part(group)}" if group.part else ""
    title = names.title(group, f"mean latency by stage{where}")
    rows = [
        Row(
            shorten(names.pipelines[result.trial.pipeline], 32),
            _total(stage_means(result)),
            names.variant(said[result.trial.id]),
        )
        for result in results
    ]
    figure, axes, places = rows_panel(rows, title, top_in=0.68)
    shares = as_shares(results)
    end = 1.0 if shares else 1.02 * max(sum(stage_means(result).values()) for result in results)
    shown: dict[str, None] = {}
    for y, result in zip(places, results, strict=True):
        means = stage_means(result)
        whole, left = sum(means.values()) if shares else 1.0, 0.0
        for stage, mean in means.items():
            shown[stage] = None
            colour = style.STAGES.get(stage, style.STAGES["other"])
            part = mean / whole
            edge = 0.4 if part > 0.01 * end else 0  # it would hide what is narrow
            axes.barh(y, part, left=left, height=BAR_IN, color=colour, edgecolor=style.CARD, linewidth=edge)
            left += part
    axes.set_xlim(0, end)
    axes.locator_params(axis="x", nbins=5)
    if shares:
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    else:
        duration_ticks(axes.xaxis)
    axes.set_xlabel("Share of a query's mean latency" if shares else "Mean latency of a query")
    keep_ticks_inside(figure, axes)
    ordered = [stage for stage in style.STAGES if stage in shown] + [s for s in shown if s not in style.STAGES]
    handles = [Patch(color=style.STAGES.get(s, style.STAGES["other"]), label=clean(s)) for s in ordered]
    legend(figure, handles, 0.34)
    return figure


def _total(means: dict[str, float]) -> str:
    total = sum(means.values())
    largest = max(means, key=lambda stage: means[stage])
    return f"{seconds(total)}, {clean(largest)} {means[largest] / total:.0%}"


def alt(group: Group, measure: str) -> str:
    results = chosen(group, measure).results
    said = variants(results)
    parts = []
    for result in results:
        means = stage_means(result)
        stages = series(f"{clean(stage)} {seconds(mean)}" for stage, mean in means.items())
        total = seconds(sum(means.values()))
        parts.append(t("{name} {total} ({stages})", name=full_label(result, said), total=total, stages=stages))
    return t(
        "Stacked bar chart of mean latency by stage on {where}: {bars}.",
        where=group.full_label,
        bars=clauses(parts),
    )
