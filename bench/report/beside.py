"""Names written beside the lines they belong to, so that no legend need be read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from bench.report.labels import Align, Anchor, Box, Label, place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Place = tuple[float, float]
_STEP_PX = 4.0
_UP = 8


class Named(NamedTuple):
    """A line of two points or more, from left to right."""

    name: str
    points: Sequence[Place]
    colour: str


def name_lines(
    figure: Figure,
    axes: Axes,
    lines: Sequence[Named],
    also: Sequence[Label] = (),
    around: Sequence[Sequence[Place]] = (),
) -> bool:
    """Write each line's name beside it, and ``also`` what else is to be written, ``around`` other lines too; if there
    is no room for all, nothing is, and the answer is no. Limits and scales of the axes must be set."""
    covered = [box for points in (*(each.points for each in lines), *around) for box in _along(axes, points)]
    labels = [Label(each.name, _anchors(axes, each, lines), each.colour, needed=False) for each in lines]
    before = len(axes.texts)
    place_labels(figure, axes, [*labels, *also], covered)
    written = axes.texts[before:]
    if len(written) == len(labels) + len(also):
        return True
    for text in written:
        text.remove()
    return False


def _anchors(axes: Axes, mine: Named, lines: Sequence[Named]) -> list[Anchor]:
    """Above and below its points, from the last to the first; on the side first where no other line is near."""
    sides = (-_UP, _UP) if _has_a_closer_line_above(axes, mine, lines) else (_UP, -_UP)
    last = len(mine.points) - 1
    found = []
    for i in range(last, -1, -1):
        aligned: tuple[tuple[Align, int], ...] = (("center", 0), ("right", 5), ("left", -5))
        if i == last:  # often at the end of the axes, so that nothing may stand beyond it
            aligned = (("right", 5), ("right", 0), ("left", -5))
        elif i == 0:
            aligned = (("left", -5), ("left", 0), ("right", 5))
        found += [Anchor(*mine.points[i], right, up, align) for up in sides for align, right in aligned]
    return found


def _has_a_closer_line_above(axes: Axes, mine: Named, lines: Sequence[Named]) -> bool:
    x, y = mine.points[-1]
    own = _height(axes, (x, y))
    heights = [_at(each.points, x) for each in lines if each is not mine]
    others = [_height(axes, (x, at)) - own for at in heights if at is not None]
    above, below = [gap for gap in others if gap >= 0], [-gap for gap in others if gap < 0]
    return bool(above) and min(above) < min(below, default=float("inf"))


def _at(points: Sequence[Place], x: float) -> float | None:
    """How high a line is at x, as the nearest of its points tells; None beyond its ends."""
    if not points[0][0] <= x <= points[-1][0]:
        return None
    return min(points, key=lambda point: abs(point[0] - x))[1]


def _height(axes: Axes, place: Place) -> float:
    return float(axes.transData.transform(place)[1])


def _along(axes: Axes, points: Sequence[Place]) -> list[Box]:
    """Boxes, in pixels, over the markers of a line and the strokes between them."""
    at = [axes.transData.transform(point) for point in points]
    boxes: list[Box] = [(x - 4, y - 4, x + 4, y + 4) for x, y in at]
    for (x0, y0), (x1, y1) in pairwise(at):
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0)) / _STEP_PX))
        for i in range(steps):
            x, y = x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps
            boxes.append((x - 3, y - 3, x + 3, y + 3))
    return boxes
