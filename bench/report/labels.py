"""Labels beside points: each where it covers nothing, if there is such a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Align = Literal["left", "right", "center"]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""


class Anchor(NamedTuple):
    """A place for a label: a point of the axes, an offset from it in typographic points, and how the text aligns."""

    x: float
    y: float
    right: float
    up: float
    align: Align


class Label(NamedTuple):
    """``needed``: written even if it must cover something. ``anchors`` come in order of preference."""

    text: str
    anchors: Sequence[Anchor]
    colour: str
    needed: bool


def place_labels(figure: Figure, axes: Axes, labels: Sequence[Label], covered: Sequence[Box]) -> None:
    """Write each label at its first free place; a needed one else where it covers least, another one not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    frame = _box(axes.get_window_extent(renderer))
    taken = list(covered)
    for label in labels:
        tried = []
        for order, anchor in enumerate(label.anchors):
            box = _box(_write(axes, label, anchor).get_window_extent(renderer))
            axes.texts[-1].remove()
            cost = sum(_overlap(box, other) for other in taken) + 20 * _outside(box, frame)
            tried.append((cost, order, anchor, box))
        cost, _, anchor, box = min(tried)
        if label.needed or cost == 0:
            _write(axes, label, anchor)
            taken.append(box)


def _write(axes: Axes, label: Label, anchor: Anchor) -> Annotation:
    return axes.annotate(
        label.text,
        (anchor.x, anchor.y),
        (anchor.right, anchor.up),
        textcoords="offset points",
        ha=anchor.align,
        va="center",
        fontsize=8.5 if label.needed else 7.5,
        color=label.colour,
    )


def _box(extent: Bbox) -> Box:
    return extent.x0, extent.y0, extent.x1, extent.y1


def _overlap(a: Box, b: Box) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _outside(box: Box, frame: Box) -> float:
    beyond = (frame[0] - box[0], frame[1] - box[1], box[2] - frame[2], box[3] - frame[3])
    return sum(max(0.0, excess) for excess in beyond)
