"""The list of sets fits a terminal and stays in line; one card is shown whole; a fetched set is held against it."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from bench.cli import app
from bench.data import check_dataset
from bench.fetch.against import differences
from bench.fetch.card import SetCard, all_cards, card_folder, find_card, read_set_card
from bench.fetch.listing import Here, human_bytes, of_suite, show_card, show_cards, size_bytes
from bench.fetch.receipt import RECEIPT
from bench.types import ConfigError, DataError


def nowhere(card: SetCard) -> None:
    return None


def listed(cards: tuple[SetCard, ...], here: Here = nowhere, suite: str | None = None, width: int = 80) -> list[str]:
    out = io.StringIO()
    show_cards(cards, here, Console(file=out, width=width, highlight=False), suite)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def shown(card: SetCard, folder: Path | None = None) -> str:
    out = io.StringIO()
    show_card(card, folder, Console(file=out, width=80, highlight=False))
    return out.getvalue()


def names(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines if line.startswith(" ")]


@pytest.fixture(scope="module")
def cards() -> tuple[SetCard, ...]:
    return all_cards()


def test_every_set_is_listed_once_on_a_line_of_its_own(cards: tuple[SetCard, ...]) -> None:
    lines = listed(cards)
    assert sorted(names(lines)) == sorted(card.name for card in cards)
    assert max(map(cell_len, lines)) <= 80


def test_suites_come_in_their_order_and_sets_by_name(cards: tuple[SetCard, ...]) -> None:
    lines = listed(cards)
    heads = [line for line in lines[1:] if line and " " not in line]
    assert heads[:3] == ["beir", "mteb-eng-v2", "nanobeir"]
    nano = names(lines[lines.index("nanobeir") + 1 : lines.index("cmteb-retrieval")])
    assert len(nano) == 13 and nano == sorted(nano)


def test_a_suite_lists_all_its_members_also_those_of_another_suite(cards: tuple[SetCard, ...]) -> None:
    lines = listed(cards, suite="mteb-eng-v2")
    assert {"arguana", "touche2020-v3", "fever-hard-negatives"} <= set(names(lines))
    assert any(line.startswith("10 sets, 0 here; 4 downloads of known size, 238 MB.") for line in lines)


def test_what_is_here_is_marked_and_counted(cards: tuple[SetCard, ...], tmp_path: Path) -> None:
    lines = listed(cards, lambda card: tmp_path if card.name == "scifact" else None)
    assert [line.split()[0] for line in lines if line.endswith("yes")] == ["scifact"]
    assert any(line.startswith(f"{len(cards)} sets, 1 here") for line in lines)


def test_columns_stay_in_line_with_chinese_text(cards: tuple[SetCard, ...], tmp_path: Path) -> None:
    one = find_card("scifact")
    chinese = replace(one, name="zheng-wu", suites=("政务问答",), languages=("中文", "粤语"))
    lines = listed((one, chinese), lambda card: tmp_path)
    rows = [line for line in lines if line.startswith(" ")]
    assert len(rows) == 2 and len({cell_len(line) for line in rows}) == 1
    assert len({cell_len(line[: line.index("5,183")]) for line in rows}) == 1
    assert "政务问答" in lines


def test_an_unknown_suite_is_told_the_nearest(cards: tuple[SetCard, ...]) -> None:
    with pytest.raises(ConfigError, match=r"unknown suite 'nanobier'\. Did you mean 'nanobeir'"):
        of_suite(cards, "nanobier")


def test_the_size_of_an_archive_of_many_sets_is_not_that_of_one() -> None:
    assert size_bytes(find_card("cqadupstack-gaming")) is None
    assert size_bytes(find_card("scifact")) == 2816079


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (2_816_079, "2.8 MB"),
        (99_949_999, "99.9 MB"),
        (99_950_000, "100 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.0 GB"),
        (5_343_728_040, "5.3 GB"),
        (2 * 10**15, "2000 TB"),
    ],
)
def test_sizes_are_told_in_three_digits(size: int, text: str) -> None:
    assert human_bytes(size) == text


def test_a_card_is_shown_whole(cards: tuple[SetCard, ...]) -> None:
    for card in cards:
        text = shown(card)
        flat = " ".join(text.split())
        for said in (card.title, f"({card.name})", card.description, card.licence, card.mteb, card.split, card.note):
            assert said in flat, card.name
        for origin in card.origins:
            for each in (origin.place, origin.revision, origin.subset, origin.md5, origin.sha256):
                assert each in text, card.name
        assert f"rerankbench datasets get {card.name}" in text or not card.origins


def test_a_card_says_where_its_set_lies_or_will_lie(tmp_path: Path) -> None:
    card = find_card("scifact")
    assert f"will lie in  {card_folder(card)}\n" in shown(card)
    assert f"here         {tmp_path}\n" in shown(card, tmp_path) and "datasets get" not in shown(card, tmp_path)
    assert "datasets: [card:scifact]" in shown(card, tmp_path)


def test_a_set_that_cannot_be_fetched_says_so() -> None:
    text = shown(find_card("stard"))
    assert "not fetched by this program" in text and "oneal2000/STARD" in text
    assert "datasets get" not in text


# --------------------------------------------------------------------------------------------- against its card


@pytest.fixture
def fetched(small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetCard:
    """The small set, as if its card had been fetched."""
    (tmp_path / "cards").mkdir()
    monkeypatch.setenv("RERANKBENCH_CARDS", str(tmp_path / "cards"))
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "cache"))
    tree = {
        "title": "Small",
        "suites": ["own"],
        "languages": ["en", "zh"],
        "licence": "CC0-1.0",
        "description": "Six documents.",
        "split": "test",
        "corpus": 6,
        "queries": 3,
        "judgements": 4,
        "origins": [{"kind": "ir", "place": "small", "layout": "ir"}],
    }
    path = tmp_path / "cards" / "small.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    card = read_set_card(path)
    shutil.copytree(small_set, card_folder(card))
    (card_folder(card) / RECEIPT).write_text("{}", encoding="utf-8")
    return card


def test_a_set_as_published_has_no_differences(fetched: SetCard, small_set: Path) -> None:
    assert differences(fetched, check_dataset(small_set)) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"corpus": 7}, "test: 6 documents, the card small expects 7"),
        ({"judgements": 5}, "test: 4 relevant pairs, the card small expects 5"),
        ({"split": "dev"}, "dev: the split that the card small is about is missing; there are test"),
    ],
)
def test_a_set_that_is_not_as_published_is_told_apart(
    changes: dict[str, object], said: str, fetched: SetCard, small_set: Path
) -> None:
    (told,) = differences(replace(fetched, **changes), check_dataset(small_set))  # type: ignore[arg-type]
    assert told.startswith(said)


def test_counts_that_are_not_known_are_not_compared(fetched: SetCard, small_set: Path) -> None:
    assert differences(replace(fetched, corpus=None, judgements=None), check_dataset(small_set)) == ()


# ------------------------------------------------------------------------------------------------- the commands


def test_the_commands_list_show_and_check_a_fetched_set(fetched: SetCard) -> None:
    told = CliRunner().invoke(app, ["datasets", "list", "--suite", "own"])
    assert told.exit_code == 0 and "1 set, 1 here." in told.output
    told = CliRunner().invoke(app, ["datasets", "show", "card:small"])
    assert told.exit_code == 0 and str(card_folder(fetched)) in told.output
    told = CliRunner().invoke(app, ["datasets", "check", "card:small"])
    assert told.exit_code == 0 and "every split can be used" in told.output


def test_check_ends_with_3_when_the_set_is_not_what_its_card_says(fetched: SetCard) -> None:
    corpus = card_folder(fetched) / "corpus.jsonl"
    kept = corpus.read_text(encoding="utf-8").splitlines()[:-1]
    corpus.write_text("\n".join(kept) + "\n", encoding="utf-8")
    told = CliRunner().invoke(app, ["datasets", "check", "card:small"])
    assert told.exit_code == 3 and "5 documents, the card small expects 6" in told.output


def test_check_says_how_to_fetch_what_is_not_here(fetched: SetCard) -> None:
    told = CliRunner().invoke(app, ["datasets", "check", "card:scifact"])
    assert isinstance(told.exception, DataError)
    assert str(told.exception) == (
        "the set scifact is not on this machine; fetch it with: rerankbench datasets get scifact"
    )


@pytest.mark.parametrize("command", [["show", "scifat"], ["check", "card:scifat"]])
def test_a_misspelt_set_is_told_the_nearest(command: list[str]) -> None:
    told = CliRunner().invoke(app, ["datasets", *command])
    assert isinstance(told.exception, ConfigError) and "Did you mean 'scifact'?" in str(told.exception)
