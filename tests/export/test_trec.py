"""TREC files go out, and the tools of that family read our figures from them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import ir_measures
import pytest
import pytrec_eval
from ir_measures import AP, RR, P, R, Rprec, Success, nDCG

from bench.export import export
from bench.store import format_qrels, format_run, parse_qrels, parse_run
from bench.types import StoreError

IN_TREC_EVAL = {
    "ndcg@10": "ndcg_cut_10", "ndcg@3": "ndcg_cut_3", "recall@5": "recall_5", "mrr": "recip_rank", "map": "map",
    "map@5": "map_cut_5", "precision@3": "P_3", "hit_rate@1": "success_1", "r_precision": "Rprec",
}  # fmt: skip
IN_IR_MEASURES = {
    "ndcg@10": nDCG @ 10, "ndcg@3": nDCG @ 3, "recall@5": R @ 5, "mrr": RR, "map": AP, "map@5": AP @ 5,
    "precision@3": P @ 3, "hit_rate@1": Success @ 1, "r_precision": Rprec,
}  # fmt: skip


def exported(folder: Path, to: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    done = export(folder, to, ["trec"], {}, "ndcg@10")
    return {path.relative_to(to).as_posix(): path for path, _ in done.files}, done.notes


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "summary.csv").open(encoding="utf-8", newline="") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def test_runs_are_named_after_the_judgements_they_go_with(results_folder: Path, tmp_path: Path) -> None:
    files, notes = exported(results_folder, tmp_path)
    judged = [name for name in files if name.startswith("qrels/")]
    assert judged == ["qrels/scifact.test.5c1f5c1f.qrels"]
    bm25, reranked, first = (name for name in files if name.startswith("runs/"))
    assert bm25.startswith("runs/scifact.test.5c1f5c1f.bm25.")
    assert reranked.startswith("runs/scifact.test.5c1f5c1f.dense-重排.")
    assert first == reranked.replace(".run", ".first-stage.run")
    assert not any("earlier" in name for name in files)
    assert [note for note in notes if "too large" in note and "ended as oom" in note]


@pytest.mark.parametrize("tool", ["pytrec_eval", "ir_measures"])
def test_other_tools_compute_the_figures_of_the_summary(tool: str, results_folder: Path, tmp_path: Path) -> None:
    """Of the means: queries without results count 0 here, as under trec_eval's -c."""
    files, _ = exported(results_folder, tmp_path)
    rows = rows_of(results_folder)
    for name, path in files.items():
        if not name.startswith("runs/") or "first-stage" in name:
            continue
        qrels = tmp_path / f"qrels/{'.'.join(path.name.split('.')[:3])}.qrels"
        row = rows[path.name.split(".")[-2]]
        found = by_pytrec_eval(qrels, path) if tool == "pytrec_eval" else by_ir_measures(qrels, path)
        assert len(found) == len(IN_TREC_EVAL)
        for measure, mean in found.items():
            assert mean == pytest.approx(float(row[measure]), abs=1e-9), f"{measure} of {name}"


def by_pytrec_eval(qrels_path: Path, run_path: Path) -> dict[str, float]:
    with qrels_path.open(encoding="utf-8") as file:
        qrels = pytrec_eval.parse_qrel(file)
    with run_path.open(encoding="utf-8") as file:
        run = pytrec_eval.parse_run(file)
    asked = {"ndcg_cut.3,10", "recall.5", "recip_rank", "map", "map_cut.5", "P.3", "success.1", "Rprec"}
    made = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(run)
    return {ours: fmean(made.get(q, {}).get(theirs, 0.0) for q in qrels) for ours, theirs in IN_TREC_EVAL.items()}


def by_ir_measures(qrels_path: Path, run_path: Path) -> dict[str, float]:
    qrels, run = [*ir_measures.read_trec_qrels(str(qrels_path))], [*ir_measures.read_trec_run(str(run_path))]
    found = ir_measures.calc_aggregate([*IN_IR_MEASURES.values()], qrels, run)
    return {ours: found[theirs] for ours, theirs in IN_IR_MEASURES.items()}


def test_what_comes_back_is_what_was_judged(results_folder: Path, tmp_path: Path) -> None:
    files, _ = exported(results_folder, tmp_path)
    for name, path in files.items():
        text = path.read_text(encoding="utf-8")
        if name.startswith("qrels/"):
            assert text == (results_folder / name).read_text(encoding="utf-8") == format_qrels(parse_qrels(text))
        else:
            kept = [parse_run(each.read_text(encoding="utf-8")) for each in (results_folder / "runs").glob("*.trec")]
            assert parse_run(text) in kept
            assert format_run(parse_run(text), text.split()[5]) == text


def test_a_folder_from_before_judgements_were_kept_says_what_to_do(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make({})
    (judgements,) = (folder / "qrels").iterdir()
    judgements.unlink()
    files, notes = exported(folder, tmp_path / "out")
    assert [name.partition("/")[0] for name in files] == ["runs"]
    assert "before they were kept. Run its config into it again: nothing is measured twice" in notes[0]


@pytest.mark.parametrize("kind", ["runs", "qrels"])
def test_a_damaged_file_is_named(kind: str, make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make({})
    (path,) = (folder / kind).iterdir()
    path.write_text("q1 0\n", encoding="utf-8")
    with pytest.raises(StoreError, match=rf"{path.name} is damaged.* run .*again"):
        exported(folder, tmp_path / "out")


def test_a_ranking_that_is_not_the_one_that_was_judged_is_refused(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make({})
    (path,) = (folder / "runs").iterdir()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(reversed(lines)), encoding="utf-8")
    with pytest.raises(StoreError, match=rf"{path.name} is damaged \(its checksum is another\)"):
        exported(folder, tmp_path / "out")


def test_a_lost_run_is_named(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make({})
    (path,) = (folder / "runs").iterdir()
    path.unlink()
    with pytest.raises(StoreError, match=f"lacks runs/{path.name}; run its config again"):
        exported(folder, tmp_path / "out")


def test_samples_of_one_set_have_judgements_of_their_own(make: Callable[..., Path], tmp_path: Path) -> None:
    files, _ = exported(make({}, {"max_queries": 3}, {"max_queries": 3, "seed": 5}), tmp_path / "out")
    assert sorted(name for name in files if name.startswith("qrels/")) == [
        "qrels/scifact.test.3-seed-0.5c1f5c1f.qrels",
        "qrels/scifact.test.3-seed-5.5c1f5c1f.qrels",
        "qrels/scifact.test.5c1f5c1f.qrels",
    ]
