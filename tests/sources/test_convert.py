"""Conversion happens once for the same mapping over the same contents, whole or not at all, and keeps what it noted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import bench.fetch
import bench.sources.convert
import bench.sources.open
from bench.data import load_dataset
from bench.sources import check_set, default_split, open_set
from bench.sources.open import find_set
from bench.sources.spec import read_entry, spec_name
from bench.types import ConfigError, DataError, Dataset, StoreError
from bench.whole import UNFINISHED

Open = Callable[[Mapping[str, Any]], Dataset]
NAMED = {"name": "mine", "hf": {
    "repository": "someone/set", "corpus": {"file": "c.jsonl"}, "queries": {"file": "q.jsonl"},
    "qrels": {"file": "j.tsv"},
}}  # fmt: skip


def stages(name: str, base: Path) -> list[str]:
    told: list[str] = []
    open_set(name, "test", base, lambda stage, done, total: told.append(stage))
    return told


def test_it_is_converted_once_and_anew_when_a_source_changes(tickets: dict[str, Any], tmp_path: Path) -> None:
    name = spec_name(read_entry(tickets, "config"))
    assert stages(name, tmp_path) == ["convert tickets"]
    assert stages(name, tmp_path) == []
    before = open_set(name, "test", tmp_path)
    docs = tmp_path / "docs.csv"
    docs.write_text(docs.read_text(encoding="utf-8").replace("paper jam", "paper tray"), encoding="utf-8")
    assert stages(name, tmp_path) == ["convert tickets"]
    after = open_set(name, "test", tmp_path)
    assert (before.corpus[1].text, after.corpus[1].text) == ("paper jam", "paper tray")
    assert before.checksum != after.checksum


def test_the_checksum_is_that_of_the_same_set_in_beir_layout(open_entry: Open, tickets: dict[str, Any]) -> None:
    dataset = open_entry(tickets)
    assert dataset.checksum == load_dataset(dataset.path).checksum


def test_a_conversion_that_was_cut_off_is_made_again(open_entry: Open, tickets: dict[str, Any]) -> None:
    first = open_entry(tickets)
    (first.path / "conversion.json").unlink()
    (first.path / "corpus.jsonl").write_text("", encoding="utf-8")
    half = first.path.with_name(f"{UNFINISHED}{first.path.name}-x1")
    (half / "made").mkdir(parents=True)
    assert open_entry(tickets) == first
    assert not half.exists()


@pytest.mark.parametrize("file", ["corpus.jsonl", "qrels/test.tsv", "conversion.json"])
def test_a_converted_set_that_is_not_what_was_written_is_set_aside_and_made_again(
    open_entry: Open, tickets: dict[str, Any], file: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = open_entry(tickets)
    data = bytearray((first.path / file).read_bytes())
    data[len(data) // 2] ^= 1
    (first.path / file).write_bytes(data)
    assert open_entry(tickets) == first
    assert f"{first.path} is damaged" in caplog.text
    assert (first.path.with_name(f"{first.path.name}.damaged") / file).read_bytes() == data, "set aside, not lost"


def kept(cache: Path) -> list[str]:
    """What there is of converted sets, whole or not, besides the files of locks."""
    return [path.name for path in (cache / "datasets" / "converted").iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("file", ["docs.csv", "queries.csv", "judged.csv"])
def test_a_source_that_is_saved_while_it_is_converted_is_not_kept_under_its_old_checksum(
    tickets: dict[str, Any], tmp_path: Path, cache: Path, file: str
) -> None:
    name = spec_name(read_entry(tickets, "config"))
    source = tmp_path / file
    before = source.read_bytes()
    changed = before.replace(b"paper jam", b"paper tray").replace(b"cookies", b"crumbs").replace(b"t1,2", b"t1,1")

    def somebody_saves(stage: str, done: int, total: int) -> None:
        source.write_bytes(changed)

    with pytest.raises(DataError, match=r"the source has changed while it was read; run again") as caught:
        open_set(name, "test", tmp_path, somebody_saves)
    assert file in str(caught.value)
    assert kept(cache) == []
    source.write_bytes(before)
    whole = open_set(name, "test", tmp_path)
    assert whole.corpus[1].text == "paper jam"
    assert whole.queries[0].text == "cannot log in cookies"
    assert whole.qrels["q1"]["t1"] == 2


def test_a_source_that_changes_and_changes_back_while_it_is_read_is_noticed(
    tickets: dict[str, Any], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = tmp_path / "docs.csv"
    before = docs.read_bytes()
    reading = bench.sources.convert.write_parts

    def between(*given: Any) -> Path:
        time.sleep(0.05)  # a file system's clock goes in steps
        docs.write_bytes(before.replace(b"paper jam", b"paper tray"))
        made = reading(*given)
        docs.write_bytes(before)
        return made

    monkeypatch.setattr(bench.sources.convert, "write_parts", between)
    with pytest.raises(DataError, match="has changed while it was read"):
        open_set(spec_name(read_entry(tickets, "config")), "test", tmp_path)
    assert kept(cache) == []


def test_a_source_that_is_gone_when_it_was_read_leaves_nothing(
    tickets: dict[str, Any], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = bench.sources.convert.write_parts

    def gone(*given: Any) -> Path:
        made = reading(*given)
        (tmp_path / "docs.csv").unlink()
        return made

    monkeypatch.setattr(bench.sources.convert, "write_parts", gone)
    with pytest.raises(DataError, match=r"docs\.csv.*cannot be read"):
        open_set(spec_name(read_entry(tickets, "config")), "test", tmp_path)
    assert kept(cache) == []


def test_a_fault_leaves_nothing_behind(open_entry: Open, tickets: dict[str, Any], tmp_path: Path, cache: Path) -> None:
    judged = tmp_path / "judged.csv"
    text = judged.read_text(encoding="utf-8")
    judged.write_text(text + "q1,t9,1\n", encoding="utf-8")
    with pytest.raises(DataError, match="t9"):
        open_entry(tickets)
    assert kept(cache) == []
    judged.write_text(text, encoding="utf-8")
    assert open_entry(tickets).queries


def test_a_cache_that_cannot_be_written_is_told(
    open_entry: Open, tickets: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="Set RERANKBENCH_CACHE to a folder that can be written"):
        open_entry(tickets)


OPENED = """
import sys
from pathlib import Path
from bench.sources import open_set
sys.stdin.readline()
told = []
dataset = open_set(sys.argv[1], "test", Path(sys.argv[2]), lambda stage, done, total: told.append(stage))
print(told, dataset.checksum, len(dataset.corpus))
"""


def test_two_processes_make_one_conversion(tickets: dict[str, Any], tmp_path: Path) -> None:
    with (tmp_path / "docs.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"x{number},,text {number}\n" for number in range(3000))
    command = [sys.executable, "-P", "-c", OPENED, spec_name(read_entry(tickets, "config")), str(tmp_path)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        said = sorted(pool.map(lambda child: child.communicate("now\n", timeout=60)[0], children))
    assert [line.partition("] ")[0] for line in said] == ["['convert tickets'", "["]
    assert {line.split()[-1] for line in said} == {"3003"}
    assert len({line.split()[-2] for line in said}) == 1


def test_splits(open_entry: Open, tickets: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "dev.csv").write_text("qid,doc_id,label\nq2,t3,1\n", encoding="utf-8")
    tickets["qrels"] = {"dev": {**tickets["qrels"], "file": "dev.csv"}, "test": tickets["qrels"]}
    name = spec_name(read_entry(tickets, "config"))
    assert [query.id for query in open_set(name, "dev", tmp_path).queries] == ["q2"]
    assert len(open_set(name, "test", tmp_path).queries) == 2
    assert [report.split for report in check_set(name, tmp_path) if report.ok] == ["dev", "test"]
    with pytest.raises(DataError, match=r"the set 'tickets' has no split 'train'; there is dev, test"):
        open_set(name, "train", tmp_path)
    assert default_split(name) == "test"
    only = {**tickets, "qrels": {"dev": tickets["qrels"]["dev"]}}
    assert default_split(spec_name(read_entry(only, "config"))) == "dev"


# ------------------------------------------------------------------------------------------------- repositories


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the hub is said to have given."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "c.jsonl").write_text('{"_id": "a", "text": "x"}\n{"_id": "b", "text": "y"}\n', encoding="utf-8")
    (folder / "q.jsonl").write_text('{"_id": "q", "text": "x"}\n', encoding="utf-8")
    (folder / "j.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n", encoding="utf-8")
    monkeypatch.setattr(bench.fetch, "hub_files", lambda *_: folder)
    return folder


def test_a_pinned_repository_is_asked_for_once(
    repository: Path, open_entry: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {**NAMED, "hf": {**NAMED["hf"], "revision": "ab" * 20}}  # type: ignore[dict-item]
    dataset = open_entry(entry)
    assert (dataset.name, dataset.revision, dataset.qrels) == ("mine", "ab" * 20, {"q": {"a": 1}})
    monkeypatch.setattr(bench.fetch, "hub_files", lambda *_: pytest.fail("was asked again"))
    assert open_entry(entry) == dataset


def test_without_a_revision_it_says_so_and_sees_a_change(repository: Path, open_entry: Open) -> None:
    dataset = open_entry(NAMED)
    assert "the revision of someone/set is not pinned" in dataset.notices[0].message
    assert dataset.revision == "not pinned"
    (repository / "j.tsv").write_text("query-id\tcorpus-id\tscore\nq\tb\t1\n", encoding="utf-8")
    assert open_entry(NAMED).qrels == {"q": {"b": 1}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"corpus": {"file": "corpus.jsonl"}}, "the repository has no file 'corpus.jsonl'"),
        ({"corpus": {"config": "corpora"}}, "unknown configuration 'corpora'"),
        ({"queries": {"file": "q.jsonl", "text": "txt"}}, "unknown column 'txt'. Did you mean 'text'?"),
    ],
)
def test_what_a_repository_lacks(change: dict[str, Any], said: str, repository: Path, open_entry: Open) -> None:
    with pytest.raises(DataError) as caught:
        open_entry({**NAMED, "hf": {**NAMED["hf"], **change}})  # type: ignore[dict-item]
    assert said in str(caught.value)


# ------------------------------------------------------------------------------------------------------- cards


def test_a_card_and_a_name_of_ir_datasets_that_are_not_here_say_how_to_get_them(tmp_path: Path) -> None:
    for name, asked in (("card:scifact", "scifact"), ("ir:beir/scifact/dev", "ir:beir/scifact/dev")):
        with pytest.raises(DataError) as caught:
            open_set(name, default_split(name), tmp_path)
        wanted = f"the set {asked} is not on this machine; fetch it with: rerankbench datasets get {asked}"
        assert str(caught.value) == wanted
    assert default_split("ir:beir/scifact/dev") == "dev"
    with pytest.raises(ConfigError, match="scifact"):
        default_split("card:scifcat")


def test_a_card_that_is_here_is_opened(small_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.sources.open, "here", lambda card: small_set)
    assert open_set("card:scifact", "test", Path()).path == small_set
    assert find_set("card:scifact", "test", Path()).folder == small_set


def test_a_folder_in_beir_layout_stays_where_it_is(small_set: Path, cache: Path) -> None:
    assert open_set(small_set.name, "test", small_set.parent) == load_dataset(small_set)
    assert not (cache / "datasets").exists()
