"""What fuzzing and ill will found in the readers of other forms, each fault by its name; and their bounds."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import bench.data.files
from bench.data.notices import Tally
from bench.sources import tables, trec
from bench.sources.runs import read_candidates
from bench.types import DataError, Dataset

Open = Callable[[Mapping[str, Any]], Dataset]
MIB = 2**20


@pytest.fixture
def short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines, rows and elements of a megabyte are the longest."""
    for module in (bench.data.files, tables, trec):
        monkeypatch.setattr(module, "LONGEST_LINE", MIB)


def documents(path: Path, content: str) -> list[tuple[str, str, str]]:
    path.write_text(content, encoding="utf-8")
    return [(document.id, document.title, document.text) for _, document in trec.documents([path], Tally())]


def peak_of(read: Callable[[], object], said: str) -> int:
    """Bytes that reading takes until it is refused with these words."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=said):
            read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --------------------------------------------------------------------------------------------------------- bounds


@pytest.mark.usefixtures("short_lines")
def test_an_element_without_end_costs_no_more_than_a_line(tmp_path: Path) -> None:
    path = tmp_path / "docs.trec.gz"
    path.write_bytes(gzip.compress(b"<DOC><DOCNO>1</DOCNO>\n" + (b"words of it\n" * 2**16) * 10, 1))
    said = r"docs\.trec\.gz:1: the element that begins here is longer than 1 MiB"
    assert peak_of(lambda: list(trec.documents([path], Tally())), said) < 24 * MIB


@pytest.mark.usefixtures("short_lines")
def test_a_quote_that_is_never_closed_costs_no_more_than_a_line(
    tickets: dict[str, Any], open_entry: Open, tmp_path: Path
) -> None:
    text = "doc_id,subject,body\nt1,Login,fine\nt2,Printer," + '"' + "paper jam, and more of it\n" * 100_000
    (tmp_path / "docs.csv").write_text(text, encoding="utf-8")
    said = r"docs\.csv:3: the row is longer than 1 MiB; is a quote in it never closed\? .* say quoted: false"
    assert peak_of(lambda: open_entry(tickets), said) < 24 * MIB


@pytest.mark.usefixtures("short_lines")
@pytest.mark.parametrize("name", ["docs.csv", "docs.jsonl", "run.trec", "topics.txt"])
def test_an_endless_line_in_any_form(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress(b"q1 Q0 d1 1 " * (8 * MIB), 1))
    table = tables.Table()
    read: dict[str, Callable[[], object]] = {
        "docs.csv": lambda: list(tables.read_rows([path], table, ["id"], [], Tally())),
        "docs.jsonl": lambda: list(tables.read_rows([path], table, ["id"], [], Tally())),
        "run.trec": lambda: read_candidates(path),
        "topics.txt": lambda: list(trec.topics([path], "title", Tally())),
    }
    assert peak_of(read[name], rf"{name}\.gz:1: the line is longer than 1 MiB") < 16 * MIB


@pytest.mark.parametrize(
    "content",
    [
        "<DOC><DOCNO>1</DOCNO>" + "<TITLE>" * 100_000 + "</DOC>",
        "<DOC><DOCNO>1</DOCNO>" + "<TEXT x " * 100_000 + "</DOC>",
        "<DOC>" + "<DOCNO " * 100_000 + "><DOCNO>1</DOCNO></DOC>",
        "<DOC><DOCNO>1</DOCNO>" + "<DOCHDR>" * 100_000 + "</TITLE></DOC>",
    ],
    ids=["titles", "texts", "numbers", "headers"],
)
def test_tags_that_are_never_closed_take_no_time_with_their_square(tmp_path: Path, content: str) -> None:
    start = time.process_time()
    found = documents(tmp_path / "docs.trec", content)
    assert time.process_time() - start < 5
    assert [identifier for identifier, _, _ in found] == ["1"]


def test_a_file_of_many_documents_on_one_line(tmp_path: Path) -> None:
    start = time.process_time()
    found = documents(tmp_path / "docs.trec", "".join(f"<DOC><DOCNO>{n}</DOCNO>text</DOC>" for n in range(10_000)))
    assert time.process_time() - start < 10
    assert len(found) == 10_000
    assert found[-1] == ("9999", "", "text")


# ------------------------------------------------------------------------------------------------------ by its name


def test_a_letter_by_a_number_of_thousands_of_digits_stays_as_it_is(tmp_path: Path) -> None:
    """Python refuses to read such a number, with an error that is none of ours."""
    entity = f"&#{'1' * 5000};"
    (found,) = documents(
        tmp_path / "docs.trec", f"<DOC><DOCNO>1</DOCNO><TEXT>{entity} &#65; &#x42; &#0000067;</TEXT></DOC>"
    )
    assert found[2] == f"{entity} A B C"


@pytest.mark.parametrize("text", ["&#55296;", "&#xD800;", "&#1114112;", "&#x110000;", "&#0;", "&#27;", "&#x9b;"])
def test_letters_by_numbers_that_stand_for_none(tmp_path: Path, text: str) -> None:
    (found,) = documents(tmp_path / "docs.trec", f"<DOC><DOCNO>1</DOCNO><TEXT>a{text}b</TEXT></DOC>")
    found[2].encode()
    assert not any(ord(sign) < 32 for sign in found[2])


def test_nested_titles_and_texts_are_read_from_front_to_back(tmp_path: Path) -> None:
    (found,) = documents(
        tmp_path / "docs.trec",
        "<DOC><DOCNO>1</DOCNO><TITLE>never closed <HEADLINE>head</HEADLINE> a <docid>x</DOCID > b</DOC>",
    )
    assert found == ("1", "head", "never closed   a   b")


@pytest.mark.parametrize("rank", ["+-5", "--1", "+", "9" * 5000, "１", "²", "0x1F", "1_0", "first"])
def test_a_rank_that_is_no_number_decides_nothing(tmp_path: Path, rank: str) -> None:
    """The column is not read but to be told of; Python's own reading of some of these raised."""
    (tmp_path / "run.trec").write_text(f"q1 Q0 d1 {rank} 2.5 t\nq1 Q0 d2 1 0.5 t\n", encoding="utf-8")
    found = read_candidates(tmp_path / "run.trec")
    assert [doc_id for doc_id, _ in found.run["q1"]] == ["d1", "d2"]


@pytest.mark.parametrize("path", ["a\0b", "~nobody-of-that-name/run", "loop"])
def test_candidates_that_lead_nowhere(tmp_path: Path, path: str) -> None:
    """A loop of links is told when the path is followed, or, by newer Pythons, when the file is read."""
    from bench.sources.runs import candidates_path, read_candidates

    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DataError, match=r"leads nowhere|symbolic links"):
        read_candidates(candidates_path(path, tmp_path))


@pytest.mark.parametrize("identifier", ["a\x1b[2J", "a\0", "\x9b", "\x7f"])
def test_an_id_with_a_control_character_in_a_table(
    tickets: dict[str, Any], open_entry: Open, tmp_path: Path, identifier: str
) -> None:
    (tmp_path / "docs.jsonl").write_text(
        f'{{"doc_id": {json.dumps(identifier)}, "subject": "", "body": "x"}}\n', encoding="utf-8"
    )
    tickets["corpus"]["file"] = "docs.jsonl"
    with pytest.raises(DataError, match=r"docs\.jsonl:1: the column 'doc_id' is .* contains the control character"):
        open_entry(tickets)


@pytest.mark.parametrize("name", ["docs\x7f.csv", "docs\x1b[2J\n.csv", "docs\udcff.csv"])
def test_a_set_from_a_file_of_a_strange_name(
    tickets: dict[str, Any], open_entry: Open, tmp_path: Path, name: str
) -> None:
    """Its name goes into the description of what it is converted to."""
    odd = tmp_path / name
    try:
        (tmp_path / "docs.csv").rename(odd)
    except OSError:
        pytest.skip("this file system takes no such name")
    tickets["corpus"]["file"] = "docs*.csv"
    assert len(open_entry(tickets).corpus) == 3
