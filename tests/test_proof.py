"""An axis that nobody reads is said to be one."""

from __future__ import annotations

from dataclasses import replace

from bench.proof import unproven
from bench.types import Cost, Trial, TrialResult, Work

COST = Cost(0.1, None, (0.01,), {}, (0.5,), 2, 80, 1, 2, None, None, Work())


def cell(calls: int | None, forward_tokens: int | None = 4000, *, threads: int = 2, **fields: object) -> TrialResult:
    trial = replace(Trial("set", "Reranked", reranker="m", batch_size=1), **fields)  # type: ignore[arg-type]
    cost = replace(COST, work=Work(pairs=80, forward_calls=calls or 0, forward_tokens=forward_tokens))
    return TrialResult(trial, "ok", cost=cost, environment={"device": "cpu", "threads": threads})


def test_sizes_that_change_the_calls_are_proven() -> None:
    assert unproven([cell(80, batch_size=1), cell(20, batch_size=4), cell(20, 4400, batch_size=5)]) == ()


def test_sizes_that_change_nothing_are_an_error_that_names_both() -> None:
    (said,) = unproven([cell(80, batch_size=1), cell(20, batch_size=4), cell(20, batch_size=16)])
    assert "batch_size 4 and 16" in said
    assert "20 forward calls" in said


def test_only_cells_that_differ_in_the_axis_alone_are_compared() -> None:
    assert unproven([cell(20, batch_size=4), cell(20, batch_size=16, max_length=64)]) == ()
    assert unproven([cell(20, batch_size=4), cell(20, batch_size="max")]) == ()


def test_a_token_budget_is_held_to_the_same() -> None:
    (said,) = unproven([cell(9, batch_size=None, token_budget=512), cell(9, batch_size=None, token_budget=1024)])
    assert "token_budget 512 and 1024" in said


def test_threads_must_be_what_the_process_says() -> None:
    (said,) = unproven([cell(80, batch_size=1, threads=2), replace(cell(80), trial=replace(cell(80).trial, threads=1))])
    assert "threads 1 was asked for" in said


def test_counts_that_nobody_knows_prove_nothing_and_accuse_nobody() -> None:
    assert unproven([cell(None, None, batch_size=1), cell(None, None, batch_size=4)]) == ()
