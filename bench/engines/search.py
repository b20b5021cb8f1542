"""The best setting of one engine, by trying each on a part of the workload; all in one process, which ends after it.

A rival is only beaten fairly at its own best. Settings are tried from the smallest up. The search ends early when
memory runs out, when an answer takes too long (a larger setting would do no better), and after two in a row that take
more than twice as long as the best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.engines.config import Settings
from bench.engines.link import Link, Lost
from bench.engines.results import Tried

QUICK_S = 10.0
"""A setting that takes less than this is timed twice: the first time may pay for what happens once."""
HOPELESS = 2.0
PATIENCE = 2


def search(
    link: Link, settings: Sequence[Settings], pairs: int, warmup_pairs: int, told: Callable[[Tried], None]
) -> tuple[Tried, ...]:
    """Every setting that was tried, in order. Raises Lost for an engine that cannot be loaded at all."""
    tried: list[Tried] = []
    for setting in settings:
        try:
            link.ask("load", setting=dict(setting))
        except Lost as lost:
            if not tried or lost.fate == "unavailable":
                raise
            tried.append(Tried(setting, pairs, fate=lost.fate, message=lost.message))
            told(tried[-1])
            break
        tried.append(_try(link, setting, pairs, warmup_pairs))
        told(tried[-1])
        if tried[-1].fate in ("oom", "timeout") or not link.alive or hopeless(tried):
            break
    return tuple(tried)


def best(tried: Sequence[Tried]) -> Settings | None:
    """The setting that was fastest; None when none worked."""
    worked = [one for one in tried if one.seconds]
    return min(worked, key=lambda one: min(one.seconds)).setting if worked else None


def hopeless(tried: Sequence[Tried]) -> bool:
    """Whether the last few took so much longer than the best that larger ones are not worth their time."""
    times = [min(one.seconds) for one in tried if one.seconds]
    return len(times) > PATIENCE and all(time > HOPELESS * min(times) for time in times[-PATIENCE:])


def _try(link: Link, setting: Settings, pairs: int, warmup_pairs: int) -> Tried:
    try:
        if warmup_pairs:
            link.ask("score", part=warmup_pairs)
        times = [float(link.ask("score", part=pairs)["seconds"])]
        if times[0] < QUICK_S:
            times.append(float(link.ask("score", part=pairs)["seconds"]))
    except Lost as lost:
        return Tried(setting, pairs, fate=lost.fate, message=lost.message)
    return Tried(setting, pairs, tuple(times))
