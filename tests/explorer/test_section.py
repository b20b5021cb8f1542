"""The section of the page: inert data, both languages, and nothing of the data as markup."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bench.explorer.build import Pipeline, build
from bench.report import explorer
from bench.types import Dataset


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(text)
    return parser.seen


@pytest.fixture
def payload(dataset: Dataset, pipelines: list[Pipeline]) -> bytes:
    return build(dataset, "ndcg@10", pipelines, (0, 1))


def test_the_data_are_inert_and_come_back(payload: bytes) -> None:
    text = explorer.section([payload])
    (found,) = [attributes for tag, attributes in tags(text) if tag == "script"]
    assert found == {
        "type": "application/octet-stream",
        "id": "explorer-data-0",
        "data-name": "small (test)",
        "data-measure": "nDCG@10",
    }
    inner = re.search(r"<script[^>]*>([^<]*)</script>", text)
    assert inner is not None
    assert base64.b64decode(inner[1]) == payload


def test_without_data_there_is_no_section() -> None:
    assert explorer.section([]) == ""


def test_a_name_is_no_markup(make: dict[str, Callable[..., Any]]) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    named = replace(make["set"](), name=evil)
    text = explorer.section([build(named, "ndcg@10", make["pipelines"](), (0, 1))])
    assert "img" not in [tag for tag, _ in tags(text)]


def test_sentences_stand_in_both_languages_and_one_is_for_readers_without_scripts(payload: bytes) -> None:
    text = explorer.section([payload])
    assert text.count('<span lang="en">') == text.count('<span lang="zh">') > 2
    assert 'class="note without-script"' in text
    assert "dev alone" not in text


def test_data_of_a_study_say_that_they_are_of_dev(dataset: Dataset, pipelines: list[Pipeline]) -> None:
    assert "dev alone" in explorer.section([build(dataset, "ndcg@10", pipelines, (0, 1), study=True)])


def test_what_does_not_fit_the_page_is_left_out_and_named(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "MOST_BYTES", len(payload))
    text = explorer.section([payload, payload])
    assert text.count("application/octet-stream") == 1
    assert "Left out to keep the page small: small (test)." in text


def test_a_folder_is_read_as_its_files_are(payload: bytes, tmp_path: Path) -> None:
    (tmp_path / "explorer").mkdir()
    (tmp_path / "explorer" / "small.json.gz").write_bytes(payload)
    assert explorer.embed(tmp_path) == explorer.embed([payload]) == explorer.section([payload])


def test_the_script_makes_no_markup_of_data_and_asks_for_nothing() -> None:
    script = explorer.script()
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "fetch(", "XMLHttp", "import("):
        assert word not in script
    assert "'use strict';" in script
    assert "</" not in script


def test_the_words_of_the_script_are_the_same_in_both_languages() -> None:
    script = explorer.script()
    english, chinese = (
        set(re.findall(r"(?<![\w'])(\w+): ['\"]", block))
        for block in re.findall(r"^    (?:en|zh): \{\n(.*?)^    \},", script, re.DOTALL | re.MULTILINE)
    )
    assert english == chinese
    assert len(english) > 30
    assert set(re.findall(r"say\('(\w+)'", script)) <= english


def test_the_style_can_neither_end_its_element_nor_load_anything() -> None:
    assert "<" not in explorer.css()
    assert "url(" not in explorer.css()
    assert explorer.css().count("{") == explorer.css().count("}")
