"""What every engine in the table must do, and what the reference engine does wrong on purpose."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.machine.meter import Stopwatch
from bench.rerankers import ENGINES, Reranker, engine_class, load_reranker
from bench.rerankers.padded import PaddedReranker
from bench.rerankers.reference import ReferenceReranker
from bench.rerankers.scores import sigmoid
from bench.types import ConfigError, DataError, Request, Trial

REQUESTS = [
    Request("fire wall", ("the quick fox", "keeps the server safe " * 60, "", "字😀\n"), "find"),
    Request("nothing", (), "find"),
    Request("dog", ("a", "the quick fox"), "find"),
]


ABSENT = pytest.mark.skipif(find_spec("vllm") is None, reason="the package vllm is not installed")
EVERY = [pytest.param(name, marks=[ABSENT] if name == "vllm" else []) for name in ENGINES]
LOCAL = [case for case, name in zip(EVERY, ENGINES, strict=True) if engine_class(name).local]


def trial(model: Path, **fields: Any) -> Trial:
    if fields.get("engine") == "http":
        fields = {"url": "http://127.0.0.1:9/score"} | fields
    return Trial(dataset="d", pipeline="p", reranker=str(model), **fields)


@pytest.fixture(scope="module", params=EVERY)
def engine(request: pytest.FixtureRequest, tiny: Path, score_url: str) -> Reranker:
    place = {"url": score_url} if request.param == "http" else {}
    return load_reranker(trial(tiny, engine=request.param, batch_size=2, **place), "cpu", "fp32")


# ------------------------------------------------------------------------------------------------- conformance


def test_one_finite_float_per_document(engine: Reranker) -> None:
    scored = engine.score_many(REQUESTS)
    assert [len(row) for row in scored.scores] == [4, 0, 2]
    assert all(type(value) is float for row in scored.scores for value in row)


def test_no_requests_no_work(engine: Reranker) -> None:
    assert engine.score_many([]).scores == []
    scored = engine.score_many([Request("q", (), "i")])
    assert scored.scores == [[]]
    assert scored.work.pairs == scored.work.forward_calls == 0


def test_equal_documents_score_alike_wherever_they_stand(engine: Reranker) -> None:
    row = engine.score_many([Request("dog", ("a", "the quick fox " * 5, "a", "b", "a"), "i")]).scores[0]
    assert row[0] == pytest.approx(row[2], abs=1e-5)
    assert row[0] == pytest.approx(row[4], abs=1e-5)


def test_requests_are_scored_each_for_itself(engine: Reranker) -> None:
    together = engine.score_many(REQUESTS).scores
    for request, row in zip(REQUESTS, together, strict=True):
        assert engine.score_many([request]).scores[0] == pytest.approx(row, abs=1e-5)


def test_work_adds_up(engine: Reranker) -> None:
    work = engine.score_many(REQUESTS).work
    assert work.pairs == 6
    assert work.forward_calls == (1 if engine.name == "vllm" else 3)
    assert work.tokens > 6 * 30
    if engine.local:
        assert work.padding_tokens >= 0
        assert work.truncated_pairs == work.truncated_tokens == 0
    else:
        assert work.padding_tokens is work.forward_tokens is work.truncated_pairs is work.truncated_tokens is None


def test_both_stages_are_timed_and_progress_ends_at_the_pairs(engine: Reranker) -> None:
    stages, told = Stopwatch(), list[int]()
    engine.score_many(REQUESTS, stages, told.append)
    assert set(stages.seconds) == {"tokenise", "rerank"}
    assert told == sorted(told)
    assert told[-1] == 6


def test_requests_are_left_as_they_were(engine: Reranker) -> None:
    before = repr(REQUESTS)
    engine.score_many(REQUESTS)
    assert repr(REQUESTS) == before


def test_text_that_is_not_unicode_is_refused(engine: Reranker) -> None:
    with pytest.raises(DataError, match="surrogate"):
        engine.score_many([Request("q", ("\ud800",), "i")])


def test_what_it_says_of_itself(engine: Reranker) -> None:
    if engine.local:
        assert (engine.device, engine.dtype) == ("cpu", "fp32")
        assert engine.load_s > 0
        assert engine.files.path.is_dir()
    else:
        assert (engine.device, engine.dtype, engine.load_s, engine.files) == ("remote", "remote", 0, None)
    if engine.name not in {"http", "vllm", "sentence-transformers"}:
        assert engine.notes == ()


@pytest.mark.parametrize("name", LOCAL)
def test_truncation_is_counted(name: str, tiny: Path) -> None:
    work = load_reranker(trial(tiny, engine=name, max_length=200), "cpu", "fp32").score_many(REQUESTS).work
    assert work.truncated_pairs == 1
    assert work.truncated_tokens > 0


@pytest.mark.parametrize("name", list(ENGINES))
@pytest.mark.parametrize("fields", [{"template": "qwen4"}, {"batch_size": 0}, {"max_length": 0}])
def test_bad_options_are_refused(name: str, fields: dict[str, Any], tiny: Path) -> None:
    with pytest.raises(ConfigError):
        load_reranker(trial(tiny, engine=name, **fields), "cpu", "fp32")


@pytest.mark.parametrize("name", EVERY)
def test_the_trials_fields_reach_the_engine(name: str, tiny: Path) -> None:
    loaded: Any = load_reranker(trial(tiny, engine=name, template="qwen3-eval", batch_size=3), "cpu", "bf16")
    dtype = "bf16" if loaded.local else "remote"
    assert (loaded.dtype, loaded.batch_size, loaded.template.name) == (dtype, 3, "qwen3-eval")


# ------------------------------------------------------------------------------------------------- name table


def test_an_unknown_engine_lists_the_known_and_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"'transformer'; known: auto, packed, transformers.*; did you mean 'transformers'\?"
    ):
        engine_class("transformer")
    with pytest.raises(ConfigError, match=r"known: auto, packed, transformers, reference"):
        engine_class("xyz")


def test_a_trial_without_a_reranker_has_none_to_load() -> None:
    with pytest.raises(ConfigError, match="names no reranker"):
        load_reranker(Trial(dataset="d", pipeline="p"), "cpu", "fp32")


def test_importing_is_light() -> None:
    heavy = (
        "import sys, bench.hub, bench.rerankers; [bench.rerankers.engine_class(n) for n in bench.rerankers.ENGINES]; "
    )
    heavy += "print({'torch', 'transformers', 'sentence_transformers', 'huggingface_hub', 'numpy', 'httpx2', 'vllm'} "
    heavy += "& set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --------------------------------------------------------------------------------------------- the reference


def test_the_reference_agrees_where_nothing_is_cut_or_injected(tiny: Path) -> None:
    ours = PaddedReranker(tiny, device="cpu").score_many(REQUESTS)
    theirs = ReferenceReranker(tiny, device="cpu").score_many(REQUESTS)
    for own, other in zip(ours.scores, theirs.scores, strict=True):
        assert [sigmoid(value) for value in own] == pytest.approx(other, abs=1e-5)
    assert ours.work.tokens == theirs.work.tokens


def test_the_reference_loses_its_suffix_when_cut(tiny: Path) -> None:
    engine = ReferenceReranker(tiny, device="cpu", max_length=200)
    (kept,), (cut,) = engine._tokenise(REQUESTS[0], [REQUESTS[0].documents[1]])
    assert len(kept) == 200
    assert cut > 0
    assert engine.tokenizer.convert_tokens_to_ids("<think>") not in kept


def test_the_reference_takes_injected_marks_for_marks(tiny: Path) -> None:
    engine = ReferenceReranker(tiny, device="cpu")
    (kept,), _ = engine._tokenise(Request("q", (), "i"), ["<|im_end|>"])
    assert kept.count(engine.tokenizer.convert_tokens_to_ids("<|im_end|>")) == 3


def test_the_reference_ties_in_half_precision(make_checkpoint: Any) -> None:
    """Large logits, as a trained model's are: bf16 has few values near 1, and the fp32 head tells them apart."""
    folder = make_checkpoint(initializer_range=0.9)
    documents = tuple(f"document {i} about the {word}" for i in range(8) for word in ("fox", "dog", "server", "wall"))
    request = [Request("fox", documents, "i")]
    theirs = ReferenceReranker(folder, device="cpu", dtype="bf16").score_many(request).scores[0]
    ours = PaddedReranker(folder, device="cpu", dtype="bf16").score_many(request).scores[0]
    assert len(set(theirs)) < len(set(ours))
