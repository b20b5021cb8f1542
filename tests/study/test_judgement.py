"""What becomes of test: the same queries are the same, whatever their set is called and wherever it lies."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

from bench.data import load_dataset
from bench.judge import dataset_facts
from bench.keys import arms_key, quality_key
from bench.prepare import Prepared
from bench.store import Store, set_name
from bench.study.judgement import Judgement, judge_test
from bench.study.looks import FILE, read_looks
from bench.trial import load_trial_dataset
from bench.types import Trial

BASE = "official"


def judged(
    store: Store, chosen: str, looks: int = 1, arms: tuple[str, ...] = (BASE, "a", "b"), **fields: Any
) -> Judgement:
    """Where dev speaks for ``chosen``; ``fields`` are those of all trials."""
    items = {}
    for arm in arms:
        trial = Trial(pipeline=arm, instruction=arm, **{"device": "cpu", "reranker": "some", **fields})
        dataset = load_trial_dataset(trial, store.folder.parent, lambda *told: None)
        items[arm] = Prepared(trial, dataset, dataset_facts(dataset), {})
    file: Any = SimpleNamespace(measures=("ndcg@10",), baseline=BASE, looks=looks)
    values = {arm: {"ndcg@10": {"q": float(arm == chosen)}} for arm in arms}
    dev: Any = SimpleNamespace(scores=SimpleNamespace(per_query=values), results=dict.fromkeys(arms))
    return judge_test(file, dev, items, store)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice has tests of its own."""

    def choose(scores: Any, measure: str, baseline: str) -> str:
        return max(scores.per_query, key=lambda arm: scores.per_query[arm][measure]["q"])

    monkeypatch.setattr("bench.study.judgement.choose", choose)


@pytest.fixture
def store(tmp_path: Path, small_set: Path) -> Store:
    assert small_set == tmp_path / "small"
    return Store(tmp_path / "out")


def test_the_chosen_arm_is_tested_and_the_next_one_is_not(store: Store) -> None:
    first = judged(store, "a", dataset="small")
    assert (first.tested, first.refused, first.looks, first.planned) == (("a",), (), 1, 1)
    second = judged(store, "b", dataset="small")
    assert (second.tested, second.refused, second.looks) == (("a",), ("a",), 1)
    assert judged(store, BASE, dataset="small").tested == ("a",)


def test_the_baseline_is_no_look(store: Store) -> None:
    assert judged(store, BASE, dataset="small", looks=3) == Judgement(BASE, (), (), 0, 3)
    assert not (store.folder / FILE).exists()


def copied(small_set: Path, store: Store) -> dict[str, Any]:
    shutil.copytree(small_set, store.folder.parent / "copy")
    return {"dataset": "copy"}


def renamed(small_set: Path, store: Store) -> dict[str, Any]:
    (small_set / "dataset.toml").write_text('name = "another"\n', encoding="utf-8")
    return {"dataset": "small"}


AGAIN: dict[str, Any] = {
    "another name in the card": renamed,
    "another path to it": lambda small_set, store: {"dataset": "../small/../" + small_set.parent.name + "/small"},
    "an absolute path": lambda small_set, store: {"dataset": str(small_set)},
    "a copy": copied,
    "a seed that draws nothing": lambda small_set, store: {"dataset": "small", "seed": 9},
    "a sample that is the whole": lambda small_set, store: {"dataset": "small", "max_queries": 1000},
}


@pytest.mark.parametrize("how", AGAIN)
def test_no_other_name_or_path_gives_another_look(how: str, store: Store, small_set: Path) -> None:
    first = judged(store, "a", dataset="small")
    fields = AGAIN[how](small_set, store)
    same = judged(store, "a", **fields)
    assert same == first
    later = judged(store, "b", **fields)
    assert (later.tested, later.refused, later.looks) == (("a",), ("a",), 1)
    assert len(read_looks(store)) == 1


@pytest.mark.parametrize("field", [{"max_queries": 2}, {"reranker": "other"}, {"max_length": 77}])
def test_another_question_or_sample_has_looks_of_its_own(field: dict[str, Any], store: Store) -> None:
    judged(store, "a", dataset="small")
    assert judged(store, "b", dataset="small", **field).tested == ("b",)
    assert len(read_looks(store)) == 2


def test_other_contents_have_looks_of_their_own(store: Store, small_set: Path) -> None:
    judged(store, "a", dataset="small")
    with (small_set / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"_id": "d7", "title": "", "text": "fresh"}\n')
    found = judged(store, "b", dataset="small")
    assert (found.tested, found.looks) == (("b",), 1)


def written_by_an_earlier_version(store: Store, small_set: Path) -> None:
    """A look with the arm a, at the set by the path small: sets were known by name and path."""
    trial = Trial("small", BASE, device="cpu", reranker="some", instruction=BASE)
    look = {
        "test_set": set_name(trial, dataset_facts(load_dataset(small_set))),
        "question": arms_key(trial),
        "arm": quality_key(replace(trial, pipeline="a", instruction="a")),
        "baseline": quality_key(trial),
        "name": "a",
        "planned": 1,
        "at": "2026-01-01T00:00:00+00:00",
    }
    (store.folder / FILE).write_text(json.dumps([look]), encoding="utf-8")


def test_a_look_of_an_earlier_version_holds_as_it_did(store: Store, small_set: Path) -> None:
    written_by_an_earlier_version(store, small_set)
    before = (store.folder / FILE).read_bytes()
    assert judged(store, "a", dataset="small", looks=5) == Judgement("a", ("a",), (), 1, 1)
    assert judged(store, "b", dataset="small", looks=5) == Judgement("b", ("a",), ("a",), 1, 1)
    renamed(small_set, store)
    assert judged(store, "b", dataset="small", looks=5) == Judgement("b", ("a",), ("a",), 1, 1)
    assert (store.folder / FILE).read_bytes() == before


@pytest.mark.parametrize("chosen", ["a", "b"])
@pytest.mark.parametrize("fields", [{"dataset": "out/../small"}, {"dataset": "small", "reranker": "other"}])
def test_a_look_of_an_earlier_version_counts_where_it_cannot_be_told_apart(
    chosen: str, fields: dict[str, Any], store: Store, small_set: Path
) -> None:
    written_by_an_earlier_version(store, small_set)
    assert judged(store, chosen, looks=5, **fields) == Judgement(chosen, (), ("a",), 1, 1)


def test_a_study_that_died_after_its_look_was_recorded_takes_it_again(store: Store) -> None:
    class Dies(Store):
        def write(self, name: str, payload: bytes) -> Path:
            super().write(name, payload)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(Dies(store.folder), "a", dataset="small")
    assert judged(store, "a", dataset="small").tested == ("a",)
    assert judged(store, "b", dataset="small").refused == ("a",)
    assert len(read_looks(store)) == 1


def test_two_studies_at_once_get_the_one_look_that_was_planned(store: Store) -> None:
    """Each has come as far as the record before either has looked."""
    together, found = threading.Barrier(2, timeout=60), dict[str, Judgement]()

    class Late(Store):
        def lock(self, name: str) -> FileLock:
            together.wait()
            return super().lock(name)

    def study(chosen: str) -> None:
        found[chosen] = judged(Late(store.folder), chosen, dataset="small")

    studies = [threading.Thread(target=study, args=(chosen,)) for chosen in "ab"]
    for each in studies:
        each.start()
    for each in studies:
        each.join()
    assert len(read_looks(store)) == 1
    assert sorted(len(each.refused) for each in found.values()) == [0, 1]
    assert found["a"].tested == found["b"].tested == tuple(name for name in "ab" if not found[name].refused)
