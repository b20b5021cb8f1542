"""The words that BM25 sees, in English, in Chinese, and in both at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.retrievers.tokens import tokenise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" ,.!?；。_-", []),
        ("Attackers attacked the SERVERS.", ["attack", "attack", "server"]),
        ("the of and to", []),
        ("ＣＳＶ ﬁle", ["csv", "file"]),
        ("COVID-19, 3.5% of H2O", ["covid", "19", "3", "5", "h2o"]),
        ("snake_case", ["snake", "case"]),
        ("e\u0301te\u0301", ["été"]),
        ("离婚", ["离婚", "离", "婚"]),
        ("猫", ["猫"]),
        ("在Python中读取CSV文件", ["在", "python", "读取", "中", "读", "取", "csv", "文件", "文", "件"]),
        ("3个月", ["3", "个", "月"]),
        ("𠮷野家", ["野家", "𠮷", "野", "家"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert tokenise(text) == words


def test_search_mode_gives_the_words_inside_a_word() -> None:
    assert {"中华人民共和国", "共和国", "人民"} <= set(tokenise("中华人民共和国"))


@settings(deadline=None)  # the first example imports what is used
@given(st.text())
def test_any_text_gives_words_without_white_space(text: str) -> None:
    for word in tokenise(text):
        assert word.split() == [word]
