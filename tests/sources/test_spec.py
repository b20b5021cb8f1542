"""What a config says of a set: one name for one mapping, and a slip of the pen is told with what there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.config.plan import load_plan
from bench.config.sets import check_config
from bench.dryrun.estimate import Estimate, Guess
from bench.dryrun.show import cells_table
from bench.sources.spec import is_name, label, parse_name, read_entry, spec_name
from bench.types import ConfigError, Dataset

REVISION = "0123456789" * 4
TABLES = """
name: tickets
corpus: {file: docs.csv, id: doc_id, text: body}
queries: {file: q.csv, id: qid, text: question}
qrels: {file: judged.csv, query: qid, document: doc_id, grade: label}
"""
ENTRIES = {
    "tables": TABLES,
    "tables of two splits": TABLES.replace(
        "qrels: ", "qrels:\n  dev: {file: dev.csv, query: q, document: d}\n  test: "
    ),
    "trec": "{name: x, trec: {docs: [a, b], topics: t, qrels: {test: q}, field: description}}",
    "reranking": "{name: x, reranking: rows.jsonl, split: dev}",
    "reranking, mapped": "{name: x, reranking: {file: r.jsonl, query: q, positive: p, negative: n, id: i}}",
    "hub": f"{{name: x, hf: {{repository: a/b, revision: '{REVISION}', corpus: {{config: c, title: t}}, "
    "queries: {config: q}, qrels: {config: default, split: test, grade: null}}}",
    "hub, reranking": "{name: x, hf: {repository: a/b, hub: modelscope, reranking: {split: test}}}",
}  # fmt: skip


def name_of(text: str) -> str:
    return spec_name(read_entry(yaml.safe_load(text), "config"))


@pytest.mark.parametrize("kind", ENTRIES)
def test_a_name_holds_all_of_the_set(kind: str) -> None:
    name = name_of(ENTRIES[kind])
    assert is_name(name)
    assert spec_name(parse_name(name)) == name
    assert label(name) == ("tickets" if "tables" in kind else "x")
    if isinstance(tree := yaml.safe_load(ENTRIES[kind]), dict):
        assert spec_name(read_entry(dict(reversed(tree.items())), "config")) == name


def test_defaults_and_a_single_split_make_no_other_name() -> None:
    assert name_of(TABLES) == name_of(TABLES.replace("text: body}", "text: body, title: null, quoted: true}"))
    assert name_of(TABLES) == name_of(TABLES.replace("qrels: {", "qrels: {test: {").rstrip() + "}")
    assert name_of(TABLES) == name_of(TABLES + "split: test\ncandidates: run.trec\n")
    assert name_of(TABLES) != name_of(TABLES + "split: dev\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TABLES.replace("name: tickets", ""), "config: the set needs a name, which reports call it by"),
        (TABLES + "corpuss: x\n", "unknown key of a set (tables) 'corpuss'. Did you mean 'corpus'? Known: name, "),
        (TABLES.replace("text: body", "txt: body"), "config: set 'tickets': corpus: unknown key 'txt'. Did you mean"),
        (TABLES.replace("id: doc_id, ", ""), "config: set 'tickets': corpus.id: Field required"),
        (TABLES.replace("{file: q.csv", "{file: 7"), "queries.file: Input should be a valid string, given 7"),
        (TABLES.replace("\nqueries", "\n#"), "config: set 'tickets': queries: Field required"),
        ("{name: x, trec: folder}", "trec is 'folder'; expected {docs: …, topics: …, qrels: …}, or give path: FOLDER"),
        ("{name: x, trec: {docs: [], topics: t, qrels: q}}", "docs: Tuple should have at least 1 item"),
        ("{name: x, trec: {docs: d, topics: t, qrels: q, field: titel}}", "field: Input should be 'title'"),
        ("{name: x, reranking: {file: r, positives: p}}", "reranking: unknown key 'positives'. Did you mean 'pos"),
        ("{name: x, hf: {repository: a/b}}", "hf needs corpus, queries and qrels, or reranking alone"),
        ("{name: x, hf: {repository: a/b, reranking: {}, corpus: {}}}", "hf needs corpus, queries and qrels, or"),
        ("{name: x, hf: a/b}", "hf is 'a/b'; expected {repository: owner/name, revision: …, corpus: …, …}"),
        ("{name: x, hf: {repository: a/b, config: c}}", "config: set 'x': unknown key 'config'. Known: "),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_entry(yaml.safe_load(text), "config")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tables:{}", "the set tables:…: name: Field required"),
        ("trec:{", "the set trec:…: "),
        ("x", "'x' is not the name"),
    ],
)
def test_what_is_no_name(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_name(name)


# ------------------------------------------------------------------------------------------------------- configs


def config(
    folder: Path, datasets: str, pipelines: str = "{BM25: {retriever: bm25}, Given: {retriever: given}}"
) -> Path:
    path = folder / "study.yaml"
    path.write_text(f"name: study\ndatasets:\n{datasets}\npipelines: {pipelines}\n", encoding="utf-8")
    return path


def test_entries_of_a_config(tmp_path: Path) -> None:
    indented = TABLES.strip().replace("\n", "\n    ")
    plan = load_plan(config(tmp_path, f"  - {indented}\n  - {{path: folder, candidates: run.trec}}\n  - card:scifact"))
    tables, folder, card = (plan.trials[number : number + 2] for number in (0, 2, 4))
    assert label(tables[0].dataset) == "tickets"
    assert [trial.candidates for trial in folder] == [None, "run.trec"]  # only `given` reads them
    assert (card[0].dataset, card[0].split) == ("card:scifact", "test")
    again = yaml.safe_dump({"name": "study", "datasets": [tables[0].dataset], "pipelines": {"BM25": {}}})
    (tmp_path / "again.yaml").write_text(again, encoding="utf-8")
    assert load_plan(tmp_path / "again.yaml").trials[0].dataset == tables[0].dataset


def test_a_config_that_names_what_nobody_knows(tmp_path: Path) -> None:
    for entry, said in (
        ("card:scifcat", "scifact"),
        ("{path: folder, candidate: run.trec}", "candidate"),
        ("{drawn: {queries: 2}}", "a drawn workload"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_plan(config(tmp_path, f"  - {entry}"))
    drawn = config(tmp_path, "  - {drawn: {queries: 2}}", "{P: {retriever: given, reranker: m, candidates: x}}")
    with pytest.raises(ConfigError, match="a drawn workload has its own candidates; leave out candidates: x"):
        load_plan(drawn)


def test_on_the_command_line_paths_start_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    path = config(tmp_path / "configs", "  - folder")
    monkeypatch.chdir(tmp_path)
    flow = (
        "{name: t, corpus: {file: d.csv, id: i, text: t}, queries: {file: /q.csv, id: i, text: t}, "
        "qrels: {file: ./j.csv, query: q, document: d}}"
    )
    plan = load_plan(path, [f"datasets={flow}", "candidates=runs/a.trec"])
    name = plan.trials[0].dataset
    assert (parse_name(name).model_dump()["corpus"]["file"], plan.trials[1].candidates) == (
        "../d.csv",
        "../runs/a.trec",
    )
    assert '"/q.csv"' in name
    assert load_plan(path, [f"datasets={name}"]).trials[0].dataset == name
    assert load_plan(path, ["datasets=card:scifact,folder"]).trials[2].dataset == "../folder"
    reranking = load_plan(path, ["datasets={name: x, reranking: r.jsonl}"]).trials[0].dataset
    assert parse_name(reranking).model_dump()["reranking"]["file"] == "../r.jsonl"
    trec = load_plan(path, ["datasets={name: x, trec: {docs: [a, b], topics: t, qrels: {test: q}}}"]).trials[0].dataset
    assert parse_name(trec).model_dump()["docs"] == ("../a", "../b")


def test_a_dry_run_calls_a_set_by_its_name(tmp_path: Path) -> None:
    plan = load_plan(config(tmp_path, f"  - {TABLES.strip()}".replace("\n", "\n    ").replace("\n    pip", "\npip")))
    guess = Estimate(tuple(Guess(trial, 1.0) for trial in plan.trials), 1, 0.0, 0, None, 0, ())
    assert [row[1] for row in cells_table(plan, guess).rows] == ["tickets", "tickets"]


def test_the_sets_of_a_config_are_checked(
    tickets: dict[str, Any], open_entry: Callable[[Mapping[str, Any]], Dataset], tmp_path: Path, small_set: Path
) -> None:
    tree = {"name": "study", "datasets": [tickets, small_set.name, "nowhere"], "pipelines": {"BM25": {}}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    reports = check_config(tmp_path / "study.yaml")
    assert [(report.split, report.ok) for report in reports] == [
        ("tickets test", True), ("small test", True), ("nowhere", False),
    ]  # fmt: skip
    assert reports[0].dataset == open_entry(tickets)
    drawn = {"name": "s", "datasets": [{"drawn": {}}], "pipelines": {"P": {"retriever": "given", "reranker": "m"}}}
    (tmp_path / "drawn.yaml").write_text(yaml.safe_dump(drawn), encoding="utf-8")
    with pytest.raises(ConfigError, match="names no labelled set; its pairs are drawn"):
        check_config(tmp_path / "drawn.yaml")
