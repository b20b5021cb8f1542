"""The form of the data: equal data give equal bytes, and damage is seen."""

from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace

import pytest

from bench.explorer.data import Cut, Field, Head, Shown, pack, read_head, unpack

HEAD = Head(
    "small", "test", "ndcg@10", 1, (Shown("BM25", "score", 10, 0.5),), (0, 0), (Field("lang", ("en", "zh")),),
    Cut(10, 40, 1200), ("a",),
)  # fmt: skip
BODY = {"documents": [["d1", 0, 4, "text"]], "queries": [["q1", "文\ud800字", [0], [0.5], 0, 0, []]]}


def test_data_come_back_and_a_lone_surrogate_does_no_harm() -> None:
    head, body = unpack(pack(HEAD, BODY))
    assert head == HEAD
    assert body["queries"][0][1] == "文?字"


def test_equal_data_give_equal_bytes_without_a_time() -> None:
    packed = pack(HEAD, BODY)
    assert packed == pack(HEAD, BODY)
    assert packed[4:8] == bytes(4)


@pytest.mark.parametrize("payload", [b"", b"no gzip", gzip.compress(b"{}\n{}\n", mtime=0), pack(HEAD, BODY)[:20]])
def test_damaged_data_are_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="no data of an explorer"):
        read_head(payload)


def test_every_flipped_bit_of_what_is_read_is_noticed() -> None:
    """But those that say nothing of the data: a time, a level and a system in gzip's head, and what fills the last
    byte before its checksum."""
    whole = pack(HEAD, BODY)
    unnoticed = set()
    for place in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        try:
            read_head(bytes(damaged))
        except ValueError:
            continue
        assert unpack(bytes(damaged)) == unpack(whole)
        unnoticed.add(place // 8)
    assert unnoticed <= {*range(4, 10), len(whole) - 9}


def test_every_cut_is_noticed() -> None:
    whole = pack(HEAD, BODY)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="no data of an explorer"):
            read_head(whole[:length])


def test_a_body_without_end_is_not_held() -> None:
    line = pack(HEAD, {})
    endless = pack(HEAD, {"documents": ["x" * 64_000_000]})
    assert len(endless) < 100_000
    tracemalloc.start()
    try:
        assert read_head(endless) == read_head(line)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


def test_data_of_another_version_are_refused() -> None:
    with pytest.raises(ValueError, match="version 2"):
        read_head(pack(replace(HEAD, version=2), BODY))
