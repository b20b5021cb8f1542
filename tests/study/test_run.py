"""A study run on the embedded set: what is scored when, what is looked at, and that nothing finished is lost."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.agreement import agree
from bench.config.plan import load_plan
from bench.data import load_dataset
from bench.explorer.collect import collect_study
from bench.keys import quality_key
from bench.prepare import prepare
from bench.process import ThisMachine
from bench.publish import publish_study, read_study, republish
from bench.runner import run_all
from bench.store import Store
from bench.study.file import load_study
from bench.study.looks import read_looks
from bench.study.run import Studied, find_inputs, run_study
from bench.tracer.instructions import INSTRUCTIONS
from bench.types import ConfigError

pytestmark = pytest.mark.long

GENERIC = ["official", "official-eval", "tutorial-zh"]
TREE = {
    "name": "study",
    "datasets": [],
    "trial": {
        "retriever": "dense", "embedder": "asset:tracer-embedder", "reranker": "asset:tracer-reranker", "depth": 10,
        "max_queries": 24, "device": "cpu", "dtype": "fp32",
    },
    "baseline": "official",
    "instructions": GENERIC,
}  # fmt: skip


LEXICAL = {"reranker": "asset:tracer-reranker", "depth": 20, "max_queries": 24, "device": "cpu", "dtype": "fp32"}
"""Without an embedder a process starts sooner."""
BACKGROUND = {"name": "background", "text": INSTRUCTIONS["background-en"].text}
"""What the tiny reranker takes for a wish for background, and not for a solution."""


def untold(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def write(folder: Path, root: Path, **changes: object) -> Path:
    path = folder / "study.yaml"
    tree = {**TREE, "datasets": [str(root / "datasets" / "tracer")], **changes}
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    return path


def ran(config: Path, store: Store) -> Studied:
    file = load_study(config)
    return run_study(file, find_inputs(file, untold), store, untold, lambda result, found: None)


def passes(store: Store) -> dict[str, int]:
    """Quality pass -> when it was written."""
    return {path.stem: path.stat().st_mtime_ns for path in (store.folder / "quality").glob("*.json")}


JOBS: list[list[str]] = []
"""The arms that each process was asked to score."""


class Counting(ThisMachine):
    def run(self, job, *rest):  # type: ignore[no-untyped-def]
        JOBS.append([arm.trial.pipeline for arm in job.arms])
        return super().run(job, *rest)


@pytest.fixture(autouse=True, scope="module")
def counted() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.study.run.ThisMachine", Counting)
        yield


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, root: Path) -> tuple[Store, Studied, Path]:
    """A finished study of three instructions that mean the same to the tiny reranker."""
    folder = tmp_path_factory.mktemp("study")
    config, store = write(folder, root), Store(folder / "out")
    return store, ran(config, store), config


def test_every_arm_is_measured_on_dev_and_two_on_test(first: tuple[Store, Studied, Path]) -> None:
    store, studied, _ = first
    (found,) = studied.study.conclusions
    asked = {(result.trial.split, result.trial.pipeline) for result in studied.results}
    assert {arm for split, arm in asked if split == "dev"} == set(GENERIC)
    tested = {arm for split, arm in asked if split == "test"}
    assert tested == (set() if found.ending == "baseline" else {"official", found.chosen})
    assert all(result.quality is not None and result.cost is None for result in studied.results)
    assert len(passes(store)) == len(studied.results)
    assert [GENERIC, *([["official", found.chosen]] if tested else [])] == JOBS  # one process for all arms of a side


def test_nothing_is_claimed_where_instructions_mean_the_same(first: tuple[Store, Studied, Path]) -> None:
    (found,) = first[1].study.conclusions
    assert found.ending in ("baseline", "not shown")


def test_arms_share_the_candidates(first: tuple[Store, Studied, Path]) -> None:
    store, studied, _ = first
    for split in ("dev", "test"):
        keys = [quality_key(result.trial) for result in studied.results if result.trial.split == split]
        texts = {(store.folder / "quality" / f"{key}.first_stage.trec").read_bytes() for key in keys}
        assert len(texts) == min(1, len(keys))


def test_the_scores_are_those_of_a_trial_by_itself(
    first: tuple[Store, Studied, Path], root: Path, tmp_path: Path
) -> None:
    store, studied, _ = first
    arm = next(result for result in studied.results if result.trial.pipeline == "tutorial-zh")
    path = tmp_path / "alone.yaml"
    tree = {
        "name": "alone", "datasets": [{"path": str(root / "datasets" / "tracer"), "split": "dev"}],
        "trial": {**TREE["trial"], "scenarios": []},  # type: ignore[dict-item]
        "pipelines": {"alone": {"instruction": arm.trial.instruction}},
    }  # fmt: skip
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    plan, alone = load_plan(path), Store(tmp_path / "out")
    items = prepare(plan, untold)
    (result,) = run_all(items, plan, alone, untold, lambda result, found: None)
    key = quality_key(result.trial)
    assert key == quality_key(arm.trial)  # a study finds what another run has scored
    ours, theirs = (one.find_quality(key, items[0].inputs, 10) for one in (store, alone))
    assert ours is not None and theirs is not None
    assert ours.first_stage == theirs.first_stage
    agreement = agree([ours.run], theirs.run, "logit")
    assert agreement is not None and agreement.largest_difference < 1e-5
    assert result.quality is not None and arm.quality is not None
    assert result.quality.means["ndcg@10"].mean == pytest.approx(arm.quality.means["ndcg@10"].mean, abs=1e-9)


def test_a_second_run_scores_nothing_and_looks_no_second_time(first: tuple[Store, Studied, Path]) -> None:
    store, studied, config = first
    before, looks = passes(store), read_looks(store)
    again = ran(config, store)
    assert passes(store) == before and read_looks(store) == looks
    assert again.study == studied.study


def test_what_is_published_is_read_again(first: tuple[Store, Studied, Path]) -> None:
    store, studied, _ = first
    publish_study(store, studied, "name: study", "rerankbench run study.yaml")
    assert read_study(store.folder) == studied.study
    page = (store.folder / "report.html").read_text(encoding="utf-8")
    republish(store.folder)
    assert (store.folder / "report.html").read_text(encoding="utf-8") == page
    with (store.folder / "ab.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["arm"] for row in rows if row["split"] == "dev"} == set(GENERIC)
    with (store.folder / "ab-queries.csv").open(encoding="utf-8") as file:
        by_query = list(csv.DictReader(file))
    assert all(bool(row["text"]) == (row["side"] == "dev") for row in by_query)  # test queries are not to be read


def test_texts_can_be_left_out(first: tuple[Store, Studied, Path]) -> None:
    store, studied, config = first
    file = load_study(config)
    inputs = find_inputs(file, untold)
    texts = [query.text for query in load_dataset(Path(file.sets[0].dev["official"].dataset), "dev").queries]
    collect_study(inputs, studied, file, store, untold)
    assert list((store.folder / "explorer").iterdir())
    bare = studied.without_texts()
    collect_study(inputs, bare, file, store, untold, with_texts=False)
    publish_study(store, bare, "name: study", "rerankbench run study.yaml")
    assert not list((store.folder / "explorer").iterdir())
    for name in ("report.html", "report.md", "ab.json", "ab-queries.csv"):
        written = (store.folder / name).read_text(encoding="utf-8")
        assert not any(text in written for text in texts), name
    assert bare.queries_csv.count("\n") == studied.queries_csv.count("\n")


def test_an_added_arm_is_all_that_is_scored_and_a_spent_look_is_refused(
    first: tuple[Store, Studied, Path], root: Path, tmp_path: Path
) -> None:
    """The instruction that truly helps comes too late: the test queries have been used."""
    store, studied, _ = first
    if studied.study.conclusions[0].ending == "baseline":
        pytest.skip("the baseline was the best on dev, so that no look is spent")
    before, looks = passes(store), read_looks(store)
    JOBS.clear()
    more = ran(write(tmp_path, root, instructions=[*GENERIC, "general-zh"]), store)
    (found,) = more.study.conclusions
    assert found.chosen == "general-zh" and found.ending == "not tested"
    assert studied.study.conclusions[0].chosen in found.reason and "fresh queries" in found.reason
    after = passes(store)
    assert {key: after[key] for key in before} == before and len(after) == len(before) + 1
    assert JOBS == [["general-zh"]]
    assert read_looks(store) == looks and found.looks == 1
    # what was tested then still stands, with its own figures
    then = [one for one in studied.study.contrasts if one.side == "test"]
    assert [one for one in more.study.contrasts if one.side == "test"] == then


def test_planned_looks_are_granted_and_paid_for(root: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    looks = {"looks": 2, "compare": ["ndcg@10"]}
    study = {"trial": LEXICAL, "baseline": "background", "instructions": [BACKGROUND, "general-zh"]}
    once = ran(write(tmp_path, root, study=looks, **study), store)
    (found,) = once.study.conclusions
    (test,) = (one for one in once.study.contrasts if one.side == "test")
    assert (found.chosen, found.planned_looks, found.looks) == ("general-zh", 2, 1)
    assert test.p_holm == pytest.approx(min(1.0, 2 * test.p))  # two looks are paid for, though one is taken
    for later in (9, 1):  # what was planned first holds, and so does its price
        again = ran(write(tmp_path, root, study={**looks, "looks": later}, **study), store).study
        assert again.conclusions[0].planned_looks == 2
        assert [one for one in again.contrasts if one.side == "test"] == [test]


def test_the_true_best_instruction_is_found(root: Path, tmp_path: Path) -> None:
    """On the embedded set `general-zh` and `service-zh` are taught to mean "solve", which is what is judged."""
    trial = {**TREE["trial"], "max_queries": 100, "depth": 12}  # type: ignore[dict-item]
    arms = ["official", "official-eval", "service-zh"]
    studied = ran(write(tmp_path, root, trial=trial, instructions=arms), Store(tmp_path / "out"))
    (found,) = studied.study.conclusions
    assert (found.chosen, found.ending) == ("service-zh", "better")
    steered = {one.value: one for one in studied.study.slices if one.feature == "steered"}
    assert steered["yes"].difference is not None and steered["no"].difference is not None
    assert steered["yes"].difference.low > 0.05 > steered["no"].difference.high  # it helps where it was built to


def test_arms_that_were_finished_outlive_a_killed_run(root: Path, tmp_path: Path) -> None:
    config, out = write(tmp_path, root, trial=LEXICAL), tmp_path / "out"
    command = [sys.executable, "-P", "-m", "bench", "run", str(config), "--out", str(out), "--quiet"]
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        deadline = time.monotonic() + 120
        while not list((out / "quality").glob("*.json")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    kept = passes(Store(out))
    assert kept
    time.sleep(0.5)  # the scoring process sees that it is alone, and ends
    store = Store(out)
    studied = ran(config, store)
    after = passes(store)
    assert {key: after[key] for key in kept} == kept
    assert len({result.trial.pipeline for result in studied.results if result.trial.split == "dev"}) == 3


def test_queries_on_both_sides_are_refused(root: Path, tmp_path: Path, small_set: Path) -> None:
    (small_set / "qrels" / "dev.tsv").write_bytes((small_set / "qrels" / "test.tsv").read_bytes())
    file = load_study(write(tmp_path, root, datasets=[str(small_set)]))
    with pytest.raises(ConfigError, match="3 queries are both in dev and in test"):
        find_inputs(file, untold)


def test_queries_bring_instructions_of_their_own(small_set: Path, tmp_path: Path, root: Path) -> None:
    """Some queries have the field and some do not; the study says how many."""
    lines = [json.loads(line) for line in (small_set / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    lines[0]["ask"] = "请判断该文档是否包含查询问题的直接答案"
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (small_set / "queries.jsonl").write_text(text, encoding="utf-8")
    arms = ["official", {"name": "own", "field": "ask", "text": "official"}]
    config = write(
        tmp_path, root, instructions=arms, study={"split": {"dev_share": 0.6, "seed": 2}},
        datasets=[str(small_set)], trial={"reranker": "asset:tracer-reranker", "depth": 5, "device": "cpu"},
    )  # fmt: skip
    studied = ran(config, Store(tmp_path / "out"))
    said = [note for note in studied.study.notes if "no field 'ask'" in note]
    asked = [result for result in studied.results if result.trial.pipeline == "own"]
    assert asked and all(result.trial.instruction_field == "ask" for result in asked)
    assert len(said) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stard_gold", "statutory_interp_en"])
def test_it_finds_nothing_where_there_is_nothing(
    name: str, shared_data: Callable[[str], Path], root: Path, tmp_path: Path
) -> None:
    """The tiny reranker knows nothing of law, so that no way to ask it can help."""
    config = root / "configs" / "instructions.yaml"
    file = load_study(config, [f"datasets={shared_data(name)}", "max_queries=120"])
    found = run_study(file, find_inputs(file, untold), Store(tmp_path / "out"), untold, lambda result, found: None)
    assert next(each.ending for each in found.study.conclusions) in ("not shown", "baseline")
