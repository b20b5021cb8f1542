"""The simulated queue against the queues that have a formula and against a measurement; then what is made of it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bench.cli import app
from bench.serving.capacity import (
    Demand,
    Option,
    cost_per_million,
    device_names,
    parse_prices,
    plan_capacity,
    recommended,
    service_times,
)
from bench.serving.load import serve_load
from bench.serving.queueing import FULLEST, ServiceTimes, fewest_servers, replay, simulate
from bench.serving.show import as_json, print_plan
from bench.stats import percentile
from bench.store import Store
from bench.types import ConfigError, Cost, LoadPoint, Query, StoreError, Trial, TrialResult, Work

FIXED = ServiceTimes({1: (0.1,)})
EXPONENTIAL = ServiceTimes({1: tuple(-0.1 * math.log(1 - (i + 0.5) / 5000) for i in range(5000))})
DEMAND = Demand(qps=20.0, depth=50, p99_s=0.5)


def cost(latency_s: Sequence[float] = (), points: Sequence[LoadPoint] = ()) -> Cost:
    return Cost(
        0.1, None, tuple(latency_s), {}, (), 2, None, 1, 2, None, None, Work(), load_points=tuple(points)
    )  # fmt: skip


def result(
    latency_s: Sequence[float] = (0.1,) * 200, points: Sequence[LoadPoint] = (), *, status: str = "ok",
    environment: Mapping[str, Any] | None = None, **fields: Any,
) -> TrialResult:  # fmt: skip
    trial = Trial(**{"dataset": "set", "pipeline": "Embedding + reranker", "depth": 50, "device": "cuda:0", **fields})
    known = (
        {"device": trial.device, "device_name": "NVIDIA H200", "cpu": "EPYC"} if environment is None else environment
    )
    made = cost(latency_s, points) if status == "ok" else None
    return TrialResult(trial, status, cost=made, environment=known)  # type: ignore[arg-type]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter simulations, where the figures themselves are not what is tested."""
    monkeypatch.setattr("bench.serving.queueing.QUERIES", 10_000)


def erlang_c_wait(servers: int, qps: float, mean_s: float) -> float:
    """The mean wait of M/M/k (Erlang 1917): C(k, a) / (k mu - lambda)."""
    load = qps * mean_s
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    waiting = last / (sum(load**n / math.factorial(n) for n in range(servers)) + last)
    return waiting / (servers / mean_s - qps)


@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_one_server_of_fixed_time_waits_as_pollaczek_and_khinchine_say(utilisation: float) -> None:
    seen = simulate(FIXED, utilisation / 0.1, servers=1)
    assert seen.mean_wait_s == pytest.approx(utilisation * 0.1 / (2 * (1 - utilisation)), rel=0.05)
    assert seen.utilisation == pytest.approx(utilisation)
    assert seen.mean_batch == 1


@pytest.mark.parametrize("servers", [1, 3, 8])
def test_servers_of_exponential_time_wait_as_erlang_says(servers: int) -> None:
    qps = 0.8 * servers / 0.1
    seen = [simulate(EXPONENTIAL, qps, servers, seed) for seed in range(6)]
    assert fmean(each.mean_wait_s for each in seen) == pytest.approx(erlang_c_wait(servers, qps, 0.1), rel=0.06)
    assert seen[0].utilisation == pytest.approx(0.8, rel=0.02)


def test_percentiles_are_those_of_an_m_m_1_queue() -> None:
    """Its time in the system is exponential with the rate mu - lambda."""
    seen = simulate(EXPONENTIAL, 5.0, servers=1)
    for q, latency_s in ((50, seen.p50_s), (95, seen.p95_s), (99, seen.p99_s)):
        assert latency_s == pytest.approx(-math.log(1 - q / 100) / 5.0, rel=0.08)


def test_an_idle_server_takes_a_query_at_once_and_a_busy_one_takes_all_that_wait() -> None:
    service = ServiceTimes(dict.fromkeys(range(1, 5), (1.0,)), largest_batch=4)
    idle, busy = simulate(service, 0.001, 1, queries=2000), simulate(service, 1000.0, 1, queries=2000)
    assert (idle.mean_batch, idle.p50_s) == (1.0, 1.0)
    assert idle.mean_wait_s < 0.01
    assert busy.mean_batch == pytest.approx(4, rel=0.01)


def test_the_same_seed_gives_the_same_prediction() -> None:
    assert simulate(FIXED, 8.0, 1, seed=1, queries=1000) == simulate(FIXED, 8.0, 1, seed=1, queries=1000)
    assert simulate(FIXED, 8.0, 1, seed=1, queries=1000) != simulate(FIXED, 8.0, 1, seed=2, queries=1000)


def test_given_arrivals_are_served_as_they_come() -> None:
    seen = replay(ServiceTimes({1: (1.0,), 2: (1.5,)}, 2), [1.0, 1.2, 1.8, 9.0, 10.0], servers=1)
    latencies = [1.0, 2.3, 1.7, 1.0, 1.0]  # alone; the next two together from 2.0 to 3.5; two that meet nobody
    assert seen.p50_s == pytest.approx(1.0)
    assert seen.p95_s == pytest.approx(percentile(latencies, 95))
    assert seen.mean_wait_s == pytest.approx((0.8 + 0.2) / 5)
    assert seen.mean_batch == 5 / 4


def test_a_size_that_was_not_measured_is_bounded_from_above() -> None:
    service = ServiceTimes({1: (0.1, 0.2), 4: (0.5, 0.7)}, largest_batch=8)
    assert service.of(4) == (0.5, 0.7)
    assert service.of(2) == pytest.approx((0.2, 0.4))  # twice that of 1, which is less than that of 4
    assert service.of(3) == pytest.approx((0.3, 0.6))
    assert service.of(8) == pytest.approx((1.0, 1.4))
    assert ServiceTimes({3: (0.9,)}).of(1) == (0.9,)


def take(draw: random.Random, size: int) -> float:
    """Batches of a made-up device: a fixed part, a part per query, and noise."""
    return (0.02 + 0.01 * size) * draw.lognormvariate(0, 0.3)


def measure(qps: float, count: int, batch: int = 8, seed: int = 0) -> LoadPoint:
    now, draw = [0.0], random.Random(f"service {qps} {seed}")

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return serve_load(
        lambda queries: sleep(take(draw, len(queries))), [Query("q", "text")], offered_qps=qps, count=count,
        batch=batch, seed=seed, clock=lambda: now[0], sleep=sleep,
    )  # fmt: skip


@pytest.mark.parametrize("qps", [10.0, 30.0, 50.0])
def test_it_predicts_the_p95_of_a_server_measurement_within_15_percent(qps: float) -> None:
    """From batch times that were measured at other rates."""
    service = service_times(result(points=[measure(rate, 400, seed=1) for rate in (5.0, 20.0, 40.0, 60.0)]))
    assert service is not None
    truth = percentile(measure(qps, 20_000, seed=2).latency_s, 95)
    assert simulate(service, qps, servers=1).p95_s == pytest.approx(truth, rel=0.15)


@pytest.mark.usefixtures("quick")
def test_the_check_compares_the_highest_rate_that_was_held() -> None:
    points = [measure(rate, 300) for rate in (10.0, 30.0, 300.0)]
    made = result(points=points, server_queries=300, server_p99_s=1.0)
    (option,) = plan_capacity([made], DEMAND).options
    assert option.batched
    assert option.check is not None
    assert option.check.qps == 30.0
    assert option.check.measured_p95_s == percentile(points[1].latency_s, 95)
    assert option.check.predicted_p95_s == pytest.approx(option.check.measured_p95_s, rel=0.15)
    (unheld,) = plan_capacity([result(points=points, server_queries=300, server_p99_s=1e-3)], DEMAND).options
    assert unheld.check is None


def test_the_fewest_servers_meet_the_bound_and_one_fewer_does_not() -> None:
    for service, qps, p99_s in ((FIXED, 33.0, 0.25), (EXPONENTIAL, 120.0, 0.6), (FIXED, 9.0, 0.3)):
        found = fewest_servers(service, qps, p99_s)
        assert found is not None
        assert found.p99_s <= p99_s
        fewer = found.servers - 1
        assert fewer == 0 or qps * 0.1 / fewer > FULLEST or simulate(service, qps, fewer).p99_s > p99_s


def test_no_server_is_planned_to_work_all_the_time() -> None:
    for qps in (8.0, 9.5, 99.0):
        found = fewest_servers(FIXED, qps, p99_s=1e6)
        assert found is not None
        assert found.servers == math.ceil(qps * 0.1 / 0.9)
        assert found.utilisation <= 0.91


def test_as_many_servers_as_work_there_is_when_the_bound_is_loose() -> None:
    assert fewest_servers(FIXED, 5.0, 10.0) == simulate(FIXED, 5.0, 1)
    batching = ServiceTimes(dict.fromkeys(range(1, 9), (0.1,)), largest_batch=8)
    one = fewest_servers(batching, 60.0, 0.4)
    assert one is not None
    assert one.servers == 1  # without batches it would take seven


def test_a_bound_below_the_service_time_is_out_of_reach() -> None:
    assert fewest_servers(FIXED, 5.0, 0.09) is None
    assert fewest_servers(ServiceTimes({1: (0.1,) * 98 + (5.0,) * 2}), 3.0, 1.0) is None
    assert fewest_servers(ServiceTimes({1: (0.1,) * 199 + (5.0,)}), 3.0, 1.0) is not None


def test_the_idle_p99_is_the_slowest_of_few_and_the_99th_of_a_hundred() -> None:
    assert ServiceTimes({1: tuple(float(i) for i in range(50))}).idle_p99_s == 49.0
    assert ServiceTimes({1: tuple(float(i) for i in range(1, 101))}).idle_p99_s == 99.0
    assert ServiceTimes({1: tuple(float(i) for i in range(1, 201))}).idle_p99_s == 198.0
    assert ServiceTimes({2: (0.3, 0.2)}).idle_p99_s == 0.3


@pytest.mark.usefixtures("quick")
def test_single_queries_stand_in_for_a_server_measurement_and_nothing_is_batched() -> None:
    single = result([0.1, 0.2])
    loaded = result([0.1, 0.2], [LoadPoint(1.0, (0.3, 0.4, 0.4), ((1, 0.3), (2, 0.4)), 2.0)], server_batch=16)
    assert service_times(single) == ServiceTimes({1: (0.1, 0.2)}, 1)
    assert service_times(loaded) == ServiceTimes({1: (0.3,), 2: (0.4,)}, 16)
    assert service_times(result(())) is None
    assert service_times(result(status="oom")) is None
    assert [option.batched for option in plan_capacity([single, loaded], DEMAND).options] == [False, True]


def test_prices_by_hand() -> None:
    assert cost_per_million(3, 2.4, 200.0) == pytest.approx(10.0)  # 3 × 2.40 an hour, in which 720,000 are answered
    assert parse_prices(["cuda:0=2.5", "NVIDIA H200=3", "cuda:0=4"]) == {"cuda:0": 4.0, "NVIDIA H200": 3.0}
    for wrong in ("cuda:0", "=3", "cuda:0=", "cuda:0=free", "cuda:0=-1", "cuda:0=0", "cuda:0=nan", "cuda:0=inf"):
        with pytest.raises(ConfigError, match="DEVICE=PRICE"):
            parse_prices([wrong])


@pytest.mark.usefixtures("quick")
def test_a_device_is_priced_by_its_most_particular_name() -> None:
    made = result(node="rack-7")
    assert device_names(made) == ("rack-7", "NVIDIA H200", "cuda:0", "cuda")
    assert device_names(result(device="cpu", environment={"device": "cpu", "cpu": "EPYC"})) == ("EPYC", "cpu")
    assert device_names(result(device="cpu", environment={})) == ("cpu",)

    def price(**prices: float) -> float | None:
        named = {name.replace("_", " "): value for name, value in prices.items()}
        return plan_capacity([made], DEMAND, named).options[0].price_per_hour

    assert price(cuda=1.0, NVIDIA_H200=2.0) == 2.0
    assert price(cuda=1.0) == 1.0
    assert price(nvidia_h200=2.0) == 2.0
    assert price() is None
    with pytest.raises(ConfigError, match="it can be rack-7, NVIDIA H200, cuda:0, cuda"):
        price(tpu=1.0)


@pytest.mark.usefixtures("quick")
def test_the_cost_is_that_of_the_devices_found() -> None:
    (option,) = plan_capacity([result()], DEMAND, {"cuda": 2.0}).options
    assert option.prediction is not None
    assert option.prediction.servers >= 3
    assert option.cost_per_million == pytest.approx(option.prediction.servers * 2.0 / (20 * 3600) * 1e6)


def test_a_depth_that_was_not_measured_is_an_error_that_lists_those_that_were() -> None:
    with pytest.raises(ConfigError, match=r"--depth is 20, .*\(50, 100\).*depth=20"):
        plan_capacity([result(), result(depth=100), result(depth=20, status="oom")], replace(DEMAND, depth=20))


def test_without_a_timed_trial_there_is_nothing_to_plan_with() -> None:
    for results in ([], [result(status="failed")], [result(())]):
        with pytest.raises(StoreError, match="scenarios=single_stream,server"):
            plan_capacity(results, DEMAND)


@pytest.mark.parametrize(("field", "option"), [("qps", "--qps"), ("p99_s", "--p99")])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_demand_must_be_a_number_above_0(field: str, option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=option):
        plan_capacity([result()], replace(DEMAND, **{field: value}))


@pytest.mark.usefixtures("quick")
def test_other_depths_are_no_option_and_what_did_not_finish_is_counted() -> None:
    results = [result(), result(depth=100), result(status="oom", batch_size=64), result((), batch_size=4)]
    plan = plan_capacity(results, DEMAND)
    assert [option.result for option in plan.options] == results[:1]
    assert plan.left_out == {"oom": 1, "not timed": 1}


SLOW_CPU = result([0.3] * 200, device="cpu", environment={"device": "cpu", "cpu": "EPYC"})
FAST_GPU = result([0.1] * 200)
HOPELESS = result([0.9] * 50, device="mps", environment={"device": "mps"})
BM25 = result([0.001] * 200, pipeline="BM25", device="cpu", environment={"device": "cpu", "cpu": "EPYC"})


def best(prices: Mapping[str, float] | None = None) -> dict[str, Option]:
    plan = plan_capacity([SLOW_CPU, FAST_GPU, HOPELESS, BM25], DEMAND, prices)
    return {option.result.trial.pipeline: option for option in recommended(plan)}


@pytest.mark.usefixtures("quick")
def test_the_fewest_devices_are_recommended_or_the_cheapest_for_each_pipeline() -> None:
    assert best()["Embedding + reranker"].result == FAST_GPU
    assert best({"cpu": 0.01, "cuda": 2.0})["Embedding + reranker"].result == SLOW_CPU
    assert best({"cpu": 0.01})["Embedding + reranker"].result == SLOW_CPU
    assert best({"cpu": 1.0, "cuda": 2.0})["Embedding + reranker"].result == FAST_GPU
    assert best()["BM25"].result == BM25


def shown(results: Sequence[TrialResult], prices: Mapping[str, float] | None = None, width: int = 160) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        print_plan(plan_capacity(results, DEMAND, prices), console)
    return " ".join(capture.get().split())


@pytest.mark.usefixtures("quick")
def test_people_read_how_many_of_what_and_why() -> None:
    said = shown([SLOW_CPU, FAST_GPU, HOPELESS, BM25], {"cuda": 2.0, "cpu": 1.0})
    assert "Asked for: 20.0 queries/s of 50 candidates, 99% within 500 ms." in said
    assert "Recommended: 3 × cuda:0 (NVIDIA H200) with Embedding + reranker" in said
    assert "83.3 per million queries: the cheapest of 2 settings with a price." in said
    assert "Recommended: 1 × cpu (EPYC) with BM25" in said
    assert "out of reach: one query alone takes 900 ms (p99)" in said
    assert "every setting was measured one query at a time" in said
    assert "measured on fewer than 100 single queries" in said
    assert "the network" in said


@pytest.mark.usefixtures("quick")
def test_people_read_that_nothing_will_do() -> None:
    said = shown([HOPELESS, result(status="oom", batch_size=2)])
    assert "Out of reach: Embedding + reranker. No number of devices answers 99% of queries within 500 ms" in said
    assert "Recommended" not in said
    assert "left out of depth 50: 1 oom" in said


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_table_fits_the_terminal(width: int) -> None:
    console = Console(width=width)
    with console.capture() as capture:
        print_plan(plan_capacity([SLOW_CPU, FAST_GPU, HOPELESS, BM25], DEMAND, {"cpu": 1.0}), console)
    table = capture.get().split("Asked for")[0].splitlines()
    assert max(map(len, table)) <= width
    assert "…" not in capture.get()


@pytest.mark.usefixtures("quick")
def test_scripts_read_every_figure() -> None:
    tree = json.loads(json.dumps(as_json(plan_capacity([FAST_GPU, HOPELESS], DEMAND, {"cuda": 2.0})), allow_nan=False))
    assert tree["demand"] == {"qps": 20.0, "depth": 50, "p99_s": 0.5}
    fast, hopeless = tree["options"]
    assert (fast["devices"], fast["device"], fast["device_name"]) == (3, "cuda:0", "NVIDIA H200")
    assert 0.1 <= fast["p50_s"] <= fast["p95_s"] <= fast["p99_s"] <= 0.5
    assert fast["utilisation"] == pytest.approx(2 / 3, rel=0.01)
    assert fast["cost_per_million"] == pytest.approx(83.33, abs=0.01)
    assert (fast["reachable"], fast["recommended"], fast["service_times"]) == (True, True, "single_stream")
    assert (hopeless["reachable"], hopeless["recommended"], hopeless["devices"]) == (False, False, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = Store(tmp_path / "out")
    for each in (SLOW_CPU, FAST_GPU):
        store.write_result(each)
    return store.folder


@pytest.mark.usefixtures("quick")
def test_the_command_reads_a_results_folder(folder: Path) -> None:
    arguments = ["plan", str(folder), "--qps", "20", "--depth", "50", "--p99", "0.5"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 0, said.output
    assert "Recommended: 3 × cuda:0" in " ".join(said.stdout.split())
    said = CliRunner().invoke(app, [*arguments, "--price-per-hour", "cuda=2", "--price-per-hour", "cpu=0.01", "--json"])
    assert said.exit_code == 0, said.output
    options = json.loads(said.stdout)["options"]
    assert {option["device"]: option["recommended"] for option in options} == {"cpu": True, "cuda:0": False}


def test_the_command_makes_no_folder_and_names_what_it_wants(folder: Path) -> None:
    asked = ["--qps", "20", "--depth", "50", "--p99", "0.5"]
    nowhere = folder.parent / "nowhere"
    for missing in (nowhere, folder / "logs"):
        assert isinstance(CliRunner().invoke(app, ["plan", str(missing), *asked]).exception, StoreError)
        assert not (missing / "trials").exists()
    assert not nowhere.exists()
    assert isinstance(CliRunner().invoke(app, ["plan", str(folder), *asked, "--depth", "9"]).exception, ConfigError)
