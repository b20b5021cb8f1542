"""Random weights in a published shape: whole, the same each time, usable wherever a model is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.hub import locate_model, resolve_model, shapes
from bench.hub.shapes import SHAPES, shape_checkpoint
from bench.types import ModelError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "shapes"


def test_published_sizes() -> None:
    assert SHAPES["qwen3-0.6b"].weights == 596_049_920
    assert SHAPES["qwen3-8b"].weights == 8_190_735_360
    assert 4.0e9 < SHAPES["qwen3-4b"].weights < 4.05e9


def made_in(cache: Path) -> list[str]:
    """What is there besides the files of locks, which stay."""
    return [path.name for path in cache.iterdir() if path.suffix != ".lock"]


def test_it_is_made_once_and_found_again(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, revision = locate_model("shape:qwen3-tiny")
    assert revision == "shape"
    assert folder.parent == cache
    assert "once" in caplog.text
    before = (folder / "config.json").stat().st_mtime_ns
    assert locate_model("shape:qwen3-tiny")[0] == folder
    assert (folder / "config.json").stat().st_mtime_ns == before
    assert made_in(cache) == [folder.name]


def test_the_same_seed_gives_the_same_weights_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    first = resolve_model("shape:qwen3-tiny").fingerprint
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "elsewhere"))
    assert resolve_model("shape:qwen3-tiny").fingerprint == first


def test_transformers_loads_it_whole_and_in_shape(cache: Path) -> None:
    import torch
    from safetensors.torch import load_file

    from bench.rerankers.checkpoint import load_checkpoint

    folder, _ = locate_model("shape:qwen3-tiny")
    loaded = load_checkpoint("shape:qwen3-tiny", None, "huggingface", "cpu", "bf16")
    shape = SHAPES["qwen3-tiny"]
    assert sum(parameter.numel() for parameter in loaded.model.parameters()) == shape.weights
    assert loaded.model.config.rope_parameters["rope_theta"] == 1_000_000
    layer = load_file(folder / "model-00002-of-00005.safetensors")
    gate = layer["model.layers.0.mlp.gate_proj.weight"]
    assert gate.dtype == torch.bfloat16
    assert gate.float().std() == pytest.approx(shape.hidden**-0.5, rel=0.05)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == shape.weights * 2


def test_scores_differ_between_documents(cache: Path) -> None:
    from bench.rerankers.padded import PaddedReranker

    reranker = PaddedReranker("shape:qwen3-tiny", device="cpu")
    scores = reranker.score(
        "what is this", ["close every port", "how data was stolen", "bread rises", "a list of words"]
    )
    assert max(scores) - min(scores) > 0.05


def test_a_prompt_needs_no_weights(cache: Path) -> None:
    folder, _ = locate_model("shape:qwen3-8b", weights=False)
    assert (folder / "tokenizer.json").exists()
    assert not cache.exists()


def test_an_unknown_shape_lists_the_known() -> None:
    with pytest.raises(ModelError, match=r"qwen3-0\.6b"):
        locate_model("shape:qwen4")


def test_too_little_room_is_said_before_anything_is_written(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shapes.shutil, "disk_usage", lambda path: usage(10, 10, 0))
    with pytest.raises(ModelError, match="RERANKBENCH_CACHE"):
        locate_model("shape:qwen3-tiny")
    assert made_in(cache) == []


def test_half_a_checkpoint_never_shows(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, value: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shapes, "_write_json", broken)
    with pytest.raises(ModelError, match="No space left"):
        locate_model("shape:qwen3-tiny")
    assert made_in(cache) == []


def test_a_quicker_process_wins(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has made the same folder while this one was writing."""
    wrote = shapes._write

    def slow(shape: shapes.Shape, name: str, folder: Path, tokenizer: Path) -> None:
        wrote(shape, name, folder, tokenizer)
        theirs = cache / f"{name}-seed0-recipe{shapes.RECIPE}"
        theirs.mkdir()
        (theirs / "theirs").touch()

    monkeypatch.setattr(shapes, "_write", slow)
    tokenizer = locate_model("asset:tracer-reranker")[0]
    found = shape_checkpoint("qwen3-tiny", tokenizer)
    assert [path.name for path in found.iterdir()] == ["theirs"]
    assert made_in(cache) == [found.name]
