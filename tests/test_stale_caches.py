"""Nothing of before is taken for something of now: each input that matters is changed, one at a time, and is missed.

And the reverse: what decides nothing is changed, and what is kept is found. Files are changed with their size and their
time of change put back, so that only their contents tell.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import bench.prepare
import bench.retrievers.dense
from bench.cache import EmbeddingCache, EmbeddingKey
from bench.config.plan import Plan, load_plan
from bench.data import load_dataset, read_corpus
from bench.hub import fingerprint
from bench.job import Job
from bench.keys import arms_key, quality_key
from bench.machine.device import PACKAGES
from bench.prepare import Prepared, prepare
from bench.retrievers import bm25s_index, load_retriever, tokens
from bench.retrievers.dense import DenseRetriever, load_dense
from bench.sources import open_set
from bench.sources.spec import read_entry, spec_name
from bench.store import Store
from bench.trial import carry_out, untold
from bench.types import ConfigError, DataError, Document, ModelError, QualityPass, Query, Trial, TrialResult, Work
from bench.unchanged import refuse_changed


def swap(path: Path, old: bytes, new: bytes) -> None:
    """Other contents of the same size, and of the same time as far as that can be set."""
    assert len(old) == len(new)
    contents, stat = path.read_bytes(), path.stat()
    assert contents.count(old) >= 1, path
    path.write_bytes(contents.replace(old, new, 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)


# ---------------------------------------------------------------------------- results and quality passes of a trial


class Project:
    """A config with a set, a run of candidates and two models (whose weights nobody loads here), as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree: dict[str, Any] = {
            "name": "study",
            "datasets": ["./set"],
            "trial": {
                "retriever": "dense", "embedder": "./embedder", "reranker": "./reranker", "engine": "packed",
                "depth": 20, "max_length": 512, "device": "cpu", "dtype": "fp32", "measures": ["ndcg@10"],
            },
            "pipelines": {"Reranked": {}},
        }  # fmt: skip

    @property
    def trial(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.tree["trial"]
        return fields

    def prepared(self) -> Prepared:
        config = self.folder / "study.yaml"
        if not config.exists() or yaml.safe_load(config.read_text(encoding="utf-8")) != self.tree:
            config.write_text(yaml.safe_dump(self.tree, allow_unicode=True), encoding="utf-8")
        (item,) = prepare(load_plan(config), untold)
        return item


class Kept:
    """What a finished run of the project has left in a results folder: one result and its quality pass."""

    def __init__(self, folder: Path, item: Prepared) -> None:
        self.store = Store(folder)
        self.store.write_result(TrialResult(item.trial, "ok", inputs=item.inputs))
        self.store.write_quality(
            QualityPass(quality_key(item.trial), item.inputs, item.trial.depth, "logit", Work())
        )  # fmt: skip
        self.store.write_fit(item.trial, item.inputs, 7)

    def finds(self, item: Prepared) -> tuple[bool, bool]:
        """Whether the result is found, and the quality pass."""
        result = self.store.find(item.trial, item.inputs)
        assert (self.store.find_fit(item.trial, item.inputs) is None) == (result is None)
        made = self.store.find_quality(quality_key(item.trial), item.inputs, item.trial.depth)
        return result is not None, made is not None


@pytest.fixture
def project(small_set: Path, root: Path, tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    shutil.copytree(small_set, folder / "set")
    queries = (folder / "set" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) | {"asks": f"find {n}"} for n, line in enumerate(queries)]
    (folder / "set" / "queries.jsonl").write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in asked), encoding="utf-8"
    )
    corpus = folder / "set" / "corpus.jsonl"
    corpus.write_text(corpus.read_text(encoding="utf-8").replace('"title": ""', '"title": "One"', 1), encoding="utf-8")
    (folder / "set" / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq3\td5\t1\n", encoding="utf-8")
    (folder / "first.run").write_text("q1 Q0 d1 1 2.5 x\nq2 Q0 d3 1 2.0 x\nq3 Q0 d5 1 1.5 x\n", encoding="utf-8")
    for name in ("embedder", "reranker"):
        shutil.copytree(
            root / "bench" / "assets" / f"tracer-{name}", folder / name,
            ignore=shutil.ignore_patterns("*.safetensors", "README.md", "training.json"),
        )  # fmt: skip
        (folder / name / "model.safetensors").write_bytes(bytes(range(256)))
    (folder / "reranker" / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    return Project(folder)


def a_file(name: str, old: str, new: str) -> Callable[[Project, pytest.MonkeyPatch], None]:
    return lambda project, _: swap(project.folder / name, old.encode(), new.encode())


def a_field(**fields: Any) -> Callable[[Project, pytest.MonkeyPatch], None]:
    return lambda project, _: project.trial.update(fields)


def a_version(package: str) -> Callable[[Project, pytest.MonkeyPatch], None]:
    from importlib import metadata

    own = metadata.version

    def change(project: Project, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(metadata, "version", lambda name: own(name) + ".1" if name == package else own(name))

    return change


def a_constant(target: str, value: object) -> Callable[[Project, pytest.MonkeyPatch], None]:
    return lambda project, patch: patch.setattr(target, value)


def another_file(name: str) -> Callable[[Project, pytest.MonkeyPatch], None]:
    def add(project: Project, _: pytest.MonkeyPatch) -> None:
        (project.folder / name).write_text("{}", encoding="utf-8")

    return add


Change = Callable[[Project, pytest.MonkeyPatch], None]
MATTERS: Mapping[str, Change] = {
    "a byte of the reranker's weights": lambda project, _: swap(
        project.folder / "reranker/model.safetensors", b"\x07\x08", b"\x07\x09"
    ),
    "a byte of the embedder's weights": lambda project, _: swap(
        project.folder / "embedder/model.safetensors", b"\x07\x08", b"\x07\x09"
    ),
    "the reranker's tokenizer": a_file("reranker/tokenizer.json", 'server": 1', 'sErver": 1'),
    "the embedder's tokenizer": a_file("embedder/tokenizer.json", 'server": 1', 'sErver": 1'),
    "the reranker's configuration": a_file("reranker/config.json", '"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05'),
    "the tokenizer's configuration": a_file("reranker/tokenizer_config.json", '"left"', '"LEFT"'),
    "the chat template": a_file("reranker/chat_template.jinja", "messages", "Messages"),
    "the embedder's own prompts": a_file("embedder/config_sentence_transformers.json", "cosine", "eosine"),
    "another file of the model": another_file("reranker/generation_config2.json"),
    "a document's text": a_file("set/corpus.jsonl", "yeast", "YEAST"),
    "a document's title": a_file("set/corpus.jsonl", '"One"', '"Two"'),
    "a document's id": a_file("set/corpus.jsonl", '"d6"', '"d7"'),
    "a query's text": a_file("set/queries.jsonl", "rise", "fall"),
    "a query's own instruction": a_file("set/queries.jsonl", "find 1", "find 9"),
    "a judgement": a_file("set/qrels/test.tsv", "d2\t0", "d2\t1"),
    "a document that is judged": a_file("set/qrels/test.tsv", "d4\t1", "d6\t1"),
    "the split": lambda project, _: project.tree.update(datasets=[{"path": "./set", "split": "dev"}]),
    "a part of the split": lambda project, _: project.tree.update(datasets=[{"path": "./set", "split": "test/dev"}]),
    "the template": a_field(template="qwen3-eval"),
    "the instruction": a_field(instruction="Find what solves it"),
    "whose instruction it is": a_field(instruction_field="asks"),
    "the length of a prompt": a_field(max_length=511),
    "the number format": a_field(dtype="bf16"),
    "the quantisation": a_field(quantisation="int8-dynamic"),
    "the engine": a_field(engine="transformers"),
    "without the reranker": a_field(reranker=None, engine="auto"),
    "the first stage": a_field(retriever="bm25", embedder=None),
    "the first stage's candidates": a_field(retriever="given", embedder=None, candidates="./first.run"),
    "more candidates than were scored": a_field(depth=21),
    "a prompt before queries": a_field(query_prompt="query: "),
    "a prompt before documents": a_field(document_prompt="passage: "),
    "no prompt in place of the model's own": a_field(query_prompt=""),
    "the length of a text": a_field(embedder_max_length=64),
    "a sample of the queries": a_field(max_queries=2),
    "a newer version of this package": a_constant("bench.machine.device.__version__", "0.1.1"),
    "another way to score": a_constant("bench.machine.device.SCORING", bench.SCORING + 1),
    "other tables of Unicode": a_constant("unicodedata.unidata_version", "1.1.5"),
    **{f"another version of {name}": a_version(name) for name in PACKAGES},
}
DECIDES_NO_SCORE: Mapping[str, Change] = {
    "the pipeline's name": lambda project, _: project.tree.update(pipelines={"Other": {}}),
    "the batch size": a_field(batch_size=3),
    "the tokens of a pass": a_field(token_budget=4096),
    "the embedder's batch size": a_field(embedder_batch_size=3),
    "threads": a_field(threads=1),
    "fewer candidates": a_field(depth=5),
    "measures": a_field(measures=["mrr@10", "recall@5"]),
    "scenarios": a_field(scenarios=["offline"]),
    "timed queries": a_field(timed_queries=3, warmup_queries=0),
    "a limit of memory": a_field(memory_limit_mb=4000),
}
DECIDES_NOTHING: Mapping[str, Change] = {
    "nothing": lambda project, _: None,
    "the time of every file": lambda project, _: [
        os.utime(path, (1, 1)) for path in project.folder.rglob("*") if path.is_file()
    ],
    "the order of keys": lambda project, _: project.tree.update(
        trial=dict(reversed(project.trial.items())), datasets=project.tree.pop("datasets")
    ),
    "the config's own name": lambda project, _: project.tree.update(name="renamed"),
    "a comment": lambda project, _: (project.folder / "study.yaml").write_text(
        "# a comment\n" + yaml.safe_dump(project.tree), encoding="utf-8"
    ),
    "what was the default anyway": a_field(template="qwen3", query_prompt=None, threads=None),
    "a field that plays no part": a_field(candidates=None, url=None),
    "a file that is no part of the model": another_file("reranker/notes.md"),
    "a file that is no part of the set": another_file("set/notes.md"),
    "judgements of another split": a_file("set/qrels/dev.tsv", "d5\t1", "d5\t2"),
    "the folder": lambda project, _: setattr(
        project, "folder", project.folder.rename(project.folder.with_name("moved"))
    ),
    "a copy elsewhere": lambda project, _: setattr(
        project, "folder", Path(shutil.copytree(project.folder, project.folder.with_name("copied")))
    ),
}


@pytest.mark.parametrize("change", MATTERS)
def test_what_matters_is_missed(change: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path / "out", project.prepared())
    MATTERS[change](project, monkeypatch)
    assert kept.finds(project.prepared()) == (False, False)


@pytest.mark.parametrize("change", DECIDES_NO_SCORE)
def test_what_decides_no_score_leaves_the_quality_pass(
    change: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / "out", project.prepared())
    DECIDES_NO_SCORE[change](project, monkeypatch)
    assert kept.finds(project.prepared()) == (False, True)


@pytest.mark.parametrize("change", DECIDES_NOTHING)
def test_what_decides_nothing_is_found(
    change: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / "out", project.prepared())
    DECIDES_NOTHING[change](project, monkeypatch)
    assert kept.finds(project.prepared()) == (True, True)


def test_every_change_can_be_undone(project: Project, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "out", project.prepared())
    swap(project.folder / "set/corpus.jsonl", b"yeast", b"YEAST")
    assert kept.finds(project.prepared()) == (False, False)
    swap(project.folder / "set/corpus.jsonl", b"YEAST", b"yeast")
    assert kept.finds(project.prepared()) == (True, True)


def test_the_candidates_of_a_given_run_are_looked_into(project: Project, tmp_path: Path) -> None:
    project.trial.update(retriever="given", embedder=None, candidates="./first.run")
    kept = Kept(tmp_path / "out", project.prepared())
    assert kept.finds(project.prepared()) == (True, True)
    swap(project.folder / "first.run", b"2.5", b"2.6")
    assert kept.finds(project.prepared()) == (False, False)


def test_a_seed_matters_where_queries_are_drawn_and_to_the_timed_sample(project: Project, tmp_path: Path) -> None:
    project.trial.update(max_queries=2)
    kept = Kept(tmp_path / "out", project.prepared())
    project.trial.update(seed=1)
    assert kept.finds(project.prepared()) == (False, False)


ELSEWHERE = {"device": "cuda:0", "hub": "modelscope", "embedder_revision": "a1", "reranker_revision": "a1",
             "embedder": "org/e", "reranker": "org/r", "url": "http://localhost/rerank", "split": "dev",
             "dataset": "other", "trust_remote_code": True}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_cannot_be_had_here_is_in_every_key(name: str) -> None:
    trial = Trial("set", "p", retriever="dense", embedder="e", reranker="r", device="cpu")
    other = replace(trial, **{name: ELSEWHERE[name]})
    assert trial.id != other.id and quality_key(trial) != quality_key(other) and arms_key(trial) != arms_key(other)


# ----------------------------------------------------------------------- what changed while a run was under way


def test_a_set_that_changed_since_it_was_found_is_not_scored_under_its_old_name(
    small_set: Path, tmp_path: Path
) -> None:
    trial = Trial(str(small_set), "BM25", depth=3, measures=("ndcg@10",))
    (item,) = prepare(Plan("p", (trial,), tmp_path, ""), untold)
    job = Job(trial, tmp_path, tmp_path, ("quality",), 3, inputs=item.inputs, since=item.found_at)
    assert carry_out(job, untold, lambda: None)[0].status == "ok"
    swap(small_set / "corpus.jsonl", b"yeast", b"YEAST")
    with pytest.raises(DataError, match=r"small is not the one that was found before the trials began.*; run again"):
        carry_out(job, untold, lambda: None)
    assert carry_out(replace(job, inputs={}), untold, lambda: None)[0].status == "ok"


def test_a_program_that_was_changed_since_scores_nothing_under_the_old_ones_name(
    small_set: Path, tmp_path: Path
) -> None:
    (item,) = prepare(Plan("p", (Trial(str(small_set), "BM25", depth=3, measures=("ndcg@10",)),), tmp_path, ""), untold)
    was = item.inputs["software"]
    inputs = {
        **item.inputs,
        "software": was.replace(f"scoring {bench.SCORING}", "scoring 0").replace("bm25s ", "bm25s 0."),
    }
    job = Job(item.trial, tmp_path, tmp_path, ("quality",), 3, inputs=inputs, since=item.found_at)
    told = rf"begun with bm25s 0\.\S+, scoring 0; now there is bm25s \S+, scoring {bench.SCORING}\).*run again"
    with pytest.raises(ConfigError, match=told):
        carry_out(job, untold, lambda: None)
    assert carry_out(replace(job, since=0.0), untold, lambda: None)[0].status == "ok", "another machine's is noted"


@pytest.mark.parametrize("file", ["embedder/model.safetensors", "reranker/tokenizer.json", "first.run"])
def test_a_model_or_a_run_that_changed_since_is_refused(file: str, project: Project) -> None:
    if file == "first.run":
        project.trial.update(retriever="given", embedder=None, candidates="./first.run")
    item = project.prepared()
    dataset = item.dataset
    assert dataset is not None
    trial = replace(
        item.trial, embedder=item.trial.embedder and str(project.folder / "embedder"),
        reranker=str(project.folder / "reranker"),
        candidates=item.trial.candidates and str(project.folder / "first.run"),
    )  # fmt: skip
    path = project.folder / file
    for since in (item.found_at, 0.0):
        refuse_changed(item.inputs, since, trial, dataset)
    old, new = {"first.run": (b"2.5", b"2.6"), "tokenizer.json": (b"server", b"sErver")}.get(
        path.name, (b"\x07\x08", b"\x07\x09")
    )
    swap(path, old, new)
    with pytest.raises(DataError if file == "first.run" else ModelError, match="is not the one that was found"):
        refuse_changed(item.inputs, item.found_at, trial, dataset)


def test_files_that_nobody_touched_since_are_not_read_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    item = project.prepared()
    assert item.dataset is not None
    trial = replace(item.trial, embedder=str(project.folder / "embedder"), reranker=str(project.folder / "reranker"))
    read: list[Path] = []
    monkeypatch.setattr(
        "bench.unchanged.fingerprint", lambda folder, **options: read.append(folder) or fingerprint(folder, **options)
    )
    refuse_changed(item.inputs, time.time() + 60, trial, item.dataset)
    assert read == []
    refuse_changed(item.inputs, 0.0, trial, item.dataset)
    assert len(read) == 2


def test_a_hubs_model_of_another_commit_is_refused_unread(project: Project) -> None:
    item = project.prepared()
    assert item.dataset is not None
    trial = replace(item.trial, embedder=None, reranker=str(project.folder / "reranker"))
    with pytest.raises(ModelError, match="is not the one that was found"):
        refuse_changed({**item.inputs, "reranker_revision": "0f3c"}, time.time() + 60, trial, item.dataset)


def test_a_fingerprint_sees_a_change_behind_a_restored_time(project: Project) -> None:
    folder = project.folder / "reranker"
    before = fingerprint(folder)
    swap(folder / "model.safetensors", b"\x07\x08", b"\x07\x09")
    assert fingerprint(folder) != before
    swap(folder / "model.safetensors", b"\x07\x09", b"\x07\x08")
    assert fingerprint(folder) == before


# ------------------------------------------------------------------------------------------------------ vectors

TEXTS = ("protect a server", "bread and yeast")


@pytest.fixture
def embedder(root: Path, tmp_path: Path) -> Path:
    """The tiny embedder, to be changed."""
    folder = tmp_path / "embedder"
    shutil.copytree(root / "bench" / "assets" / "tracer-embedder", folder)
    return folder


def dense(embedder: Path, tmp_path: Path, **fields: Any) -> DenseRetriever:
    options = {"dtype": "fp32"} | fields
    trial = Trial("set", "p", retriever="dense", embedder=str(embedder), **options)
    return load_dense(trial, "cpu", EmbeddingCache(tmp_path / "cache"), lambda n, m: None)


def corpus(*texts: str, title: str = "") -> list[Document]:
    return [Document(f"d{n}", text, title) for n, text in enumerate(texts or TEXTS)]


def is_kept(retriever: DenseRetriever, documents: Sequence[Document] = ()) -> bool:
    retriever.index(documents or corpus())
    return retriever.index_from_cache


def test_vectors_of_a_model_that_was_put_in_anothers_place_are_not_kept(
    embedder: Path, small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is replaced after its files were told apart, and before they are read; then it is put back."""
    trial = Trial(
        str(small_set), "p", retriever="dense", embedder=str(embedder), depth=3, measures=("map",), device="cpu"
    )
    (item,) = prepare(Plan("p", (trial,), tmp_path, ""), untold)
    weights, cache = embedder / "model.safetensors", tmp_path / "vectors"
    job = Job(item.trial, tmp_path, cache, ("quality",), 3, inputs=item.inputs, since=item.found_at)
    whole, own = weights.read_bytes(), bench.retrievers.dense.load_encoder

    def late(*arguments: Any, **options: Any) -> Any:
        weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        return own(*arguments, **options)

    monkeypatch.setattr("bench.retrievers.dense.load_encoder", late)
    with pytest.raises(ModelError, match="is not the one that was found"):
        carry_out(job, untold, lambda: None)
    assert not list(cache.rglob("*.npy")), "they would be found under the name of the other one"
    monkeypatch.undo()
    weights.write_bytes(whole)
    assert carry_out(job, untold, lambda: None)[0].status == "ok"
    assert list(cache.rglob("*.npy"))


def test_vectors_are_found_again_by_what_they_were_made_of(embedder: Path, tmp_path: Path) -> None:
    assert not is_kept(dense(embedder, tmp_path))
    assert is_kept(dense(embedder, tmp_path))
    assert is_kept(dense(embedder, tmp_path, embedder_batch_size=1, threads=1, query_prompt="query: "))
    assert is_kept(dense(embedder, tmp_path), [Document(f"other{n}", text) for n, text in enumerate(TEXTS)])
    assert is_kept(dense(Path(shutil.copytree(embedder, tmp_path / "copied")), tmp_path))
    (embedder / "README.md").write_text("another")
    assert is_kept(dense(embedder, tmp_path))


@pytest.mark.parametrize(
    ("fields", "documents"),
    [
        ({"document_prompt": "passage: "}, corpus()),
        ({"dtype": "bf16"}, corpus()),
        ({"embedder_max_length": 8}, corpus()),
        ({}, corpus(TEXTS[0], "bread and YEAST")),
        ({}, corpus(*reversed(TEXTS))),
        ({}, corpus(*TEXTS, "one more")),
        ({}, corpus(TEXTS[0])),
        ({}, corpus(*TEXTS, title="A title")),
        ({}, corpus("protect a", "server bread and yeast")),
    ],
)
def test_vectors_of_other_texts_or_settings_are_missed(
    embedder: Path, tmp_path: Path, fields: Mapping[str, Any], documents: Sequence[Document]
) -> None:
    is_kept(dense(embedder, tmp_path))
    if "embedder_max_length" in fields:  # the tiny embedder has no such bound; its name is all that is asked here
        retriever = dense(embedder, tmp_path)
        retriever._encoder.max_length = fields["embedder_max_length"]
        assert not is_kept(retriever)
        return
    assert not is_kept(dense(embedder, tmp_path, **fields), documents)
    assert is_kept(dense(embedder, tmp_path, **fields), documents) and is_kept(dense(embedder, tmp_path))


def test_vectors_of_other_weights_of_the_same_size_and_time_are_missed(embedder: Path, tmp_path: Path) -> None:
    before = dense(embedder, tmp_path)
    is_kept(before)
    weights = embedder / "model.safetensors"
    tail = weights.read_bytes()[-4:]
    swap(weights, tail, bytes([tail[0] ^ 1]) + tail[1:])
    assert not is_kept(dense(embedder, tmp_path))


@pytest.mark.parametrize("what", ["a library", "our own way", "the device"])
def test_vectors_of_another_machinery_are_missed(
    what: str, embedder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_kept(dense(embedder, tmp_path))
    retriever = dense(embedder, tmp_path)
    own = retriever._document_key()
    if what == "a library":
        monkeypatch.setattr(bench.retrievers.dense, "library_versions", lambda: ("torch 99",))
    elif what == "our own way":
        monkeypatch.setattr(bench.retrievers.dense, "SCORING", bench.SCORING + 1)
    else:
        monkeypatch.setattr(retriever._encoder, "device", "cuda:1")
    assert retriever._document_key() != own
    monkeypatch.setattr(retriever._encoder, "device", "cpu")
    assert is_kept(retriever) == (what == "the device")


def test_a_query_is_embedded_each_time_and_never_taken_for_a_document(embedder: Path, tmp_path: Path) -> None:
    retriever = dense(embedder, tmp_path, query_prompt="same: ", document_prompt="same: ")
    retriever.index(corpus())
    cache = EmbeddingCache(tmp_path / "cache")
    held = sorted(path.name for path in cache.folder.iterdir())
    encoded: list[list[str]] = []
    own = retriever._encoder.encode

    def watched(texts: Sequence[str], prompt: str) -> Any:
        encoded.append(list(texts))
        return own(texts, prompt)

    retriever._encoder.encode = watched  # type: ignore[method-assign]
    for _ in range(2):
        assert retriever.search([Query("q", TEXTS[0])], 1)["q"][0].doc_id == "d0"
    assert encoded == [[TEXTS[0]], [TEXTS[0]]]
    assert sorted(path.name for path in cache.folder.iterdir()) == held
    assert [json.loads(path.read_bytes())["key"]["role"] for path in cache.folder.glob("*.json")] == ["document"]


def test_the_same_text_in_both_roles_has_two_entries(tmp_path: Path) -> None:
    key = EmbeddingKey("0" * 64, "document", "same: ", None, "fp32", "cpu", True, ("torch 2",))
    cache = EmbeddingCache(tmp_path)
    rows = {role: np.full((1, 2), n, dtype=np.float32) for n, role in enumerate(("document", "query"))}
    for role, row in rows.items():
        cache.get_or_compute(replace(key, role=role), ["text"], 1, lambda row=row: [row])  # type: ignore[arg-type, misc]
    for role, row in rows.items():
        found = cache.get_or_compute(replace(key, role=role), ["text"], 1, lambda: [])  # type: ignore[arg-type]
        assert np.array_equal(found, row)


# ----------------------------------------------------------------------------------- indices and conversions


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(read_corpus, "HELD_BYTES", -1)
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "cache"))


def index_is_kept(folder: Path, tmp_path: Path) -> bool:
    retriever = load_retriever(Trial("set", "p", retriever="bm25s"), "cpu", EmbeddingCache(tmp_path / "kept"))
    retriever.index(load_dataset(folder).corpus)
    return retriever.index_from_cache


def words_changed(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "tokens.py"
    copy.write_bytes(Path(tokens.__file__).read_bytes() + b"# another rule\n")
    patch.setattr(tokens, "__file__", str(copy))


@pytest.mark.parametrize("what", ["a word", "a title", "a library", "the rule of words", "Unicode"])
@pytest.mark.usefixtures("on_disk")
def test_an_index_of_other_words_is_missed(
    what: str, small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not index_is_kept(small_set, tmp_path)
    assert index_is_kept(small_set, tmp_path)
    assert index_is_kept(Path(shutil.copytree(small_set, tmp_path / "copied")), tmp_path)
    os.utime(small_set / "corpus.jsonl", (1, 1))
    assert index_is_kept(small_set, tmp_path)
    match what:
        case "a word":
            swap(small_set / "corpus.jsonl", b"yeast", b"YEASt")
        case "a title":
            swap(small_set / "corpus.jsonl", b'"title": "", "text": "Bread ', b'"title": "Br", "text": "ead ')
        case "a library":
            monkeypatch.setattr(bm25s_index, "version", lambda name: "9")
        case "the rule of words":
            words_changed(tmp_path, monkeypatch)
        case _:
            monkeypatch.setattr("unicodedata.unidata_version", "1.1.5")
    assert not index_is_kept(small_set, tmp_path)
    assert index_is_kept(small_set, tmp_path)


@pytest.fixture
def trec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "trec"
    folder.mkdir()
    (folder / "docs.tsv").write_text("d1\tred apples\nd2\tgreen pears\n")
    (folder / "topics.tsv").write_text("1\tapples\n2\tpears\n3\tred\n")
    for name, line in (("a", "1 0 d1 1"), ("b", "2 0 d2 1"), ("c", "3 0 d1 1")):
        (folder / f"{name}.qrels").write_text(line + "\n")
    yield {
        "name": "mine",
        "trec": {"docs": "trec/docs.tsv", "topics": "trec/topics.tsv",
                 "qrels": {"dev": "trec/a.qrels", "test": "trec/[bc].qrels"}},
    }  # fmt: skip


def converted(entry: Mapping[str, Any], base: Path) -> tuple[bool, frozenset[str]]:
    """Whether the set was converted now, and the queries that its test split judges."""
    told: list[str] = []
    found = open_set(spec_name(read_entry(entry, "config")), "test", base, lambda stage, *_: told.append(stage))
    return bool(told), frozenset(found.qrels)


def test_a_conversion_is_found_again_where_only_its_place_is_another(trec: dict[str, Any], tmp_path: Path) -> None:
    assert converted(trec, tmp_path) == (True, frozenset("23"))
    assert converted(dict(reversed(trec.items())), tmp_path) == (False, frozenset("23"))
    shutil.copytree(tmp_path / "trec", tmp_path / "elsewhere" / "trec")
    assert converted(trec, tmp_path / "elsewhere") == (False, frozenset("23"))
    os.utime(tmp_path / "trec" / "docs.tsv", (1, 1))
    assert converted(trec, tmp_path) == (False, frozenset("23"))


@pytest.mark.parametrize("name", ["docs.tsv", "topics.tsv", "a.qrels", "c.qrels"])
def test_a_conversion_of_other_contents_is_missed(name: str, trec: dict[str, Any], tmp_path: Path) -> None:
    converted(trec, tmp_path)
    path = tmp_path / "trec" / name
    old, new = (b"pears", b"PEARS") if name.endswith("tsv") else (b" 1\n", b" 2\n")
    swap(path, old, new)
    assert converted(trec, tmp_path)[0]


def test_a_file_that_went_over_to_another_split_is_another_set(trec: dict[str, Any], tmp_path: Path) -> None:
    """The same files in the same order, parted elsewhere: what was dev is test now."""
    assert converted(trec, tmp_path) == (True, frozenset("23"))
    trec["trec"]["qrels"] = {"dev": "trec/[ab].qrels", "test": "trec/c.qrels"}
    assert converted(trec, tmp_path) == (True, frozenset("3"))


# ------------------------------------------------------------------------------------------------ our own scores

PAIRS = (
    ("How do I protect my server?", "Close every port that is not in use."),
    ("How do I protect my server?", "How data was taken from a server."),
    ("如何保护服务器", "关闭所有不用的端口。"),
)
ADVICE = "scores have changed: if that was meant, count SCORING in bench/__init__.py up, and put the new ones here"


def test_the_words_and_scores_of_the_first_stages_are_those_of_this_number() -> None:
    """Whoever changes them counts ``SCORING`` up, or results of before are taken for results of now."""
    documents = [Document(f"d{n}", text) for n, (_, text) in enumerate(PAIRS)]
    documents += [Document("d3", "The history of the abacus."), Document("d4", "A server in every room.")]
    for name in ("bm25", "bm25s", "dense"):
        fields = {"retriever": name, "embedder": "asset:tracer-embedder" if name == "dense" else None}
        retriever = load_retriever(Trial("set", "p", dtype="fp32", **fields), "cpu")  # type: ignore[arg-type]
        retriever.index(documents)
        ranking = retriever.search([Query("q", "protect a server from taking data"), Query("z", "服务器端口")], 3)
        for query, wanted in FIRST_STAGES[bench.SCORING][name].items():
            assert [doc.doc_id for doc in ranking[query]] == [doc_id for doc_id, _ in wanted], ADVICE
            assert [doc.score for doc in ranking[query]] == pytest.approx([score for _, score in wanted], abs=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("template", ["qwen3", "qwen3-eval", "none"])
def test_the_scores_of_the_engines_are_those_of_this_number(template: str) -> None:
    from bench.rerankers.qwen3 import Qwen3Reranker

    engine = Qwen3Reranker("asset:tracer-reranker", template=template, dtype="fp32", device="cpu", max_length=120)
    long = (PAIRS[0][0], PAIRS[0][1] * 30)
    scores = [engine.score(query, [document])[0] for query, document in (*PAIRS, long)]
    assert scores == pytest.approx(ENGINES[bench.SCORING][template], abs=1e-4), ADVICE


FIRST_STAGES: Mapping[int, Mapping[str, Mapping[str, Sequence[tuple[str, float]]]]] = {
    1: {
        "bm25": {"q": [("d1", 2.6211), ("d4", 0.4206)], "z": [("d2", 1.3452)]},
        "bm25s": {"q": [("d1", 1.5095), ("d4", 0.4377)], "z": [("d2", 0.679)]},
        "dense": {
            "q": [("d4", 0.4849), ("d1", 0.3513), ("d2", 0.2003)],
            "z": [("d2", 0.5678), ("d0", 0.0761), ("d3", -0.066)],
        },
    },
}
ENGINES: Mapping[int, Mapping[str, Sequence[float]]] = {
    1: {
        "qwen3": [0.99595, 0.00014, 0.17001, 0.99951],
        "qwen3-eval": [0.99577, 0.00015, 0.37815, 0.99951],
        "none": [0.01553, 0.08559, 0.02284, 0.04188],
    },
}
