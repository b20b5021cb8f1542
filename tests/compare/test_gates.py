"""Gates: how they are written, and when they break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.compare.comparison import compare
from bench.compare.figures import COSTS
from bench.compare.gates import Gate, parse_gate
from bench.compare.rulings import Ruling, rule
from bench.types import ConfigError, Cost, TrialResult

Make = Callable[..., TrialResult]
Values = Callable[..., dict[str, float]]


@pytest.mark.parametrize(
    ("text", "gate", "written"),
    [
        ("ndcg@10 >= -0.005", Gate("ndcg@10", ">=", -0.005), "ndcg@10 >= -0.005"),
        ("ndcg@10>=-0.005", Gate("ndcg@10", ">=", -0.005), "ndcg@10 >= -0.005"),
        (" NDCG@10 > −.01 ", Gate("ndcg@10", ">", -0.01), "ndcg@10 > -0.01"),
        ("map >= 0", Gate("map", ">=", 0.0), "map >= 0"),
        ("recall@100 >= -1e-3", Gate("recall@100", ">=", -0.001), "recall@100 >= -0.001"),
        ("latency_p95_s <= +10%", Gate("latency_p95_s", "<=", 0.1), "latency_p95_s <= +10%"),
        ("throughput_qps > -2.5 %", Gate("throughput_qps", ">", -0.025), "throughput_qps > -2.5%"),
        ("peak_rss_bytes <= 0%", Gate("peak_rss_bytes", "<=", 0.0), "peak_rss_bytes <= 0%"),
    ],
)
def test_a_gate_is_a_name_a_comparison_and_a_number(text: str, gate: Gate, written: str) -> None:
    assert parse_gate(text) == gate
    assert str(gate) == written and parse_gate(written) == gate


@given(
    name=st.sampled_from(["map", "ndcg@10", *COSTS]),
    operator=st.sampled_from([">=", "<=", ">", "<"]),
    thousandths=st.integers(-(10**6), 10**6),
)
def test_a_gate_that_is_written_out_is_read_back(name: str, operator: str, thousandths: int) -> None:
    gate = Gate(name, operator, thousandths / 1000)
    again = parse_gate(str(gate))
    assert (again.name, again.operator, again.bound) == (name, operator, pytest.approx(gate.bound, abs=1e-12))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ndcg@10", "is not MEASURE OPERATOR NUMBER, such as 'ndcg@10 >= -0.005'"),
        ("ndcg@10 == 0", "operators are >= <= > <"),
        ("ndcg@10 >= -0.005 and map >= 0", "is not MEASURE OPERATOR NUMBER"),
        ("ndcg@10 >= nan", "is not MEASURE OPERATOR NUMBER"),
        ("ndgc@10 >= 0", "Did you mean 'ndcg'"),
        ("latency >= 0", "Costs: latency_p50_s"),
        ("ndcg@10 >= -1%", "write it without %"),
        ("latency_p95_s <= 0.1", "write it in percent, such as 'latency_p95_s <= +10%'"),
        ("map >= -1e99", "a number that no figure comes near"),
    ],
)
def test_anything_else_is_refused_with_an_example(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_gate(text)
    assert repr(text) in str(error.value) and said in str(error.value)


def held(text: str, a: list[TrialResult], b: list[TrialResult]) -> Ruling:
    (ruling,) = rule(compare(a, b), [parse_gate(text)])
    return ruling


@pytest.mark.parametrize(
    ("gate", "by", "holds"),
    [
        ("map >= -0.005", -0.005, True),  # on the bound, whatever floating point makes of it
        ("map > -0.005", -0.005, False),
        ("map >= -0.005", -0.00501, False),
        ("map >= -0.005", 0.2, True),
        ("map <= 0.1", 0.1, True),
        ("map < 0.1", 0.1, False),
        ("map >= 0", 0.0, True),
        ("map > 0", 0.0, False),
    ],
)
def test_a_measures_gate_is_on_the_difference_of_means(
    gate: str, by: float, holds: bool, of: Make, values_of: Values, moved: Values
) -> None:
    before = {q: 0.3 + 0.3 * v for q, v in values_of(0.5).items()}
    ruling = held(gate, [of(per_query={"map": before})], [of(per_query={"map": moved(before, by)})])
    assert ruling.holds is holds
    assert ruling.outcomes[0].value == pytest.approx(by)


@pytest.mark.parametrize(
    ("gate", "p50_s", "holds"),
    [
        ("latency_p50_s <= +10%", 0.022, True),
        ("latency_p50_s <= +10%", 0.02203, False),
        ("latency_p50_s < +10%", 0.022, False),
        ("latency_p50_s <= -20%", 0.015, True),
        ("throughput_qps >= -10%", 0.03, False),
    ],
)
def test_a_costs_gate_is_on_the_relative_change(
    gate: str, p50_s: float, holds: bool, of: Make, cost_of: Callable[..., Cost]
) -> None:
    assert held(gate, [of(cost=cost_of(0.02))], [of(cost=cost_of(p50_s))]).holds is holds


def test_a_broken_gate_says_by_how_much_and_whether_it_may_be_chance(
    of: Make, values_of: Values, moved: Values
) -> None:
    before = values_of(0.5)
    noisy = {"map": values_of(0.49, seed=2)}
    ruling = held("map >= 0.05", [of(per_query={"map": before})], [of(per_query=noisy)])
    (outcome,) = ruling.broken
    assert (
        "SciFact: BM25: MAP changed by " in outcome.sentence
        and "60 queries; the gate asks for >= +0.05." in outcome.sentence
    )
    sure = held("map >= -0.005", [of(per_query={"map": before})], [of(per_query={"map": moved(before, -0.1)})])
    assert "this may be chance" not in sure.broken[0].sentence
    wide = held("map >= 0", [of(per_query={"map": before})], [of(per_query={"map": moved(before, -0.2, only=1)})])
    assert "The interval reaches within the bound: this may be chance." in wide.broken[0].sentence
    assert wide.sentence == "The gate map >= 0 is broken in 1 of 1 trial."


def test_a_broken_cost_says_so_of_machines_that_are_not_alike(of: Make, cost_of: Callable[..., Cost]) -> None:
    a, b = of(cost=cost_of(0.02)), of(cost=cost_of(0.025))
    elsewhere = replace(b, environment={**b.environment, "cpu": "Another"})
    (outcome,) = held("latency_p95_s <= +10%", [a], [elsewhere]).broken
    assert "latency_p95_s changed by +25.0%" in outcome.sentence and "asks for <= +10%." in outcome.sentence
    assert outcome.sentence.endswith("Hardware or threads differ.")


def test_a_figure_that_b_lacks_breaks_the_gate(of: Make) -> None:
    lost = of(status="oom", message="out of memory", max_length=9)
    (outcome,) = held("map >= -1", [of()], [lost]).broken
    assert (outcome.value, outcome.sentence) == (None, "SciFact: BM25: B has no map, the trial ended as oom.")
    (outcome,) = held("latency_p50_s <= +900%", [of()], [lost]).broken
    assert "B has no latency_p50_s" in outcome.sentence
    fewer = of(per_query={"ndcg@10": {"q1": 0.5}})
    assert "it was not measured there" in held("map >= -1", [of()], [fewer]).broken[0].sentence


def test_a_figure_that_a_lacks_is_no_trial_of_the_gate(of: Make) -> None:
    ruling = held("map >= 0", [of(), of("New", per_query={"ndcg@10": {"q1": 0.5}})], [of(), of("New")])
    assert [outcome.label for outcome in ruling.outcomes] == ["SciFact: BM25"]


def test_a_gate_on_what_nobody_has_names_what_there_is(of: Make) -> None:
    with pytest.raises(
        ConfigError, match=r"recall@7 >= 0 is on a figure that no pair of trials has; they have ndcg@10, map"
    ):
        held("recall@7 >= 0", [of()], [of()])


def test_trials_that_were_not_compared_are_counted_and_none_at_all_does_not_hold(of: Make) -> None:
    other = "sha256:" + "cd" * 32
    ruling = held("map >= 0", [of(), of("Dense"), of("Gone")], [of(), of("Dense", checksum=other)])
    assert ruling.holds
    assert ruling.sentence == "The gate map >= 0 holds in 1 trial; 2 trials of A not compared."
    ruling = held("map >= 0", [of()], [of(checksum=other)])
    assert not ruling.holds
    assert ruling.sentence == "The gate map >= 0 could be held against no trial; 1 trial of A not compared."
