"""The files of a repository that a config names by a pattern: of the repository's folder, or one error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from bench.sources.hub import hub_parts
from bench.sources.spec import HubSpec, parse_name, read_entry, spec_name
from bench.types import ConfigError, DataError

OUTSIDE = ["", "  ", ".", "./", "/etc/*.conf", "/", "../x*", "a/../../x", "..", "a\\b", "a\0b"]


def entry(file: str) -> dict[str, object]:
    return {"name": "x", "hf": {"repository": "a/b", "revision": "1" * 40, "reranking": {"file": file}}}


@pytest.mark.parametrize("file", OUTSIDE)
def test_a_pattern_that_leads_out_of_a_repository_is_refused_with_what_was_given(file: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_entry(entry(file), "config")
    assert f"reranking.file: it {'is empty' if not file.strip() else 'must be a path or pattern'}" in str(raised.value)
    assert str(raised.value).endswith(f", given {file!r}")
    with pytest.raises(ConfigError, match=r"the set hf:…: reranking\.file: it "):
        parse_name("hf:" + json.dumps(entry(file)["hf"] | {"name": "x"}))  # type: ignore[operator]


@pytest.mark.parametrize(
    "part", ["corpus: {file: /x}", "queries: {file: ../x}", "qrels: {file: ''}", "qrels: {dev: {file: ../x}}"]
)
def test_in_every_part(part: str) -> None:
    text = f"{{name: x, hf: {{repository: a/b, corpus: {{}}, queries: {{}}, qrels: {{}}, {part}}}}}"
    kept = {key: value for key, value in yaml.safe_load(text)["hf"].items() if value != {}}
    with pytest.raises(ConfigError, match=r"\.file: it "):
        read_entry({"name": "x", "hf": kept}, "config")


def parts_of(folder: Path, file: str) -> Sequence[Path]:
    spec = read_entry(entry(file), "config")
    assert isinstance(spec, HubSpec)
    assert parse_name(spec_name(spec)) == spec
    (folder / "repository" / "data").mkdir(parents=True, exist_ok=True)
    row = {"query": "q", "positive": ["a"], "negative": ["b"]}
    for name in ("outside.jsonl", "repository/rows.jsonl", "repository/data/more.jsonl"):
        (folder / name).write_text(json.dumps(row) + "\n")
    return hub_parts(spec, lambda _: folder / "repository")[1]


@pytest.mark.parametrize("file", ["**corpus", "a" * 300 + "/x*", "x/" * 3000 + "*", "none*", "~/*", "a**b"])
def test_a_pattern_that_finds_nothing_or_is_none_is_one_error(tmp_path: Path, file: str) -> None:
    with pytest.raises(DataError, match=r"can be looked for|the repository has no file"):
        parts_of(tmp_path, file)


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("rows.jsonl", ["rows.jsonl"]),
        ("./rows.jsonl", ["rows.jsonl"]),
        ("**/*.jsonl", ["data/more.jsonl", "rows.jsonl"]),
        ("data/m?re.jsonl", ["data/more.jsonl"]),
    ],
)
def test_what_lies_in_it_is_found(tmp_path: Path, file: str, names: list[str]) -> None:
    found = parts_of(tmp_path, file)
    assert [path.relative_to(tmp_path / "repository").as_posix() for path in found] == names
