"""A figure as it stands in print: ``96.5%``, ``69.72 points``, ``< 150 ms``. Its last digit says how precise it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from bench.types import ConfigError

Relation = Literal["=", "<", ">"]

UNITS: dict[str, float] = {
    "": 1.0, "%": 0.01, "points": 0.01, "s": 1.0, "ms": 1e-3, "B": 1.0, "MB": 1e6, "GB": 1e9, "MiB": 2.0**20,
    "GiB": 2.0**30, "W": 1.0, "J": 1.0, "QPS": 1.0, "pairs/s": 1.0,
}  # fmt: skip
"""What one of each is in the units that measurements have: shares from 0 to 1, seconds, bytes, watts, per second."""

_RELATIONS: dict[str, Relation] = {
    "": "=", "≈": "=", "~": "=", "<": "<", "≤": "<", "<=": "<", ">": ">", "≥": ">", ">=": ">",
}  # fmt: skip
_FIGURE = re.compile(r"\s*(<=|>=|[<>≤≥≈~]?)\s*([+\-−]?)([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(\S*)\s*")


@dataclass(frozen=True, slots=True)
class Printed:
    """``value`` and ``half_step`` (half of one in the last printed digit) in the units of measurements.

    ``unit`` and ``decimals`` are those in print, for showing another figure beside it. ``relation`` ``<`` is an upper
    bound, ``>`` a lower one.
    """

    text: str
    value: float
    half_step: float
    relation: Relation
    unit: str
    decimals: int

    def shown(self, value: float) -> str:
        """Another figure in the same unit, with one digit more than print has, and two that count at least."""
        number = value / UNITS[self.unit]
        decimals = self.decimals + 1
        while decimals < 6 and number and abs(number) < 10 ** (1 - decimals):
            decimals += 1
        return f"{number:.{decimals}f}{'' if self.unit in ('', '%') else ' '}{self.unit}".replace("-", "−")

    def apart(self, amount: float) -> str:
        """A difference in the same unit; between two percentages lie points."""
        shown = self.shown(abs(amount))
        return shown.replace("%", " points") if self.unit == "%" else shown

    def distance(self, value: float) -> str:
        """How far another figure is off."""
        return self.apart(value - self.value)


def parse_printed(text: str, where: str = "expected") -> Printed:
    """Raises ConfigError, beginning with ``where``, for what is no figure with a known unit."""
    match = _FIGURE.fullmatch(text)
    if not match or match[4] not in UNITS:
        known = ", ".join(unit for unit in UNITS if unit)
        raise ConfigError(
            f"{where}: {text!r} is not a figure as printed, such as '96.5%', '69.72 points' or '< 150 ms'; known units "
            f"are {known}"
        )
    relation, sign, digits, unit = match.groups()
    scale = UNITS[unit]
    number = Decimal(digits)
    decimals = max(0, -int(number.as_tuple().exponent))
    value = float(number) * scale * (-1 if sign in ("-", "−") else 1)
    return Printed(text.strip(), value, 0.5 * 10**-decimals * scale, _RELATIONS[relation], unit, decimals)


def parse_amount(text: str, where: str) -> float:
    """A size without a relation, such as ``0.5 points``: in the units of measurements. Raises ConfigError."""
    printed = parse_printed(text, where)
    if printed.relation != "=" or printed.value < 0:
        raise ConfigError(f"{where}: {text!r} has to be a plain amount, such as '0.5 points'")
    return printed.value
