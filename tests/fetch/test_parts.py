"""What the README.md of a stranger's repository says of its files: believed where it can be, and never waited for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.fetch.parts import LONGEST_HEAD_BYTES, contents, files_of

NAMES = ("a/corpus.jsonl", "b/queries.jsonl", "qrels/test.tsv")
BY_NAME = {
    "a": {"corpus": ["a/corpus.jsonl"]},
    "b": {"queries": ["b/queries.jsonl"]},
    "qrels": {"test": ["qrels/test.tsv"]},
}


def found(folder: Path, head: str, after: str = "---\n# A set\n") -> dict[str, dict[str, list[str]]]:
    for name in NAMES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x\n")
    (folder / "README.md").write_text(f"---\n{head}\n{after}", encoding="utf-8")
    return {
        config: {split: [path.relative_to(folder).as_posix() for path in paths] for split, paths in splits.items()}
        for config, splits in contents(folder).items()
    }


def aliases(levels: int, first: str, row: str) -> str:
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} {row.format(', '.join([f'*a{n - 1}'] * 9))}" for n in range(1, levels)]
    return "\n".join([*lines, "configs:", f"- {{config_name: *a{levels - 1}, data_files: a/corpus.jsonl}}"])


SAYS_NOTHING = {
    "aliases that multiply": aliases(12, "[x, x, x, x, x, x, x, x, x]", "[{}]"),
    "merges that multiply": aliases(12, "{x: 1}", "{{<<: [{}]}}"),
    "a number": "configs: 5",
    "a truth": "configs: true",
    "a text": "configs: abc",
    "a mapping": "configs: {config_name: c, data_files: a/corpus.jsonl}",
    "a list of other things": "configs: [5, null, [x], {data_files: 7}, {config_name: c}]",
    "a name that is a list": "configs: [{config_name: [c], data_files: a/corpus.jsonl}]",
    "a name that is a number": "configs: [{config_name: 5, data_files: a/corpus.jsonl}]",
    "a split that is a mapping": "configs: [{config_name: c, data_files: [{split: {x: y}, path: a/corpus.jsonl}]}]",
    "a path that is a number": "configs: [{config_name: c, data_files: [{split: s, path: [7, {x: y}, null]}]}]",
    "a tag": "configs: !!python/object/apply:os.system [echo]",
    "a key twice": "configs: []\nconfigs: [{config_name: c, data_files: a/corpus.jsonl}]",
    "a character that YAML has not": "configs: \0",
    "a head that never ends": "configs: [{config_name: c, data_files: a/corpus.jsonl}]\n#" + "x" * LONGEST_HEAD_BYTES,
}  # fmt: skip


@pytest.mark.parametrize("case", SAYS_NOTHING)
def test_a_head_that_cannot_be_meant_says_nothing_at_once(tmp_path: Path, case: str) -> None:
    begun = time.process_time()
    assert found(tmp_path, SAYS_NOTHING[case]) == BY_NAME
    assert time.process_time() - begun < 20


def test_a_head_that_can_is_believed(tmp_path: Path) -> None:
    """The rest of it, however long or odd, is nobody's business; a byte order mark stands before many."""
    head = """
dataset_info: {features: [{name: x, dtype: string}], created: 2024-01-01}
configs:
- {config_name: c, data_files: [{split: dev, path: [a/*.jsonl, 7]}, {split: 5, path: b/queries.jsonl}]}
- {data_files: b/queries.jsonl}
- 7"""
    said = {
        "c": {"dev": ["a/corpus.jsonl"]},
        "default": {"train": ["b/queries.jsonl"]},
        "qrels": {"test": ["qrels/test.tsv"]},
    }
    assert found(tmp_path, head) == said
    assert found(tmp_path, head, "---\n" + "x" * (LONGEST_HEAD_BYTES - len(head) - 12) + "é" * 9) == said
    readme = tmp_path / "README.md"
    readme.write_bytes(b"\xef\xbb\xbf" + readme.read_bytes())
    there = contents(tmp_path)
    assert files_of(there, "c", "validation", tmp_path) == [tmp_path / "a/corpus.jsonl"]
