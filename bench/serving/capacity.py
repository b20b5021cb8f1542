"""Pure: from measured service times to how many devices a load needs, and what they cost.

Devices of one kind stand behind one line of waiting queries, and each does what the measured one did. The figures leave
out the network, and whatever goes wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from bench.serving.load import arrivals, highest_rate
from bench.serving.queueing import Prediction, ServiceTimes, fewest_servers, replay
from bench.stats import percentile
from bench.types import ConfigError, LoadPoint, StoreError, TrialResult

REPLAYS = 101
"""How often a measured load is simulated: an odd number, so that its middle one is a run that could have been."""
CHECK_OF = 20
"""Samples that a p95 needs at the least: one in twenty lies beyond it."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What must be held: ``qps`` queries per second of ``depth`` candidates each, 99% of them within ``p99_s``."""

    qps: float
    depth: int
    p99_s: float


@dataclass(frozen=True, slots=True)
class Check:
    """The simulation of one device beside what a ``server`` measurement of it saw at the same rate."""

    qps: float
    predicted_p95_s: float
    measured_p95_s: float


@dataclass(frozen=True, slots=True)
class Option:
    """One measured setting on one device. ``prediction`` is None where no number of devices holds the bound.

    ``batched`` says that service times come from a ``server`` measurement, by size of batch; else they are those of
    single queries and nothing is batched. ``idle_p99_s`` is one query's on a device with nothing else to do, from
    ``samples`` measured times. ``cost_per_million`` queries is in the currency of ``price_per_hour`` of one device.
    """

    result: TrialResult
    batched: bool
    samples: int
    idle_p99_s: float
    prediction: Prediction | None
    price_per_hour: float | None
    cost_per_million: float | None
    check: Check | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Every measured setting of the depth asked for, and how many trials of it are left out, by their status."""

    demand: Demand
    options: tuple[Option, ...]
    left_out: Mapping[str, int]


def plan_capacity(
    results: Iterable[TrialResult],
    demand: Demand,
    prices: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
) -> Plan:
    """How many devices each measured setting needs, in the order given; seeded, so that it can be repeated.

    ``prices`` per device-hour are by any of ``device_names``. Raises StoreError where nothing was timed, ConfigError
    for a demand that makes no sense, a depth that was not measured, and a price of a device that was not.
    """
    for name, value in (("--qps", demand.qps), ("--p99", demand.p99_s)):
        if not (isfinite(value) and value > 0):
            raise ConfigError(f"{name} is {value}; it must be a number above 0")
    results = tuple(results)
    timed = [(result, service) for result in results if (service := service_times(result)) is not None]
    if not timed:
        raise StoreError(
            f"none of {len(results)} trials was timed query by query; run with scenarios=single_stream,server"
        )
    chosen = [(result, service) for result, service in timed if result.trial.depth == demand.depth]
    if not chosen:
        depths = ", ".join(str(depth) for depth in sorted({result.trial.depth for result, _ in timed}))
        raise ConfigError(
            f"--depth is {demand.depth}, which was not measured; give one that was ({depths}), or run with "
            f"depth={demand.depth} first"
        )
    known = dict.fromkeys(name for result, _ in chosen for name in device_names(result))
    for name in prices or {}:
        if name.casefold() not in (each.casefold() for each in known):
            raise ConfigError(f"--price-per-hour names {name!r}, which was not measured; it can be {', '.join(known)}")
    options = []
    for number, (result, service) in enumerate(chosen):
        if progress:
            progress(number, len(chosen))
        options.append(_option(result, service, demand, _price(result, prices or {}), seed))
    planned = {option.result.trial.id for option in options}
    left_out = Counter(
        "not timed" if result.status == "ok" else result.status
        for result in results
        if result.trial.depth == demand.depth and result.trial.id not in planned
    )
    return Plan(demand, tuple(options), dict(left_out))


def _option(result: TrialResult, service: ServiceTimes, demand: Demand, price: float | None, seed: int) -> Option:
    found = fewest_servers(service, demand.qps, demand.p99_s, seed)
    return Option(
        result=result,
        batched=bool(result.cost and result.cost.load_points),
        samples=len(service.of(1)),
        idle_p99_s=service.idle_p99_s,
        prediction=found,
        price_per_hour=price,
        cost_per_million=None if found is None or price is None else cost_per_million(found.servers, price, demand.qps),
        check=check(result, service),
    )


def recommended(plan: Plan) -> tuple[Option, ...]:
    """The cheapest setting of each pipeline on each labelled set, or where no price is known that of fewest devices.

    Settings of one pipeline only, as pipelines differ in what their answers are worth.
    """
    best = []
    for options in by_pipeline(plan).values():
        able = [option for option in options if option.prediction]
        priced = [option for option in able if option.cost_per_million is not None]
        best.extend(sorted(priced or able, key=_rank)[:1])
    return tuple(best)


def by_pipeline(plan: Plan) -> dict[tuple[str, str, str], list[Option]]:
    """The options of each pipeline on each labelled set, in the order given."""
    found: dict[tuple[str, str, str], list[Option]] = {}
    for option in plan.options:
        trial = option.result.trial
        found.setdefault((trial.dataset, trial.split, trial.pipeline), []).append(option)
    return found


def _rank(option: Option) -> tuple[float, ...]:
    assert option.prediction is not None
    cost = 0.0 if option.cost_per_million is None else option.cost_per_million
    return cost, option.prediction.servers, option.prediction.p99_s


def service_times(result: TrialResult) -> ServiceTimes | None:
    """What a finished trial tells of the time to answer; None where it tells nothing.

    Of a ``server`` measurement the batches at all rates count, by size, up to the trial's ``server_batch``. Without one
    it is the latency of single queries, and a batch is one query.
    """
    if result.status != "ok" or result.cost is None:
        return None
    seconds: dict[int, list[float]] = {}
    for point in result.cost.load_points:
        for size, took in point.batches:
            seconds.setdefault(size, []).append(took)
    if seconds:
        by_size = {size: tuple(seconds[size]) for size in sorted(seconds)}
        return ServiceTimes(by_size, max(result.trial.server_batch, *by_size))
    return ServiceTimes({1: result.cost.latency_s}) if result.cost.latency_s else None


def check(result: TrialResult, service: ServiceTimes) -> Check | None:
    """The simulation held against the highest rate that the trial was measured to sustain; None without such a rate.

    It is offered the very arrivals of the measurement, which are seeded, many times over; of their p95 the middle one
    is the prediction. Batch times are drawn from all that were measured: what it predicts is how long queries wait.
    """
    if result.cost is None:
        return None
    trial = result.trial
    point = _sustained(result.cost.load_points, trial.server_p99_s, trial.server_queries)
    if point is None or len(point.latency_s) < CHECK_OF:
        return None
    scheduled = arrivals(point.offered_qps, len(point.latency_s), trial.seed)
    replays = [replay(service, scheduled, 1, seed).p95_s for seed in range(REPLAYS)]
    predicted, measured = percentile(replays, 50), percentile(point.latency_s, 95)
    return None if predicted is None or measured is None else Check(point.offered_qps, predicted, measured)


def _sustained(points: Sequence[LoadPoint], p99_s: float, count: int) -> LoadPoint | None:
    rate = highest_rate(points, p99_s, count)
    return next((point for point in points if point.offered_qps == rate), None)


def cost_per_million(devices: int, price_per_hour: float, qps: float) -> float:
    """What a million queries cost, in the price's currency, when ``devices`` are paid for and ``qps`` arrive."""
    return devices * price_per_hour / (qps * 3600) * 1e6


def device_names(result: TrialResult) -> tuple[str, ...]:
    """What the device may be called when a price is given, the most particular name first.

    The cluster's name of the machine, the device's own (a processor's, without an accelerator), ``cuda:0``, ``cuda``.
    """
    device = place(result)
    names = (result.trial.node, device_name(result), device, device.partition(":")[0])
    return tuple(dict.fromkeys(name for name in names if name))


def place(result: TrialResult) -> str:
    """The device as torch names it, where the environment tells what ``auto`` became."""
    return str(result.environment.get("device") or result.trial.device)


def device_name(result: TrialResult) -> str | None:
    """The accelerator's name, or the processor's; None where neither was recorded."""
    found = result.environment.get("device_name")
    if not found and place(result) == "cpu":
        found = result.environment.get("cpu")
    return str(found) if found else None


def parse_prices(texts: Iterable[str]) -> dict[str, float]:
    """``NAME=PRICE`` each, a price per device-hour above 0. Raises ConfigError for anything else."""
    prices: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            price = float(number)
        except ValueError:
            price = 0.0
        if not (equals and name.strip() and isfinite(price) and price > 0):
            raise ConfigError(
                f"--price-per-hour is {text!r}; write DEVICE=PRICE with a price above 0, as in cuda:0=2.50"
            )
        prices[name.strip()] = price
    return prices


def _price(result: TrialResult, prices: Mapping[str, float]) -> float | None:
    by_name = {name.casefold(): price for name, price in prices.items()}
    return next((by_name[key] for name in device_names(result) if (key := name.casefold()) in by_name), None)
