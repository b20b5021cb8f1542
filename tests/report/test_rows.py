import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from bench.derived import latency
from bench.report.rows import summary_csv, summary_rows

SETUP = ["dataset", "pipeline", "device", "dtype", "batch_size", "max_length", "depth", "status"]
COST = [
    "ceiling", "latency_p50_s", "latency_p95_s", "latency_p99_s", "throughput_qps", "throughput_pps", "load_s",
    "index_s", "peak_rss_bytes", "peak_device_bytes", "reserved_device_bytes", "queries", "trial",
]  # fmt: skip


SWEEP = [
    "engine", "template", "quantisation", "token_budget", "latency_p50_low_s", "latency_p50_high_s",
    "latency_p95_low_s", "latency_p95_high_s", "latency_p99_low_s", "latency_p99_high_s", "server_qps_at_p99",
    "server_p99_bound_s", "offline_rounds", "offline_variation", "cold_load_s", "rss_growth_bytes",
    "driver_device_bytes", "energy_j_per_query", "mean_power_w", "forward_calls", "tokens_per_call", "padding_share",
    "truncated_pairs", "model_tflops_per_s", "share_of_peak", "agreement_largest_difference",
    "agreement_top10_changed", "implied_by", "message", "widest_tie_range", "unjudged@10",
]  # fmt: skip


def read(results):
    return list(csv.DictReader(io.StringIO(summary_csv(results))))


def test_columns_are_in_the_order_people_rely_on(results):
    measures = ["ndcg@10", "recall@10", "recall@100", "mrr@10"]
    quality = [name + suffix for name in measures for suffix in ("", "_low", "_high")]
    assert summary_csv(results).splitlines()[0].split(",") == SETUP + quality + COST + SWEEP
    assert summary_csv([]).splitlines()[0].split(",") == SETUP + COST + SWEEP


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


def at(rows, batch, length, dtype):
    (row,) = [r for r in rows if (r["batch_size"], r["max_length"], r["dtype"]) == (batch, length, dtype)]
    return row


def test_a_cell_of_a_sweep_has_what_its_meters_read(swept_cuda):
    row = at(summary_rows(swept_cuda), 16, 2048, "fp32")
    (result,) = [r for r in swept_cuda if r.trial.id == row["trial"]]
    cost = result.cost
    assert row["offline_rounds"] == 3 and 0.01 < row["offline_variation"] < 0.02
    assert row["rss_growth_bytes"] == cost.peak_rss_bytes - cost.baseline_rss_bytes
    assert row["driver_device_bytes"] > row["reserved_device_bytes"] > row["peak_device_bytes"]
    assert row["energy_j_per_query"] == pytest.approx(900 / 150)
    assert row["mean_power_w"] == pytest.approx(900 / sum(cost.offline_s))
    assert row["tokens_per_call"] == pytest.approx(cost.work.forward_tokens / cost.work.forward_calls)
    assert row["padding_share"] == pytest.approx(cost.work.padding_tokens / cost.work.forward_tokens)
    assert row["model_tflops_per_s"] == pytest.approx(cost.model_flops / cost.offline_s[0] / 1e12)
    assert row["share_of_peak"] == pytest.approx(row["model_tflops_per_s"] / 45)
    assert (row["engine"], row["template"], row["quantisation"]) == ("transformers", "qwen3", "none")
    assert (row["agreement_largest_difference"], row["agreement_top10_changed"]) == (3e-7, 2)
    assert row["latency_p50_low_s"] < row["latency_p50_s"] < row["latency_p50_high_s"]


def test_the_server_rate_is_that_of_its_measurement_and_others_have_none(swept):
    rows = summary_rows(swept)
    loaded, other = at(rows, 16, 2048, "fp32"), at(rows, 1, 512, "fp32")
    (cost,) = [r.cost for r in swept if r.trial.id == loaded["trial"]]
    assert loaded["server_qps_at_p99"] in [point.offered_qps for point in cost.load_points]
    assert loaded["server_p99_bound_s"] == 12.0
    assert other["server_qps_at_p99"] is None and other["server_p99_bound_s"] is None


def test_a_cell_that_was_not_tried_names_the_one_that_spared_it(swept):
    rows = summary_rows(swept)
    spared, cause = at(rows, 64, 8192, "fp32"), at(rows, 16, 8192, "fp32")
    assert spared["status"] == "oom" and spared["implied_by"] == cause["trial"]
    assert cause["implied_by"] is None and cause["message"] == "could not allocate 9.3 GiB"
    assert at(rows, 1, 8192, "bf16")["status"] == "timeout"


def test_a_message_of_many_lines_is_one_in_the_table(make):
    row = read([make["failed"](make["trial"]("p"), "failed", "Traceback:\n  line 1\n\tline 2")])[0]
    assert row["message"] == "Traceback: line 1 line 2"


def test_energy_and_agreement_that_were_not_measured_are_empty(swept):
    row = read(swept)[0]
    assert row["energy_j_per_query"] == row["mean_power_w"] == row["agreement_top10_changed"] == ""
