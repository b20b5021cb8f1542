"""Colours and Matplotlib settings. Colours are also the page's: each has a name there and a value for the dark."""

from __future__ import annotations

from typing import Any, NamedTuple

INK, MUTED, RULE, CARD = "#1f2328", "#59636e", "#d4dae0", "#ffffff"
ON_FILL = "#16191d"  # text on a filled stage, dark in both schemes

SERIES = ("#0072b2", "#d55e00", "#009e73", "#a8518a", "#74411b", "#3d4a57", "#5722a7")
"""One colour per pipeline: the first three are Okabe and Ito's, the others were looked for by simulation.

Any two of the seven are apart by a difference of 15 and more (CIE 1976) to readers of every kind of dichromacy, and
each by a contrast of 3 and more from the card. The same holds for the dark.
"""
SERIES_DARK = ("#56a8e0", "#f0803c", "#3ce0a8", "#c9779f", "#f2dc5a", "#c9d6e2", "#8671f8")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 1.2), (1.5, 1.2), (6, 1.2, 1.5, 1.2))

STAGES = {
    "embed": "#77aadd",
    "search": "#44bb99",
    "tokenise": "#eedd88",
    "rerank": "#ee8866",
    "rank": "#bbcc33",
    "other": "#c4c9ce",
}
"""Paul Tol's light set, made for fills under dark text and told apart by colour-blind readers."""


class Series(NamedTuple):
    colour: str
    marker: str


def series(place: int) -> Series:
    """The colour and the marker of the pipeline that comes at ``place``: colours repeat after seven, each time with
    another marker."""
    return Series(SERIES[place % len(SERIES)], MARKERS[(place + place // len(SERIES)) % len(MARKERS)])


def dashes(place: int) -> tuple[int, tuple[float, ...] | None]:
    """Matplotlib's line style for the line that comes at ``place`` among those of one colour."""
    return 0, _DASHES[place % len(_DASHES)] or None


def settings(families: tuple[str, ...]) -> Any:
    """For ``matplotlib.rc_context``: text as paths, names as they are (no TeX in them), the same bytes each time."""
    return {
        "font.family": list(families),
        "font.size": 9.5,
        "svg.fonttype": "path",
        "svg.hashsalt": "rerankbench",
        "text.parse_math": False,
        "text.color": INK,
        "axes.edgecolor": RULE,
        "axes.labelcolor": MUTED,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "figure.facecolor": CARD,
        "axes.facecolor": CARD,
        "grid.color": RULE,
        "grid.linewidth": 0.6,
        "xtick.color": RULE,
        "xtick.labelcolor": MUTED,
        "ytick.color": RULE,
        "ytick.labelcolor": MUTED,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "axes.labelsize": 8.5,
        "lines.solid_capstyle": "butt",
    }


HEAT_FROM = 0.14
"""The darkest end of the colour map is left out, so that a cell stands out from a dark page."""
ON_HEAT = ("#000000", "#fefefe")  # text on a light and on a dark cell, in both schemes
HATCHES = {
    "oom": ("//////", MUTED),
    "implied": ("///", "#98a2ac"),
    "timeout": ("....", MUTED),
    "other": ("xxx", MUTED),
}
"""How a cell without a figure is hatched, by what came of it, and in which colour."""


def heat(share: float) -> tuple[str, str]:
    """The fill for a value's place between lowest (0) and highest (1), and the colour of text on it.

    Viridis, whose lightness rises evenly, so that equal steps look equal, in grey and to colour-blind readers too.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    red, green, blue, _ = colormaps["viridis"](HEAT_FROM + (1 - HEAT_FROM) * share)
    light = 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)
    return to_hex((red, green, blue)), ON_HEAT[0] if light > 0.18 else ON_HEAT[1]


def _linear(channel: float) -> float:
    """A channel of sRGB as light (WCAG 2's relative luminance adds the three up)."""
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
