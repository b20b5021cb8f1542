"""A sealed object tells every change of its bytes, and stays an object that any tool reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sealed import DamagedError, is_sealed, opened, sealed

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
objects = st.dictionaries(st.text().filter(lambda key: key != "sha256"), values, min_size=1)


def dumped(value: Any, indent: int | None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "surrogatepass")


def told(data: bytes) -> bool:
    try:
        opened(data)
    except DamagedError:
        return True
    return False


@given(objects, st.sampled_from([None, 1, 2]))
def test_what_is_sealed_is_json_and_opens_to_what_it_was(value: dict[str, Any], indent: int | None) -> None:
    data = sealed(dumped(value, indent))
    assert json.loads(opened(data)) == value
    assert set(json.loads(data)) == {*value, "sha256"}


@given(objects, st.data())
def test_no_flipped_bit_reads_as_another_value(value: dict[str, Any], data: st.DataObject) -> None:
    whole = sealed(dumped(value, 1))
    place = data.draw(st.integers(0, len(whole) * 8 - 1))
    broken = bytearray(whole)
    broken[place // 8] ^= 1 << place % 8
    assert told(bytes(broken))


@given(objects, st.data())
def test_no_cut_reads_as_another_value(value: dict[str, Any], data: st.DataObject) -> None:
    whole = sealed(dumped(value, 1))
    length = data.draw(st.integers(0, len(whole) - 1))
    assert told(whole[:length])
    assert told(whole[:length] + b"\0" * (len(whole) - length))


def test_a_flipped_digit_is_told() -> None:
    whole = sealed(b'{"ndcg": 0.5, "queries": 10}')
    with pytest.raises(DamagedError, match="checksum"):
        opened(whole.replace(b"0.5", b"0.7"))
    with pytest.raises(DamagedError, match="seal"):
        opened(whole.replace(b'"\n}\n', b'"\n}\0'))


def test_what_was_never_sealed_is_known() -> None:
    assert not is_sealed(b'{"a": 1}\n')
    assert is_sealed(sealed(b'{"a": 1}'))
    with pytest.raises(DamagedError, match="no seal"):
        opened(b'{"a": 1}\n')
