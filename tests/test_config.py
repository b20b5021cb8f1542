"""Configs: what is written becomes trials, and what is wrong becomes one line that says where."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

import bench.machine.device
from bench.config.fields import (
    EMBEDDER_FIELDS,
    LABELLED_FIELDS,
    MODEL_FIELDS,
    RERANKER_FIELDS,
    SERVER_FIELDS,
    TRIAL_FIELDS,
    idle_fields,
    make_trial,
)
from bench.config.plan import load_plan
from bench.hub import located
from bench.keys import quality_key
from bench.sources.spec import parse_name
from bench.synthetic import drawn_name, parse_drawn
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
    groups = EMBEDDER_FIELDS + RERANKER_FIELDS + MODEL_FIELDS + SERVER_FIELDS + LABELLED_FIELDS
    assert set(groups) <= {field.name for field in fields(Trial)} == set(TRIAL_FIELDS)


def test_server_fields_decide_something_in_the_server_scenario_alone() -> None:
    values = {"dataset": "set", "pipeline": "P", "server_batch": 4, "server_qps": [1.0, 2.0], "server_p99_s": 0.1}
    assert make_trial(values, "here") == Trial("set", "P")
    served = make_trial({**values, "scenarios": ["server"]}, "here")
    assert (served.server_batch, served.server_qps, served.server_p99_s) == (4, (1.0, 2.0), 0.1)
    assert not idle_fields(served) & set(SERVER_FIELDS)


def test_several_values_in_an_override_are_an_axis(write) -> None:
    plan = load_plan(write(GOOD), ["batch_size=1,max", "dtype=[fp32, bf16]", "datasets=one"])
    assert [(trial.batch_size, trial.dtype) for trial in plan.trials if trial.reranker] == [
        (1, "fp32"), (1, "bf16"), ("max", "fp32"), ("max", "bf16"),
    ]  # fmt: skip
    assert plan.axes == ("batch_size", "dtype")
    assert [trial.pipeline for trial in plan.trials].count("BM25") == 1


def test_commas_in_free_text_and_in_lists_are_not_axes(write) -> None:
    items = ["instruction=Find, and tell", "scenarios=offline,server", "server_qps=1,2.5", "datasets=one"]
    (_, trial) = load_plan(write(GOOD), items).trials
    assert trial.instruction == "Find, and tell"
    assert trial.scenarios == ("offline", "server")
    assert trial.server_qps == (1.0, 2.5)
    assert len(load_plan(write(GOOD), ['instruction=["Find, and tell", "Seek"]', "datasets=one"]).trials) == 3


def test_use_fp16_on_the_command_line(write) -> None:
    plan = load_plan(write(GOOD), ["use_fp16=true,false", "datasets=one"])
    assert [trial.dtype for trial in plan.trials] == ["auto", "fp16", "fp32"]
    with pytest.raises(ConfigError, match="the command line: use_fp16 True means dtype fp16"):
        load_plan(write(GOOD), ["use_fp16=true", "dtype=fp32"])


def test_models_to_compare_start_from_the_working_folder(write, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    plan = load_plan(write(GOOD), ["reranker=./a,org/b", "datasets=one"])
    models = dict.fromkeys(trial.reranker for trial in plan.trials)
    assert list(models) == ["./elsewhere/a", "org/b"]


def test_devices_are_looked_up_where_all_is_said_and_nowhere_else(write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.machine.device, "all_devices", lambda: ("cpu", "cuda:0"))
    plan = load_plan(write(GOOD), ["device=all", "datasets=one"])
    assert [trial.device for trial in plan.trials] == ["auto", "cpu", "cuda:0"]
    assert plan.axes == ("device",)
    monkeypatch.setattr(bench.machine.device, "all_devices", lambda: pytest.fail("looked up"))
    assert load_plan(write(GOOD), ["device=cpu,mps"]).axes == ("device",)


def test_a_time_limit_is_kept_with_the_plan(write) -> None:
    assert load_plan(write(GOOD)).time_limit_s is None
    assert load_plan(write(GOOD + "time_limit_s: 90\n")).time_limit_s == 90
    assert load_plan(write(GOOD + "time_limit_s: 90\n"), ["time_limit_s=2.5"]).time_limit_s == 2.5


def test_splits_of_two_datasets_are_no_axis(write) -> None:
    text = GOOD.replace("sets/a, {path: sets/b, split: dev}", "sets/a, {path: sets/a, split: dev}")
    assert load_plan(write(text)).axes == ()


DRAWN = """
name: profile
datasets: [{drawn: {queries: 2, documents: 8}}]
trial: {retriever: given, reranker: shape:qwen3-tiny}
pipelines: {P: {}}
"""


def test_a_workload_can_be_drawn(write) -> None:
    (trial,) = load_plan(write(DRAWN)).trials
    assert trial.dataset == drawn_name({"queries": 2, "documents": 8})
    assert (parse_drawn(trial.dataset).queries, parse_drawn(trial.dataset).documents) == (2, 8)
    (same,) = load_plan(write(DRAWN), ["measures=map", "max_queries=3", "split=dev"]).trials
    assert same.id == trial.id
    (other,) = load_plan(write(DRAWN), ["datasets={drawn: {queries: 3}}"]).trials
    assert parse_drawn(other.dataset).queries == 3
    (by_name,) = load_plan(write(DRAWN), [f"datasets={trial.dataset}"]).trials
    assert by_name == trial
    (plain,) = load_plan(write(DRAWN.replace("{queries: 2, documents: 8}", ""))).trials
    assert plain.dataset == drawn_name({})


def test_a_labelled_set_can_stand_in_for_a_drawn_one(write) -> None:
    (trial,) = load_plan(write(DRAWN), ["datasets=/sets/a", "retriever=bm25"]).trials
    assert (trial.dataset, trial.retriever, trial.split) == ("/sets/a", "bm25", "test")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("batch_size", "batchsize"), "unknown field 'batchsize'. Did you mean 'batch_size'"),
        (GOOD.replace("pipelines", "pipeline"), "unknown key 'pipeline'. Did you mean 'pipelines'"),
        (
            GOOD.replace("batch_size: 4", "batch_size: four"),
            "batch_size: Input should be a valid integer or 'max', given",
        ),
        (GOOD.replace("batch_size: 4", "scenarios: [offline, offline]"), "scenarios holds a value twice"),
        (GOOD.replace("batch_size: 4", "scenarios: [online]"), "scenarios"),
        (GOOD.replace("batch_size: 4", "server_p99_s: 0"), "server_p99_s is 0"),
        (GOOD.replace("batch_size: 4", "server_qps: [1, 0]"), "server_qps has 0"),
        (GOOD.replace("batch_size: 4", "server_qps: [1, 1]"), "server_qps holds a value twice"),
        (GOOD.replace("batch_size: 4", "server_queries: 19"), "server_queries is 19; it must be at least 20"),
        (GOOD.replace("batch_size: 4", "server_batch: 0"), "server_batch is 0"),
        (
            GOOD.replace("batch_size: 4", "memory_limit_mb: 63"),
            "memory_limit_mb is 63; it must be at least 64, or left",
        ),
        (GOOD.replace("batch_size: 4", "warmup_queries: -1"), "warmup_queries is -1; it must be at least 0"),
        (GOOD.replace("batch_size: 4", "when: 2026-13-01"), "line 7: pipeline 'Both': unknown field 'when'"),
        (GOOD + "time_limit_s: 0\n", "time_limit_s is 0"),
        (GOOD + "time_limit_s: soon\n", "time_limit_s"),
        (GOOD.replace("path: sets/b", "pth: sets/b"), "line 3: datasets: unknown key 'pth'. Did you mean 'path'?"),
        (GOOD.replace("sets/a,", "3,"), "datasets: 3 is no folder"),
        (DRAWN.replace("queries: 2", "queries: 0"), "datasets: the drawn workload cannot be drawn: queries"),
        (DRAWN.replace("queries: 2", "querys: 2"), "Did you mean 'queries'"),
        (
            DRAWN.replace("documents: 8}", "documents: 8}, split: dev"),
            "line 3: datasets: unknown key 'split'. Known: drawn",
        ),
        (DRAWN.replace("{drawn: {queries: 2, documents: 8}}", "{drawn: 3}"), "datasets: drawn"),
        (DRAWN.replace("retriever: given, ", ""), "set retriever: given (it is 'bm25')"),
        (DRAWN.replace(", reranker: shape:qwen3-tiny", ""), "nothing but pairs for a reranker, and none is named"),
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
        ("depth=1,[", "YAML"),
        ("depth=1,", "nothing before or after a comma"),
        ("depth=1,1", "the command line: depth has 1 twice"),
        ("depth=[]", "depth has an empty list"),
        ("server_batch=1,2", "the axis server_batch decides nothing in any pipeline"),
    ],
)
def test_wrong_overrides_say_so(write, item: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(write(GOOD), [item])
    assert said in str(caught.value)


PLACES = """name: study
datasets:
  - sets/a
  - path: sets/b
    split: dev
trial:
  depth: 20
  retriever: bm25
pipelines:
  BM25: {}
  Both:
    reranker: ./model
    batch_size: 4
axes:
  max_length: [512, 1024]
include:
  - batch_size: 64
    pipeline: Both
exclude:
  - max_length: 512
    batch_size: 4
time_limit_s: 60
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: study", "name: 5", "line 1: name: Input should be a valid string, given 5"),
        ("sets/a", "5", "line 3: datasets: 5 is no folder"),
        ("sets/a", "''", "line 3: datasets: path: it is empty, given ''"),
        ("    split: dev", "    splt: dev", "line 5: datasets: unknown key 'splt'. Did you mean 'split'"),
        ("depth: 20", "depth: 0", "line 7: trial: depth is 0; it must be at least 1"),
        ("depth: 20", "dept: 20", "line 7: trial: unknown field 'dept'. Did you mean 'depth'"),
        ("depth: 20", "depth: [1, 2]", "line 7: trial: depth is the list [1, 2]"),
        ("depth: 20", "depth: 010", "line 7: trial: depth: Input should be a valid integer, given '010' (which YAML"),
        ("depth: 20", "timeout_s: 1e3", "given '1e3' (which YAML takes for a text; write 1000)"),
        ("bm25\n", "dense\n", "line 10: pipeline 'BM25': retriever 'dense' needs an embedder"),
        ("batch_size: 4\naxes", "batch_size: four\naxes", "line 13: pipeline 'Both': batch_size: Input should be"),
        ("batch_size: 4\naxes", "use_fp16: maybe\naxes", "line 13: pipeline 'Both': use_fp16 is 'maybe'"),
        ("[512, 1024]", "[512, 0]", "line 15: axes: max_length is 0; it must be at least 1"),
        ("[512, 1024]", "[512, 512]", "line 15: axes: max_length has 512 twice"),
        ("batch_size: 64", "batch_size: -1", "line 17: include rule 1: batch_size is -1; it must be at least 1"),
        ("pipeline: Both", "pipeline: Bth", "line 18: include rule 1: unknown pipeline 'Bth'. Did you mean 'Both'"),
        ("- max_length: 512", "- max_length: 511", "line 20: exclude rule 1: no cell has all of max_length 511"),
        ("time_limit_s: 60", "time_limit_s: 0", "line 22: time_limit_s is 0"),
    ],
)
def test_a_mistake_is_told_with_the_line_that_says_it(write, old: str, new: str, said: str) -> None:
    path = write(PLACES)
    assert load_plan(path).trials
    assert old in PLACES
    path.write_text(PLACES.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    assert said in str(caught.value)
    assert re.match(r".*study\.yaml line \d+: ", str(caught.value))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("depth=0", "the command line: depth is 0; it must be at least 1"),
        ("time_limit_s=0", "the command line: time_limit_s is 0"),
        ("datasets=[5]", "the command line: datasets: 5 is no folder"),
        ("datasets={name: x, trec: {docs: '', topics: t, qrels: q}}", "a path is empty"),
        ("datasets=a,", "a path is empty, or there is nothing before or after a comma"),
        ("batch_size=1,two", "the command line: batch_size: Input should be a valid integer"),
        ("depth=.inf", "the value of 'depth=.inf' is not valid YAML: .inf is no number that can be worked with"),
        ("depth={a: 1, a: 2}", "the key 'a' is here a second time"),
        ("depth=!!python/name:os.system", "the tag !!python/name:os.system is not read here"),
    ],
)
def test_a_mistake_behind_the_command_is_not_blamed_on_the_file(write, item: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(write(PLACES), [item])
    assert said in str(caught.value)
    assert "line 2" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{name: x, trec: {docs: '', topics: t, qrels: q}}", "set 'x': docs.0: it is empty, given ''"),
        ("{name: x, trec: {docs: d, topics: t, qrels: {'../../out': q}}}", "the name of a split has no slash"),
        ("{name: x, reranking: r.jsonl, split: ../../out}", "split: the split '../../out' has a slash"),
        ("{name: x, reranking: {file: r.csv, delimiter: ';;'}}", "delimiter: it must be one character, such as ';'"),
        ("{name: x, hf: {repository: '', reranking: {}}}", "repository: it is empty"),
    ],
)
def test_a_mapping_of_a_set_leads_nowhere_else(write, entry: str, said: str) -> None:
    """A split is a file's name in the cache: with ../ in it, it was written outside."""
    with pytest.raises(ConfigError) as caught:
        load_plan(write(PLACES.replace("sets/a", entry)))
    assert said in str(caught.value)
    assert "study.yaml line 3: datasets: set 'x'" in str(caught.value)


def test_a_part_of_the_only_split_of_a_mapping(write) -> None:
    """The part is the trial's; the set has the whole split."""
    entry = "{name: x, trec: {docs: d, topics: t, qrels: q}, split: test/dev}"
    first = load_plan(write(PLACES.replace("sets/a", entry))).trials[0]
    assert (first.split, parse_name(first.dataset).qrels) == ("test/dev", {"test": "q"})


def test_a_key_that_stands_twice_is_refused(write) -> None:
    """YAML would take the last one and say nothing: a study of another depth than the one at the top of the file."""
    with pytest.raises(ConfigError, match=r"line 8: the key 'depth' is here a second time; the first is on line 7"):
        load_plan(write(PLACES.replace("  retriever: bm25", "  depth: 50")))


def test_a_missing_config_names_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rerankbench run quickstart"):
        load_plan(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("name", ["quickstart", "qwen3"])
def test_shipped_configs_are_valid(root: Path, name: str) -> None:
    plan = load_plan(root / "configs" / f"{name}.yaml")
    assert [trial.pipeline for trial in plan.trials] == ["BM25", "Embedding", "Embedding + reranker"]
    assert plan.axes == ()


@pytest.mark.parametrize(
    ("devices", "cells"), [(("cpu",), 24), (("cpu", "cuda:0", "cuda:1"), 72)]
)  # 4 batch sizes × 3 lengths × 2 number formats on each
def test_the_full_grid(root: Path, monkeypatch: pytest.MonkeyPatch, devices: tuple[str, ...], cells: int) -> None:
    monkeypatch.setattr(bench.machine.device, "all_devices", lambda: devices)
    plan = load_plan(root / "configs" / "sweep.yaml")
    assert len(plan.trials) == cells
    assert Counter(trial.device for trial in plan.trials) == dict.fromkeys(devices, 24)
    assert len({quality_key(trial) for trial in plan.trials}) == 6 * len(devices)
    assert {"dtype", "max_length", "batch_size"} <= set(plan.axes)


def test_the_commands_shown_in_the_full_grid_are_right(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.machine.device, "all_devices", lambda: ("cpu",))
    config = root / "configs" / "sweep.yaml"
    comment = " ".join(
        line.removeprefix("#").removesuffix("\\").strip()
        for line in config.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    )
    commands = [words.split("rerankbench")[0] for words in comment.split("rerankbench run configs/sweep.yaml")[1:]]
    found = []
    for command in commands:
        items = [word for word in shlex.split(command, comments=True) if re.match(r"[a-z_0-9]+=", word)]
        found.append(load_plan(config, items))
    sizes = [len(plan.trials) for plan in found]
    assert sizes == [24, 24, 6, 24, 24]
    assert {trial.reranker for trial in found[3].trials} == {"Qwen/Qwen3-Reranker-0.6B"}
    assert {trial.reranker for trial in found[4].trials} == {"shape:qwen3-0.6b"}
    assert {parse_drawn(trial.dataset).max_tokens for trial in found[4].trials} == {2048}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("development", {"device": "cpu", "dtype": "fp32", "batch_size": 4}),
        ("production", {"device": "cuda", "dtype": "fp16", "batch_size": 16}),
        ("edge", {"dtype": "fp16", "batch_size": 1, "max_length": 2048}),
    ],
)
def test_the_tutorial_s_tiers(root: Path, name: str, expected: dict[str, object]) -> None:
    config = root / "configs" / "profiles" / f"{name}.yaml"
    (trial,) = load_plan(config).trials
    assert {field: getattr(trial, field) for field in expected} == expected
    assert trial.reranker == "shape:qwen3-0.6b"
    real = ["datasets=path/to/folder", "retriever=bm25", "reranker=Qwen/Qwen3-Reranker-0.6B"]
    assert all(item in config.read_text(encoding="utf-8") for item in real)
    (labelled,) = load_plan(config, real).trials
    assert labelled.retriever == "bm25"


def test_the_hardware_profiles(root: Path) -> None:
    cpu = load_plan(root / "configs" / "profiles" / "cpu.yaml")
    assert len(cpu.trials) == 2 * 2 * 3
    assert {trial.device for trial in cpu.trials} == {"cpu"}
    gpu = load_plan(root / "configs" / "profiles" / "gpu.yaml")
    packed = [trial for trial in gpu.trials if trial.pipeline == "packed"]
    assert len(packed) == 3 * 3 * 5
    assert {trial.batch_size for trial in packed} == {1, 4, 16, 64, 256}
    assert all(trial.depth >= int(trial.batch_size or 0) for trial in gpu.trials)
    assert {(trial.dtype, trial.engine) for trial in gpu.trials if trial not in packed} == {("bf16", "reference")}
    for plan in (cpu, gpu):
        (name,) = {trial.dataset for trial in plan.trials}
        assert parse_drawn(name).documents >= max(int(trial.batch_size or 0) for trial in plan.trials)
