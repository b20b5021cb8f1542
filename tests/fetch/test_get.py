"""From a card to a set on disk, over real HTTP: whole and as its card says, or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.data import load_dataset
from bench.fetch import card_folder, find_card, get, here
from bench.fetch.errors import OutOfReachError
from bench.fetch.names import ir_card
from bench.fetch.receipt import read_receipt
from bench.types import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("at_once", "place")


def silent(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def archive(kit: Any) -> bytes:
    content: bytes = kit.zipped(kit.beir("tiny/") | {"tiny/README.md": b"words"})
    return content


@pytest.fixture
def by_url(host: Any, net: Any, kit: Any, place: Path, archive: bytes) -> Callable[..., None]:
    """A card of a zip that is served, with what the test wants otherwise."""

    def card(**more: Any) -> None:
        host.plain["/tiny.zip"] = net.Plain(archive)
        origin = {
            "kind": "url",
            "place": f"{host.url}/tiny.zip",
            "layout": "beir",
            "sha256": hashlib.sha256(archive).hexdigest(),
            "size_bytes": len(archive),
        }
        kit.write_card(place, "tiny", [origin | more.pop("origin", {})], **more)

    return card


def files(place: Path) -> list[str]:
    """Everything in the cache but locks."""
    kept = (path.relative_to(place / "cache").as_posix() for path in (place / "cache").rglob("*") if path.is_file())
    return sorted(name for name in kept if not name.endswith(".lock"))


def test_a_set_is_fetched_checked_and_loads(by_url: Any, host: Any, archive: bytes, place: Path) -> None:
    by_url()
    card = find_card("tiny")
    assert here(card) is None
    folder = get(card, tell=silent)
    assert folder == here(card) == card_folder(card)
    dataset = load_dataset(folder)
    assert (dataset.name, len(dataset.corpus), len(dataset.queries)) == ("tiny", 12, 3)
    assert dataset.qrels["q2"] == {"d2": 1, "d5": 0}
    assert dataset.licence == "cc0"
    assert f"{host.url}/tiny.zip (sha256 {hashlib.sha256(archive).hexdigest()})" in dataset.revision
    assert "by hand" not in dataset.revision
    receipt = read_receipt(folder)
    assert receipt is not None
    assert receipt["counts"] == {"documents": 12, "queries": 3, "judgements": 5, "relevant": 4, "nonzero": 4}
    assert [each["name"] for each in receipt["read"]] == [
        "tiny/corpus.jsonl",
        "tiny/qrels/test.tsv",
        "tiny/queries.jsonl",
    ]
    assert receipt["how"] == "fetched"
    assert all(name.startswith(f"datasets/cards/{folder.name}/") for name in files(place)), "the archive is not kept"
    assert get(card, tell=silent) == folder
    assert len(host.requests) == 1


def test_what_was_written_is_held_to_its_checksums(by_url: Any) -> None:
    by_url()
    folder = get(find_card("tiny"), tell=silent)
    with (folder / "queries.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"_id": "q9", "text": "new"}\n')
    with pytest.raises(DataError, match=r"the sha256 of queries\.jsonl"):
        load_dataset(folder)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    rng = random.Random(path.name)
    data[rng.randrange(len(data))] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("damage", [flipped, cut, Path.unlink])
@pytest.mark.parametrize("file", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "dataset.toml"])
def test_a_set_that_is_not_what_was_written_is_set_aside_and_fetched_again(
    by_url: Any, host: Any, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], file: str
) -> None:
    by_url()
    card = find_card("tiny")
    folder = get(card, tell=silent)
    whole = load_dataset(folder)
    damage(folder / file)
    left = sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert get(card, tell=silent) == folder
    assert load_dataset(folder) == whole
    told = [record.getMessage() for record in caplog.records if record.name == "bench.damage"]
    assert len(told) == 1
    assert f"{folder} is damaged ({file}" in told[0]
    aside = folder.with_name(f"{folder.name}.damaged")
    assert sorted(path.read_bytes() for path in aside.rglob("*") if path.is_file()) == left, "set aside, not lost"
    assert len(host.asked("/tiny.zip")) == 2
    assert get(card, tell=silent) == folder
    assert len(host.asked("/tiny.zip")) == 2, "what is whole is not fetched"


@pytest.mark.parametrize("damage", [cut, Path.unlink])
def test_a_set_without_a_receipt_that_can_be_read_is_fetched_again(
    by_url: Any, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    by_url()
    folder = get(find_card("tiny"), tell=silent)
    damage(folder / "receipt.json")
    assert get(find_card("tiny"), tell=silent) == folder
    assert read_receipt(folder) is not None
    assert "receipt.json cannot be read" in caplog.text


def as_earlier_versions_wrote_it(folder: Path) -> None:
    """A receipt that says nothing of dataset.toml."""
    receipt = read_receipt(folder) or {}
    receipt["written"] = [each for each in receipt["written"] if each["name"] != "dataset.toml"]
    (folder / "receipt.json").write_text(json.dumps(receipt))


def test_a_receipt_of_an_earlier_version_is_believed_and_its_checksums_are_held_against_the_cards(
    by_url: Any, host: Any, caplog: pytest.LogCaptureFixture
) -> None:
    by_url()
    folder = get(find_card("tiny"), tell=silent)
    as_earlier_versions_wrote_it(folder)
    assert get(find_card("tiny"), tell=silent) == folder
    assert len(host.asked("/tiny.zip")) == 1
    path = folder / "dataset.toml"
    path.write_text(path.read_text().partition("[checksums]")[0])
    get(find_card("tiny"), tell=silent)
    assert "dataset.toml has other checksums" in caplog.text
    assert len(host.asked("/tiny.zip")) == 2


def test_a_damaged_set_that_cannot_be_fetched_again_is_not_here_and_not_lost(by_url: Any, host: Any) -> None:
    by_url()
    card = find_card("tiny")
    folder = get(card, tell=silent)
    flipped(folder / "corpus.jsonl")
    del host.plain["/tiny.zip"]
    with pytest.raises(OutOfReachError, match="tiny cannot be fetched"):
        get(card, tell=silent)
    assert here(card) is None
    assert (folder.with_name(f"{folder.name}.damaged") / "corpus.jsonl").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"corpus": 11}, "tiny has 12 documents, its card says 11"),
        ({"queries": 4}, "tiny has 3 queries, its card says 4"),
        ({"judgements": 7}, r"tiny has 5 \(4 of them above 0\) judgements, its card says 7"),
        ({"split": "dev"}, r"qrels/dev\.tsv is missing; its splits are test"),
        ({"origin": {"sha256": "0" * 64}}, f"expected {'0' * 64}"),
        ({"origin": {"size_bytes": 3}}, "expected 3"),
    ],
)
def test_what_is_not_as_the_card_says_leaves_nothing_that_looks_complete(
    by_url: Any, place: Path, more: dict[str, Any], said: str
) -> None:
    by_url(**more)
    card = find_card("tiny")
    with pytest.raises(DataError, match=said):
        get(card, tell=silent)
    assert here(card) is None
    assert not [name for name in files(place) if name.startswith("datasets/")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda kit: {"qrels/test.tsv": kit.tsv([*kit.JUDGED, ("q0", "d99", 1)])}, "name 1 documents that it does not"),
        (lambda kit: {"qrels/test.tsv": kit.tsv([*kit.JUDGED, ("q99", "d1", 1)])}, "name 1 queries that it does not"),
        (lambda kit: {"qrels/test.tsv": kit.tsv([*kit.JUDGED, ("q0", "d0", 2)])}, "has the grades 1 and 2"),
        (lambda kit: {"corpus.jsonl": kit.lines([*kit.DOCUMENTS, {"_id": "d0", "text": "x"}])}, "two different docum"),
        (lambda kit: {"queries.jsonl": kit.lines([*kit.QUERIES, {"_id": "q0", "text": "x"}])}, "two different queries"),
    ],
)
def test_a_set_that_contradicts_itself_is_refused(
    kit: Any, by_url: Any, place: Path, tmp_path: Path, change: Any, said: str
) -> None:
    by_url()
    for name, content in (kit.beir() | change(kit)).items():
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        get(find_card("tiny"), source=tmp_path / "raw", tell=silent)
    assert here(find_card("tiny")) is None


def test_what_is_odd_and_harmless_is_mended_and_told(kit: Any, by_url: Any, tmp_path: Path) -> None:
    by_url(judgements=6)
    odd = {
        "corpus.jsonl": kit.lines([*kit.DOCUMENTS, kit.DOCUMENTS[4]]),
        "qrels/test.tsv": kit.tsv([*kit.JUDGED, kit.JUDGED[0], ("q1", "d2", -2)]),
    }
    for name, content in (kit.beir() | odd).items():
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / name).write_bytes(content)
    folder = get(find_card("tiny"), source=tmp_path / "raw", tell=silent)
    assert load_dataset(folder).qrels["q1"] == {"d1": 1, "d2": 0}
    notes = (read_receipt(folder) or {})["notes"]
    assert [note.split(";")[0] for note in notes] == [
        "the files were given by hand and could be checked by their counts only",
        "1 judgements are there twice alike",
        "1 grades are below 0",
        "1 documents are there twice alike",
    ]


# ------------------------------------------------------------------------------------------------ given by hand


def test_an_archive_given_by_hand_is_checked_as_a_download_is(
    by_url: Any, host: Any, place: Path, archive: bytes, tmp_path: Path
) -> None:
    by_url()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "tiny.zip").write_bytes(archive[:-1] + b"!")
    with pytest.raises(DataError, match="the sha256 of"):
        get(find_card("tiny"), source=tmp_path / "mine", tell=silent)
    (tmp_path / "mine" / "tiny.zip").write_bytes(archive)
    folder = get(find_card("tiny"), source=tmp_path / "mine", tell=silent)
    assert "by hand" in load_dataset(folder).revision
    assert (read_receipt(folder) or {})["how"] == "by hand"
    assert (tmp_path / "mine" / "tiny.zip").exists(), "the user's own file stays"
    assert host.requests == []


def test_a_folder_given_by_hand_that_is_something_else_says_what_it_has(by_url: Any, tmp_path: Path) -> None:
    by_url()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"tiny cannot be read from .*corpus\.jsonl.*there is notes\.txt"):
        get(find_card("tiny"), source=tmp_path / "mine", tell=silent)
    with pytest.raises(ConfigError, match="is no folder"):
        get(find_card("tiny"), source=tmp_path / "absent", tell=silent)


# --------------------------------------------------------------------------------------------- several origins


def test_the_next_origin_is_tried_where_the_first_gives_nothing(
    by_url: Any, host: Any, kit: Any, place: Path, archive: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    by_url()
    origin = {"kind": "url", "layout": "beir", "sha256": hashlib.sha256(archive).hexdigest()}
    kit.write_card(
        place, "tiny", [origin | {"place": f"{host.url}/gone.zip"}, origin | {"place": f"{host.url}/tiny.zip"}]
    )
    folder = get(find_card("tiny"), tell=silent)
    assert (read_receipt(folder) or {})["origin"] == f"{host.url}/tiny.zip"
    assert "is taken from" in caplog.text
    assert "there is no such file (404)" in caplog.text


def test_an_origin_that_gives_another_set_is_not_papered_over(
    by_url: Any, host: Any, kit: Any, place: Path, archive: bytes
) -> None:
    by_url()
    good = {"kind": "url", "layout": "beir", "sha256": hashlib.sha256(archive).hexdigest()}
    changed = {"place": f"{host.url}/tiny.zip", "sha256": "0" * 64}
    kit.write_card(place, "tiny", [good | changed, good | {"place": f"{host.url}/tiny.zip"}])
    with pytest.raises(DataError, match="expected 0000"):
        get(find_card("tiny"), tell=silent)


def test_when_no_origin_gives_anything_each_reason_is_told(kit: Any, place: Path) -> None:
    origins = [
        {"kind": "url", "place": "http://127.0.0.1:9/a.zip", "layout": "beir", "md5": "0" * 32},
        {"kind": "url", "place": "http://127.0.0.1:9/b.zip", "layout": "beir", "md5": "0" * 32},
    ]
    kit.write_card(place, "tiny", origins)
    with pytest.raises(OutOfReachError, match=r"(?s)tiny cannot be fetched from any of its 2 places:.*a\.zip.*b\.zip"):
        get(find_card("tiny"), tell=silent)


# --------------------------------------------------------------------------------------------------- processes

FETCH = (
    "import sys\nfrom bench.fetch import find_card, get\n"
    "print(get(find_card('tiny'), tell=lambda *_: None), flush=True)\n"
)


def process() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", FETCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2], env=os.environ,
    )  # fmt: skip


def test_two_processes_fetch_it_once(by_url: Any, host: Any) -> None:
    """The second comes while the first is in the middle of its download, waits, and finds the work done."""
    by_url()
    asked, go_on = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        asked.set()
        go_on.wait(30)

    host.before_body = hold
    with process() as first:
        assert asked.wait(30)
        with process() as second:
            assert second.stderr is not None
            said = second.stderr.readline()
            go_on.set()
            out = [each.communicate(timeout=60)[0] for each in (first, second)]
    assert "another process is fetching tiny; waiting for it" in said
    assert out[0] == out[1] == f"{card_folder(find_card('tiny'))}\n"
    assert len(host.asked("/tiny.zip")) == 1


def test_killed_half_way_and_run_again(by_url: Any, host: Any, net: Any, place: Path, archive: bytes) -> None:
    by_url()
    asked, killed = threading.Event(), threading.Event()
    half = len(archive) // 2
    host.faults["/tiny.zip"] = [net.Fault(cut_after=half)]

    def hold(path: str) -> None:
        if len(host.requests) == 2:
            asked.set()
            killed.wait(30)

    host.before_body = hold
    with process() as first:
        assert asked.wait(30)
        first.send_signal(signal.SIGKILL)
        first.wait(30)
    killed.set()
    assert here(find_card("tiny")) is None
    host.requests.clear()
    folder = get(find_card("tiny"), tell=silent)
    assert len(load_dataset(folder).corpus) == 12
    assert [each.range for each in host.requests] == [f"bytes={half}-"]


def test_killed_while_it_was_written_and_run_again(by_url: Any, place: Path) -> None:
    by_url()
    folder = card_folder(find_card("tiny"))
    work = folder.with_name(f".{folder.name}.work") / "set"
    work.mkdir(parents=True)
    (work / "corpus.jsonl").write_text("half")
    assert here(find_card("tiny")) is None
    get(find_card("tiny"), tell=silent)
    assert not work.exists()


# ------------------------------------------------------------------------------------------------- ir_datasets


def test_a_name_of_ir_datasets_becomes_a_set(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ir_datasets = pytest.importorskip("ir_datasets")
    monkeypatch.setenv("IR_DATASETS_HOME", str(place / "ir"))
    from ir_datasets.datasets.base import Dataset
    from ir_datasets.formats import GenericDoc, GenericQuery, TrecQrel

    class Made:
        def docs_iter(self) -> Any:
            return iter([GenericDoc("a", "words"), GenericDoc("b", "more words")])

        def docs_cls(self) -> Any:
            return GenericDoc

        def queries_iter(self) -> Any:
            return iter([GenericQuery("1", "words?"), GenericQuery("2", "?")])

        def qrels_iter(self) -> Any:
            return iter([TrecQrel("1", "b", 2, "0"), TrecQrel("1", "a", -1, "0")])

    monkeypatch.setattr(ir_datasets, "load", lambda name: Dataset(*_constituents(Made())))
    folder = get(ir_card("tiny/dev"), tell=silent)
    dataset = load_dataset(folder, "dev")
    assert dataset.name == "ir-tiny__dev"
    assert dataset.revision == "ir_datasets tiny/dev"
    assert dataset.qrels == {"1": {"b": 2, "a": 0}}
    assert [document.text for document in dataset.corpus] == ["words", "more words"]


def _constituents(made: Any) -> list[Any]:
    """The three handlers that a set of the library has."""
    from ir_datasets.formats import BaseDocs, BaseQrels, BaseQueries

    class Docs(BaseDocs):  # type: ignore[misc]
        def docs_iter(self) -> Any:
            return made.docs_iter()

    class Queries(BaseQueries):  # type: ignore[misc]
        def queries_iter(self) -> Any:
            return made.queries_iter()

    class Qrels(BaseQrels):  # type: ignore[misc]
        def qrels_iter(self) -> Any:
            return made.qrels_iter()

    return [Docs(), Queries(), Qrels()]


def test_offline_its_client_downloads_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ir_datasets")
    monkeypatch.setenv("IR_DATASETS_HOME", str(place / "ir"))
    monkeypatch.setattr("bench.fetch.irsets.is_offline", lambda: True)
    with pytest.raises(OutOfReachError, match="HF_HUB_OFFLINE is set"):
        get(ir_card("cranfield"), tell=silent)


def test_ir_datasets_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(DataError, match=r'pip install "rerankbench\[ir\]"'):
        get(ir_card("beir/scifact/test"), tell=silent)


@pytest.mark.parametrize("name", ["", "a b", "/", "a//b"])
def test_what_is_no_name_of_ir_datasets(name: str) -> None:
    with pytest.raises(ConfigError, match="is no name of ir_datasets"):
        ir_card(name)


def test_an_unknown_name_of_ir_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ir_datasets")
    with pytest.raises(DataError, match="has no set 'beir/nothing'"):
        get(ir_card("beir/nothing"), tell=silent)


def test_a_receipt_that_is_broken_is_none(tmp_path: Path) -> None:
    assert read_receipt(tmp_path) is None
    (tmp_path / "receipt.json").write_text(json.dumps([]))
    assert read_receipt(tmp_path) is None


def test_a_set_that_nobody_can_fetch_may_be_given_by_hand(kit: Any, place: Path) -> None:
    kit.write_card(place, "rare", [], note="Ask the authors.")
    card = find_card("rare")
    with pytest.raises(OutOfReachError, match=r"--from FOLDER\. Ask the authors"):
        get(card, tell=silent)
    for name, content in kit.beir().items():
        (place / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "mine" / name).write_bytes(content)
    folder = get(card, source=place / "mine", tell=silent)
    assert load_dataset(folder).revision == "no published revision, by hand"
