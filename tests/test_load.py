"""Load that does not wait for the server: against a queue whose mean wait is known, and by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import fmean, median

import pytest

from bench.machine.meter import Stopwatch
from bench.pipeline import Answer
from bench.scenarios import single_stream
from bench.serving.load import arrivals, highest_rate, meets, search_rate, serve_load
from bench.types import LoadPoint, Query, Work

QUERIES = [Query(f"q{i}", f"text {i}") for i in range(5)]


class FakeClock:
    """Time that passes only when somebody sleeps or works."""

    def __init__(self, start: float = 1000.0) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def load(
    service_s: Callable[[int], float], qps: float, count: int, batch: int = 1, seed: int = 0,
    give_up_s: float | None = None, asked: list[Sequence[Query]] | None = None,
) -> LoadPoint:  # fmt: skip
    clock = FakeClock()

    def answer(queries: Sequence[Query]) -> None:
        if asked is not None:
            asked.append(queries)
        clock.sleep(service_s(len(queries)))

    return serve_load(
        answer, QUERIES, offered_qps=qps, count=count, batch=batch, seed=seed, clock=clock, sleep=clock.sleep,
        give_up_s=give_up_s,
    )  # fmt: skip


def point(qps: float, *latency_s: float) -> LoadPoint:
    return LoadPoint(qps, latency_s, tuple((1, 0.1) for _ in latency_s), 1.0)


def test_arrivals_are_a_seeded_poisson_process() -> None:
    times = arrivals(8.0, 20_000, seed=3)
    gaps = [b - a for a, b in zip((0.0, *times), times, strict=False)]
    assert fmean(gaps) == pytest.approx(1 / 8, rel=0.03)
    assert sum(gap > 1 / 8 for gap in gaps) / len(gaps) == pytest.approx(
        0.368, abs=0.015
    )  # exp(-1), of exponential gaps
    assert min(gaps) >= 0
    assert arrivals(8.0, 20_000, seed=3) == times != arrivals(8.0, 20_000, seed=4)
    assert arrivals(16.0, 10, seed=3) == pytest.approx([time / 2 for time in times[:10]])
    with pytest.raises(ValueError, match="above 0"):
        arrivals(0.0, 3, seed=0)


@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_the_mean_wait_is_that_of_an_m_d_1_queue(utilisation: float) -> None:
    """Pollaczek-Khinchine: with service always S, a query waits rho S / 2(1 - rho) on average."""
    service_s = 0.05
    waits = []
    for seed in range(6):
        seen = load(lambda _: service_s, utilisation / service_s, 15_000, seed=seed)
        waits.append(fmean(seen.latency_s) - service_s)
    assert fmean(waits) == pytest.approx(utilisation * service_s / (2 * (1 - utilisation)), rel=0.1)


def test_latency_counts_from_the_scheduled_arrival_and_batches_take_what_has_come() -> None:
    due = arrivals(10.0, 4, seed=1)
    seen = load(lambda size: 10.0 + size, 10.0, 4, batch=2, seed=1)
    assert [size for size, _ in seen.batches] == [1, 2, 1]
    assert [seconds for _, seconds in seen.batches] == pytest.approx([11, 12, 11])
    first = due[0] + 11
    expected = [11, first + 12 - due[1], first + 12 - due[2], first + 23 - due[3]]
    assert seen.latency_s == pytest.approx(expected)
    assert seen.seconds == pytest.approx(34)
    assert seen.offered_qps == 10.0


def test_a_server_that_keeps_up_answers_each_alone_and_nobody_waits() -> None:
    seen = load(lambda _: 1e-6, 1.0, 50, batch=8)
    assert {size for size, _ in seen.batches} == {1}
    assert seen.latency_s == pytest.approx([1e-6] * 50, rel=1e-3)


def test_every_arrival_has_an_id_of_its_own_and_the_same_texts_at_every_rate() -> None:
    slow: list[Sequence[Query]] = []
    fast: list[Sequence[Query]] = []
    load(lambda _: 1.0, 0.01, 40, batch=16, seed=5, asked=slow)
    load(lambda _: 1.0, 100.0, 40, batch=16, seed=5, asked=fast)
    assert max(map(len, fast)) == 16
    one, two = ([query for batch in asked for query in batch] for asked in (slow, fast))
    assert one == two
    assert len({query.id for query in one}) == 40
    assert {query.text for query in one} == {query.text for query in QUERIES}


def test_the_device_is_at_rest_before_a_finish_is_read() -> None:
    events: list[str] = []
    clock = FakeClock()

    def read() -> float:
        events.append("clock")
        return clock()

    serve_load(
        lambda _: events.append("work"), QUERIES, offered_qps=1.0, count=2, batch=1, seed=0,
        synchronise=lambda: events.append("rest"), clock=read, sleep=clock.sleep,
    )  # fmt: skip
    assert "rest" in events[: events.index("work")]
    for place, event in enumerate(events):
        if event == "work":
            assert events[place - 1 : place + 3] == ["clock", "work", "rest", "clock"]


def test_a_hopeless_rate_is_given_up_and_seen_by_its_missing_samples() -> None:
    seen = load(lambda _: 1.0, 10.0, 1000, give_up_s=5.0)
    assert 5 < len(seen.latency_s) < 20
    assert max(seen.latency_s) < 5.0 + 1.0 + 1e-6
    assert sum(size for size, _ in seen.batches) == len(seen.latency_s)
    assert not meets(seen, p99_s=1e9, count=1000)


def test_progress_is_told_how_many_are_answered() -> None:
    told: list[int] = []
    clock = FakeClock()
    serve_load(
        lambda queries: clock.sleep(1.0), QUERIES, offered_qps=100.0, count=7, batch=3, seed=2,
        clock=clock, sleep=clock.sleep, progress=told.append,
    )  # fmt: skip
    assert told[-1] == 7
    assert told == sorted(set(told))


def test_nothing_to_do_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        serve_load(lambda _: None, [], offered_qps=1.0, count=1, batch=1, seed=0)


def test_a_point_meets_a_bound_with_its_p99_and_all_its_queries() -> None:
    assert meets(point(1.0, 0.1, 0.2), p99_s=0.2, count=2)
    assert not meets(point(1.0, 0.1, 0.2), p99_s=0.19, count=2)
    assert not meets(point(1.0, 0.1, 0.2), p99_s=0.2, count=3)
    assert not meets(point(1.0), p99_s=0.2, count=0)


def test_the_highest_rate_lies_below_every_failure() -> None:
    good, bad = 0.1, 9.0
    assert highest_rate([point(4.0, good), point(1.0, good), point(2.0, good)], 1.0, 1) == 4.0
    assert highest_rate([point(1.0, good), point(2.0, bad), point(4.0, good)], 1.0, 1) == 1.0
    assert highest_rate([point(1.0, bad), point(2.0, good)], 1.0, 1) is None
    assert highest_rate([point(2.0, good), point(2.0, bad)], 1.0, 1) is None
    assert highest_rate([], 1.0, 1) is None


@pytest.mark.parametrize("start", [0.8, 7.3, 10.0, 95.0])
def test_the_search_closes_in_on_the_true_rate_from_both_sides(start: float) -> None:
    points = search_rate(lambda qps: point(qps, 0.1 if qps <= 9.5 else 2.0), start, p99_s=1.0, count=1)
    rates = [each.offered_qps for each in points]
    assert rates == sorted(rates)
    found = highest_rate(points, 1.0, 1)
    assert found is not None
    assert 9.5 / 1.05 <= found <= 9.5
    assert min(rate for rate in rates if rate > 9.5) / found <= 1.05
    assert len(points) <= 9


def test_the_search_bisects_no_more_often_than_it_may() -> None:
    points = search_rate(lambda qps: point(qps, 0.1 if qps <= 9.5 else 2.0), 8.0, p99_s=1.0, count=1, steps=1)
    assert [each.offered_qps for each in points] == pytest.approx([8.0, 128**0.5, 16.0])


@pytest.mark.parametrize(("latency_s", "ends"), [(2.0, (1.0, 16.0)), (0.1, (16.0, 256.0))])
def test_the_search_ends_where_no_rate_or_every_rate_will_do(latency_s: float, ends: tuple[float, float]) -> None:
    points = search_rate(lambda qps: point(qps, latency_s), 16.0, p99_s=1.0, count=1)
    assert (points[0].offered_qps, points[-1].offered_qps) == ends
    assert len(points) == 5


def test_a_stage_of_50_ms_reads_50_ms() -> None:
    """On the real clock, within 5%; the median, as a busy machine wakes a sleeper late now and then."""

    def serve(queries: Sequence[Query], stages: Stopwatch) -> Answer:
        with stages.time("rerank"):
            time.sleep(0.05)
        return Answer({}, {}, Work())

    alone = single_stream(serve, QUERIES)
    assert median(alone.total_s) == pytest.approx(0.05, rel=0.05)
    assert median(alone.stages_s["rerank"]) == pytest.approx(0.05, rel=0.05)
    seen = serve_load(lambda _: time.sleep(0.05), QUERIES, offered_qps=50.0, count=8, batch=2, seed=0)
    assert median(seconds for _, seconds in seen.batches) == pytest.approx(0.05, rel=0.05)
    assert min(seen.latency_s) >= 0.05
