"""The tables, and that CSV and Parquet say the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.export import FORMATS, export
from bench.export.source import Source
from bench.export.tables import QUERY_COLUMNS, parquet_files, query_rows
from bench.finished import finished_results
from bench.report.rows import summary_rows
from bench.types import ConfigError, StoreError, TrialResult


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_summary_is_the_folders_own(results_folder: Path, tmp_path: Path) -> None:
    export(results_folder, tmp_path, ["csv"], {}, "ndcg@10")
    assert (tmp_path / "summary.csv").read_bytes() == (results_folder / "summary.csv").read_bytes()


def test_every_value_of_every_query_stands_in_a_row(results_folder: Path, tmp_path: Path) -> None:
    export(results_folder, tmp_path, ["csv"], {}, "ndcg@10")
    rows = read(tmp_path, "per_query.csv")
    results = {result.trial.id: result for result in finished_results(results_folder)}
    quality = {id_: result.quality for id_, result in results.items() if result.quality}
    assert (
        len(rows) == sum(len(values) for each in quality.values() for values in each.per_query.values()) == 2 * 10 * 5
    )
    for row in rows:
        assert float(row["value"]) == quality[row["trial"]].per_query[row["measure"]][row["query"]]
        assert (row["dataset"], row["pipeline"]) == ("SciFact", results[row["trial"]].trial.pipeline)


def test_parquet_holds_what_csv_holds(results_folder: Path, tmp_path: Path) -> None:
    export(results_folder, tmp_path, ["csv", "parquet"], {}, "ndcg@10")
    for name in ("summary", "per_query"):
        table, rows = pq.read_table(tmp_path / f"{name}.parquet"), read(tmp_path, f"{name}.csv")
        assert table.column_names == [*rows[0]]
        for ours, theirs in zip(table.to_pylist(), rows, strict=True):
            assert {key: "" if value is None else str(value) for key, value in ours.items()} == theirs


def types_of(result: TrialResult) -> dict[str, pa.DataType]:
    summary = next(parquet_files(Source(Path("x"), [result]), lambda _: None))
    return {field.name: field.type for field in pq.read_table(io.BytesIO(summary.payload)).schema}


def test_a_column_has_one_type_whatever_was_measured(results_folder: Path) -> None:
    """So that the files of many runs can be read as one table."""
    ok, _, lost = finished_results(results_folder)
    kinds, empty = types_of(ok), types_of(lost)
    assert empty.items() <= kinds.items()
    assert {name for name, kind in kinds.items() if kind == pa.int64()} >= {"depth", "queries", "peak_rss_bytes"}
    assert kinds["message"] == kinds["trial"] == pa.string()
    assert kinds["load_s"] == kinds["ndcg@10_low"] == kinds["unjudged@10"] == pa.float64()
    for row in summary_rows([ok]):
        for name, value in row.items():
            assert value is None or isinstance(value, {pa.int64(): int, pa.string(): str}.get(kinds[name], float)), name


def test_a_batch_size_that_was_to_be_the_largest_is_no_number(results_folder: Path) -> None:
    lost = finished_results(results_folder)[2]
    trial = replace(lost.trial, reranker="org/r", batch_size="max")
    assert types_of(replace(lost, trial=trial))["batch_size"] == pa.int64()


def test_results_without_quality_leave_an_empty_long_table(results_folder: Path) -> None:
    lost = finished_results(results_folder)[2]
    long = [*parquet_files(Source(Path("x"), [lost]), lambda _: None)][1]
    assert pq.read_table(io.BytesIO(long.payload)).to_pydict() == {name: [] for name in QUERY_COLUMNS}
    assert [*query_rows([lost])] == []


def test_several_formats_go_into_one_folder_and_are_listed_with_their_sizes(
    results_folder: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    done = export(results_folder, tmp_path / "new" / "out", [*FORMATS, "csv"], {}, "ndcg@10", told.append)
    assert [str(path) for path, _ in done.files] == told[: len(done.files)]
    assert {path.relative_to(tmp_path / "new" / "out").parts[0] for path, _ in done.files} == {
        "qrels", "runs", "mteb", "summary.csv", "per_query.csv", "summary.parquet", "per_query.parquet",
    }  # fmt: skip
    assert all(path.stat().st_size == size for path, size in done.files)
    assert {path for path, _ in done.files} == {path for path in (tmp_path / "new").rglob("*") if path.is_file()}


@pytest.mark.parametrize("formats", [["trek"], ["csv", "trek"]])
def test_an_unknown_format_is_refused_before_anything_is_written(
    formats: list[str], results_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--format is 'trek'; it can be trec, mteb, csv, parquet"):
        export(results_folder, tmp_path / "out", formats, {}, "ndcg@10")
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be_read_or_written_are_told_apart(
    results_folder: Path, make: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be written.*Choose another with --to"):
        export(results_folder, tmp_path / "file" / "out", ["csv"], {}, "ndcg@10")
    with pytest.raises(StoreError, match="is not a results folder"):
        export(tmp_path, tmp_path / "out", ["csv"], {}, "ndcg@10")
    folder = make({})
    (trial,) = (folder / "trials").iterdir()
    trial.unlink()
    with pytest.raises(StoreError, match=f"lacks the results of {trial.stem}; run its config again"):
        export(folder, tmp_path / "out", ["csv"], {}, "ndcg@10")
    (folder / "run.json").unlink()
    with pytest.raises(StoreError, match="holds no result of any trial"):
        export(folder, tmp_path / "out", ["csv"], {}, "ndcg@10")


def test_nothing_of_the_folder_is_changed(results_folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in results_folder.rglob("*") if path.is_file()}
    export(results_folder, tmp_path, [*FORMATS], {}, "ndcg@10")
    assert {path: path.read_bytes() for path in results_folder.rglob("*") if path.is_file()} == before
