"""``rerankbench datasets get`` as it is typed, over real HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

pytestmark = pytest.mark.usefixtures("place")


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def typed(client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command in this process."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: str) -> Done:
        from bench.cli.main import main

        monkeypatch.setattr("sys.argv", ["rerankbench", "datasets", "get", *arguments])
        with pytest.raises(SystemExit) as raised:
            main()
        said = capsys.readouterr()
        return Done(int(raised.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def repository(kit: Any, net: Any, host: Any, place: Path) -> None:
    """Two sets on the hub, one on a plain host, one nowhere; the second of the hub's is not what its card says."""
    shard = "-00000-of-00001.parquet"
    host.repositories["org/tiny"] = net.Repository(
        {
            f"corpus/corpus{shard}": kit.parquet(kit.DOCUMENTS),
            f"queries/queries{shard}": kit.parquet(kit.QUERIES),
            "qrels/test.tsv": kit.tsv(kit.JUDGED),
        }
    )
    archive = kit.zipped(kit.beir("tiny/"))
    host.plain["/tiny.zip"] = net.Plain(archive)
    hub = {"kind": "hub", "place": "org/tiny", "layout": "mteb-retrieval", "revision": net.COMMIT}
    url = {"kind": "url", "layout": "beir", "sha256": hashlib.sha256(archive).hexdigest(), "size_bytes": len(archive)}
    kit.write_card(place, "one", [hub])
    kit.write_card(place, "two", [hub], corpus=13)
    kit.write_card(place, "three", [url | {"place": f"{host.url}/tiny.zip"}])
    kit.write_card(place, "four", [url | {"place": f"{host.url}/gone.zip"}])


def test_a_suite_is_fetched_set_by_set_and_summed_up(
    repository: None, kit: Any, typed: Any, host: Any, place: Path
) -> None:
    """HF_ENDPOINT and HF_HOME are honoured; what fails is one line each, and does not keep the others from coming."""
    done = kit.command(place, "datasets", "get", "--suite", "tests", endpoint=host.url)
    assert done.returncode == 3, done.stderr
    faults = done.stderr.splitlines()
    assert len(faults) == 2, done.stderr
    assert faults[0].startswith(f"error: four: cannot be fetched: {host.url}/gone.zip: there is no such file (404)")
    assert faults[1].startswith("error: two: has 12 documents, its card says 13")
    assert "one fetched: " in done.stdout
    assert "three fetched: " in done.stdout
    assert "2 of 4 sets are here." in done.stdout
    assert list((place / "hf" / "hub").glob("datasets--org--tiny/snapshots/*"))
    host.requests.clear()
    again = typed("one", "three")
    assert again.code == 0, again.err
    assert again.out.count("is here already") == 2
    assert host.requests == []


def test_offline_each_set_is_one_line_and_nothing_is_asked(
    repository: None, client: Any, typed: Any, host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HF_HUB_OFFLINE", True)
    done = typed("one", "three")
    assert done.code == 3
    faults = done.err.splitlines()
    assert [line.partition(": HF_HUB_OFFLINE is set")[0].partition(": cannot")[0] for line in faults] == [
        "error: one",
        "error: three",
    ]
    assert all("HF_HUB_OFFLINE is set, so nothing was asked" in line for line in faults)
    assert "0 of 2 sets are here." in done.out
    assert host.requests == []


def test_for_a_config_lists_what_is_here_and_what_is_missing(
    repository: None, typed: Any, host: Any, place: Path, small_set: Path
) -> None:
    config = place / "study.yaml"
    tree = {
        "name": "study",
        "datasets": [{"path": "card:one"}, {"path": "card:three"}, str(small_set)],
        "trial": {"depth": 5},
        "pipelines": {
            "BM25": {"retriever": "bm25"},
            "reranked": {"retriever": "bm25", "reranker": "org/absent-reranker"},
            "shipped": {"retriever": "bm25", "reranker": "asset:tracer-reranker"},
        },
    }
    config.write_text(yaml.safe_dump(tree), encoding="utf-8")
    listed = typed("--for", str(config), "--dry-run")
    assert listed.code == 0, listed.err
    rows = {line.split()[1]: line.split() for line in listed.out.splitlines() if line.startswith(("set ", "model "))}
    assert rows["one"] == ["set", "one", "–", "missing"]
    assert rows["three"][2:] == ["998", "B", "missing"] or rows["three"][-1] == "missing"
    assert rows[str(small_set)][-1] == "own"
    assert rows["org/absent-reranker"] == ["model", "org/absent-reranker", "–", "missing"]
    assert rows["asset:tracer-reranker"][-1] == "shipped"
    assert "3 sets, 2 to fetch; 2 models, 1 not here." in listed.out
    assert "hf download org/absent-reranker" in listed.out
    assert host.requests == []
    fetched = typed("--for", str(config))
    assert fetched.code == 0, fetched.err
    assert "2 of 2 sets are here." in fetched.out
    again = typed("--for", str(config), "--dry-run")
    assert "3 sets, 0 to fetch" in again.out


def test_a_damaged_set_is_named_and_fetched_again_by_its_name_and_for_a_config(
    repository: None, typed: Any, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = place / "study.yaml"
    config.write_text(
        "{name: study, datasets: ['card:three'], trial: {depth: 5}, pipelines: {BM25: {retriever: bm25}}}\n",
        encoding="utf-8",
    )
    assert typed("three").code == 0
    (corpus,) = (place / "cache" / "datasets" / "cards").glob("three-*/corpus.jsonl")
    for asked in (["three"], ["--for", str(config)]):
        whole = corpus.read_bytes()
        corpus.write_bytes(whole.replace(b"topic 1", b"topic 7"))
        done = typed(*asked)
        assert done.code == 0, done.err
        assert f"three in {corpus.parent} is damaged (corpus.jsonl" in caplog.text
        caplog.clear()
        assert f"three fetched: {corpus.parent}" in done.out
        assert corpus.read_bytes() == whole
        again = typed(*asked)
        assert (again.code, again.err, caplog.text) == (0, "", "")
        assert "three is here already" in again.out


def test_for_a_claims_file_lists_its_experiments_sets(repository: None, typed: Any, place: Path) -> None:
    claims = {
        "name": "c",
        "source": {"title": "A paper"},
        "experiments": {"e": {"datasets": ["card:one"], "pipelines": {"BM25": {"retriever": "bm25"}}}},
        "claims": [
            {
                "id": "x",
                "statement": "BM25 finds it.",
                "experiment": "e",
                "figures": [{"name": "f", "pipeline": "BM25", "measure": "ndcg@10", "expected": "0.5"}],
            }
        ],
    }
    (place / "claims.yaml").write_text(yaml.safe_dump(claims), encoding="utf-8")
    done = typed("--for", str(place / "claims.yaml"), "--dry-run")
    assert done.code == 0, done.err
    assert "1 sets, 1 to fetch; 0 models, 0 not here." in done.out


def test_from_a_folder_without_a_network(
    repository: None, kit: Any, client: Any, typed: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HF_HUB_OFFLINE", True)
    for name, content in kit.beir().items():
        (place / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "mine" / name).write_bytes(content)
    done = typed("one", "--from", str(place / "mine"))
    assert done.code == 0, done.err
    card = next((place / "cache" / "datasets" / "cards").glob("one-*/dataset.toml")).read_text(encoding="utf-8")
    assert ", by hand" in card


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "give names of sets, or --suite NAME, or --for FILE"),
        (("one", "--suite", "tests"), 2, "give names of sets, or --suite NAME, or --for FILE"),
        (("ones",), 2, "unknown set 'ones'. Did you mean 'one'?"),
        (("--suite", "test"), 2, "unknown suite 'test'. Did you mean 'tests'?"),
        (("one", "--hub", "hugface"), 2, "unknown hub 'hugface'. Did you mean 'huggingface'?"),
        (("one", "two", "--from", "."), 2, "--from is for one set at a time, and 2 are asked for"),
        (("--for", "absent.yaml"), 2, "no config at absent.yaml"),
        (("ir:no such",), 2, "is no name of ir_datasets"),
    ],
)
def test_a_slip_is_one_line(repository: None, typed: Any, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = typed(*arguments)
    assert done.code == code
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert said in done.err
