"""How a test differs from what the source says that it ran: each difference a sentence in the row."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from bench.claims.words import Claim
from bench.config.fields import TRIAL_FIELDS, live_values
from bench.types import Trial, TrialResult


def deviations(
    claim: Claim,
    ran: Sequence[Trial],
    stated: Sequence[Trial],
    overrides: Mapping[str, Any],
    results: Sequence[TrialResult],
) -> tuple[str, ...]:
    """What the source states against what ran, what was overridden or sampled, and what was known beforehand.

    ``stated`` are the trials as the file has them, without the overrides. Nothing that ran has no deviations.
    """
    if not ran:
        return claim.deviations
    said = [text for name, value in claim.setup.items() if (text := _differs(name, value, ran))]
    said += _overridden(ran, stated, overrides)
    sizes = sorted({trial.max_queries for trial in ran if trial.max_queries is not None})
    said += [f"a sample of {size} queries of each set" for size in sizes]
    said += [text for result in results if (text := _given_by_hand(result))]
    return tuple(dict.fromkeys([*said, *claim.deviations]))


def _differs(name: str, stated: str, ran: Sequence[Trial]) -> str:
    if name in TRIAL_FIELDS:
        ours = sorted(_values(name, ran))
        return f"{name} {' and '.join(ours)}, where it was {stated}" if set(ours) - {stated} else ""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"{name} {stated} is not used here"
    return "" if version == stated else f"{name} {version}, where it was {stated}"


def _overridden(ran: Sequence[Trial], stated: Sequence[Trial], overrides: Mapping[str, Any]) -> list[str]:
    """Fields that the command line set to something that the file does not say."""
    found = []
    for name in overrides:
        ours, theirs = _values(name, ran), _values(name, stated)
        if ours - theirs:
            found.append(f"{name} {' and '.join(sorted(ours))} instead of {' and '.join(sorted(theirs)) or 'nothing'}")
    return found


def _values(name: str, trials: Sequence[Trial]) -> set[str]:
    """As text, in the trials in which the field plays a part."""
    return {str(values[name]) for trial in trials if name in (values := live_values(trial))}


def _given_by_hand(result: TrialResult) -> str:
    """A set that did not come from where its card says."""
    facts = result.dataset
    return f"the files of {facts.get('name')} were given by hand" if "by hand" in str(facts.get("revision")) else ""
