"""Pure: gates, the bounds that a change must keep to: ``ndcg@10 >= -0.005``, ``latency_p95_s <= +10%``.

A measure's gate is on the difference of means, B − A; a cost's on the relative change, in percent. The gate is on the
figure itself, not on its interval: with few queries a small regression may be noise, and a gate that waited for proof
would let it pass. The interval is shown beside it for whoever must decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt

from bench.compare.figures import COSTS
from bench.measures import check_measure
from bench.types import ConfigError

_GATE = re.compile(
    r"\s*(?P<name>[a-z_0-9@]+)\s*(?P<operator>>=|<=|>|<)"
    r"\s*(?P<number>[-−+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?)\s*(?P<percent>%?)\s*",
    re.ASCII | re.IGNORECASE,
)
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {">=": ge, "<=": le, ">": gt, "<": lt}
_DECIMALS = 9
"""A figure is rounded to so many before it is held against a bound, so that -0.005 is not less than -0.005."""


@dataclass(frozen=True, slots=True)
class Gate:
    """``bound`` is a difference of means, or, of a cost, a share: 0.1 for +10%."""

    name: str
    operator: str
    bound: float

    @property
    def on_cost(self) -> bool:
        return self.name in COSTS

    def holds(self, value: float) -> bool:
        return _OPERATORS[self.operator](round(value, _DECIMALS), round(self.bound, _DECIMALS))

    def __str__(self) -> str:
        bound = f"{self.bound * 100:+.12g}%" if self.on_cost else f"{self.bound:+.12g}"
        return f"{self.name} {self.operator} {bound if self.bound else bound[1:]}"


def parse_gate(text: str) -> Gate:
    """A gate as it is written: a measure or a cost column of summary.csv, one of >= <= > <, a number.

    Raises ConfigError for anything else.
    """
    found = _GATE.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"the gate {text!r} is not MEASURE OPERATOR NUMBER, such as 'ndcg@10 >= -0.005' or "
            "'latency_p95_s <= +10%'; operators are >= <= > <"
        )
    name, number = found["name"].lower(), float(found["number"].replace("−", "-"))
    if abs(number) > 1e9:
        raise ConfigError(f"the gate {text!r} has a number that no figure comes near")
    if name not in COSTS:
        _check_name(name, text)
        if found["percent"]:
            raise ConfigError(
                f"the gate {text!r}: a measure's gate is on the difference of means, in the measure's own unit; write "
                f"it without %, such as '{name} >= -0.005'"
            )
        return Gate(name, found["operator"], number)
    if not found["percent"]:
        raise ConfigError(
            f"the gate {text!r}: a cost's gate is on the relative change; write it in percent, such as '{name} <= +10%'"
        )
    return Gate(name, found["operator"], number / 100)


def _check_name(name: str, text: str) -> None:
    try:
        check_measure(name)
    except ConfigError as error:
        raise ConfigError(f"the gate {text!r}: {error}. Costs: {', '.join(COSTS)}") from error
