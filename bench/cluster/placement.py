"""Pure: which machine of a cluster may take a trial, and which of those that may, does.

A trial takes a whole machine: two on one would disturb each other's times. What a machine offers is what Ray says of
it: processors, GPUs, memory, and the custom resources that it was started with, which here are labels.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.types import Trial

SETTLE_S = 30.0
"""How long a machine that lost a trial gets no other: a cluster may take as long to see that it is gone."""

_NOT_LABELS = {"CPU", "GPU", "memory", "object_store_memory"}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a trial asks of a machine. ``label`` is a custom resource that the machine was started with."""

    gpus: int = 0
    memory_bytes: int = 0
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A node of the cluster that can run trials. ``name`` is its host's, with Ray's number for it."""

    id: str
    name: str
    cpus: float
    gpus: int
    memory_bytes: int
    labels: frozenset[str] = frozenset()


def needs_of(trial: Trial) -> Needs:
    """``cuda:1`` needs a machine with two GPUs: a trial gets all of them, so that a number means there what it says."""
    kind, _, index = trial.device.partition(":")
    gpus = int(index or 0) + 1 if kind == "cuda" and (index.isdigit() or not index) else 0
    return Needs(gpus, (trial.memory_limit_mb or 0) * 1_000_000, trial.node)


def machines_of(nodes: Iterable[Mapping[str, Any]]) -> tuple[Machine, ...]:
    """The machines among ``ray.nodes()`` that live and lend processors; a head started with none only manages."""
    return tuple(_machine(node) for node in nodes if node["Alive"] and node["Resources"].get("CPU", 0) > 0)


def _machine(node: Mapping[str, Any]) -> Machine:
    has = node["Resources"]
    return Machine(
        id=node["NodeID"],
        name=f"{node['NodeManagerHostname']} (node {node['NodeID'][:8]})",
        cpus=has["CPU"],
        gpus=int(has.get("GPU", 0)),
        memory_bytes=int(has.get("memory", 0)),
        labels=frozenset(name for name, amount in has.items() if amount > 0 and name not in _NOT_LABELS),
    )


def able(machines: Iterable[Machine], needs: Needs) -> list[Machine]:
    """The machines that meet the needs, fewest GPUs first: the others are kept for the trials that need one."""
    meeting = [machine for machine in machines if not _lacks(machine, needs)]
    return sorted(meeting, key=lambda machine: (machine.gpus, machine.id))


def _lacks(machine: Machine, needs: Needs) -> bool:
    return (
        machine.gpus < needs.gpus
        or machine.memory_bytes < needs.memory_bytes
        or (needs.label is not None and needs.label not in machine.labels)
    )


def unmet(machines: Sequence[Machine], needs: Needs) -> str:
    """Why no machine takes the trial: what it needs, what there is, how to add it."""
    wanted = []
    if needs.gpus:
        wanted.append(f"{needs.gpus} GPU" + "s" * (needs.gpus > 1))
    if needs.memory_bytes:
        wanted.append(f"{needs.memory_bytes // 1_000_000} MB of memory")
    if needs.label is not None:
        wanted.append(f"the label {needs.label!r} (`ray start --resources '{{\"{needs.label}\": 1}}'`)")
    there = "; ".join(_described(machine) for machine in machines) or "none with a processor to lend"
    return f"no machine of the cluster has {' and '.join(wanted) or 'a processor'}. It has: {there}"


def _described(machine: Machine) -> str:
    labels = [label for label in sorted(machine.labels) if not label.startswith("node:")]
    return (
        f"{machine.name}: {machine.cpus:g} CPU, {machine.gpus} GPU, {machine.memory_bytes // 1_000_000} MB"
        + (f", {', '.join(labels)}" if labels else "")
    )  # fmt: skip


def are_alike(machines: Iterable[Machine]) -> bool:
    """Whether times taken on any of these may be compared, as far as Ray's account of them goes."""
    return len({(machine.cpus, machine.gpus) for machine in machines}) <= 1


def choose(
    candidates: Sequence[Machine],
    busy: Collection[str],
    lost_at: Mapping[str, float],
    avoid: Collection[str],
    now: float,
) -> Machine | None:
    """The machine to run a trial on now, or None to wait for one. Machines are named by their ids.

    ``lost_at`` says when (on the clock of ``now``, seconds) any trial was last lost on a machine: it gets none until it
    has settled. ``avoid`` lost this very trial: it is tried elsewhere if there is an elsewhere, even if that is busy.
    """
    ready = [m for m in candidates if m.id not in busy and not now - lost_at.get(m.id, -math.inf) < SETTLE_S]
    if any(machine.id not in avoid for machine in candidates):
        ready = [machine for machine in ready if machine.id not in avoid]
    return ready[0] if ready else None
