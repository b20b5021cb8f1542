"""The embedding cache: what is kept comes back, what is damaged does not, and two keys never meet."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cache import EmbeddingCache, EmbeddingKey, Vectors
from bench.types import StoreError

KEY = EmbeddingKey("0" * 64, "document", "", None, "fp32", "cpu", True, ("torch 2.6",))
TEXTS = ["one", "two"]
VECTORS = np.arange(6, dtype=np.float32).reshape(2, 3)


def refuse() -> list[Vectors]:
    raise AssertionError("computed although it is kept")


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    cache = EmbeddingCache(tmp_path / "cache")
    cache.get_or_compute(KEY, TEXTS, 2, lambda: [VECTORS])
    return cache


def test_what_is_kept_comes_back(cache: EmbeddingCache) -> None:
    assert np.array_equal(cache.get_or_compute(KEY, TEXTS, 2, refuse), VECTORS)
    assert sorted(path.suffix for path in cache.folder.iterdir()) == [".json", ".npy"]


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, fingerprint="1" * 64),
        replace(KEY, role="query"),
        replace(KEY, prompt="query: "),
        replace(KEY, max_length=512),
        replace(KEY, dtype="bf16"),
        replace(KEY, device="cuda"),
        replace(KEY, normalised=False),
        replace(KEY, libraries=("torch 2.7",)),
    ],
)
def test_every_field_makes_another_entry(cache: EmbeddingCache, other: EmbeddingKey) -> None:
    assert np.array_equal(cache.get_or_compute(other, TEXTS, 2, lambda: [VECTORS + 1]), VECTORS + 1)
    assert np.array_equal(cache.get_or_compute(KEY, TEXTS, 2, refuse), VECTORS)


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_only_equal_texts_share_a_name(first: list[str], second: list[str]) -> None:
    assert (KEY.name(first) == KEY.name(second)) == (first == second)


@pytest.mark.parametrize("ending", [".npy", ".json"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"{}", b"null", b'{"sha256": 3}', b"\xff"])
def test_a_damaged_entry_is_made_anew(cache: EmbeddingCache, ending: str, content: bytes) -> None:
    (path,) = cache.folder.glob(f"*{ending}")
    path.write_bytes(content)
    assert np.array_equal(cache.get_or_compute(KEY, TEXTS, 2, lambda: [VECTORS]), VECTORS)
    assert path.with_name(path.name + ".damaged").read_bytes() == content
    cache.get_or_compute(KEY, TEXTS, 2, refuse)


def test_half_an_entry_is_none(cache: EmbeddingCache) -> None:
    (facts,) = cache.folder.glob("*.json")
    facts.unlink()
    assert np.array_equal(cache.get_or_compute(KEY, TEXTS, 2, lambda: [VECTORS]), VECTORS)
    cache.get_or_compute(KEY, TEXTS, 2, refuse)
    (array,) = cache.folder.glob("*.npy")
    array.unlink()
    assert np.array_equal(cache.get_or_compute(KEY, TEXTS, 2, lambda: [VECTORS]), VECTORS)


def test_an_entry_of_another_shape_is_not_believed(cache: EmbeddingCache) -> None:
    kept = cache.folder / KEY.name(TEXTS)
    other = cache.folder / KEY.name(["three"])
    for ending in (".npy", ".json"):  # two rows kept for one text
        other.with_suffix(ending).write_bytes(kept.with_suffix(ending).read_bytes())
    assert np.array_equal(cache.get_or_compute(KEY, ["three"], 1, lambda: [VECTORS[:1]]), VECTORS[:1])


def test_an_entry_says_what_it_is(cache: EmbeddingCache) -> None:
    (facts,) = cache.folder.glob("*.json")
    stated = json.loads(facts.read_text())
    assert (stated["key"]["role"], stated["texts"]) == ("document", 2)


def test_a_failed_computation_leaves_nothing(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache")
    with pytest.raises(AssertionError):
        cache.get_or_compute(KEY, TEXTS, 2, refuse)
    assert not cache.folder.exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be kept"):
        EmbeddingCache(tmp_path / "file").get_or_compute(KEY, TEXTS, 2, lambda: [VECTORS])


def test_rows_come_as_many_at_a_time_as_they_like_and_give_the_same_file(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((5, 3), dtype=np.float32)
    files = []
    for sizes in ([5], [1, 1, 3], [4, 1]):
        cache = EmbeddingCache(tmp_path / str(sizes))
        blocks = np.split(rows, np.cumsum(sizes)[:-1])
        assert np.array_equal(cache.get_or_compute(KEY, "abcde", 5, lambda blocks=blocks: blocks), rows)
        (array,) = cache.folder.glob("*.npy")
        files.append(array.read_bytes())
    held = BytesIO()
    np.save(held, rows, allow_pickle=False)
    assert set(files) == {held.getvalue()}


def test_vectors_are_mapped_and_not_to_be_written_to(cache: EmbeddingCache) -> None:
    vectors = cache.get_or_compute(KEY, TEXTS, 2, refuse)
    assert isinstance(vectors, np.memmap)
    assert not vectors.flags.writeable


def test_texts_are_gone_through_once_and_never_held(cache: EmbeddingCache) -> None:
    assert np.array_equal(cache.get_or_compute(KEY, iter(TEXTS), 2, refuse), VECTORS)


@pytest.mark.parametrize("blocks", [[VECTORS[:1]], [VECTORS, VECTORS[:1]]])
def test_another_number_of_rows_is_not_kept(tmp_path: Path, blocks: list[Vectors]) -> None:
    cache = EmbeddingCache(tmp_path / "cache")
    with pytest.raises(ValueError, match="vectors came for 2 texts"):
        cache.get_or_compute(KEY, TEXTS, 2, lambda: blocks)
    assert list(cache.folder.iterdir()) == []


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left on device; free space or name another"):
        EmbeddingCache(tmp_path / "cache").get_or_compute(KEY, TEXTS, 2, lambda: [VECTORS])
    assert list((tmp_path / "cache").iterdir()) == []
