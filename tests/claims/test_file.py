"""The claims file: what is read, and what is said of every mistake in it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.claims import is_claims
from bench.claims.file import ClaimsFile, load_claims
from bench.types import ConfigError

Tree = dict[str, Any]

TREE: Tree = {
    "name": "study",
    "source": {"title": "A paper", "date": "2025-06"},
    "experiments": {
        "small": {
            "datasets": ["small"],
            "trial": {"depth": 5, "measures": ["ndcg@10", "recall@5"]},
            "pipelines": {
                "BM25": {"retriever": "bm25"},
                "reranked": {"retriever": "bm25", "reranker": "asset:tracer-reranker"},
            },
        }
    },
    "claims": [
        {
            "id": "gain",
            "statement": "Reranking   adds five\n points.",
            "source": {"where": "table 2"},
            "experiment": "small",
            "figures": [
                {"name": "gain", "measure": "ndcg@10", "expected": "+5 points", "pipeline": "reranked", "minus": "BM25"}
            ],
        },
        {
            "id": "example",
            "statement": "The first document scores 0.94.",
            "examples": {"query": "q", "documents": ["a", "b"], "trial": {"reranker": "asset:tracer-reranker"}},
            "figures": [{"name": "first", "measure": "probability", "expected": "0.94", "document": 1}],
        },
    ],
}


def written(tmp_path: Path, tree: Tree) -> Path:
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def loaded(tmp_path: Path, *overrides: str) -> ClaimsFile:
    return load_claims(written(tmp_path, TREE), overrides)


def test_claims_with_their_own_source_laid_over_the_files(tmp_path: Path) -> None:
    file = loaded(tmp_path)
    gain, example = file.claims
    assert (gain.source.title, gain.source.date, gain.source.where) == ("A paper", "2025-06", "table 2")
    assert gain.statement == "Reranking adds five points."
    assert gain.figures[0].minus == "BM25"
    assert gain.figures[0].printed.value == pytest.approx(0.05)
    assert example.example is not None
    assert example.figures[0].options == {"document": 1}
    assert [trial.pipeline for trial in file.trials["small"]] == ["BM25", "reranked"]


def test_an_override_is_for_every_experiment_and_what_the_file_states_is_kept(tmp_path: Path) -> None:
    file = loaded(tmp_path, "max_length=64", "max_queries=2")
    assert {trial.max_queries for trial in file.trials["small"]} == {2}
    assert {trial.max_queries for trial in file.stated["small"]} == {None}
    assert file.overrides == {"max_length": 64, "max_queries": 2}
    assert file.text.startswith("# override: max_length=64\n")


def test_a_claims_file_is_told_from_other_configs(tmp_path: Path, root: Path) -> None:
    assert is_claims(written(tmp_path, TREE))
    assert not is_claims(root / "configs" / "quickstart.yaml")
    assert not is_claims(tmp_path / "absent.yaml")


def _claim(tree: Tree, place: int = 0) -> Tree:
    return tree["claims"][place]  # type: ignore[no-any-return]


def _figure(tree: Tree, place: int = 0) -> Tree:
    return _claim(tree, place)["figures"][0]  # type: ignore[no-any-return]


MISTAKES: dict[str, tuple[Callable[[Tree], object], str]] = {
    "unknown key": (lambda t: _claim(t).update(verdikt="x"), "verdikt"),
    "no figures": (lambda t: _claim(t).update(figures=[]), "figures"),
    "no title": (lambda t: t["source"].pop("title"), "'gain': its source has no title"),
    "two of one id": (lambda t: _claim(t, 1).update(id="gain"), "two claims have the id 'gain'"),
    "bad id": (lambda t: _claim(t).update(id="Not An Id"), "an id has small letters"),
    "no experiment": (lambda t: _claim(t).pop("experiment"), "name its experiment, or give examples"),
    "unknown experiment": (lambda t: _claim(t).update(experiment="smal"), "Did you mean 'small'"),
    "both": (lambda t: _claim(t, 1).update(experiment="small"), "it has an experiment and examples"),
    "unknown pipeline": (lambda t: _figure(t).update(pipeline="rerank"), "Did you mean 'reranked'"),
    "unknown minus": (lambda t: _figure(t).update(minus="bm25"), "Did you mean 'BM25'"),
    "unknown dataset": (lambda t: _figure(t).update(dataset="big"), "'big'"),
    "unknown field": (lambda t: _figure(t).update(where={"dtyp": "fp16"}), "Did you mean 'dtype'"),
    "unknown measure": (lambda t: _figure(t).update(measure="latency_p50"), "Did you mean 'latency_p50_s'"),
    "half a cut-off": (lambda t: _figure(t).update(measure="recall@0.5"), "K a whole number"),
    "measure not taken": (lambda t: _figure(t).update(measure="map"), "map is not among the measures of the trials"),
    "cost with minus": (lambda t: _figure(t).update(measure="load_s"), "minus is for measures of quality"),
    "no figure": (lambda t: _figure(t).update(expected="a lot"), "'gain': expected: 'a lot' is not a figure"),
    "a bad tolerance": (lambda t: _claim(t).update(tolerance="< 1%"), "tolerance"),
    "a missing option": (
        lambda t: _figure(t).update(measure="relevant_share", minus=None, **{"with": {"at": 0.9}}),
        "needs 'width'",
    ),
    "a strange option": (lambda t: _figure(t).update(**{"with": {"at": 0.9}}), "takes no option 'at'"),
    "a document too many": (lambda t: _figure(t, 1).update(document=3), "there are 2 documents, not 3"),
    "a document too many in with": (
        lambda t: (_figure(t, 1).pop("document"), _figure(t, 1).update(**{"with": {"document": 3}})),
        "there are 2 documents, not 3",
    ),
    "a document of no kind": (
        lambda t: (_figure(t, 1).pop("document"), _figure(t, 1).update(**{"with": {"document": "one"}})),
        "with: document: Input should be a valid integer, given 'one'",
    ),
    "an option of no kind": (
        lambda t: _figure(t).update(measure="relevant_share", minus=None, **{"with": {"at": "high", "width": 0.1}}),
        "with: at: Input should be a valid number, given 'high'",
    ),
    "bounds the wrong way round": (
        lambda t: _figure(t).update(measure="long_minus_short", minus=None, **{"with": {"long": 9, "short": [5, 2]}}),
        "short is [at least, at most], given (5, 2)",
    ),
    "an example's value of no kind": (
        lambda t: _claim(t, 1)["examples"]["trial"].update(max_length="long"),
        "examples: max_length: Input should be",
    ),
    "an example's pipeline": (
        lambda t: _claim(t, 1)["examples"]["trial"].update(pipeline="x"),
        "examples have no pipeline; leave it out",
    ),
    "an unknown key of a figure": (lambda t: _figure(t).update(expcted="1"), "'expcted'. Did you mean 'expected'?"),
    "an unknown key of examples": (lambda t: _claim(t, 1)["examples"].update(qeury="x"), "Did you mean 'query'?"),
    "an unknown key of a source": (
        lambda t: t["source"].update(titel="x"),
        "source: unknown key 'titel'. Did you mean",
    ),
    "an unknown key of a claim": (
        lambda t: _claim(t).update(evidnce="same"),
        "claims.0: unknown key 'evidnce'. Did you",
    ),
    "an example's measure": (lambda t: _figure(t, 1).update(measure="ndcg@10"), "examples are measured by"),
    "an example's field": (lambda t: _claim(t, 1)["examples"]["trial"].update(rerankr="x"), "Did you mean 'reranker'"),
    "an experiment's key": (lambda t: t["experiments"]["small"].update(datasts=[]), "Did you mean 'datasets'"),
    "an experiment's field": (lambda t: t["experiments"]["small"]["trial"].update(depht=5), "Did you mean 'depth'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_the_file_and_the_claim(tmp_path: Path, mistake: str) -> None:
    spoil, said = MISTAKES[mistake]
    tree = copy.deepcopy(TREE)
    spoil(tree)
    path = written(tmp_path, tree)
    with pytest.raises(ConfigError) as caught:
        load_claims(path)
    assert str(caught.value).startswith(f"{path} line ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_datasets_cannot_be_overridden_for_all_experiments(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="each experiment of a claims file has its own"):
        loaded(tmp_path, "datasets=elsewhere")
