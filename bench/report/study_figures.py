"""Which figures a study has besides its contrasts', and their names: slices and reliability of what was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from bench.calibration.words import ArmCalibration
from bench.report import plot_reliability, plot_slices, study, words
from bench.report.blocks import Picture, Pictures
from bench.report.groups import slug_of
from bench.study.slices import Slice
from bench.study.study import Study
from bench.study.words import Contrast, Side

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDES: tuple[Side, ...] = ("dev", "test")


def drawn(whole: Study) -> Mapping[str, Callable[[], Figure]]:
    """Name of each figure -> what makes it, to be called under the settings of ``bench.report.style``."""
    found = dict(study.drawn(whole))
    for dataset, name in _slice_names(whole).items():
        rows = [each for each in whole.slices if each.dataset == dataset]
        arm = words.shorten(words.clean(rows[0].arm), 20)
        title = f"{words.shorten(words.clean(dataset), 20)}: gain of {arm} by slice"
        overall = next((each.difference.mean for each in whole.contrasts if _of(each) == _of(rows[0])), None)
        found[name] = partial(plot_slices.draw, rows, title, overall)
    by_key = {(each.dataset, each.arm): each for each in whole.calibrations}
    for (dataset, arm, side), name in reliability_names(whole).items():
        title = f"{words.shorten(words.clean(dataset), 24)}: {words.shorten(words.clean(arm), 28)}"
        found[name] = partial(plot_reliability.draw, by_key[dataset, arm], side, title)
    return found


def slice_pictures(whole: Study) -> Pictures | None:
    """None where no set has two slices to compare."""
    items = []
    for dataset, name in _slice_names(whole).items():
        rows = [each for each in whole.slices if each.dataset == dataset]
        items.append(Picture(name, words.clean(dataset), plot_slices.alt(rows, words.clean(dataset))))
    return Pictures(plot_slices.caption(whole.measures[0]), tuple(items)) if items else None


def reliability_names(whole: Study) -> dict[tuple[str, str, Side], str]:
    """Of the baseline and the chosen arm of each set, on test where it was looked at, else on dev."""
    found: dict[tuple[str, str, Side], str] = {}
    for number, each in enumerate(shown_calibrations(whole), 1):
        side: Side = "test" if plot_reliability.draws(each, "test") else "dev"
        if plot_reliability.draws(each, side):
            slug = "-".join(
                part for part in (slug_of(words.clean(each.dataset)), slug_of(words.clean(each.arm))) if part
            )
            found[each.dataset, each.arm, side] = f"reliability-{number}-{slug}".rstrip("-")
    return found


def shown_calibrations(whole: Study) -> list[ArmCalibration]:
    """Those of the baseline and of the chosen arm of each set: the others are in the summary and in ab.json."""
    chosen = {each.dataset: each.chosen for each in whole.conclusions}
    return [each for each in whole.calibrations if each.arm in (whole.baseline, chosen.get(each.dataset))]


def _of(each: Contrast | Slice) -> tuple[str, str, str, str]:
    return each.dataset, each.side, each.measure, each.arm


def _slice_names(whole: Study) -> dict[str, str]:
    found = {}
    for number, dataset in enumerate(dict.fromkeys(each.dataset for each in whole.slices), 1):
        if plot_slices.draws([each for each in whole.slices if each.dataset == dataset]):
            found[dataset] = f"slices-{number}-{slug_of(words.clean(dataset))}".rstrip("-")
    return found
