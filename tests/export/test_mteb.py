"""mteb's result files: what they say, and, where the package is at hand, that it loads them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.export import export
from bench.export.mteb_names import experiment_folder, languages, measure_name, model_of
from bench.finished import finished_results
from bench.measures import CUT_OFF_MEASURES, WHOLE_MEASURES
from bench.types import ConfigError, Trial, TrialResult

RERANKER = {"reranker": "org/reranker", "depth": 6}


def exported(
    folder: Path, to: Path, main_score: str = "ndcg@10", **tasks: str
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Path below mteb/results -> contents; and the notes."""
    done = export(folder, to, ["mteb"], tasks, main_score)
    place = to / "mteb" / "results"
    return {path.relative_to(place).as_posix(): json.loads(path.read_bytes()) for path, _ in done.files}, [*done.notes]


def test_each_model_has_its_folder_with_its_figures(results_folder: Path, tmp_path: Path) -> None:
    files, notes = exported(results_folder, tmp_path, SciFact="SciFact")
    assert notes == ["mteb has no name for r_precision: left out of its files."]
    revision = "e6" * 20
    assert {*files} == {
        "rerankbench__bm25/no_revision_available/SciFact.json",
        "rerankbench__bm25/no_revision_available/model_meta.json",
        f"org__reranker/{revision}/SciFact.json",
        f"org__reranker/{revision}/model_meta.json",
    }
    result = finished_results(results_folder)[1]
    assert result.quality is not None
    found = files[f"org__reranker/{revision}/SciFact.json"]
    (scores,) = found["scores"]["test"]
    for name, interval in result.quality.means.items():
        if name != "r_precision":
            assert scores[measure_name(name)] == interval.mean
    assert scores["main_score"] == scores["ndcg_at_10"]
    assert scores["hf_subset"] == "default" and scores["languages"] == ["eng-Latn"]
    assert scores["previous_results_model_meta"] == {"name": "org/embedder", "revision": "no_revision_available"}
    assert (found["task_name"], found["dataset_revision"]) == ("SciFact", "0f3c9a1")
    assert found["mteb_version"] is found["evaluation_time"] is found["kg_co2_emissions"] is None
    assert found["rerankbench"][0]["trial"] == result.trial.id and found["rerankbench"][0]["queries"] == 5
    meta = files[f"org__reranker/{revision}/model_meta.json"]
    assert (meta["name"], meta["revision"], meta["model_type"]) == ("org/reranker", revision, ["cross-encoder"])


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("ndcg@10", "ndcg_at_10"), ("map", "map"), ("mrr", "mrr"), ("hit_rate@1", "hit_rate_at_1"),
        ("r_precision", None), ("f1@10", None), ("ndcg_burges@10", None), ("precision@100", "precision_at_100"),
    ],
)  # fmt: skip
def test_measures_are_named_as_mteb_names_them(name: str, theirs: str | None) -> None:
    assert measure_name(name) == theirs


def test_every_measure_has_a_name_or_is_known_to_have_none() -> None:
    unnamed = {base for base in CUT_OFF_MEASURES if measure_name(f"{base}@10") is None}
    assert unnamed == {"ndcg_burges", "f1"}
    assert {base for base in WHOLE_MEASURES if measure_name(base) is None} == {"r_precision"}


@pytest.mark.parametrize(
    ("codes", "theirs"),
    [
        (["en", "zh"], ["eng-Latn", "cmn-Hans"]), (["zh-CN", "zh"], ["cmn-Hans"]), ([], ["und"]),
        (["go"], ["und"]), (["vie"], ["vie"]), (["EN"], ["eng-Latn"]),
    ],
)  # fmt: skip
def test_languages_are_written_in_three_letters(codes: list[str], theirs: list[str]) -> None:
    assert languages(codes) == theirs


@pytest.mark.parametrize(
    ("fields", "inputs", "name", "revision"),
    [
        ({}, {}, "rerankbench/bm25", "no_revision_available"),
        ({"embedder": "org/e"}, {"embedder_revision": "abc"}, "org/e", "abc"),
        ({"reranker": "asset:tiny"}, {"reranker_revision": "asset", "reranker": "9f" * 16},
         "rerankbench/tiny", "asset-9f9f9f9f"),
        ({"reranker": "/home/me/fine tuned"}, {"reranker_revision": "local", "reranker": "9f" * 16},
         "local/fine tuned", "local-9f9f9f9f"),
        ({"reranker": "model", "url": "http://host/rerank"}, {}, "served/model", "no_revision_available"),
        ({"reranker": "org/../x"}, {}, "org/_x", "no_revision_available"),
    ],
)  # fmt: skip
def test_a_model_is_named_by_organisation_and_revision(
    fields: dict[str, Any], inputs: dict[str, str], name: str, revision: str
) -> None:
    found = model_of(TrialResult(Trial("d", "p", **fields), "ok", inputs=inputs))
    assert (found.name, found.revision) == (name, revision)
    assert ".." not in found.folder and found.folder.count("/") == 1


def test_settings_of_one_model_are_experiments_and_speed_is_none(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make({**RERANKER, "max_length": 512}, {**RERANKER, "max_length": 8192},
                  {**RERANKER, "max_length": 512, "batch_size": 4})  # fmt: skip
    files, notes = exported(folder, tmp_path / "out", SciFact="SciFact")
    place = "org__reranker/no_revision_available/experiments"
    assert {name for name in files if name.endswith("SciFact.json")} == {
        f"{place}/max_length_512/SciFact.json",
        f"{place}/max_length_8192/SciFact.json",
    }
    assert files[f"{place}/max_length_512/model_meta.json"]["experiment_kwargs"] == {"max_length": 512}
    assert any("several settings (max_length)" in note and "match_name" in note for note in notes)


def test_splits_and_subsets_share_their_tasks_file(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make({"dataset": "card:mldr-de", "name": "MLDR de"}, {"dataset": "card:mldr-zh", "name": "MLDR zh"},
                  {"dataset": "card:mldr-zh", "name": "MLDR zh", "split": "dev"})  # fmt: skip
    files, notes = exported(folder, tmp_path / "out")
    scores = files["rerankbench__bm25/no_revision_available/MultiLongDocRetrieval.json"]["scores"]
    assert [each["hf_subset"] for each in scores["test"]] == ["de", "zh"]
    assert [each["hf_subset"] for each in scores["dev"]] == ["zh"]
    assert not any("--task" in note for note in notes)


def test_a_set_that_no_card_names_keeps_its_name_and_is_told_of(make: Callable[..., Path], tmp_path: Path) -> None:
    files, notes = exported(make({"name": "My set"}), tmp_path / "out")
    assert "rerankbench__bm25/no_revision_available/My set.json" in files
    assert any("--task 'My set=TASK' names it" in note for note in notes)


def test_a_sample_is_told_of(make: Callable[..., Path], tmp_path: Path) -> None:
    _, notes = exported(make({"max_queries": 3}), tmp_path / "out")
    assert any("sample of 5 queries" in note and "do not publish" in note for note in notes)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"SciFct": "SciFact"}, "--task SciFct=…: there is no such dataset here; there is A, B"),
        ({"A": "T", "B": "T"}, "b and a would both be the task T; name one with --task 'b=TASK'"),
        (
            {"main_score": "r_precision"},
            "--main-score 'r_precision' is no measure that mteb and these trials have: ndcg@",
        ),
        ({"main_score": "ndcg@7"}, "--main-score 'ndcg@7' is no measure that mteb and these trials have: ndcg@10, "),
    ],
)
def test_what_mteb_could_not_hold_is_refused(
    how: dict[str, str], said: str, make: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make({"dataset": "a", "name": "A"}, {"dataset": "b", "name": "B"})
    with pytest.raises(ConfigError, match=re.escape(said)):
        exported(folder, tmp_path / "out", **how)


def test_a_long_list_of_settings_becomes_a_hash_as_in_mteb() -> None:
    assert experiment_folder({"b": "x/y", "a": None}) == "a_None__b_x_y"
    assert experiment_folder({"instruction": "w" * 300}).startswith("exp_")


# ------------------------------------------------------------------------------------------ with the package itself


@pytest.fixture
def mteb() -> Any:
    return pytest.importorskip("mteb", reason="mteb is not installed; pip install mteb, to load the files for real")


@pytest.mark.filterwarnings("ignore")
def test_mteb_loads_every_file(mteb: Any, results_folder: Path, tmp_path: Path) -> None:
    files, _ = exported(results_folder, tmp_path, SciFact="SciFact")
    loaded = mteb.ResultCache(str(tmp_path / "mteb")).load_results(tasks=["SciFact"], include_remote=False)
    found = {model.model_name: model.task_results[0] for model in loaded.model_results}
    means = {r.trial.pipeline: r.quality.means["ndcg@10"].mean for r in finished_results(results_folder) if r.quality}
    assert {name: task.get_score() for name, task in found.items()} == pytest.approx(
        {"rerankbench/bm25": means["BM25"], "org/reranker": means["Dense + 重排"]}
    )
    for name in files:
        if not name.endswith("model_meta.json"):
            task = mteb.TaskResult.from_disk(tmp_path / "mteb" / "results" / name)
            assert (task.task_name, task.hf_subsets, task.languages) == ("SciFact", ["default"], ["eng"])


@pytest.mark.filterwarnings("ignore")
def test_mteb_loads_experiments_by_their_settings(mteb: Any, make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make({**RERANKER, "max_length": 512}, {**RERANKER, "max_length": 8192})
    exported(folder, tmp_path / "out", SciFact="SciFact")
    cache = mteb.ResultCache(str(tmp_path / "out" / "mteb"))
    named = cache.load_results(load_experiments="match_name", include_remote=False).model_results
    assert sorted(str(each.experiment_name) for each in named) == ["max_length_512", "max_length_8192"]
    (one,) = cache.load_results(experiment_kwargs={"max_length": 512}, include_remote=False).model_results
    quality = finished_results(folder)[0].quality
    assert quality is not None and one.task_results[0].get_score() == pytest.approx(quality.means["ndcg@10"].mean)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "settings",
    [{"max_length": 8192}, {"dtype": "bf16", "instruction": None}, {"deterministic": True, "instruction": "a <b>: c?"},
     {"instruction": "w" * 300}],
)  # fmt: skip
def test_folders_of_experiments_are_named_as_mteb_names_them(mteb: Any, settings: dict[str, Any]) -> None:
    from mteb.models.model_meta import _serialize_experiment_kwargs_to_name

    assert experiment_folder(settings) == _serialize_experiment_kwargs_to_name(settings)
