"""The card: what it states reaches the dataset, and what it gets wrong is told."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bench.data import load_dataset
from bench.types import DataError


def test_a_card_names_the_set(small_set: Path) -> None:
    checksum = hashlib.sha256((small_set / "corpus.jsonl").read_bytes()).hexdigest()
    (small_set / "dataset.toml").write_text(
        f"""
        name = "Small set"
        languages = ["en", "zh"]
        licence = "CC0"
        revision = "v2"
        description = "six documents"
        [checksums]
        "corpus.jsonl" = "{checksum}"
        "qrels/other.tsv" = "{"0" * 64}"
        """
    )
    dataset = load_dataset(small_set)
    assert (dataset.name, dataset.languages, dataset.licence) == ("Small set", ("en", "zh"), "CC0")
    assert (dataset.revision, dataset.description) == ("v2", "six documents")


def test_without_a_card_the_folder_names_the_set(small_set: Path) -> None:
    dataset = load_dataset(small_set)
    assert (dataset.name, dataset.languages, dataset.licence, dataset.revision) == (
        "small",
        (),
        "not stated",
        "not stated",
    )


def test_a_card_does_not_change_the_checksum(small_set: Path) -> None:
    before = load_dataset(small_set).checksum
    (small_set / "dataset.toml").write_text('licence = "CC0"')
    assert load_dataset(small_set).checksum == before


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("name = \n", "dataset.toml:1: not TOML"),
        ('a = "b"\n\nc\n', "dataset.toml:3: not TOML"),
        ('licens = "MIT"', "the key 'licens' is not known; known are name, licence"),
        ("name = 3", "name = 3 is not text"),
        ('languages = "en"', "languages = 'en' is not a list of texts"),
        ("checksums = 1", "checksums = 1 is not a table"),
        ('[checksums]\n"corpus.jsonl.gz" = "0"', "checksums has the file 'corpus.jsonl.gz'; the files of a set are"),
        ('[checksums]\n"corpus.jsonl" = "abc"', "the checksum of corpus.jsonl is 'abc'; expected 64"),
        (f'[checksums]\n"corpus.jsonl" = "{"0" * 64}"', "the card states 0000"),
    ],
)
def test_a_faulty_card(small_set: Path, card: str, expected: str) -> None:
    (small_set / "dataset.toml").write_text(card)
    with pytest.raises(DataError) as caught:
        load_dataset(small_set)
    assert expected in str(caught.value)
