"""What is computed of a pair: differences with their tests, costs, and what was not the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

import pytest

from bench.compare.comparison import Compared, compare
from bench.compare.figures import COSTS
from bench.compare.sections import SHOWN
from bench.report.rows import summary_rows
from bench.stats import holm, paired_bootstrap, paired_randomisation
from bench.types import Cost, TrialResult

Make = Callable[..., TrialResult]
Values = Callable[..., dict[str, float]]
MiB = 2**20


def one(a: TrialResult, b: TrialResult) -> Compared:
    (compared,) = compare([a], [b]).compared
    return compared


def test_a_difference_is_b_minus_a_over_the_same_queries(of: Make, values_of: Values) -> None:
    before, after = values_of(0.6), values_of(0.65, seed=2)
    found = one(of(per_query={"map": before}), of(per_query={"map": after})).difference("map")
    assert found is not None
    a, b = [*before.values()], [*after.values()]
    assert (found.mean_a, found.mean_b) == (pytest.approx(fmean(a)), pytest.approx(fmean(b)))
    assert found.difference.mean == pytest.approx(fmean(b) - fmean(a))
    expected = paired_bootstrap(a, b)
    assert (found.difference.low, found.difference.high) == pytest.approx((expected.low, expected.high), abs=0.005)
    assert found.p == pytest.approx(paired_randomisation(a, b), abs=0.01)
    assert found.wins + found.ties + found.losses == found.queries == 60
    assert found.wins == sum(y > x for x, y in zip(a, b, strict=True))


def test_the_order_in_which_queries_were_kept_plays_no_part(of: Make, values_of: Values) -> None:
    before, after = values_of(0.6), values_of(0.65, seed=2)
    turned = dict(reversed(after.items()))
    assert one(of(per_query={"map": before}), of(per_query={"map": after})).differences == (
        one(of(per_query={"map": before}), of(per_query={"map": turned})).differences
    )


def test_queries_that_one_of_them_lacks_are_left_out(of: Make, values_of: Values) -> None:
    before = values_of(0.6, queries=60)
    after = {**{q: before[q] for q in [*before][10:]}, "new": 1.0}
    (found,) = one(of(per_query={"map": before}), of(per_query={"map": after})).differences
    assert (found.queries, found.same, found.mean_a) == (50, True, pytest.approx(found.mean_b))


def test_additions_in_another_order_are_no_difference(of: Make, values_of: Values) -> None:
    before = values_of(0.6)
    after = {query_id: value + 1e-15 for query_id, value in before.items()}
    (found,) = one(of(per_query={"map": before}), of(per_query={"map": after})).differences
    assert found.same and found.p == found.adjusted_p == 1.0 and found.difference.mean == 0


def test_p_values_are_adjusted_over_what_was_tested_and_alone(of: Make, values_of: Values, moved: Values) -> None:
    """Cells that share a quality pass are one test, and what did not change is none."""
    base = values_of(0.6)
    changes = {"small": 0.001, "large": 0.1}
    a = [of(name) for name in (*changes, "same")]
    b = [
        of(name, per_query={"ndcg@10": moved(base, by, only=9), "map": values_of(0.4)}) for name, by in changes.items()
    ]
    twin_a, twin_b = of("small", batch_size=8), replace(b[0], trial=replace(b[0].trial, batch_size=8))
    comparison = compare([*a, twin_a], [*b, of("same"), twin_b])
    tested = [c.difference("ndcg@10") for c in comparison.compared[:2]]
    assert comparison.tests == 2
    assert [each.adjusted_p for each in tested if each] == holm([each.p for each in tested if each])
    assert comparison.compared[3].differences == comparison.compared[0].differences
    assert all(each.adjusted_p == 1 for each in comparison.compared[2].differences)


def test_a_cost_is_the_relative_change_of_the_summarys_column(of: Make, cost_of: Callable[..., Cost]) -> None:
    a, b = of(cost=cost_of(0.02, 400 * MiB)), of(cost=cost_of(0.03, 300 * MiB), max_length=9)
    compared, (row_a, row_b) = one(a, b), summary_rows([a, b])
    assert {*SHOWN} <= {*COSTS} <= {*row_a}
    latency, memory, rate = (compared.cost(name) for name in ("latency_p50_s", "peak_rss_bytes", "throughput_qps"))
    assert latency and memory and rate
    assert latency.change == pytest.approx(0.5) and memory.change == pytest.approx(-0.25)
    assert rate.change == pytest.approx(2 / 3 - 1)
    assert (latency.a, latency.b) == (row_a["latency_p50_s"], row_b["latency_p50_s"])
    assert latency.a_interval and latency.b_interval and not latency.overlap
    assert compared.cost("energy_j_per_query") is None, "neither measured it"


def test_a_cost_that_one_did_not_measure_has_no_change(of: Make, cost_of: Callable[..., Cost]) -> None:
    a, b = of(cost=cost_of(peak=None)), of(max_length=9)
    found = one(a, b).cost("peak_rss_bytes")
    assert found and (found.a, found.b, found.change) == (None, 400 * MiB, None)
    grown = one(of(cost=cost_of(index_s=0.0)), of(cost=cost_of(index_s=1.0), max_length=9)).cost("index_s")
    assert grown and grown.change == float("inf")
    assert not found.overlap


def test_what_differs_is_named_once_and_briefly(of: Make) -> None:
    a = of(reranker="org/r", reranker_revision="a" * 40, max_length=512)
    b = of(reranker="org/r", reranker_revision="b" * 40, max_length=8192)
    b = replace(b, environment={**b.environment, "packages": {"torch": "2.10.0"}, "load_before": 1.5},
                inputs={"dataset": "x", "software": "y", "reranker": "9f" * 32})  # fmt: skip
    assert one(a, b).differing == (
        "reranker_revision aaaaaaaa → bbbbbbbb",
        "max_length 512 → 8,192",
        "reranker files – → 9f9f9f9f",
        "torch 2.9.0 → 2.10.0",
    )
    assert one(of(), of()).differing == ()


@pytest.mark.parametrize(
    ("environment", "other"), [({"cpu": "Other CPU"}, True), ({"packages": {}}, False), ({"device": "cuda:0"}, True)]
)
def test_machines_that_are_not_alike_are_known(environment: dict[str, object], other: bool, of: Make) -> None:
    b = of()
    assert one(of(), replace(b, environment={**b.environment, **environment})).other_hardware is other


def test_a_trial_that_failed_early_has_no_machine_to_compare(of: Make) -> None:
    compared = one(of(), of(status="failed", message="no room", environment={}, max_length=9))
    assert compared.differing == ("max_length 8,192 → 9",)
    assert not compared.other_hardware and compared.differences == ()
