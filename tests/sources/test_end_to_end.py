"""A trial over each kind of set, from the config to figures; and one run of all of them through the command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import bench.fetch
import bench.sources.open
from bench.config.plan import Plan, load_plan
from bench.job import FIRST_STAGE, RUN, Job
from bench.prepare import prepare
from bench.trial import carry_out
from bench.types import Run

REVISION = "0123456789" * 4
PIPELINES = {"BM25": {"retriever": "bm25"}, "Given": {"retriever": "given"}}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository in the hub's own cache, as a download leaves it: shards, and a README that names the parts."""
    root = tmp_path / "hf" / "hub" / "datasets--someone--set" / "snapshots" / REVISION
    parts = {
        "corpus": {"_id": ["a", "b"], "text": ["red apples", "green pears"], "title": ["", ""]},
        "queries": {"_id": ["q"], "text": ["apples"]},
        "data": {"query-id": ["q"], "corpus-id": ["a"], "score": [1.0]},
    }
    for name, columns in parts.items():
        (root / name).mkdir(parents=True)
        pq.write_table(pa.table(columns), root / name / "test-00000-of-00001.parquet")
    configs = [
        {"config_name": config, "data_files": [{"split": "test", "path": f"{folder}/test-*"}]}
        for config, folder in (("corpus", "corpus"), ("queries", "queries"), ("default", "data"))
    ]
    (root / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n", encoding="utf-8")
    return root


@pytest.fixture
def entries(tickets: dict[str, Any], tmp_path: Path, small_set: Path) -> dict[str, Any]:
    """An entry of each kind, with candidates for the retriever ``given`` where the set brings none."""
    trec = tmp_path / "cacm"
    trec.mkdir()
    (trec / "docs.trec").write_text(
        "<DOC><DOCNO>d1</DOCNO><TEXT>firewall</TEXT></DOC>\n<DOC><DOCNO>d2</DOCNO><TEXT>bread</TEXT></DOC>\n"
    )
    (trec / "topics.txt").write_text("<top>\n<num> Number: 1\n<title> firewall\n</top>\n")
    (trec / "qrels.txt").write_text("1 0 d1 1\n")
    rows = [{"query": "server", "positive": ["use a server firewall"], "negative": ["bread", "the abacus"]}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    runs = {
        "small": "q1 Q0 d2 1 2 t\nq1 Q0 d1 2 1 t\nq2 Q0 d3 1 1 t\nq3 Q0 d5 1 1 t\n",
        "cacm": "1 Q0 d2 1 2 t\n1 Q0 d1 2 1 t\n",
        "tickets": "q1 Q0 t1 1 1 t\nq2 Q0 t3 1 1 t\n",
        "hub": "q Q0 b 1 2 t\nq Q0 a 2 1 t\n",
    }
    for name, text in runs.items():
        (tmp_path / f"{name}.run").write_text(text)
    hub = {
        "repository": "someone/set", "revision": REVISION, "corpus": {"config": "corpus", "title": "title"},
        "queries": {"config": "queries"}, "qrels": {"config": "default", "split": "test"},
    }  # fmt: skip
    return {
        "BEIR folder": {"path": small_set.name, "candidates": "small.run"},
        "TREC folder": {"path": "cacm", "candidates": "cacm.run"},
        "TREC files": {
            "name": "CACM",
            "trec": {"docs": "cacm/docs.trec", "topics": "cacm/topics.txt", "qrels": "cacm/qrels.txt"},
            "candidates": "cacm.run",
        },
        "tables": {**tickets, "candidates": "tickets.run"},
        "rows": {"name": "rows", "reranking": "rows.jsonl"},
        "repository": {"name": "of a hub", "hf": hub, "candidates": "hub.run"},
        "card": {"path": "card:scifact", "candidates": "small.run"},
    }


KINDS = {
    "BEIR folder": "small", "TREC folder": "cacm", "TREC files": "CACM", "tables": "tickets", "rows": "rows",
    "repository": "of a hub", "card": "small",
}  # fmt: skip


def plan_of(folder: Path, entries: list[Any], pipelines: Any = PIPELINES) -> Plan:
    tree = {
        "name": "study", "datasets": entries, "pipelines": pipelines,
        "trial": {"depth": 10, "timed_queries": 1, "warmup_queries": 0, "measures": ["ndcg@10"]},
    }  # fmt: skip
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_plan(path)


@pytest.fixture
def runs_of(
    tmp_path: Path, repository: Path, small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[tuple[Any, dict[str, Run]]]]:
    """Each trial of a config, prepared and its queries answered in this process."""
    monkeypatch.setattr(bench.fetch, "hub_files", lambda *_: repository)
    monkeypatch.setattr(bench.sources.open, "here", lambda card: small_set)

    def answer(entries: list[Any], pipelines: Any = PIPELINES) -> list[tuple[Any, dict[str, Run]]]:
        plan = plan_of(tmp_path, entries, pipelines)
        found = []
        for item in prepare(plan, lambda *_: None):
            job = Job(item.trial, plan.base, tmp_path / "vectors", ("quality",), item.trial.depth)
            found.append((item, carry_out(job, lambda *_: None, lambda: None)[1]))
        return found

    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_searched_and_its_candidates_are_read(
    kind: str, entries: dict[str, Any], runs_of: Callable[..., list[tuple[Any, dict[str, Run]]]]
) -> None:
    (searched, by_bm25), (given, by_given) = runs_of([entries[kind]])
    assert searched.facts["name"] == given.facts["name"] == KINDS[kind]
    dataset = searched.dataset
    for query in dataset.queries:
        assert dataset.qrels[query.id][by_bm25[RUN][query.id][0].doc_id] > 0
        assert {doc.doc_id for doc in by_given[RUN][query.id]} <= {doc.id for doc in dataset.corpus}
        assert by_given[RUN][query.id]
    assert searched.inputs["dataset"] == given.inputs["dataset"] == searched.facts["checksum"]
    assert ("candidates" in given.inputs) == (kind != "rows")
    assert "candidates" not in searched.inputs


def test_a_reranker_sees_the_given_candidates_and_no_others(
    entries: dict[str, Any], runs_of: Callable[..., list[tuple[Any, dict[str, Run]]]], tmp_path: Path
) -> None:
    """Also where a query has none: it is left without results."""
    (tmp_path / "small.run").write_text("q1 Q0 d2 1 2 t\nq1 Q0 d1 2 1 t\nq2 Q0 d3 1 1 t\n")
    pipelines = {"P": {"retriever": "given", "reranker": "asset:tracer-reranker", "device": "cpu", "max_length": 128}}
    ((item, runs),) = runs_of([entries["BEIR folder"]], pipelines)
    assert {query: [doc.doc_id for doc in ranking] for query, ranking in runs[FIRST_STAGE].items()} == {
        "q1": ["d2", "d1"], "q2": ["d3"], "q3": [],
    }  # fmt: skip
    assert {query: {doc.doc_id for doc in ranking} for query, ranking in runs[RUN].items()} == {
        "q1": {"d1", "d2"}, "q2": {"d3"}, "q3": set(),
    }  # fmt: skip
    assert item.notes == ("small.run: 1 × query has no candidates, and counts 0 (first: query q3)",)


@pytest.mark.slow
def test_one_run_of_all_kinds_through_the_command(
    entries: dict[str, Any], repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del entries["card"]
    plan_of(tmp_path, list(entries.values()))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    command = [sys.executable, "-P", "-m", "bench", "run", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "out")]

    def run() -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run()
    results = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "out" / "trials").iterdir()]
    assert len(results) == 2 * len(entries)
    assert {result["dataset"]["name"] for result in results} == set(KINDS.values())
    assert all(result["status"] == "ok" for result in results)
    found = "found in the results folder, not run again"
    assert run().count(found) == len(results)
    (tmp_path / "cacm.run").write_text("1 Q0 d1 1 2 t\n1 Q0 d2 2 1 t\n")
    assert run().count(found) == len(results) - 2
