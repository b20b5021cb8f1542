"""Which trials are one measurement of quality, and which need more memory than others. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from bench.types import Trial, canonical_json

SPEED_FIELDS = frozenset({
    "pipeline", "measures", "depth", "embedder_batch_size", "batch_size", "token_budget", "deterministic", "attention",
    "concurrency", "timeout_s", "threads", "node", "memory_limit_mb", "scenarios", "timed_queries", "warmup_queries",
    "server_p99_s", "server_qps", "server_queries", "server_batch",
})  # fmt: skip
"""Fields that no score depends on, but for rounding, which is measured. Device and engine are not among them: another
device multiplies otherwise, and an engine may have faults of its own. ``depth`` is: the scores of the deepest trial
hold those of the others. So are measures, which read finished rankings."""

BYTES_PER_NUMBER = {"bf16": 2, "fp16": 2, "fp32": 4}


def quality_key(trial: Trial) -> str:
    """Sixteen hexadecimal digits, the same for trials that differ in speed alone."""
    fields = {name: value for name, value in trial.said.items() if name not in SPEED_FIELDS}
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()[:16]


def arms_key(trial: Trial) -> str:
    """The same for trials that differ in their instructions, and in speed, alone: one loaded model scores them all."""
    return quality_key(replace(trial, instruction=None, instruction_field=None))


def needs_more_memory(trial: Trial, than: Trial) -> bool:
    """Whether ``trial`` is at least as large in every memory axis, larger in one, and the same in all else."""
    ours, theirs = memory_size(trial), memory_size(than)
    if without_memory_axes(trial) != without_memory_axes(than) or ours == theirs:
        return False
    return all((a is None) == (b is None) and (a or 0) >= (b or 0) for a, b in zip(ours, theirs, strict=True))


def memory_size(trial: Trial) -> tuple[int | None, ...]:
    """The memory axes: batch size, token budget, prompt length, bytes per number. None is the engine's own choice."""
    batch = trial.batch_size if isinstance(trial.batch_size, int) else None
    return batch, trial.token_budget, trial.max_length, BYTES_PER_NUMBER.get(trial.dtype)


def without_memory_axes(trial: Trial) -> Trial:
    """The same for trials that differ in memory axes alone."""
    batch = trial.batch_size if trial.batch_size == "max" else None
    return replace(trial, batch_size=batch, token_budget=None, max_length=1, dtype="auto")
