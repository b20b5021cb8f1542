"""Figure: the relevant share of pairs against their score, in ten bins, over a count of the pairs in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.calibration.words import ArmCalibration, Bin, Reliability
from bench.report import style
from bench.report.canvas import WIDTH_IN, panel
from bench.report.say import speaking, t
from bench.report.study_view import side_name
from bench.report.words import between, clauses, clean, listed, plural, score, sentences, share, shorten, span
from bench.study.words import Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT_IN = 4.4
_LEFT_IN = 0.62
_LABEL_IN = 0.16
_COUNTS_BOTTOM_IN = 0.44
_COUNTS_IN = 0.6
_BOTTOM_IN = 1.22
_CAP = 0.009


def caption() -> str:
    return t(
        "Reliability: the share of pairs that are relevant, at the mean score of each tenth, with its 95% interval "
        "over queries. On the diagonal a score of 0.94 means 94%; below it the scores say too much, above it too "
        "little. Underneath, how many pairs each tenth holds."
    )


def side_of(calibration: ArmCalibration, side: Side) -> Reliability | None:
    return calibration.dev if side == "dev" else calibration.test


def draws(calibration: ArmCalibration, side: Side) -> bool:
    return side_of(calibration, side) is not None


@speaking("en")
def draw(calibration: ArmCalibration, side: Side, title: str) -> Figure:
    """Raises ValueError for a side that has no reliability; see ``draws``."""
    found = _there(calibration, side)
    under = f"{side}: {plural(found.pairs, 'pair')} of {plural(found.queries, 'query')}, ECE {score(found.ece.mean)}"
    if found.queries > 1:
        under += f" ({span(found.ece)})"
    figure, axes = panel(_HEIGHT_IN, shorten(title, 56), under, top_in=0.66, bottom_in=_BOTTOM_IN, left_in=_LEFT_IN)
    _shares(axes, found)
    left, _, width, _ = axes.get_position().bounds
    below = figure.add_axes((left, _COUNTS_BOTTOM_IN / _HEIGHT_IN, width, _COUNTS_IN / _HEIGHT_IN))
    _counts(below, found)
    for each, label in ((axes, "Relevant share"), (below, "Pairs")):
        _, bottom, _, height = each.get_position().bounds
        middle = bottom + height / 2
        figure.text(_LABEL_IN / WIDTH_IN, middle, label, rotation=90, va="center", ha="center", fontsize=8.5,
                    color=style.MUTED)  # fmt: skip
    return figure


def _shares(axes: Axes, found: Reliability) -> None:
    axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=0.9, dashes=(4, 3))
    colour, marker = style.series(0)
    points = [point for each in found.bins if (point := _point(each))]
    axes.plot([x for x, *_ in points], [y for _, y, *_ in points], color=colour, linewidth=0, marker=marker,
              markersize=5.5, markeredgecolor=style.CARD, markeredgewidth=1.0, clip_on=False, zorder=3)  # fmt: skip
    for x, _, low, high in points:
        axes.plot([x, x], [low, high], color=colour, linewidth=1.3, clip_on=False, zorder=4)
        for end in (low, high):
            axes.plot([x - _CAP, x + _CAP], [end, end], color=colour, linewidth=1.3, clip_on=False, zorder=4)
    axes.set_ylim(0, 1)
    _tenths(axes)
    axes.set_yticks([i / 5 for i in range(6)], [f"{20 * i}%" for i in range(6)])
    axes.set_xticklabels([])
    axes.grid(which="major")


def _point(each: Bin) -> tuple[float, float, float, float] | None:
    """Mean score, relevant share and the ends of its interval; None of an empty bin."""
    if each.mean_score is None or each.relevant_share is None or each.share_low is None or each.share_high is None:
        return None
    return each.mean_score, each.relevant_share, each.share_low, each.share_high


def _counts(axes: Axes, found: Reliability) -> None:
    most = max(each.pairs for each in found.bins)
    for each in found.bins:
        middle = (each.low + each.high) / 2
        axes.bar(middle, each.pairs, width=0.086, color=style.RULE, linewidth=0)
        axes.text(middle, each.pairs + 0.06 * most, short_count(each.pairs), va="bottom", ha="center", fontsize=7.5,
                  color=style.MUTED)  # fmt: skip
    axes.set_ylim(0, 1.4 * most)
    _tenths(axes)
    axes.set_yticks([])
    axes.set_xlabel("Score, as a probability")


def _tenths(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_xticks([i / 5 for i in range(6)], [f"{i / 5:g}" for i in range(6)])
    axes.tick_params(length=0, pad=4)


def short_count(pairs: int) -> str:
    """At most four characters below ten million: 987, 1.2k, 23k, 1.2M."""
    for size, unit in ((10**6, "M"), (10**3, "k")):
        if pairs >= size - size // 2000:  # 999,500 rounds to a million
            return f"{pairs / size:.1f}{unit}" if pairs < 9.95 * size else f"{pairs / size:.0f}{unit}"
    return str(pairs)


def alt(calibration: ArmCalibration, side: Side) -> str:
    found = _there(calibration, side)
    said = [
        t(
            "{scores} {share} of {pairs}",
            scores=_scores(each),
            share=share(each.relevant_share),
            pairs=plural(each.pairs, "pair"),
        )
        for each in found.bins
        if each.pairs
    ]
    empty = [_scores(each) for each in found.bins if not each.pairs]
    diagram = t(
        "Reliability diagram of {arm} on {dataset}, {side}. Relevant share by score: {shares}.",
        arm=clean(calibration.arm),
        dataset=clean(calibration.dataset),
        side=side_name(side),
        shares=clauses(said),
    )
    return sentences([diagram, t("No pair is scored {scores}.", scores=listed(empty)) if empty else ""])


def _scores(each: Bin) -> str:
    return between(f"{each.low:.1f}", f"{each.high:.1f}")


def _there(calibration: ArmCalibration, side: Side) -> Reliability:
    found = side_of(calibration, side)
    if found is None:
        raise ValueError(f"{calibration.arm} on {calibration.dataset} has no reliability on {side}: {calibration.note}")
    return found
