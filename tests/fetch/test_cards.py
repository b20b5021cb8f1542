"""The shipped cards say what is published elsewhere; a card that cannot be right is refused, with its file and key."""

from __future__ import annotations

import importlib.util
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bench.fetch.card import LAYOUTS, SetCard, all_cards, card_folder, find_card, read_set_card, shipped_cards
from bench.types import ConfigError

BEIR = {
    "msmarco", "trec-covid", "nfcorpus", "nq", "hotpotqa", "fiqa", "arguana", "touche2020", "cqadupstack", "quora",
    "dbpedia", "scidocs", "fever", "climate-fever", "scifact",
}  # fmt: skip
TASKS = {  # suite -> how many tasks of mteb, how many cards
    "beir": (26, 26),
    "cqadupstack": (12, 12),
    "mteb-eng-v2": (10, 10),
    "nanobeir": (13, 13),
    "cmteb-retrieval": (8, 8),
    "cmteb-reranking": (4, 4),
    "mldr": (1, 13),
    "mteb-code": (12, 39),
    "followir": (3, 3),
}
REVISION = "d56462d0e63a25450459c4f213e49ffdb866f7f9"
GOOD: Mapping[str, Any] = {
    "title": "SciFact",
    "suites": ["beir"],
    "languages": ["en"],
    "licence": "cc-by-nc-4.0",
    "description": "Claims.",
    "split": "test",
    "origins": [{"kind": "hub", "place": "mteb/scifact", "layout": "mteb-retrieval", "revision": REVISION}],
}
URL: Mapping[str, Any] = {"kind": "url", "place": "https://example.org/a.zip", "layout": "beir", "md5": "0" * 32}


@pytest.fixture(scope="module")
def cards() -> dict[str, SetCard]:
    return {card.name: card for card in map(read_set_card, sorted(shipped_cards().glob("*.yaml")))}


def write(folder: Path, tree: object, name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    return path


def in_suite(cards: Mapping[str, SetCard], suite: str) -> list[SetCard]:
    return [card for card in cards.values() if suite in card.suites]


# ------------------------------------------------------------------------------------------------ what is shipped


def test_every_shipped_card_is_named_as_its_file(cards: dict[str, SetCard]) -> None:
    assert sorted(cards) == sorted(path.stem for path in shipped_cards().iterdir())


@pytest.mark.parametrize("suite", TASKS)
def test_suites_are_complete(suite: str, cards: dict[str, SetCard]) -> None:
    members = in_suite(cards, suite)
    assert (len({card.mteb for card in members}), len(members)) == TASKS[suite]


def test_beir_has_its_fifteen_sets(cards: dict[str, SetCard]) -> None:
    names = {re.sub("^cqadupstack-.*", "cqadupstack", card.name) for card in in_suite(cards, "beir")}
    assert names == BEIR


def test_nanobeir_has_a_part_of_the_public_beir_sets(cards: dict[str, SetCard]) -> None:
    full = {card.name.removeprefix("nano-") for card in in_suite(cards, "nanobeir")}
    assert full == BEIR - {"trec-covid", "cqadupstack"}


def test_the_legal_claim_has_its_sets(cards: dict[str, SetCard]) -> None:
    assert {card.name for card in in_suite(cards, "legal-zh")} == {"lecard-v2", "stard"}


def test_every_origin_is_pinned(cards: dict[str, SetCard]) -> None:
    for card in cards.values():
        for origin in card.origins:
            if origin.kind == "hub":
                assert re.fullmatch("[0-9a-f]{40}", origin.revision), card.name
            elif origin.kind == "url":
                assert origin.md5 or origin.sha256, card.name


def test_only_a_set_that_cannot_be_fetched_has_counts_that_are_not_known(cards: dict[str, SetCard]) -> None:
    for card in cards.values():
        counts = (card.corpus, card.queries, card.judgements)
        assert all(counts) or not card.origins, card.name
        assert all(count is None or count > 0 for count in counts), card.name


def test_sets_of_one_repository_are_told_apart(cards: dict[str, SetCard]) -> None:
    first = [card.origins[0] for card in cards.values() if card.origins]
    assert len({(origin.place, origin.subset) for origin in first}) == len(first)


def test_sets_of_several_suites_or_none_have_folders_of_their_own(cards: dict[str, SetCard]) -> None:
    assert len({card_folder(card) for card in cards.values()}) == len(cards)


# ------------------------------------------------------------------------------------- what is published elsewhere


def test_beir_cards_agree_with_ir_datasets(cards: dict[str, SetCard]) -> None:
    """Addresses, checksums, sizes and counts, against the tables that ir_datasets ships with."""
    found = importlib.util.find_spec("ir_datasets")
    if found is None or found.origin is None:
        pytest.skip("ir_datasets is not installed: pip install ir_datasets")
    tables = Path(found.origin).parent / "etc"
    downloads = json.loads((tables / "downloads.json").read_text(encoding="utf-8"))["beir"]
    archives = {each["url"]: (each["expected_md5"], each["size_hint"]) for each in downloads.values()}
    known = json.loads((tables / "metadata.json").read_text(encoding="utf-8"))
    for card in in_suite(cards, "beir"):
        url, name = (next(each for each in card.origins if each.kind == kind) for kind in ("url", "ir"))
        assert archives[url.place] == (url.md5, url.size_bytes), card.name
        whole = known[name.place]
        documents = whole["docs"] if "_ref" not in whole["docs"] else known[whole["docs"]["_ref"]]["docs"]
        grades = whole["qrels"]["fields"]["relevance"]["counts_by_value"]
        relevant = sum(count for grade, count in grades.items() if int(grade) > 0)
        assert (documents["count"], whole["queries"]["count"], relevant) == (card.corpus, card.queries, card.judgements)


NEGATIVE_GRADES = {"TRECCOVID": 2}
"""mteb counts every grade other than 0 as relevant; so many of them are below 0."""
NATURAL_LANGUAGE = {"CodeSearchNetRetrieval", "COIRCodeSearchNetRetrieval", "CodeEditSearchRetrieval"}
"""Tasks whose queries or documents are English, though mteb names the programming language alone."""
LANGUAGES = {
    "ara": "ar", "deu": "de", "eng": "en", "spa": "es", "fra": "fr", "hin": "hi", "ita": "it", "jpn": "ja", "kor": "ko",
    "por": "pt", "rus": "ru", "tha": "th", "cmn": "zh", "zho": "zh",
}  # fmt: skip


@pytest.mark.slow
def test_cards_agree_with_mteb(cards: dict[str, SetCard]) -> None:
    """Repositories, revisions, splits, languages and licences, against the tasks of an installed mteb; and counts."""
    if importlib.util.find_spec("mteb") is None:
        pytest.skip("mteb is not installed: pip install mteb==2.26.24")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mteb

        tasks = {name: mteb.get_task(name) for name in {card.mteb for card in cards.values()} - {""}}
    for card in cards.values():
        if not card.mteb:
            continue
        said = tasks[card.mteb].metadata
        pins = {(origin.place, origin.revision) for origin in card.origins if origin.kind == "hub"}
        assert (said.dataset["path"], said.dataset["revision"]) in pins, card.name
        assert card.split in said.eval_splits and card.licence == said.license, card.name
        subset = card.origins[0].subset
        codes = said.eval_langs[subset] if isinstance(said.eval_langs, dict) else said.eval_langs
        expected = {_language(code) for code in codes} | ({"en"} if card.mteb in NATURAL_LANGUAGE else set())
        assert set(card.languages) == expected, card.name
        counted = said.descriptive_stats[card.split]
        counted = counted["hf_subset_descriptive_stats"][subset] if subset else counted
        relevant = counted["relevant_docs_statistics"]["num_relevant_docs"] - NEGATIVE_GRADES.get(card.mteb, 0)
        assert relevant == card.judgements, card.name
        assert counted["num_samples"] == (card.corpus or 0) + (card.queries or 0), card.name


def _language(code: str) -> str:
    language, _, script = code.partition("-")
    return language if script == "Code" else LANGUAGES[language]


# ----------------------------------------------------------------------------------------------------- own cards


def test_own_cards_are_added_and_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RERANKBENCH_CARDS", str(tmp_path))
    shipped = len(all_cards())
    write(tmp_path, {**GOOD, "title": "政务问答", "languages": ["zh"], "note": "本地\n数据"})
    write(tmp_path, {**GOOD, "title": "Another"}, "scifact")
    mine, all_of_them = find_card("mine"), all_cards()
    assert (mine.title, mine.languages, mine.note, mine.mteb, mine.corpus) == (
        "政务问答",
        ("zh",),
        "本地 数据",
        "",
        None,
    )
    assert find_card("scifact").title == "Another"
    assert len(all_of_them) == shipped + 1
    assert [card.name for card in all_of_them] == sorted(card.name for card in all_of_them)


def test_a_folder_of_cards_that_is_none_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RERANKBENCH_CARDS", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"\$RERANKBENCH_CARDS is .*nowhere.* no folder"):
        find_card("scifact")


def test_one_bad_own_card_does_not_keep_another_from_being_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "title: [", "broken")
    monkeypatch.setenv("RERANKBENCH_CARDS", str(tmp_path))
    assert find_card("scifact").name == "scifact"
    with pytest.raises(ConfigError, match=r"broken\.yaml line 1: not valid YAML"):
        all_cards()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("scifat", "unknown set 'scifat'. Did you mean 'scifact'?"),
        ("SciFact", "Did you mean 'scifact'?"),
        ("cqadupstack", "There are cqadupstack-android, cqadupstack-english"),
        ("medical", "There are medical-retrieval."),
        ("qqqq", "unknown set 'qqqq'. All sets: rerankbench datasets list"),
        ("../scifact", "unknown set"),
        ("", "unknown set ''"),
    ],
)
def test_an_unknown_name_is_told_near_ones(asked: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        find_card(asked)
    assert said in str(error.value)
    assert len(str(error.value)) < 300


# ------------------------------------------------------------------------------------------------------- folders


def test_another_revision_is_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path))
    folder = card_folder(read_set_card(write(tmp_path, GOOD)))
    assert folder == tmp_path / "datasets" / "cards" / "mine-d56462d0"
    other = {**GOOD, "origins": [{**GOOD["origins"][0], "revision": "0" * 40}]}
    assert card_folder(read_set_card(write(tmp_path, other))).name == "mine-00000000"
    ir = {**GOOD, "origins": [{"kind": "ir", "place": "beir/scifact/test", "layout": "ir"}]}
    assert card_folder(read_set_card(write(tmp_path, ir))).name == "mine-unpinned"
    assert card_folder(read_set_card(write(tmp_path, {**GOOD, "origins": [], "note": "Ask."}))).name == "mine-unpinned"


# -------------------------------------------------------------------------------------------------------- errors


def origin(**changes: object) -> dict[str, Any]:
    return {**GOOD, "origins": [{**GOOD["origins"][0], **changes}]}


def url(**changes: object) -> dict[str, Any]:
    return {**GOOD, "origins": [{key: value for key, value in {**URL, **changes}.items() if value is not None}]}


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ("title: [", "line 1: not valid YAML"),
        ("- a\n- b\n", "expected keys such as title, suites and origins, found list"),
        ("", "found an empty file"),
        ({**GOOD, "lisence": "mit"}, "unknown key 'lisence'. Did you mean 'licence'?"),
        (origin(revison=REVISION), "origin 1: unknown key 'revison'. Did you mean 'revision'?"),
        ({key: value for key, value in GOOD.items() if key != "split"}, "split: Field required"),
        ({**GOOD, "split": " "}, "split is empty"),
        ({**GOOD, "suites": []}, "suites: "),
        ({**GOOD, "suites": "beir"}, "suites: "),
        ({**GOOD, "corpus": 0}, "corpus: "),
        ({**GOOD, "corpus": "5183"}, "corpus: "),
        ({**GOOD, "corpus": True}, "corpus: "),
        ("title: 2026-01-01\n", "suites: Field required"),
        ({**GOOD, "origins": []}, "origins is empty; say under note"),
        ({**GOOD, "origins": {}}, "origins: "),
        ({**GOOD, "origins": ["mteb/scifact"]}, "origins.0: "),
        (origin(kind="ftp"), "origins.0.kind: "),
        (origin(layout="parquet"), "origin 1: unknown layout 'parquet'"),
        (origin(layout="ir"), "the layout 'ir' does not go with the kind 'hub'"),
        (origin(place="scifact"), "place is 'scifact'; expected a repository"),
        (origin(place="../../etc"), "place is '../../etc'; expected a repository"),
        (origin(revision="main"), "revision is 'main'; expected 40 hexadecimal digits"),
        (origin(revision=REVISION.upper()), "expected 40 hexadecimal digits, small letters"),
        (origin(revision=""), "revision is missing"),
        (origin(modelscope="scifact"), "modelscope is 'scifact'; expected a repository"),
        (origin(md5="0" * 32), "md5 is for the kind url, this is 'hub'"),
        (origin(files=["../corpus.jsonl"]), "files has '../corpus.jsonl'"),
        (origin(files=["/etc/*"]), "files has '/etc/*'"),
        (origin(files=[""]), "files has ''"),
        (origin(size_bytes=-1), "origins.0.size_bytes: "),
        (url(md5=None), "sha256 or md5 is missing"),
        (url(md5="0" * 31), "md5 is '0000000000000000000000000000000'; expected 32 hexadecimal digits"),
        (url(sha256="x" * 64), "expected 64 hexadecimal digits"),
        (url(place="file:///etc/passwd"), "expected an address that begins with https://"),
        (url(revision=REVISION), "revision is for the kind hub, this is 'url'"),
        (url(subset="python"), "subset is for the kind hub, this is 'url'"),
        ({**GOOD, "origins": [{"kind": "ir", "place": "beir/scifact", "layout": "beir"}]}, "does not go with the kind"),
        ({**GOOD, "origins": [{"kind": "ir", "place": "", "layout": "ir"}]}, "expected an id of ir_datasets"),
        ({**GOOD, "origins": [GOOD["origins"][0], {**URL, "md5": "0"}]}, "origin 2: md5 is '0'"),
    ],
)
def test_a_card_that_cannot_be_right_is_refused(tree: object, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, tree)
    with pytest.raises(ConfigError) as error:
        read_set_card(path)
    message = str(error.value)
    assert message.startswith(str(path)) and said in message


@pytest.mark.parametrize("name", ["SciFact", "sci_fact", "sci--fact", "-scifact", "政务", "sci fact"])
def test_a_name_that_no_command_could_take_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a card's name is small letters"):
        read_set_card(write(tmp_path, GOOD, name))


def test_a_card_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"title: \xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8"):
        read_set_card(path)


@given(st.text(max_size=42).filter(lambda text: re.fullmatch("[0-9a-f]{40}", text) is None))
def test_no_other_text_is_a_revision(tmp_path_factory: pytest.TempPathFactory, revision: str) -> None:
    path = tmp_path_factory.getbasetemp() / "revision.yaml"
    path.write_text(json.dumps(origin(revision=revision)), encoding="utf-8")  # JSON is YAML
    with pytest.raises(ConfigError, match="revision"):
        read_set_card(path)


def test_a_good_card_is_read_with_every_layout(tmp_path: Path) -> None:
    for layout in LAYOUTS:
        kind = "ir" if layout == "ir" else "hub"
        tree = {"kind": kind, "place": "mteb/scifact", "layout": layout}
        pin = {} if kind == "ir" else {"revision": REVISION, "subset": "zh", "modelscope": "a/b", "files": ["*.jsonl"]}
        read = read_set_card(write(tmp_path, {**GOOD, "origins": [{**tree, **pin}]})).origins[0]
        assert (read.layout, read.files) == (layout, () if kind == "ir" else ("*.jsonl",))
