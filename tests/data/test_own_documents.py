"""Sets whose queries are documents too: a document whose id is the query's is no answer, where the card says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data import load_dataset
from bench.data.card import Card, read_card
from bench.data.writing import write_beir
from bench.fetch.card import all_cards
from bench.pipeline import Pipeline
from bench.retrievers.bm25 import OkapiRetriever
from bench.types import DataError, Dataset, Document, Query, Run


@pytest.fixture
def folders(tmp_path: Path) -> dict[bool, Path]:
    """Arguments that are queries as well, with and without the rule."""
    texts = {"a": "taxes on sugar save lives", "b": "taxes on sugar hurt the poor", "c": "taxes on sugar raise money"}
    texts |= {f"other-{n}": f"an argument about {word}" for n, word in enumerate(("roads", "bees", "rain", "maps"))}
    return {
        drops: write_beir(
            tmp_path / str(drops),
            Card("arguments", drops_own_id=drops),
            [Document(id_, text) for id_, text in texts.items()],
            [Query("a", texts["a"]), Query("z", "sugar taxes")],
            {"test": [("a", "b", 1), ("z", "c", 1)]},
        )
        for drops in (False, True)
    }


def answered(dataset: Dataset, depth: int) -> Run:
    retriever = OkapiRetriever()
    retriever.index(dataset.corpus)
    return Pipeline(retriever, None, {}, depth, "", dataset.drops_own_id).answer(dataset.queries).run


@pytest.mark.parametrize("depth", [1, 2])
def test_the_querys_own_document_gives_its_place_to_the_next(folders: dict[bool, Path], depth: int) -> None:
    dropped, kept = answered(load_dataset(folders[True]), depth), answered(load_dataset(folders[False]), depth + 1)
    assert kept["a"][0].doc_id == "a"
    assert dropped["a"] == kept["a"][1:]
    assert len(dropped["a"]) == depth
    assert dropped["z"] == kept["z"][:depth]


def test_the_rule_is_part_of_what_a_set_is(folders: dict[bool, Path]) -> None:
    assert read_card(folders[True]).drops_own_id
    assert load_dataset(folders[True]).checksum != load_dataset(folders[False]).checksum


def test_a_rule_that_is_no_yes_or_no_is_refused(folders: dict[bool, Path]) -> None:
    (folders[True] / "dataset.toml").write_text('drops_own_id = "sometimes"\n', encoding="utf-8")
    with pytest.raises(DataError, match="expected true or false"):
        load_dataset(folders[True])


def test_the_shipped_cards_say_it_of_the_sets_that_mteb_does_it_for() -> None:
    named = {card.name for card in all_cards() if card.drops_own_id}
    assert {"arguana", "quora", "fiqa", "fever", "t2-retrieval", "mmarco-retrieval"} <= named
    assert "scifact" not in named
