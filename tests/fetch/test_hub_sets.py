"""Repositories of data sets through the real client of the Hugging Face hub, against a hub on this machine."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.data import load_dataset
from bench.fetch import find_card, get, here, hub_files
from bench.fetch.errors import OutOfReachError
from bench.fetch.receipt import read_receipt
from bench.types import DataError

pytestmark = pytest.mark.usefixtures("place")
NAME = "org/tiny"
SHARD = "-00000-of-00001.parquet"


def silent(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def repository(kit: Any, net: Any, host: Any, place: Path, client: Any) -> Any:
    """The small set as mteb's repositories have it, and a card for it."""
    judged = [{"query-id": q, "corpus-id": d, "score": float(g)} for q, d, g in kit.JUDGED]
    files = {
        "README.md": b"---\nlicense: cc0\n---\n",
        ".gitattributes": b"*.parquet filter=lfs\n",
        "photo.jpg": b"x" * 300,
        f"corpus/corpus{SHARD}": kit.parquet(kit.DOCUMENTS),
        f"queries/queries{SHARD}": kit.parquet(kit.QUERIES),
        "qrels/test.jsonl": kit.lines(judged[:2]) + kit.lines(judged[2:]),
    }
    files["small.jsonl"] = b"{}\n"
    held = host.repositories[NAME] = net.Repository(files)
    kit.write_card(
        place,
        "tiny",
        [
            {
                "kind": "hub",
                "place": NAME,
                "layout": "mteb-retrieval",
                "revision": net.COMMIT,
                "files": ["corpus/*", "queries/*", "qrels/*"],
            }
        ],
    )
    return held


def test_a_repository_becomes_a_set(repository: Any, host: Any, net: Any) -> None:
    told: list[tuple[str, int, int]] = []
    folder = get(find_card("tiny"), tell=lambda *word: told.append(word))
    dataset = load_dataset(folder)
    assert (len(dataset.corpus), len(dataset.queries), dataset.qrels["q2"]) == (12, 3, {"d2": 1, "d5": 0})
    assert dataset.revision == f"{NAME}@{net.COMMIT}"
    assert (read_receipt(folder) or {})["origin"] == f"huggingface {NAME}"
    asked = {each.path.rpartition("/")[2] for each in host.asked("/resolve/")}
    assert asked <= {f"corpus{SHARD}", f"queries{SHARD}", "test.jsonl", "README.md"}, "nothing that is not needed"
    of_it = [each.path for each in host.requests if NAME in each.path and "/cdn/" not in each.path]
    assert of_it
    assert all(net.COMMIT in path for path in of_it), "pinned in every request"
    size = sum(
        len(text) for name, text in repository.files.items() if name.startswith(("corpus", "qu", "qrels", "READ"))
    )
    assert ("download org/tiny", size, size) in told
    before = len(host.requests)
    get(find_card("tiny"), tell=silent)
    assert len(host.requests) == before


def test_offline_the_cache_serves_and_nothing_is_asked(
    repository: Any, host: Any, net: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        OutOfReachError, match=r"HF_HUB_OFFLINE is set, so nothing was asked, and no cache here has it whole"
    ):
        get(find_card("tiny"), tell=silent)
    assert host.requests == []
    monkeypatch.setattr(client, "HF_HUB_OFFLINE", False)
    online = hub_files(NAME, net.COMMIT, ("corpus/*", "queries/*", "qrels/*", "README.md"), "huggingface", silent)
    monkeypatch.setattr(client, "HF_HUB_OFFLINE", True)
    host.requests.clear()
    assert len(load_dataset(get(find_card("tiny"), tell=silent)).corpus) == 12
    assert online.is_dir()
    assert host.requests == []


def test_a_hub_that_falls_silent_leaves_the_cached_commit(
    repository: Any, client: Any, net: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub_files(NAME, net.COMMIT, ("corpus/*", "queries/*", "qrels/*", "README.md"), "huggingface", silent)
    monkeypatch.setattr(client, "ENDPOINT", "http://127.0.0.1:9")
    assert len(load_dataset(get(find_card("tiny"), tell=silent)).corpus) == 12
    assert "using the cached copy of org/tiny on huggingface (http://127.0.0.1:9): it did not answer" in caplog.text


def other(content: bytes) -> bytes:
    return content[:-5] + b"XXXXX"


@pytest.mark.parametrize(
    ("file", "said"), [(f"corpus/corpus{SHARD}", "the sha256 of corpus/"), ("qrels/test.jsonl", "of qrels/test.jsonl")]
)
def test_a_file_that_is_not_what_the_hub_lists_is_refused_and_not_kept(
    repository: Any, file: str, said: str, place: Path
) -> None:
    """Of the same length, so that the client itself sees nothing wrong."""
    repository.served[file] = other(repository.files[file])
    with pytest.raises(DataError, match=f"{said}.*was removed: run the command again"):
        get(find_card("tiny"), tell=silent)
    assert here(find_card("tiny")) is None
    repository.served.clear()
    assert len(load_dataset(get(find_card("tiny"), tell=silent)).corpus) == 12


def test_a_file_that_rots_in_the_cache_is_found_offline_too(
    repository: Any, client: Any, net: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hub_files(NAME, net.COMMIT, ("corpus/*",), "huggingface", silent)
    file = (folder / f"corpus/corpus{SHARD}").resolve()
    file.chmod(0o644)
    file.write_bytes(other(file.read_bytes()))
    monkeypatch.setattr(client, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="the sha256 of corpus/"):
        hub_files(NAME, net.COMMIT, ("corpus/*",), "huggingface", silent)


def test_a_cut_connection_goes_on_from_where_it_stopped(
    repository: Any, host: Any, net: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own doing; shown here because it is what this relies on."""
    monkeypatch.setattr(client, "DOWNLOAD_CHUNK_SIZE", 100)
    path = f"/cdn/{NAME}/corpus/corpus{SHARD}"
    host.plain[path] = net.Plain(repository.files[f"corpus/corpus{SHARD}"])
    host.faults[path] = [net.Fault(cut_after=700)]
    assert len(load_dataset(get(find_card("tiny"), tell=silent)).corpus) == 12
    assert [each.range for each in host.asked(path)][:2] == ["", "bytes=700-"]


def missing(host: Any, repository: Any) -> None:
    host.repositories.clear()


def gate(host: Any, repository: Any) -> None:
    repository.gated = True


def broken(host: Any, repository: Any) -> None:
    from types import SimpleNamespace

    host.lasting[f"/api/datasets/{NAME}/tree/0123456789abcdef0123456789abcdef01234567"] = SimpleNamespace(
        status=500, wait_s=0, redirect="", headers=(), cut_after=-1
    )


def emptied(host: Any, repository: Any) -> None:
    for name in [name for name in repository.files if "/" in name or name == "README.md"]:
        del repository.files[name]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (missing, "there is no such data set, or it is private and needs a token in HF_TOKEN"),
        (gate, "it is gated: accept its terms on its page, then set HF_TOKEN"),
        (broken, "it did not answer .*500"),
        (emptied, r"none of its files is one of corpus/\*.*it has \.gitattributes, photo\.jpg"),
    ],
)
def test_the_hubs_no_is_told_in_words(
    repository: Any, host: Any, spoil: Callable[[Any, Any], None], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(host, repository)
    with pytest.raises(OutOfReachError, match=said) as raised:
        get(find_card("tiny"), tell=silent)
    assert NAME in str(raised.value)
    assert "\n" not in str(raised.value), "one line"
    assert here(find_card("tiny")) is None


def test_an_unknown_revision_is_named(repository: Any) -> None:
    with pytest.raises(OutOfReachError, match=f"it is there, and has no revision '{'f' * 40}'"):
        hub_files(NAME, "f" * 40, (), "huggingface", silent)


# -------------------------------------------------------------------------------------------------- ModelScope


def test_modelscope_without_a_known_repository(repository: Any) -> None:
    with pytest.raises(OutOfReachError, match="no repository on modelscope is known for tiny"):
        get(find_card("tiny"), hub="modelscope", tell=silent)


def test_modelscope_without_its_client_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    with pytest.raises(Exception, match=r'pip install "rerankbench\[modelscope\]"'):
        hub_files(NAME, "master", (), "modelscope", silent)


def test_modelscope_through_a_stand_in_of_its_client(
    repository: Any, kit: Any, net: Any, host: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function with the real client's parameters; only the knock on the door is HTTP."""
    asked: list[tuple[Any, ...]] = []

    def dataset_snapshot_download(
        dataset_id: str | None = None, revision: str | None = None, allow_patterns: Any = None
    ) -> str:
        asked.append((dataset_id, revision))
        return str(place / "ms")

    for name, content in kit.beir().items():
        (place / "ms" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "ms" / name).write_bytes(content)
    for name in ("modelscope", "modelscope.hub", "modelscope.hub.snapshot_download"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    found = sys.modules["modelscope.hub.snapshot_download"]
    monkeypatch.setattr(found, "dataset_snapshot_download", dataset_snapshot_download, raising=False)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", host.url)
    origin = {"kind": "hub", "place": NAME, "layout": "mteb-retrieval", "revision": net.COMMIT, "modelscope": "ms/tiny"}
    kit.write_card(place, "tiny", [origin])
    folder = get(find_card("tiny"), hub="modelscope", tell=silent)
    assert load_dataset(folder).revision == "ms/tiny@master"
    assert asked == [("ms/tiny", "master")]
    assert "modelscope pins no commit; the files are its newest" in (read_receipt(folder) or {})["notes"]


def test_modelscope_through_its_real_client_where_it_is_installed(
    repository: Any, kit: Any, net: Any, host: Any, place: Path
) -> None:
    if importlib.util.find_spec("modelscope") is None:
        pytest.skip('the modelscope client is not installed: pip install "rerankbench[modelscope]"')
    origin = {"kind": "hub", "place": NAME, "layout": "mteb-retrieval", "revision": net.COMMIT, "modelscope": NAME}
    kit.write_card(place, "tiny", [origin | {"files": ["corpus/*", "queries/*", "qrels/*"]}])
    spoilt = f"corpus/corpus{SHARD}"
    repository.served[spoilt] = other(repository.files[spoilt])
    refused = kit.command(place, "datasets", "get", "tiny", "--hub", "modelscope", endpoint=host.url)
    assert refused.returncode == 3
    assert "tiny: cannot be fetched" in refused.stderr
    repository.served.clear()
    done = kit.command(place, "datasets", "get", "tiny", "--hub", "modelscope", endpoint=host.url)
    assert done.returncode == 0, done.stderr
    assert load_dataset(here(find_card("tiny")) or Path()).revision == f"{NAME}@master"
    assert not [each for each in host.requests if "photo" in each.path]
