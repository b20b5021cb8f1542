"""The form of the data: equal data give equal bytes, and damage is seen."""

from __future__ import annotations

import gzip
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


def test_data_of_another_version_are_refused() -> None:
    with pytest.raises(ValueError, match="version 2"):
        read_head(pack(replace(HEAD, version=2), BODY))
