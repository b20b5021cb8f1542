"""The main job, as a user starts it: three pipelines on the embedded set, in the order that is true by construction."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import ir_measures
import pytest

from bench.config.plan import load_plan
from bench.data import load_dataset
from bench.rerankers.padded import PaddedReranker
from bench.stats import paired_randomisation
from bench.store import Store, parse_run
from bench.types import TrialResult

ORDER = ["BM25", "Embedding", "Embedding + reranker"]


@pytest.fixture(scope="module")
def out(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quickstart")
    config = root / "configs" / "quickstart.yaml"
    command = [sys.executable, "-P", "-m", "bench", "run", str(config), "timed_queries=10", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def results(out: Path) -> dict[str, TrialResult]:
    return {result.trial.pipeline: result for result in Store(out).results()}


def test_the_table_has_three_pipelines_in_the_true_order(out: Path) -> None:
    rows = list(csv.DictReader((out / "summary.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["pipeline"] for row in rows] == ORDER
    ndcg = [float(row["ndcg@10"]) for row in rows]
    assert ndcg == sorted(ndcg)
    for row in rows:
        assert row["status"] == "ok"
        assert int(row["queries"]) >= 200
        for column in ("latency_p50_s", "latency_p95_s", "throughput_qps", "peak_rss_bytes"):
            assert float(row[column]) > 0
    assert float(rows[2]["throughput_pps"]) > 0


@pytest.mark.parametrize(("worse", "better"), [ORDER[:2], ORDER[1:]])
def test_each_step_is_significant(results: dict[str, TrialResult], worse: str, better: str) -> None:
    values = [results[name].quality for name in (worse, better)]
    a, b = (quality.per_query["ndcg@10"] for quality in values if quality)
    assert a.keys() == b.keys()
    assert sum(b.values()) > sum(a.values())
    assert paired_randomisation(list(a.values()), [b[query_id] for query_id in a]) < 0.001


@pytest.mark.parametrize("pipeline", ORDER)
def test_another_library_computes_the_same_from_the_written_runs(
    root: Path, out: Path, results: dict[str, TrialResult], pipeline: str
) -> None:
    result = results[pipeline]
    assert result.quality is not None
    dataset = load_dataset(root / "datasets" / "tracer", "test")
    qrels = [ir_measures.Qrel(q, d, grade) for q, judged in dataset.qrels.items() for d, grade in judged.items()]
    names = {
        "ndcg@10": ir_measures.nDCG @ 10,
        "recall@20": ir_measures.R @ 20,
        "map": ir_measures.AP,
        "precision@1": ir_measures.P @ 1,
    }
    read = ir_measures.read_trec_run(str(out / str(result.run_file)))
    theirs = ir_measures.calc_aggregate(list(names.values()), qrels, read)
    for name, measure in names.items():
        assert result.quality.means[name].mean == pytest.approx(theirs[measure], abs=1e-4)


def test_reranking_only_reorders_what_it_was_given(out: Path, results: dict[str, TrialResult]) -> None:
    reranked = results["Embedding + reranker"]
    path = out / str(reranked.run_file)
    after = parse_run(path.read_text(encoding="utf-8"))
    before = parse_run(path.with_suffix(".first-stage.trec").read_text(encoding="utf-8"))
    embedding = parse_run((out / str(results["Embedding"].run_file)).read_text(encoding="utf-8"))
    assert before == embedding
    assert after != before
    for query_id, ranking in after.items():
        assert {doc.doc_id for doc in ranking} == {doc.doc_id for doc in before[query_id]}
    assert reranked.quality is not None
    assert reranked.quality.ceiling == reranked.quality.means["recall@20"]


def test_batch_size_changes_no_order_and_moves_no_score_by_more_than_a_hundred_thousandth(root: Path) -> None:
    dataset = load_dataset(root / "datasets" / "tracer", "test")
    documents = [document.content for document in dataset.corpus[:24]]
    query = dataset.queries[0].text
    singly = PaddedReranker("asset:tracer-reranker", device="cpu", batch_size=1)
    batched = PaddedReranker("asset:tracer-reranker", device="cpu", batch_size=24)
    assert batched.score(query, documents) == pytest.approx(singly.score(query, documents), abs=1e-5)
    order = [hit.index for hit in singly.rerank(query, documents)]
    assert [hit.index for hit in batched.rerank(query, documents)] == order


def test_the_shipped_model_scores_as_plain_transformers_do_one_pair_at_a_time(root: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = root / "bench" / "assets" / "tracer-reranker"
    dataset = load_dataset(root / "datasets" / "tracer", "test")
    ours = PaddedReranker(folder, device="cpu", batch_size=8)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    for query, start in zip(dataset.queries[:3], (0, 400, 800), strict=True):
        documents = [document.content for document in dataset.corpus[start : start + 8]]
        expected = []
        for document in documents:
            text = ours.template.text(ours.template.default_instruction, query.text, document)
            with torch.inference_mode():
                logits = model(**tokenizer(text, return_tensors="pt")).logits[0, -1]
            expected.append(torch.softmax(logits[[no, yes]], dim=0)[1].item())
        assert ours.score(query.text, documents) == pytest.approx(expected, abs=1e-5)


def test_the_config_is_what_was_run(root: Path, results: dict[str, TrialResult]) -> None:
    plan = load_plan(root / "configs" / "quickstart.yaml")
    assert [trial.pipeline for trial in plan.trials] == ORDER == list(results)


def test_the_instruction_that_names_the_need_is_better_than_the_general_one(root: Path) -> None:
    """True by construction: on steered queries only answers that solve count, and background is judged 0."""
    from bench.measures import evaluate
    from bench.tracer.instructions import INSTRUCTIONS
    from bench.types import Request, rank

    dataset = load_dataset(root / "datasets" / "tracer", "test")
    texts = {document.id: document.content for document in dataset.corpus}
    steered = [query for query in dataset.queries if query.metadata["steered"]][:30]
    qrels = {query.id: dataset.qrels[query.id] for query in steered}
    reranker = PaddedReranker("asset:tracer-reranker", device="cpu", batch_size=32)
    means = {}
    for name in ("official", "service"):
        text = INSTRUCTIONS[name].text
        requests = [Request(q.text, tuple(texts[doc_id] for doc_id in qrels[q.id]), text) for q in steered]
        run = {
            query.id: rank(zip(qrels[query.id], row, strict=True))
            for query, row in zip(steered, reranker.score_many(requests).scores, strict=True)
        }
        values = evaluate(run, qrels, ["ndcg@10"])["ndcg@10"]
        means[name] = sum(values.values()) / len(values)
    assert means["service"] > means["official"] + 0.05
