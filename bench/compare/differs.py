"""Pure: what was not the same for the two trials of a pair: fields, models, libraries, the machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from bench.compare.match import Pair
from bench.report.facts import flat, title, value
from bench.report.words import MISSING, clean, shorten

HARDWARE = ("system", "cpu", "cores_physical", "cores_logical", "memory_bytes", "device", "device_name", "threads")
_PASSING = ("load_before",)
"""Facts of the environment that differ between any two runs."""
_TOLD_ELSEWHERE = ("dataset", "software")
"""Inputs: sets that differ are not compared, and the libraries are in the environment."""
_COMMIT = re.compile(r"[0-9a-f]{12,}")


def differing(pair: Pair) -> tuple[str, ...]:
    """Each thing that differs as ``name A → B``; of the environments only where both are known."""
    a, b = pair.a, pair.b
    inputs_a, inputs_b = ({k: v for k, v in each.inputs.items() if k not in _TOLD_ELSEWHERE} for each in (a, b))
    return (
        *_changes(asdict(a.trial), asdict(b.trial), str),
        *_changes(inputs_a, inputs_b, _input),
        *(_changes(flat(a.environment), flat(b.environment), title) if _both_ran(pair) else ()),
    )


def other_hardware(pair: Pair) -> bool:
    """Whether machine, device or threads were not the same, so that times say nothing about the change."""
    return _both_ran(pair) and any(pair.a.environment.get(name) != pair.b.environment.get(name) for name in HARDWARE)


def _both_ran(pair: Pair) -> bool:
    """A trial that failed early has left no word of its machine."""
    return bool(pair.a.environment.get("cpu") and pair.b.environment.get("cpu"))


def _changes(a: Mapping[str, Any], b: Mapping[str, Any], told: Callable[[str], str]) -> list[str]:
    names = [name for name in dict.fromkeys([*a, *b]) if name not in _PASSING and a.get(name) != b.get(name)]
    said = [(told(name), _text(name, a.get(name)), _text(name, b.get(name))) for name in names]
    return [f"{name} {old} → {new}" for name, old, new in said if old != new]


def _input(name: str) -> str:
    return f"{name} files" if name in ("embedder", "reranker") else name.replace("_", " ")


def _text(name: str, raw: Any) -> str:
    if raw is None:
        return MISSING
    text = value(name, raw) if not isinstance(raw, float) else f"{raw:g}"
    return shorten(_COMMIT.sub(lambda found: found[0][:8], clean(text)), 48)
