"""TREC files: documents, topics and qrels, each plain or .gz; what a file holds is told by its first letter.

documents  ``<DOC> <DOCNO>id</DOCNO> … </DOC>``, or jsonl, or ``id<TAB>text`` lines
topics     ``<top> <num> Number: 301 <title> … </top>`` or ``<topic number="1"> <query>…``, or jsonl, or ``id<TAB>text``
qrels      ``query iteration document grade``, parted by white space

Tags of TREC documents are taken out and ``&amp;`` and its kin are read as the letters that they stand for, as other
readers of these files do. A document's title is its TITLE, HEADLINE or TI; its text what is in TEXT, or, where there
is no such tag, everything but number and title.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from bench.data.files import LONGEST_LINE
from bench.data.notices import Tally
from bench.data.records import parse_object, shown
from bench.data.writing import Judgement
from bench.sources import cells
from bench.sources.files import Place, text_lines
from bench.types import DataError, Document, Query

Placed = Iterator[tuple[Place, str]]
ID_FIELDS = ("_id", "id", "docid", "doc_id", "docno", "qid", "query_id")
TEXT_FIELDS = ("text", "contents", "query", "title")
"""Of a jsonl file, the first that is there; ``title`` is a topic's text where it has no other."""

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ENTITY = re.compile(r"&(?:#0{0,9}[0-9]{1,7}|#[xX]0{0,9}[0-9a-fA-F]{1,6}|\w{1,32});")
_ANY_CASE = re.IGNORECASE | re.ASCII
_TITLE, _NUMBER, _TEXT, _NOT_TEXT = "title|headline|ti", "docno", "text", "docno|docid|dochdr"
_TOPIC_FIELDS = {"title": "title|query", "description": "desc|description|question", "narrative": "narr|narrative"}
_ANY_FIELD = (
    r"</?(?:num|number|title|query|desc|description|question|narr|narrative|dom|con|fac|def|top|topic|subtopic)\b"
)
_LABELS = {"num": "Number", "title": "Topic", "description": "Description", "narrative": "Narrative"}


def documents(paths: Sequence[Path], tally: Tally) -> Iterator[tuple[Place, Document]]:
    """Every document, one at a time. Raises DataError."""
    for path in paths:
        yield from _READERS[_kind(path)][0](path, tally)


def topics(paths: Sequence[Path], field: str, tally: Tally) -> Iterator[tuple[Place, Query]]:
    """Every topic with the text of that field. Raises DataError."""
    for path in paths:
        kind = _kind(path)
        yield from _trec_topics(path, field, tally) if kind == "<" else _READERS[kind][1](path, tally)


def qrels(path: Path, tally: Tally) -> Iterator[tuple[Place, Judgement]]:
    """Judgements in the file's order. Raises DataError for a line that has not four columns."""
    for number, line in enumerate(text_lines(path, tally), start=1):
        place, columns = Place(path, number), line.split()
        if not columns:
            tally.add("blank line, skipped", str(place))
            continue
        if columns[0].startswith("#"):
            tally.add("line begins with #, skipped", str(place))
            continue
        if len(columns) != 4:
            hint = "; it looks like BEIR qrels, which go into a BEIR folder" if len(columns) == 3 else ""
            raise place.error(f"{len(columns)} columns; qrels have 4, query iteration document grade{hint}")
        grade = cells.grade(columns[3], place, "", tally)
        if grade is not None:
            yield place, (columns[0], columns[2], grade)


def _kind(path: Path) -> str:
    """``<``, ``{`` or a tab, by the first letter of the file that is no space. Raises DataError for an empty file."""
    for line in text_lines(path, Tally()):
        if line.strip():
            first = line.strip()[0]
            return first if first in "<{" else "\t"
    raise DataError("the file is empty", path)


# ------------------------------------------------------------------------------------------------- TREC format


def _elements(path: Path, opening: str, closing: str, tally: Tally) -> Placed:
    """What stands between each opening and closing tag, with the place of the opening one."""
    begins = re.compile(opening, re.IGNORECASE)
    ends = re.compile(closing, re.IGNORECASE)
    place: Place | None = None
    held: list[str] = []
    size = 0
    for number, whole in enumerate(text_lines(path, tally), start=1):
        line, at = whole.replace("\r\n", "\n"), 0
        while at < len(line):
            if place is None:
                if (start := begins.search(line, at)) is None:
                    break
                place, at = Place(path, number), start.start()
            end, again = ends.search(line, at), begins.search(line, at if held else at + 1)
            if again is not None and (end is None or again.start() < end.start()):
                raise Place(path, number).error(f"another element begins before that of line {place.number} ends")
            held.append(line[at : end.end()] if end else line[at:])
            size += len(held[-1])
            if size > LONGEST_LINE:
                raise place.error(f"the element that begins here is longer than {LONGEST_LINE // 2**20} MiB")
            if end is None:
                break
            yield place, "".join(held)
            place, held, size, at = None, [], 0, end.end()
    if place is not None:
        raise place.error("the element that begins here does not end; the file is cut short")


class _Tagged(NamedTuple):
    """An opening tag, its closing one and the text between them, and where all of it lies in the element."""

    text: str
    start: int
    end: int


def _tagged(element: str, names: str) -> Iterator[_Tagged]:
    """What stands in these tags (names parted by ``|``), from front to back; a tag that is never closed is none.

    Each name that turns out to be closed nowhere is looked for no more, so that many of them cost no more than one.
    """
    opening, unclosed, at = re.compile(rf"<({names})\b[^<>]*>", _ANY_CASE), set[str](), 0
    while (begin := opening.search(element, at)) is not None:
        name, at = begin[1].lower(), begin.end()
        if name in unclosed:
            continue
        end = re.compile(rf"</{name}\s*>", _ANY_CASE).search(element, at)
        if end is None:
            unclosed.add(name)
            continue
        yield _Tagged(element[at : end.start()], begin.start(), end.end())
        at = end.end()


def _without(element: str, parts: Iterable[_Tagged]) -> str:
    """The element with a space in the place of each of these parts of it."""
    kept, at = [], 0
    for part in parts:
        kept.append(element[at : part.start])
        at = part.end
    return " ".join([*kept, element[at:]])


def _trec_documents(path: Path, tally: Tally) -> Iterator[tuple[Place, Document]]:
    for place, element in _elements(path, r"<DOC>", r"</DOC>", tally):
        number, title = next(_tagged(element, _NUMBER), None), next(_tagged(element, _TITLE), None)
        if number is None:
            raise place.error("the document has no <DOCNO>")
        texts = [each.text for each in _tagged(element, _TEXT)]
        rest = _without(element, [title] if title else [])
        rest = "" if texts else _without(rest, _tagged(rest, _NOT_TEXT))
        name = cells.identifier(_plain(number.text), place, "DOCNO", tally)
        yield place, Document(name, _plain("\n".join(texts) if texts else rest), _plain(title.text) if title else "")


def _trec_topics(path: Path, field: str, tally: Tally) -> Iterator[tuple[Place, Query]]:
    wanted = re.compile(rf"<(?:{_TOPIC_FIELDS[field]})\b[^<>]*>(.*?)(?={_ANY_FIELD})", re.IGNORECASE | re.DOTALL)
    numbered = re.compile(rf"<(?:num|number)\b[^<>]*>(.*?)(?={_ANY_FIELD})", re.IGNORECASE | re.DOTALL)
    for place, element in _elements(path, r"<top(?:ic)?(?=[\s>])", r"</top(?:ic)?>", tally):
        attribute = re.match(r"<topic[^>]*?\b(?:number|id)\s*=\s*[\"']([^\"']*)", element, re.IGNORECASE)
        number = attribute or numbered.search(element)
        if number is None:
            raise place.error("the topic has no <num> and no number=…")
        text = wanted.search(element)
        if text is None:
            raise place.error(f"the topic has no {field} ({_TOPIC_FIELDS[field].replace('|', ' or ')})")
        name = cells.identifier(_unlabelled(number[1], "num"), place, "num", tally)
        yield place, Query(name, " ".join(_unlabelled(text[1], field).split()))


def _unlabelled(text: str, field: str) -> str:
    """Without the word before the colon that the older topics repeat after their tag."""
    plain = _plain(text)
    label = re.match(rf"{_LABELS[field]}\s*:", plain, re.IGNORECASE)
    return plain[label.end() :].strip() if label else plain


def _plain(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match[0]), _TAG.sub(" ", text)).strip()


# -------------------------------------------------------------------------------------------- jsonl and tab lines


def _json_documents(path: Path, tally: Tally) -> Iterator[tuple[Place, Document]]:
    for place, record in _objects(path, tally):
        title = cells.text(record.get("title") or "", place, "title", tally, what="title")
        fields = [name for name in TEXT_FIELDS if name != "title"]
        name, text = _identified(place, record, tally), _text(place, record, fields, tally)
        yield place, Document(name, text, title)


def _json_topics(path: Path, tally: Tally) -> Iterator[tuple[Place, Query]]:
    for place, record in _objects(path, tally):
        yield place, Query(_identified(place, record, tally), _text(place, record, TEXT_FIELDS, tally))


def _objects(path: Path, tally: Tally) -> Iterator[tuple[Place, dict[str, Any]]]:
    for number, line in enumerate(text_lines(path, tally), start=1):
        place = Place(path, number)
        if line.strip():
            yield place, parse_object(line, place.error)
        else:
            tally.add("blank line, skipped", str(place))


def _identified(place: Place, record: dict[str, Any], tally: Tally) -> str:
    field = _field(place, record, ID_FIELDS, "id")
    return cells.identifier(record[field], place, field, tally)


def _text(place: Place, record: dict[str, Any], fields: Sequence[str], tally: Tally) -> str:
    field = _field(place, record, fields, "text")
    return cells.text(record[field], place, field, tally)


def _field(place: Place, record: dict[str, Any], fields: Sequence[str], what: str) -> str:
    found = next((name for name in fields if name in record), None)
    if found is None:
        raise place.error(
            f"no {what} in the fields {', '.join(record)}; expected {' or '.join(fields)}. For other names write the "
            "set as tables, corpus: {file: …, id: …, text: …}"
        )
    return found


def _tab_documents(path: Path, tally: Tally) -> Iterator[tuple[Place, Document]]:
    return ((place, Document(name, text)) for place, name, text in _pairs(path, tally))


def _tab_topics(path: Path, tally: Tally) -> Iterator[tuple[Place, Query]]:
    return ((place, Query(name, text)) for place, name, text in _pairs(path, tally))


def _pairs(path: Path, tally: Tally) -> Iterator[tuple[Place, str, str]]:
    for number, line in enumerate(text_lines(path, tally), start=1):
        place = Place(path, number)
        name, tab, text = line.rstrip("\r\n").partition("\t")
        if not line.strip():
            tally.add("blank line, skipped", str(place))
        elif not tab:
            raise place.error(f"expected id<TAB>text, found {shown(line.strip())}")
        else:
            if "\t" in text:
                tally.add("text has tabs in it, kept", str(place))
            yield place, cells.identifier(name, place, "", tally), text


_READERS: dict[str, tuple[Callable[[Path, Tally], Iterable[Any]], Callable[[Path, Tally], Iterable[Any]]]] = {
    "<": (_trec_documents, lambda path, tally: chain()),
    "{": (_json_documents, _json_topics),
    "\t": (_tab_documents, _tab_topics),
}
