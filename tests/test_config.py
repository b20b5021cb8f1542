"""Configs: what is written becomes trials, and what is wrong becomes one line that says where."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from bench.config import EMBEDDER_FIELDS, MODEL_FIELDS, RERANKER_FIELDS, load_plan
from bench.hub import located
from bench.types import ConfigError, Trial

GOOD = """
name: study
datasets: [sets/a, {path: sets/b, split: dev}]
trial: {depth: 20}
pipelines:
  BM25: {retriever: bm25}
  Both: {retriever: bm25, reranker: ./model, batch_size: 4}
"""


@pytest.fixture
def write(tmp_path: Path):
    def to_file(text: str) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_every_dataset_meets_every_pipeline(write) -> None:
    plan = load_plan(write(GOOD))
    assert [(t.dataset, t.split, t.pipeline, t.depth) for t in plan.trials] == [
        ("sets/a", "test", "BM25", 20),
        ("sets/a", "test", "Both", 20),
        ("sets/b", "dev", "BM25", 20),
        ("sets/b", "dev", "Both", 20),
    ]
    assert plan.trials[1].batch_size == 4
    assert plan.base == Path(plan.base).resolve()


def test_overrides_win_over_the_file_and_are_kept_with_it(write) -> None:
    plan = load_plan(write(GOOD), ["batch_size=2", "measures=ndcg@5,map", "split=dev"])
    assert {trial.batch_size for trial in plan.trials if trial.reranker} == {2}
    assert plan.trials[0].measures == ("ndcg@5", "map")
    assert {trial.split for trial in plan.trials} == {"dev"}
    assert "# override: batch_size=2" in plan.text


def test_paths_in_overrides_start_from_the_working_folder(write, tmp_path: Path, monkeypatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    plan = load_plan(write(GOOD), ["datasets=here,/there", "reranker=./model", "embedder=org/model"])
    assert [(plan.base / trial.dataset).resolve() for trial in plan.trials[::2]] == [elsewhere / "here", Path("/there")]
    assert located(plan.trials[1].reranker or "", plan.base) == str(elsewhere / "model")


def test_model_ids_stay_and_paths_become_absolute(tmp_path: Path) -> None:
    assert located("Qwen/Qwen3-Reranker-0.6B", tmp_path) == "Qwen/Qwen3-Reranker-0.6B"
    assert located("asset:tracer-reranker", tmp_path) == "asset:tracer-reranker"
    assert located("./m", tmp_path) == str(tmp_path / "m")


def test_fields_that_decide_nothing_make_no_new_trial(write) -> None:
    """BM25 knows neither batch size nor device: overriding them must not run it again."""
    plain, forced = load_plan(write(GOOD)), load_plan(write(GOOD), ["batch_size=2", "dtype=bf16", "instruction=x"])
    assert plain.trials[0].id == forced.trials[0].id
    assert plain.trials[1].id != forced.trials[1].id


def test_equal_trials_appear_once(write) -> None:
    assert len(load_plan(write(GOOD.replace("{path: sets/b, split: dev}", "sets/a"))).trials) == 2


def test_the_field_groups_name_fields_of_a_trial() -> None:
    assert set(EMBEDDER_FIELDS + RERANKER_FIELDS + MODEL_FIELDS) <= {field.name for field in fields(Trial)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("batch_size", "batchsize"), "unknown field 'batchsize'. Did you mean 'batch_size'"),
        (GOOD.replace("pipelines", "pipeline"), "unknown key 'pipeline'. Did you mean 'pipelines'"),
        (GOOD.replace("batch_size: 4", "batch_size: four"), "batch_size"),
        (GOOD.replace("batch_size: 4", "batch_size: 0"), "must be at least 1"),
        (GOOD.replace("batch_size: 4", "max_queries: 0"), "must be at least 1"),
        (GOOD.replace("batch_size: 4", "dtype: fp8"), "fp32"),
        (GOOD.replace("batch_size: 4", "measures: [ndgc@10]"), "Did you mean 'ndcg'"),
        (GOOD.replace("batch_size: 4", "dataset: x"), "set by the datasets list"),
        (GOOD.replace("retriever: bm25}", "retriever: dense}"), "needs an embedder"),
        (GOOD.replace("datasets: [sets/a, {path: sets/b, split: dev}]", "datasets: []"), "nothing would run"),
        (GOOD.replace("name: study", ""), "name: Field required"),
        ("- a\n- b\n", "expected keys"),
        ("a: [", "not valid YAML"),
        ("", "expected keys"),
    ],
)
def test_mistakes_are_one_error_that_says_where(write, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(write(text))
    assert said in str(caught.value)
    assert "study.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("depth", "not key=value"),
        ("deepth=3", "Did you mean 'depth'"),
        ("pipeline=x", "unknown override"),
        ("depth=[", "YAML"),
    ],
)
def test_wrong_overrides_say_so(write, item: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(write(GOOD), [item])
    assert said in str(caught.value)


def test_a_missing_config_names_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"quickstart\.yaml"):
        load_plan(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("name", ["quickstart", "qwen3"])
def test_shipped_configs_are_valid(root: Path, name: str) -> None:
    plan = load_plan(root / "configs" / f"{name}.yaml")
    assert [trial.pipeline for trial in plan.trials] == ["BM25", "Embedding", "Embedding + reranker"]
