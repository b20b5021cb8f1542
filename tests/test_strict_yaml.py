"""What strangers write in a YAML file: read as it is meant, or refused in one line that names the file and the line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.claims import is_claims
from bench.claims.file import load_claims
from bench.config.plan import load_plan
from bench.engines import is_benchmark
from bench.engines.config import load_benchmark
from bench.fetch.parts import _head
from bench.reading import LARGEST_CONFIG, read_config
from bench.strict_yaml import DEEPEST, MOST_VALUES, YamlError, line_of, parse
from bench.study import is_study
from bench.study.file import load_study
from bench.types import ConfigError

KINDS: dict[str, Callable[[Path], Any]] = {
    "plan": load_plan, "claims": load_claims, "study": load_study, "engines": load_benchmark,
}  # fmt: skip


def bomb(kind: str) -> str:
    """Ten references to ten references to …: 10^9 values in a kilobyte."""
    first = {"lists": "[x, x]", "merges": "{x: 1}", "texts": f'"{"x" * 900}"'}[kind]
    wrap = "{{<<: [{}]}}" if kind == "merges" else "[{}]"
    rows = [f"a{i}: &a{i} {wrap.format(', '.join([f'*a{i - 1}'] * 10))}" for i in range(1, 10)]
    return "\n".join([f"a0: &a0 {first}", *rows]) + "\n"


MANY = f"more than {MOST_VALUES:,} values, those that aliases"
DEEP = f"more than {DEEPEST} lists and mappings within each other"
HOSTILE: dict[str, tuple[str, str]] = {
    "an alias bomb of lists": (bomb("lists"), MANY),
    "an alias bomb of merges": (bomb("merges"), MANY),
    "an alias bomb of a long text": (bomb("texts"), MANY),
    "a chain of aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 200)),
        f"line {DEEPEST}: more than {DEEPEST} lists and mappings within each other, by aliases",
    ),
    "an alias within itself": ("name: x\ntrial: &a [*a]\n", "line 2: something refers to itself by an alias"),
    "a merge of itself": ("name: x\ntrial: &a {<<: *a}\n", "line 2: something refers to itself by an alias"),
    "deep lists": ("name: x\ntrial: " + "[" * 3000, f"line 2: {DEEP}"),
    "deep mappings": ("name: x\ntrial: " + "{a: " * 3000, f"line 2: {DEEP}"),
    "deep blocks": ("- " * 3000, f"line 1: {DEEP}"),
    "deep keys": ("? " * 3000, f"line 1: {DEEP}"),
    "a key twice": ("name: x\ntrial:\n  depth: 5\n  dtype: fp32\n  depth: 50\n",
                    "line 5: the key 'depth' is here a second time; the first is on line 3"),
    "a key twice at the top": ("name: x\nname: y\n", "line 2: the key 'name' is here a second time; the first is on"),
    "a key twice, once in quotes": ('name: x\n"name": y\n', "line 2: the key 'name' is here a second time"),
    "a merge twice": ("a: &a {b: 1}\nc: {<<: *a, <<: *a}\n", "line 2: the key '<<' is here a second time"),
    "a merge of a number": ("name: x\ntrial: {<<: 3}\n", "line 2: << takes a mapping or a list of"),
    "a merge of a list of texts": ("name: x\ntrial: {<<: [a, b]}\n", "line 2: << takes a mapping or a list of"),
    "python's own tag": ("name: !!python/object/apply:os.system [ls]\n", "the tag !!python/object/apply:os.system"),
    "python's name": ("name: x\ntrial: !!python/name:os.system\n", "line 2: the tag !!python/name:os.system is"),
    "a tag of somebody": ("name: x\ntrial: !secret x\n", "line 2: the tag !secret is not read here; leave it out"),
    "a set": ("name: x\ntrial: !!set {a, b}\n", "line 2: the tag !!set is not read here"),
    "bytes": ("name: !!binary aGVsbG8=\n", "line 1: the tag !!binary is not read here"),
    "a timestamp that is none": ("name: x\ntrial: !!timestamp {}\n", "line 2: the tag !!timestamp is not read here"),
    "a list as a key": ("name: x\n? [a, b]\n: 3\n", "line 2: a list or a mapping stands where a key should"),
    "a mapping as a key": ("name: x\n{a: 1}: 3\n", "line 2: a list or a mapping stands where a key should"),
    "an empty key": ("name: x\ntrial: {'': 3}\n", "line 2: a key is empty"),
    "not a number": ("name: x\ntrial: {timeout_s: .nan}\n", "line 2: .nan is no number that can be worked with"),
    "infinity": ("name: x\ntime_limit_s: -.Inf\n", "line 2: -.Inf is no number that can be worked with"),
    "infinity by its exponent": ("name: x\ntime_limit_s: 1.0e+999\n", "line 2: the number 1.0e+999 is larger than any"),
    "a number of 400 digits": (f"name: x\ntime_limit_s: {'9' * 400}\n", "line 2: the number 9999999999"),
    "a number of 5,000 digits": (f"name: x\ntime_limit_s: {'9' * 5000}\n", "(5,000 characters) is larger than any"),
    "half a character": ('name: x\ndescription: "\\ud800"\n', "line 2: a text holds half a character"),
    "half a character as a key": ('name: x\ntrial: {"\\ud800": 1}\n', "line 2: a text holds half a character"),
    "no character": ('name: x\ndescription: "\\U00110000"\n', "line 2: not valid YAML: an escape or a number in it"),
    "a NUL by its escape": ('name: x\ndescription: "\\0"\n', "line 2: a text holds the control character U+0000"),
    "a terminal's escape": ('name: "\\e[31mred"\n', "line 1: a text holds the control character U+001B"),
    "a NUL": ("name: x\ntrial: \x00\n", "line 2: it holds the character U+0000, which YAML does not allow"),
    "a tab": ("name: x\ntrial:\n\tdepth: 5\n", "line 3: not valid YAML: found character '\\t' that cannot start"),
    "a colon too many": ("name: x: y\n", "line 1: not valid YAML: mapping values are not allowed here; a text"),
    "an open list": ("name: x\ndatasets: [a, b\ntrial: {}\n", "line 3: not valid YAML: expected ',' or ']', but"),
    "an unknown alias": ("name: x\ntrial: *shared\n", "line 2: not valid YAML: found undefined alias 'shared'"),
    "two documents": ("name: x\n---\nname: y\n", "line 2: not valid YAML: expected a single document"),
    "a version of 5,000 digits": (f"%YAML {'9' * 5000}.1\n---\nname: x\n", "not valid YAML: an escape or a number"),
    "an empty file": ("", "expected keys such as name"),
    "a comment": ("# nothing\n", "expected keys such as name"),
    "a list": ("- a\n- b\n", "found list"),
    "a text": ("just words\n", "found str"),
}  # fmt: skip
EVERYWHERE = (
    "an alias bomb of lists", "an alias within itself", "deep blocks", "a key twice", "python's own tag", "infinity",
    "a number of 5,000 digits", "no character", "a timestamp that is none", "an empty file", "a list",
)  # fmt: skip
"""Tried with every kind of config; the others with one, for all are read by the same function."""
NO_LINE = ("an empty file", "a comment", "a list", "a text")


@pytest.mark.parametrize(
    ("what", "kind"),
    [*((what, "plan") for what in HOSTILE), *((what, kind) for what in EVERYWHERE for kind in KINDS if kind != "plan")],
)
def test_hostile_yaml_is_one_error_with_file_and_line(tmp_path: Path, kind: str, what: str) -> None:
    text, said = HOSTILE[what]
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    start = time.process_time()
    with pytest.raises(ConfigError) as caught:
        KINDS[kind](path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}: " if what in NO_LINE else f"{path} line ")
    assert not (is_claims(path) or is_study(path) or is_benchmark(path))
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"name: x\ntrial: \xff\n", "config.yaml line 2: cannot be read as UTF-8 text, for it holds the byte 0xFF"),
        ("name: x\n".encode("utf-16"), "it holds the byte 0xFF (it seems to be UTF-16); save it as UTF-8"),
        (b"name: \xed\xa0\x80\n", "line 1: cannot be read as UTF-8 text, for it holds the byte 0xED"),
        (b"name: x\n" * (LARGEST_CONFIG // 8 + 1), "config.yaml is larger than 1 MiB, and no config is"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_no_text(tmp_path: Path, kind: str, raw: bytes, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        KINDS[kind](path)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        KINDS[kind](tmp_path)
    with pytest.raises(ConfigError, match=r"no config at .*none\.yaml"):
        KINDS[kind](tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        KINDS[kind](tmp_path / "a\0b")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a: 010", {"a": "010"}),
        ("a: 0x1F", {"a": "0x1F"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 190:20:30.5", {"a": "190:20:30.5"}),
        ("a: 2026-01-02", {"a": "2026-01-02"}),
        ("a: 2026-13-01", {"a": "2026-13-01"}),
        ("a: 0123456", {"a": "0123456"}),
        ("a: 1e5", {"a": "1e5"}),
        ("a: 1_000", {"a": 1000}),
        ("a: -0.5", {"a": -0.5}),
        ("a: 1.5e+3", {"a": 1500.0}),
        ("a: [yes, No, ~, null, '']", {"a": [True, False, None, None, ""]}),
        ("on: 1\n1: 2\n~: 3\n2026-01-02: 4\n007: 5", {"on": 1, "1": 2, "~": 3, "2026-01-02": 4, "007": 5}),
        ('a: "\\ud83d\\ude00"', {"a": "\U0001f600"}),
        ('a: "two\\nlines\\tand a tab"', {"a": "two\nlines\tand a tab"}),
        ("a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("a: &x {b: 1}\nd: {<<: [*x, {b: 2, c: 2}]}", {"a": {"b": 1}, "d": {"b": 1, "c": 2}}),
        ("\ufeffa: 1", {"a": 1}),
        ("", None),
    ],
)
def test_what_is_written_is_what_is_read(text: str, tree: Any) -> None:
    assert parse(text.removeprefix("\ufeff")).tree == tree


def test_a_config_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("\ufeffname: x\n", encoding="utf-8")
    assert read_config(path).tree == {"name": "x"}


def test_lines_are_those_of_the_keys_and_of_the_entries() -> None:
    root = parse(
        "a: 1\nb:\n  - x\n  -\n    c: 1\n    d: {e: 1,\n      f: 2}\nm: &m {g: 1}\nn:\n  <<: *m\n  h: 2\n"
    ).root
    lines = {
        ("a",): 1,
        ("b", 0): 3,
        ("b", 1): 5,
        ("b", 1, "d"): 6,
        ("b", 1, "d", "f"): 7,
        ("n", "g"): 8,
        ("n", "h"): 11,
    }
    assert {keys: line_of(root, keys) for keys in lines} == lines
    assert line_of(root, ("b", 1, "no", "such")) == 5
    assert line_of(root, ("b", 9)) == 2
    assert line_of(root, ()) is None
    assert line_of(root, ("none",)) is None


def test_the_line_of_what_many_merges_bring_in_is_that_of_the_first_that_does() -> None:
    """Of two sources the first wins, and the mapping itself over both; looked up once per source, not once per pair."""
    text = "a: &a {k: 1}\nb: &b {k: 2, l: 3}\nc:\n  <<: [*a, *b]\nd:\n  <<: [*b, *a]\n  l: 4\n"
    root = parse(text).root
    found = [line_of(root, keys) for keys in (("c", "k"), ("c", "l"), ("d", "k"), ("d", "l"))]
    assert found == [1, 2, 2, 7]
    many = 12_000
    long = parse("a: {<<: [" + ", ".join(f"{{k{n}: 1}}" for n in range(many)) + "]}\n").root
    start = time.process_time()
    assert line_of(long, ("a", f"k{many - 1}")) == 1
    assert time.process_time() - start < 1


def test_the_tree_that_is_given_can_be_changed(tmp_path: Path) -> None:
    """It is read once and given twice."""
    path = tmp_path / "config.yaml"
    path.write_text("trial: {depth: 1}", encoding="utf-8")
    read_config(path).tree["trial"]["depth"] = 2
    assert read_config(path).tree == {"trial": {"depth": 1}}


@pytest.mark.parametrize("head", ["[" * 1200, "a: !!binary x", "a: \x00", "- " * 3000, "a: 1\na: 2", "a: [", "x"])
def test_the_readme_of_a_repository_says_nothing_where_it_cannot_be_read(tmp_path: Path, head: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"---\n{head}\n---\n", encoding="utf-8")
    assert _head(readme) == {}


@pytest.mark.soak
def test_the_largest_file_is_read_in_seconds() -> None:
    """The most lines that fit are too many values, and that is found without writing them out."""
    start = time.process_time()
    with pytest.raises(YamlError, match="more than"):
        parse("a:\n" + "- [" + "x," * 100_000 + "]\n" + "- 1\n" * 110_000)
    assert time.process_time() - start < 60
