"""Random weights in a published shape: whole, the same each time, usable wherever a model is named."""

from __future__ import annotations

import json
from collections.abc import Callable
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


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flipped, cut, Path.unlink])
@pytest.mark.parametrize("file", ["model-00002-of-00005.safetensors", "config.json", "tokenizer.json", "made.sealed"])
def test_a_checkpoint_that_is_not_what_was_made_is_set_aside_and_made_again(
    cache: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], file: str
) -> None:
    first = resolve_model("shape:qwen3-tiny")
    names = sorted(path.name for path in first.path.iterdir())
    damage(first.path / file)
    caplog.clear()
    assert resolve_model("shape:qwen3-tiny") == first
    assert sorted(path.name for path in first.path.iterdir()) == names
    told = [record for record in caplog.records if record.name == "bench.damage"]
    if file == "made.sealed" and damage is Path.unlink:  # as one of a version that kept no checksums
        assert not told
        assert made_in(cache) == [first.path.name]
    else:
        assert len(told) == 1
        assert f"{first.path} are damaged" in told[0].getMessage()
        assert file in told[0].getMessage()
        assert sorted(made_in(cache)) == [first.path.name, f"{first.path.name}.damaged"]
    caplog.clear()
    assert resolve_model("shape:qwen3-tiny") == first
    assert not caplog.records


def test_a_file_that_nobody_made_is_not_read(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = resolve_model("shape:qwen3-tiny")
    (first.path / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    assert resolve_model("shape:qwen3-tiny") == first
    assert "chat_template.jinja was added" in caplog.text


def test_one_of_a_version_that_kept_no_checksums_is_made_anew_and_leaves_nothing(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = resolve_model("shape:qwen3-tiny")
    (first.path / shapes.RECORD).unlink()
    flipped(first.path / "model-00001-of-00005.safetensors")
    assert resolve_model("shape:qwen3-tiny") == first
    assert "have no checksums beside them" in caplog.text
    assert made_in(cache) == [first.path.name]


def test_weights_are_read_for_a_fingerprint_and_not_for_a_place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve_model("shape:qwen3-tiny")
    monkeypatch.setattr(shapes, "file_hash", lambda path: pytest.fail(f"{path} was read"))
    assert locate_model("shape:qwen3-tiny")[0] == first.path
    cut(first.path / "model-00002-of-00005.safetensors")
    monkeypatch.undo()
    monkeypatch.setenv("RERANKBENCH_CACHE", str(cache.parent))
    assert locate_model("shape:qwen3-tiny")[0] == first.path
    assert resolve_model("shape:qwen3-tiny") == first, "made again by the first who looked"


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
