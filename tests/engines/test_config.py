"""The config of a benchmark: what it means, and what is wrong with it in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.engines import is_benchmark
from bench.engines.config import DrawnWorkload, LabelledWorkload, load_benchmark, reference_entrant
from bench.types import ConfigError

BASE = {
    "name": "race",
    "model": "asset:tracer-reranker",
    "workload": {"queries": 1},
    "engines": {"one": {"engine": "transformers"}},
}


def write(folder: Path, **changes: object) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**BASE, **changes}, sort_keys=False), encoding="utf-8")
    return path


def test_a_benchmark_is_told_by_its_workload(tmp_path: Path, root: Path) -> None:
    assert is_benchmark(write(tmp_path))
    assert not is_benchmark(tmp_path / "none.yaml")
    assert not is_benchmark(root / "configs" / "quickstart.yaml")
    (tmp_path / "bad.yaml").write_text("[workload", encoding="utf-8")
    assert not is_benchmark(tmp_path / "bad.yaml")


@pytest.mark.parametrize("name", ["engines.yaml", "engines-gpu.yaml"])
def test_the_shipped_configs_are_benchmarks(root: Path, name: str) -> None:
    path = root / "configs" / name
    assert is_benchmark(path)
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"packed", "transformers", "tutorial"} <= set(tree["engines"])
    chosen = "engines=packed,packed deterministic,transformers,tutorial"
    plan = load_benchmark(path, [chosen])
    assert plan.benchmark.model == "shape:qwen3-0.6b"
    assert len(plan.entrants) == 4


def test_defaults_and_what_all_engines_share(tmp_path: Path) -> None:
    plan = load_benchmark(write(tmp_path, template="none", max_length=100, threads=1, dtype="bf16"))
    assert plan.workload == DrawnWorkload(queries=1)
    assert plan.base == tmp_path
    (entrant,) = plan.entrants
    assert entrant.settings == ({},)
    trial = entrant.trial
    assert (trial.template, trial.max_length, trial.threads, trial.dtype) == ("none", 100, 1, "bf16")
    assert trial.reranker == "asset:tracer-reranker"
    reference = reference_entrant(plan.benchmark).trial
    assert (reference.engine, reference.batch_size, reference.dtype) == ("transformers", 1, "fp32")
    assert reference.max_length == 100


def test_values_to_try_are_sorted_and_tried_once(tmp_path: Path) -> None:
    engines = {"one": {"engine": "transformers", "batch_sizes": [8, 1, 8]}}
    assert load_benchmark(write(tmp_path, engines=engines)).entrants[0].settings == (
        {"batch_size": 1},
        {"batch_size": 8},
    )


def test_a_labelled_set_as_the_workload(tmp_path: Path) -> None:
    plan = load_benchmark(write(tmp_path, workload={"dataset": "somewhere", "documents": 5}))
    assert plan.workload == LabelledWorkload(dataset="somewhere", documents=5)


def test_overrides_win_and_reach_inside(tmp_path: Path) -> None:
    engines = {"one": {"engine": "transformers"}, "two": {"engine": "reference"}}
    path = write(tmp_path, engines=engines)
    overrides = ["rounds=2", "workload.queries=3", "engines=two", "engines.two.batch_sizes=[1, 2]"]
    plan = load_benchmark(path, overrides)
    assert plan.benchmark.rounds == 2
    assert plan.workload == DrawnWorkload(queries=3)
    assert [entrant.label for entrant in plan.entrants] == ["two"]
    assert plan.entrants[0].settings[1] == {"batch_size": 2}
    assert plan.text.startswith("# override: rounds=2\n")


def test_a_folder_in_an_override_starts_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    path = write(tmp_path)
    monkeypatch.chdir(tmp_path / "sub")
    plan = load_benchmark(path, ["model=./mine", "workload={dataset: x}", "workload.dataset=set"])
    assert plan.benchmark.model == "./sub/mine"
    assert plan.workload == LabelledWorkload(dataset="./sub/set")
    plan = load_benchmark(path, ["workload={dataset: set}"])
    assert plan.workload == LabelledWorkload(dataset="./sub/set")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": 3}, "model"),
        ({"rounds": 0}, "rounds is 0"),
        ({"rounds": "three"}, "rounds"),
        ({"warmup_pairs": -1}, "warmup_pairs"),
        ({"time_limit_s": 0}, "time_limit_s"),
        ({"modle": "x"}, "Did you mean 'model'"),
        ({"workload": {"queries": 0}}, "queries must be at least 1"),
        ({"workload": {"sigma": -1.0}}, "sigma"),
        ({"workload": {"median_tokens": 5}}, "in this order"),
        ({"workload": {"dataset": "x", "documents": 0}}, "at least 1"),
        ({"workload": {"docs": 3}}, "docs"),
        ({"template": "qwen4"}, "template"),
        ({"engines": {}}, "engines is empty"),
        ({"engines": {"x": {"engine": "transfromers"}}}, "did you mean 'transformers'"),
        ({"engines": {"x": {"engine": "transformers", "token_budget": 5}}}, "has no token_budget"),
        ({"engines": {"x": {"engine": "transformers", "token_budgets": [5]}}}, "has no token_budget"),
        ({"engines": {"x": {"device": "cpu"}}}, "unknown field 'device'"),
        ({"engines": {"x": {"max_length": 5}}}, "unknown field 'max_length'"),
        ({"engines": {"x": {"engine": "transformers", "batch_sizes": []}}}, "values of batch_size"),
        ({"engines": {"x": {"engine": "transformers", "batch_sizes": [0]}}}, "values of batch_size"),
        ({"engines": {"x": {"engine": "transformers", "batch_sizes": [1], "batch_size": 2}}}, "exclude each other"),
        ({"engines": {"x": {"engine": "packed", "batch_sizes": [1], "token_budgets": [2]}}}, "exclude each other"),
        ({"engines": {"x": {"dtype": "fp8"}}}, "dtype"),
        ({"engines": {"a b": {}, "A-b": {}}}, "has the name of 'a b'"),
        ({"engines": {"Matrix product": {}}}, "matrix product"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_benchmark(write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("rounds", "not key=value"),
        ("round=2", "Did you mean 'rounds'"),
        ("engines=two", "unknown engine of this config 'two'"),
        ("rounds=[", "not valid YAML"),
        ("name.first=x", "not keys of its own"),
        ("engines.to.batch_size=3", "unknown engine of this config 'to'. Known: one"),
        ("workload.querys=3", "the command line: workload: unknown key 'querys'. Did you mean 'queries'"),
        ("max_length=0", "the command line: max_length is 0"),
    ],
)
def test_what_is_wrong_with_an_override_is_said(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_benchmark(write(tmp_path), [override])


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no config at"):
        load_benchmark(tmp_path / "none.yaml")
