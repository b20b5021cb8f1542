"""Documents on one line, cut to size, in the units of JavaScript."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bench.explorer.text import clean, excerpt, units
from bench.types import Document


def test_control_characters_and_lone_surrogates_go() -> None:
    assert clean("a\x00b\n\t c\ud800 d\u200b") == "ab c d\u200b"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_units_are_those_of_utf_16(text: str) -> None:
    assert units(text) == len(text.encode("utf-16-le")) // 2


def test_a_short_document_is_shown_whole_with_the_length_of_its_title() -> None:
    assert excerpt(Document("d", "a  text", "The 😀"), 100) == ["d", 6, 13, "The 😀 a text"]


def test_a_long_document_is_cut_between_characters_not_within() -> None:
    text = "x" * 9 + "e\u0301" + "y" * 20
    assert excerpt(Document("d", text), 10)[3] == "x" * 9
    assert excerpt(Document("d", text), 11)[3] == "x" * 9 + "e\u0301"


def test_what_surrounds_the_place_where_reading_stopped_is_shown_too() -> None:
    text = "".join(chr(ord("a") + n % 26) for n in range(2000))
    _, _, length, head, offset, piece = excerpt(Document("d", text), 300, {1000})
    assert length == 2000
    assert head == text[:300]
    assert offset == 900
    assert piece == text[900:1100]


def test_a_stop_near_the_beginning_makes_the_beginning_longer() -> None:
    text = "a" * 2000
    assert excerpt(Document("d", text), 300, {350})[3:] == ["a" * 450]
    assert excerpt(Document("d", text), 300, {50})[3:] == ["a" * 300]


@given(st.text(max_size=80), st.text(max_size=20), st.integers(0, 60), st.sets(st.integers(0, 100), max_size=3))
def test_pieces_are_parts_of_the_document_at_their_offsets(
    text: str, title: str, characters: int, stops: set[int]
) -> None:
    document = Document("d", text, title)
    whole = clean(document.content).encode("utf-16-le")
    _, of_title, length, *pieces = excerpt(document, characters, stops)
    assert length * 2 == len(whole)
    assert of_title <= length
    for offset, piece in zip([0, *pieces[1::2]], pieces[::2], strict=True):
        assert whole[offset * 2 :].startswith(piece.encode("utf-16-le"))
    json.dumps(pieces, ensure_ascii=False).encode()
