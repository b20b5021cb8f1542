"""Pure: whether an axis did anything. A switch that nobody reads makes rows that look like measurements and are one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from bench.types import Trial, TrialResult

_NOTHING: dict[str, Any] = {"batch_size": None, "token_budget": None}
_SEEN = ("device", "threads")
"""Fields that a trial's process reports of itself."""


def unproven(results: Sequence[TrialResult]) -> tuple[str, ...]:
    """One sentence for each axis that took no effect, by the counts that the trials kept of their own work.

    Two batch sizes (or token budgets) must differ in forward calls or in the tokens of a call; a device and a number
    of threads must be what the trial's process says of itself.
    """
    finished = [result for result in results if result.status == "ok" and result.cost is not None]
    said = [sentence for field in _NOTHING for sentence in _same_work(field, finished)]
    for field in _SEEN:
        for result in finished:
            asked, was = getattr(result.trial, field), result.environment.get(field)
            if asked not in (None, "auto") and was is not None and was != asked:
                said.append(f"{field} {asked} was asked for, and the trial ran with {was}: its row is not what it says")
    return tuple(dict.fromkeys(said))


def _same_work(field: str, results: Iterable[TrialResult]) -> list[str]:
    groups: dict[Trial, dict[int, TrialResult]] = {}
    for result in results:
        value = getattr(result.trial, field)
        if isinstance(value, int) and result.cost and result.cost.work.forward_calls:
            groups.setdefault(replace(result.trial, **{field: _NOTHING[field]}), {})[value] = result
    said = []
    for cells in groups.values():
        for small, large in pairwise(sorted(cells)):
            a, b = _work(cells[small]), _work(cells[large])
            if a == b:
                calls = f"{a[0]} forward call{'s' if a[0] != 1 else ''}"
                said.append(
                    f"{cells[small].trial.pipeline}: {field} {small} and {large} both made {calls} over the same "
                    "tokens, so their rows are one measurement made twice; time more queries or candidates at once "
                    f"than {small} (timed_queries, depth), or leave one of them out"
                )
    return said


def _work(result: TrialResult) -> tuple[int, int | None]:
    work = result.cost.work if result.cost else None
    return (work.forward_calls, work.forward_tokens) if work else (0, None)
