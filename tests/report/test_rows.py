import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from bench.report.groups import latency
from bench.report.rows import summary_csv, summary_rows

SETUP = ["dataset", "pipeline", "device", "dtype", "batch_size", "max_length", "depth", "status"]
COST = [
    "ceiling", "latency_p50_s", "latency_p95_s", "latency_p99_s", "throughput_qps", "throughput_pps", "load_s",
    "index_s", "peak_rss_bytes", "peak_device_bytes", "reserved_device_bytes", "queries", "trial",
]  # fmt: skip


def read(results):
    return list(csv.DictReader(io.StringIO(summary_csv(results))))


def test_columns_are_in_the_order_people_rely_on(results):
    measures = ["ndcg@10", "recall@10", "recall@100", "mrr@10"]
    quality = [name + suffix for name in measures for suffix in ("", "_low", "_high")]
    assert summary_csv(results).splitlines()[0].split(",") == SETUP + quality + COST
    assert summary_csv([]).splitlines()[0].split(",") == SETUP + COST


def test_every_row_has_every_column_though_measures_differ(results, make):
    other = make["result"](make["trial"]("own", measures=("ndcg@10", "map")), 0.5, 0.1)
    rows = summary_rows([*results, other])
    assert {tuple(row) for row in rows} == {tuple(rows[0])}
    assert rows[0]["map"] is None and rows[3]["recall@10"] is not None


def test_missing_is_empty_and_never_zero(results):
    bm25, dense, reranked = read(results)
    for column in ("dtype", "batch_size", "max_length", "throughput_pps", "peak_device_bytes"):
        assert bm25[column] == ""
    assert dense["dtype"] == "auto" and dense["batch_size"] == dense["max_length"] == ""
    assert reranked["batch_size"] == "" and reranked["max_length"] == "8192"


def test_a_failed_trial_keeps_its_place_with_empty_figures(make):
    row = read([make["failed"](make["trial"]("big", reranker="org/m"))])[0]
    assert row["status"] == "oom" and row["dataset"] == "SciFact" and row["trial"]
    assert {row[c] for c in (*COST[:-1], "ndcg@10", "ndcg@10_low")} == {""}


def test_percentiles_interpolate_between_raw_samples(results):
    cost = replace(results[0].cost, latency_s=(0.4, 0.1, 0.2, 0.3))
    result = replace(results[0], cost=cost)
    assert latency(result, 50) == pytest.approx(0.25)
    assert latency(result, 95) == pytest.approx(0.385)
    row = summary_rows([result])[0]
    assert row["latency_p99_s"] == pytest.approx(np.percentile([0.1, 0.2, 0.3, 0.4], 99))


def test_no_timed_query_gives_no_latency(results):
    cost = replace(results[0].cost, latency_s=(), stages_s={}, offline_s=())
    row = summary_rows([replace(results[0], cost=cost)])[0]
    assert row["latency_p50_s"] is None and row["throughput_qps"] is None


def test_throughput_is_its_own_measurement(results):
    row = summary_rows(results)[2]
    assert row["throughput_qps"] == pytest.approx(50 / results[2].cost.offline_s[0])
    assert row["throughput_pps"] == pytest.approx(5000 / results[2].cost.offline_s[0])


def test_the_dataset_name_falls_back_to_the_folder(results):
    assert summary_rows([replace(results[0], dataset={})])[0]["dataset"] == "scifact"


def test_auto_is_replaced_by_what_the_environment_tells(results):
    row = summary_rows([replace(results[1], environment={"device": "cuda:0", "dtype": "bf16"})])[0]
    assert (row["device"], row["dtype"]) == ("cuda:0", "bf16")


def test_commas_quotes_and_chinese_survive_csv(results, make):
    name = '稠密, "重排"'
    assert read([make["result"](make["trial"](name), 0.5, 0.1)])[0]["pipeline"] == name
