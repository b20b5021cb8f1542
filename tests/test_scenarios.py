"""Clocks read what they should: against stages of known length."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from bench.machine.meter import Stopwatch, peak_rss_bytes, rss_bytes
from bench.pipeline import Answer
from bench.scenarios import offline, single_stream
from bench.types import Query, Work

QUERIES = [Query(str(i), "text") for i in range(4)]


def serve(queries: Sequence[Query], stages: Stopwatch) -> Answer:
    with stages.time("search"):
        time.sleep(0.01 * len(queries))
    with stages.time("rerank"):
        time.sleep(0.03 * len(queries))
    return Answer({}, {}, Work(pairs=7 * len(queries)))


def test_single_stream_gives_a_sample_per_query_and_its_parts() -> None:
    told: list[int] = []
    latencies = single_stream(serve, QUERIES, progress=told.append)
    assert told == [1, 2, 3, 4]
    assert len(latencies.total_s) == len(latencies.stages_s["search"]) == len(latencies.stages_s["rerank"]) == 4
    for total, search, rerank in zip(latencies.total_s, *latencies.stages_s.values(), strict=True):
        assert search >= 0.01
        assert rerank >= 0.03
        assert total >= search + rerank


def test_offline_measures_the_whole_and_counts_the_pairs() -> None:
    throughput = offline(serve, QUERIES)
    assert throughput.rounds_s[0] >= 0.16
    assert (len(throughput.rounds_s), throughput.queries, throughput.work.pairs) == (1, 4, 28)


def test_the_device_is_brought_to_rest_on_both_sides_of_every_reading() -> None:
    events: list[str] = []
    watch = Stopwatch(lambda: events.append("rest"))
    with watch.time("rerank"):
        events.append("work")
    with watch.time("rerank"):
        events.append("work")
    assert events == ["rest", "work", "rest", "rest", "work", "rest"]
    assert list(watch.seconds) == ["rerank"]


def test_a_stage_that_fails_is_timed_all_the_same() -> None:
    watch = Stopwatch()
    with pytest.raises(KeyError), watch.time("rank"):
        raise KeyError
    assert "rank" in watch.seconds


def test_the_memory_peak_sees_what_was_held_and_let_go() -> None:
    before = peak_rss_bytes()
    if before is None:
        pytest.skip("this system keeps no mark of peak memory")
    size = 200_000_000
    target = rss_bytes() + size
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])
    del held
    after = peak_rss_bytes()
    assert after is not None
    assert after >= min(target, before + size) * 0.95
