"""Pure: gates held against a comparison, pair by pair, each with a sentence that says what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.comparison import Compared, Comparison
from bench.compare.figures import CostChange, Difference
from bench.compare.gates import Gate
from bench.compare.text import amount, bound, change, percent, signed, signed_span
from bench.report.words import measure_title, plural
from bench.types import ConfigError


@dataclass(frozen=True, slots=True)
class Outcome:
    """A gate and a pair. ``value`` is what the gate is on; None where B has no such figure, which breaks the gate."""

    label: str
    holds: bool
    value: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """A gate and every pair that it concerns: those whose A has the figure. ``left_out`` are the trials of A that were
    compared with none. A gate that nothing was held against does not hold."""

    gate: Gate
    outcomes: tuple[Outcome, ...]
    left_out: int = 0

    @property
    def broken(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if not outcome.holds)

    @property
    def holds(self) -> bool:
        return bool(self.outcomes) and not self.broken

    @property
    def sentence(self) -> str:
        trials = plural(len(self.outcomes), "trial")
        found = f"holds in {trials}" if self.holds else f"is broken in {len(self.broken)} of {trials}"
        if not self.outcomes:
            found = "could be held against no trial"
        rest = f"; {plural(self.left_out, 'trial')} of A not compared" if self.left_out else ""
        return f"The gate {self.gate} {found}{rest}."


def rule(comparison: Comparison, gates: Sequence[Gate]) -> tuple[Ruling, ...]:
    """Every gate's ruling; pairs that were refused have none. Raises ConfigError for a gate on what no pair has."""
    compared = [each for each in comparison.compared if not each.refused]
    left_out = len(comparison.only_a) + len(comparison.refused)
    rulings = tuple(Ruling(gate, tuple(_outcomes(gate, compared)), left_out) for gate in gates)
    for ruling in rulings:
        if compared and not ruling.outcomes:
            had = dict.fromkeys(name for each in compared for name in _names(each))
            raise ConfigError(
                f"the gate {ruling.gate} is on a figure that no pair of trials has; "
                f"they have {', '.join(had) or 'none'}"
            )
    return rulings


def _names(compared: Compared) -> list[str]:
    measured = [each.column for each in compared.costs if each.a is not None]
    return [*(each.measure for each in compared.differences), *measured]


def _outcomes(gate: Gate, compared: Sequence[Compared]) -> list[Outcome]:
    found = [_on_cost(gate, each) if gate.on_cost else _on_measure(gate, each) for each in compared]
    return [outcome for outcome in found if outcome is not None]


def _on_measure(gate: Gate, compared: Compared) -> Outcome | None:
    found = compared.difference(gate.name)
    if found is not None:
        holds = gate.holds(found.difference.mean)
        return Outcome(compared.label, holds, found.difference.mean, _measure_sentence(gate, compared, found, holds))
    quality = compared.pair.a.quality
    return _lost(gate, compared) if quality and gate.name in quality.means else None


def _measure_sentence(gate: Gate, compared: Compared, found: Difference, holds: bool) -> str:
    by = found.difference
    text = (
        f"{compared.label}: {measure_title(gate.name)} changed by {signed(by.mean)}, 95% interval {signed_span(by)}, "
        f"{plural(found.queries, 'query')}"
    )
    if holds:
        return f"{text}."
    doubt = (
        " The interval reaches within the bound: this may be chance."
        if gate.holds(by.low) or gate.holds(by.high)
        else ""
    )
    return f"{text}; the gate asks for {gate.operator} {bound(gate.bound)}.{doubt}"


def _on_cost(gate: Gate, compared: Compared) -> Outcome | None:
    found = compared.cost(gate.name)
    if found is None or found.a is None:
        return None
    if found.change is None:
        return _lost(gate, compared)
    holds = gate.holds(found.change)
    return Outcome(compared.label, holds, found.change, _cost_sentence(gate, compared, found, holds))


def _cost_sentence(gate: Gate, compared: Compared, found: CostChange, holds: bool) -> str:
    text = (
        f"{compared.label}: {found.column} changed by {change(found.change)}, from {amount(found.column, found.a)} to "
        f"{amount(found.column, found.b)}"
    )
    if found.a_interval and found.b_interval:
        a, b = (
            f"{amount(found.column, i.low)} to {amount(found.column, i.high)}"
            for i in (found.a_interval, found.b_interval)
        )
        text += f" (95% intervals {a}, and {b})"
    if holds:
        return f"{text}."
    doubt = " The intervals overlap: this may be chance." if found.overlap else ""
    doubt += " Hardware or threads differ." if compared.other_hardware else ""
    return f"{text}; the gate asks for {gate.operator} {percent(gate.bound)}.{doubt}"


def _lost(gate: Gate, compared: Compared) -> Outcome:
    """A figure that A has and B lacks cannot be shown to keep to the bound."""
    status = compared.pair.b.status
    why = "it was not measured there" if status == "ok" else f"the trial ended as {status}"
    return Outcome(compared.label, False, None, f"{compared.label}: B has no {gate.name}, {why}.")
