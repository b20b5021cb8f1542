"""Endless lines, small archives of large files, names that lead nowhere: refused soon, in little memory."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import bench.data.files
from bench.data import load_dataset, read_corpus
from bench.data.card import Card, read_card
from bench.data.writing import write_beir
from bench.sources import open_set
from bench.types import DataError, Document, Query

MIB = 2**20


@pytest.fixture
def short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of a megabyte are the longest."""
    monkeypatch.setattr(bench.data.files, "LONGEST_LINE", MIB)


def bomb(path: Path, start: bytes, fill: bytes, size: int = 64 * MIB) -> Path:
    """A file of gzip that unpacks to ``size`` bytes, in a thousandth of the space."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(start)
        for _ in range(size // MIB):
            file.write(fill * (MIB // len(fill)))
    assert path.stat().st_size < size / 100
    return path


def message(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(folder)
    assert len(str(caught.value)) < 700
    return str(caught.value)


@pytest.mark.usefixtures("short_lines")
@pytest.mark.parametrize(
    ("name", "start", "fill"),
    [
        ("corpus.jsonl", b"", b"\0"),
        ("corpus.jsonl", b'{"_id": "d9", "text": "', b"x"),
        ("corpus.jsonl", b"[", b"["),
        ("queries.jsonl", b'{"_id": "q9", "text": "', "é".encode()),
        ("qrels/test.tsv", b"query-id\tcorpus-id\tscore\nq1\td1\t", b"1"),
    ],
)
def test_one_endless_line_of_a_small_archive_costs_a_line(
    small_set: Path, name: str, start: bytes, fill: bytes
) -> None:
    (small_set / name).unlink()
    bomb(small_set / f"{name}.gz", start, fill)
    tracemalloc.start()
    said = message(small_set)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    line = start.count(b"\n") + 1
    assert f"{name}.gz:{line}: the line is longer than 1 MiB" in said
    assert peak < 12 * MIB


@pytest.mark.long
def test_a_gigabyte_in_a_megabyte_is_refused_in_bounded_memory(small_set: Path) -> None:
    """With the true bound, in a process of its own whose memory the system bounds."""
    (small_set / "corpus.jsonl").unlink()
    bomb(small_set / "corpus.jsonl.gz", b'{"_id": "d9", "text": "', b"x", 1024 * MIB)
    code = (
        "import resource, sys; from pathlib import Path; from bench.data import load_dataset\n"
        "from bench.types import DataError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: load_dataset(Path(sys.argv[1]))\n"
        "except DataError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(small_set)], capture_output=True, text=True, check=True
    )
    said, grown = done.stdout.splitlines()
    assert said.endswith(":1: the line is longer than 64 MiB, as no text is; cut it, or fetch the file again")
    assert int(grown) / (1 if sys.platform == "darwin" else 1024) < 400 * 1024


@pytest.mark.usefixtures("short_lines")
def test_a_line_of_the_longest_length_is_read(small_set: Path) -> None:
    """And many lines, whatever they come to, which stay on disk."""
    frame = len(json.dumps({"_id": "long0", "text": ""})) + 1
    with (small_set / "corpus.jsonl").open("a", encoding="utf-8") as file:
        for number in range(3):
            file.write(json.dumps({"_id": f"long{number}", "text": "x" * (MIB - frame)}) + "\n")
    assert len(load_dataset(small_set).corpus) == 9
    with (small_set / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"_id": "long9", "text": "x" * (MIB - frame + 2)}))
    assert "corpus.jsonl:10: the line is longer than 1 MiB" in message(small_set)


@pytest.mark.parametrize("blank", [b"\n", b" \r\n"])
def test_lines_without_end_that_are_blank_are_counted_and_held_nowhere(small_set: Path, blank: bytes) -> None:
    data = (small_set / "queries.jsonl").read_bytes()
    (small_set / "queries.jsonl").unlink()
    (small_set / "queries.jsonl.gz").write_bytes(gzip.compress(data + blank * 20_000, 1))
    tracemalloc.start()
    dataset = load_dataset(small_set)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert next(notice.count for notice in dataset.notices if "blank" in notice.message) == 20_000
    assert peak < 4 * MIB


def test_a_field_that_is_there_twice_among_many_is_found_at_once(small_set: Path) -> None:
    """Their number is not squared."""
    names = ", ".join(f'"n{number}": 0' for number in range(50_000))
    (small_set / "corpus.jsonl").write_text(f'{{"_id": "d1", {names}, "n49999": 1}}\n', encoding="utf-8")
    start = time.process_time()
    assert "the field 'n49999' is given twice" in message(small_set)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("text", ["[" * 10_000 + "]" * 10_000, '{"a": ' * 10_000 + "1" + "}" * 10_000])
@pytest.mark.parametrize("on_disk", [False, True])
def test_what_is_nested_too_deeply_is_refused_before_it_is_kept(
    small_set: Path, monkeypatch: pytest.MonkeyPatch, text: str, on_disk: bool
) -> None:
    if on_disk:
        monkeypatch.setattr(read_corpus, "HELD_BYTES", -1)
    with (small_set / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write(f'{{"_id": "d9", "text": "", "metadata": {text}}}\n')
    assert "corpus.jsonl:7: not JSON that can be read" in message(small_set)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1e400\n"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\tInfinity\n"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t１\n"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1_0\n"),
        ("queries.jsonl", '{"_id": "q1", "text": "x", "n": -Infinity}\n'),
    ],
)
def test_numbers_that_are_none(small_set: Path, name: str, content: str) -> None:
    (small_set / name).write_text(content, encoding="utf-8")
    assert f"{name}:" in message(small_set)


def test_two_encodings_in_one_file_are_told_at_the_line(small_set: Path) -> None:
    with (small_set / "corpus.jsonl").open("ab") as file:
        file.write('{"_id": "d7", "text": "caf\u00e9"}\n'.encode("latin-1"))
    assert "corpus.jsonl:7: byte 27 of the line (0xe9) is not UTF-8; save the file as UTF-8" in message(small_set)


# --------------------------------------------------------------------------------------------- names and folders


def _loop(folder: Path) -> None:
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl").symlink_to(folder / "corpus.jsonl")


def _split_loop(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").unlink()
    (folder / "qrels" / "test.tsv").symlink_to(folder / "qrels" / "test.tsv")


def _split_folder(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").unlink()
    (folder / "qrels" / "test.tsv").mkdir()


def _card_folder(folder: Path) -> None:
    (folder / "dataset.toml").mkdir()


def _endless_card(folder: Path) -> None:
    (folder / "dataset.toml").symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_loop, "corpus.jsonl (or corpus.jsonl.gz) is missing"),
        (_split_loop, "qrels/test.tsv"),
        (_split_folder, "test.tsv: cannot be read: Is a directory"),
        (_card_folder, "dataset.toml: cannot be read: Is a directory"),
        (_endless_card, "dataset.toml: longer than 1 MiB; a card is a few lines about the set"),
    ],
)
def test_links_to_themselves_and_folders_in_the_place_of_files(
    small_set: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(small_set)
    assert said in message(small_set)


@pytest.mark.parametrize("name", ["a\0b", "~nobody-of-that-name/set", "loop", "x" * 5000])
def test_a_name_that_leads_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DataError) as caught:
        open_set(name, "test", tmp_path)
    assert len(str(caught.value)) < 7000
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "a\\u001b[2Jb"', "the name 'a\\x1b[2Jb' contains the control character U+001B"),
        ('name = "a\\nb"', "the name 'a\\nb' contains the control character U+000A"),
        (f'"{"x" * 5000}" = 1', "is not known; known are name"),
        (f"languages = [{'1, ' * 5000}]", "is not a list of texts"),
    ],
)
def test_a_card_of_strange_words_is_refused_shortly(small_set: Path, text: str, said: str) -> None:
    (small_set / "dataset.toml").write_text(text, encoding="utf-8")
    assert said in message(small_set)


@pytest.mark.parametrize("said", ["DEL \x7f", "half \udcff", "\x1b[2J\0\t\r\n", '"""\\', "\U0001f600 \u2028"])
def test_a_card_that_was_written_can_be_read(tmp_path: Path, said: str) -> None:
    card = Card("set", description=said, licence=said, languages=(said,))
    folder = write_beir(tmp_path / "set", card, [Document("d", "x")], [Query("q", "x")], {"test": [("q", "d", 1)]})
    expected = said.encode(errors="replace").decode()
    assert read_card(folder) == Card("set", description=expected, licence=expected, languages=(expected,))
