"""Pure: changes and amounts as people read them."""

from __future__ import annotations

import math

from bench.report import words
from bench.types import Interval


def percent(share: float) -> str:
    """A relative change with its sign, a true minus, and no more digits than it needs."""
    return f"{share * 100:+.4g}%".replace("-", "−")


def change(relative: float | None) -> str:
    """``+12.3%``; what cannot be said is a dash."""
    if relative is None:
        return words.MISSING
    if math.isinf(relative):
        return "from 0"
    text = f"{relative:+,.1%}" if abs(relative) < 9.995 else f"{relative:+,.0%}"
    return "0%" if float(f"{relative:.3f}") == 0 else text.replace("-", "−")


def amount(column: str, value: float | None) -> str:
    """A value of a column of summary.csv in its unit, which its name ends with."""
    if value is None:
        return words.MISSING
    if column.endswith("_bytes"):
        return words.size(value)
    if column.endswith("_s") and not column.endswith("_per_s"):
        return words.seconds(value)
    return words.figure3(value)


def signed(value: float) -> str:
    """A difference of means with its sign; four decimals, since gates are often on the third."""
    return f"{value:+.4f}".replace("-", "−")


def bound(value: float) -> str:
    """A gate's number as it was written, but for its minus."""
    return f"{value:+g}".replace("-", "−") if value else "0"


def signed_span(interval: Interval) -> str:
    return f"{signed(interval.low)} to {signed(interval.high)}"
