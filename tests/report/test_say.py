"""The catalogue: every sentence of the code has its translation, with the same placeholders, and no more."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from bench.report.say import catalogue, speaking, t


def keys(root: Path) -> set[str]:
    """Every literal that is given to ``t`` in the code."""
    found = set()
    for path in sorted((root / "bench").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t":
                first = node.args[0] if node.args else None
                assert isinstance(first, ast.Constant) and isinstance(first.value, str), f"{path}:{node.lineno}"
                found.add(first.value)
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_sentence_is_translated_and_no_other(root: Path) -> None:
    asked = keys(root)
    assert sorted(asked - catalogue().keys()) == []
    assert sorted(catalogue().keys() - asked) == []


def test_a_translation_has_the_placeholders_of_its_sentence() -> None:
    for english, chinese in catalogue().items():
        assert placeholders(english) == placeholders(chinese), english


def test_translations_are_chinese() -> None:
    for english, chinese in catalogue().items():
        words = re.sub(r"\{[^}]*\}", "", english)
        if re.search(r"[a-z]{4}", words):
            assert re.search(r"[\u4e00-\u9fff]", chinese), english


def test_english_is_spoken_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.report.say.catalogue", lambda: {"{n} of all": "全部中的{n}"})
    assert t("{n} of all", n=3) == "3 of all"
    with speaking("zh"):
        assert t("{n} of all", n=3) == "全部中的3"
        assert t("not known {{x}}") == "not known {x}"
    assert t("{n} of all", n=3) == "3 of all"
