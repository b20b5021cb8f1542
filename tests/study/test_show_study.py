"""What is said before a study runs: sentences on hand-made numbers, and a plan that leaves the folder as it was."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from bench.config.plan import Plan
from bench.data.parts import HALF, Part
from bench.dryrun.estimate import PassGuess
from bench.dryrun.survey import survey
from bench.keys import quality_key
from bench.show_study import can_show, cost_sentence, print_plan
from bench.study.choice import planned
from bench.study.file import StudyFile, load_study
from bench.study.power import detectable
from bench.study.words import Planned
from bench.types import DataError


def plan(queries: int, comparisons: int = 1, measure: str = "ndcg@10", sd: float = 0.2) -> Planned:
    return planned("faq", measure, "dev", queries, comparisons, sd, "assumed", 0.02)


# ---------------------------------------------------------------------------------------------- what can be shown


@pytest.mark.parametrize(
    ("queries", "said"), [(0, "0 dev queries show"), (1, "1 dev query shows"), (5, "5 dev queries show")]
)
def test_too_few_queries_show_nothing(queries: int, said: str) -> None:
    assert plan(queries).detectable is None
    (sentence,) = can_show([plan(queries)])
    assert sentence == f"faq: {said} no difference, however large (at a level of 5%)."


def test_many_comparisons_need_more_queries_to_show_anything() -> None:
    (sentence,) = can_show([plan(6, comparisons=12)])
    assert sentence == "faq: 6 dev queries show no difference, however large (12 comparisons share the level of 5%)."


def test_one_comparison() -> None:
    (sentence,) = can_show([plan(100)])
    shown, half, double = (f"{detectable(sd, 100, 0.05):.3f}" for sd in (0.2, 0.1, 0.4))
    assert sentence == (
        f"faq: 100 dev queries show a true difference of {shown} in nDCG@10 in 80% of studies (at a level of 5%; "
        f"per-query differences are assumed to spread by 0.2: {half} with 0.1, {double} with 0.4). 0.02 would "
        "need about 787."
    )


def test_the_numbers_are_those_of_the_textbook() -> None:
    """Cohen 1988: a paired test of 34 finds half a standard deviation in 80% of studies."""
    (sentence,) = can_show([planned("faq", "ndcg@10", "test", 34, 1, 0.2, "assumed", 0.1)])
    assert "34 test queries show a true difference of 0.099" in sentence
    assert sentence.endswith(" 0.1 would need about 34.")


def test_several_comparisons_share_the_level() -> None:
    (sentence,) = can_show([plan(1_234, comparisons=12)])
    assert sentence.startswith(
        f"faq: 1,234 dev queries show a true difference of {detectable(0.2, 1_234, 0.05 / 12):.3f}"
    )
    assert "(12 comparisons share the level of 5%; " in sentence


def test_measures_of_which_the_same_is_said_share_a_sentence() -> None:
    same = [plan(100, 2, measure) for measure in ("ndcg@10", "precision@1")]
    (sentence,) = can_show(same)
    assert " in nDCG@10 or Precision@1 in 80% of studies" in sentence
    assert len(list(can_show([*same, plan(50, 2)]))) == 2


def test_of_no_plans_nothing_is_said() -> None:
    assert list(can_show([])) == []


# ------------------------------------------------------------------------------------------------------- the cost

TREE = {
    "name": "which",
    "datasets": [{"path": "small", "split": {"seed": 0}}],
    "trial": {"reranker": "asset:tracer-reranker", "depth": 4, "device": "cpu"},
    "baseline": "official",
    "instructions": ["official", "general-zh", {"name": "[b]mine[/b]", "text": "Find it"}],
}


def study(folder: Path, seed: int) -> StudyFile:
    path = folder / "study.yaml"
    path.write_text(
        yaml.safe_dump({**TREE, "datasets": [{"path": "small", "split": {"seed": seed}}]}), encoding="utf-8"
    )
    return load_study(path)


def guess(pairs: int, seconds: float | None, kept: bool = False) -> PassGuess:
    return PassGuess(pairs, 100.0 * pairs, seconds, kept)


@pytest.mark.parametrize(
    ("guesses", "said"),
    [
        ([], "On dev 0 of 0 are to be scored, 0 pairs; on test official and"),
        ([guess(10, 5.0, kept=True)] * 3, "On dev 0 of 3 are to be scored, 0 pairs; on test official and"),
        ([guess(10, 5.0, kept=True), guess(1_500, None)], "On dev 1 of 2 are to be scored, 1,500 pairs; on test"),
        (
            [guess(10, 5.0, kept=True), guess(10, 20.0), guess(10, 25.0)],
            "On dev 2 of 3 are to be scored, 20 pairs, about 45 s (a guess); on test official and",
        ),
    ],
)
def test_what_is_left_to_score(small_set: Path, tmp_path: Path, guesses: list[PassGuess], said: str) -> None:
    assert cost_sentence(guesses, study(tmp_path, 0)).startswith(said)


# ------------------------------------------------------------------------------------------------------- the plan


@pytest.fixture
def no_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is multiplied to see how fast this machine is."""
    monkeypatch.setattr("bench.roofline.peak_rate", lambda *_: 1e12)


def printed(file: StudyFile, folder: Path) -> str:
    text = io.StringIO()
    print_plan(file, folder, Console(file=text, width=120))
    return text.getvalue()


def seed_with_on_dev(count: int) -> int:
    """One that puts so many of the small set's three queries on dev."""
    return next(
        seed for seed in range(99) if sum(Part("test", "dev", HALF, seed).holds(f"q{i}") for i in (1, 2, 3)) == count
    )


@pytest.mark.usefixtures("no_rates")
def test_a_plan_has_a_row_per_instruction_and_writes_nothing(small_set: Path, tmp_path: Path) -> None:
    seed = seed_with_on_dev(1)
    file = study(tmp_path, seed)
    before = sorted(tmp_path.rglob("*"))
    text = printed(file, tmp_path / "results")
    assert sorted(tmp_path.rglob("*")) == before
    assert f"small: dev is test/dev#{seed}, test is test/test#{seed}" in text
    rows = {row[0]: row[1:] for line in text.splitlines() if (row := re.split(r"\s{2,}", line.strip()))}
    for arm in ("official", "general-zh", "[b]mine[/b]"):
        assert rows[arm] == ["4", "1 s", "8", "1 s"]
    assert "On dev 3 of 3 are to be scored, 12 pairs, about 1 s (a guess)" in text
    assert "small: 1 dev query shows no difference, however large (4 comparisons share the level of 5%)." in text
    assert "small: 2 test queries show no difference, however large (2 comparisons share the level of 5%)." in text


@pytest.mark.usefixtures("no_rates")
def test_what_is_in_the_folder_is_not_scored_again(small_set: Path, tmp_path: Path) -> None:
    file, results = study(tmp_path, seed_with_on_dev(2)), tmp_path / "results"
    (results / "quality").mkdir(parents=True)
    trials, _ = survey(Plan("which", (file.sets[0].dev["official"],), file.base, ""), results)
    (results / "quality" / f"{quality_key(trials[0])}.json").write_text("{}", encoding="utf-8")
    text = printed(file, results)
    assert re.search(r"official +8 +kept +4 +1 s", text)
    assert "On dev 2 of 3 are to be scored, 16 pairs" in text


@pytest.mark.usefixtures("no_rates")
def test_what_a_run_would_stumble_over_is_said(small_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 3 queries"):
        printed(study(tmp_path, seed_with_on_dev(0)), tmp_path / "results")
