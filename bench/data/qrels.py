"""A split's judgements: ``qrels/<split>.tsv`` with the header ``query-id corpus-id score``, columns parted by tabs."""

from __future__ import annotations

import re
from collections.abc import Container

from bench.data.files import Line, TextFile
from bench.data.notices import Tally
from bench.data.records import and_more, check_identifier, shown

HEADER = ("query-id", "corpus-id", "score")
MAX_GRADE = 1000
"""Exponential gains (2^grade - 1) leave the range of a 64-bit float at 1024; real grades are below ten."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_INTEGER_VALUED = re.compile(r"([+-]?[0-9]{1,9})\.0*")


def read_qrels(
    file: TextFile, queries: Container[str], documents: Container[str], tally: Tally
) -> dict[str, dict[str, int]]:
    """Query id -> document id -> grade, in the file's order.

    Raises DataError for a line that is no judgement, for two judgements of one pair that differ, and for ids that the
    set does not have: a judged document that cannot be found lowers recall without a word.
    """
    qrels: dict[str, dict[str, int]] = {}
    unknown: list[tuple[Line, str]] = []
    lines = file.lines(tally)
    _check_header(file, next(lines, None))
    for line in lines:
        query_id, document_id, grade = _judgement(file, line, tally)
        if query_id not in queries:
            unknown.append((line, f"query {shown(query_id)} is not in queries.jsonl"))
        elif document_id not in documents:
            unknown.append((line, f"document {shown(document_id)} is not in corpus.jsonl"))
        grades = qrels.setdefault(query_id, {})
        if document_id not in grades:
            grades[document_id] = grade
        elif grades[document_id] == grade:
            tally.add("judgement is given again with the same grade, read once", line.place)
        else:
            pair = f"query {shown(query_id)}, document {shown(document_id)}"
            message = f"{pair} has the grade {grade} here and {grades[document_id]} above; keep one"
            raise file.error(message, line.number)
    if unknown:
        first, message = unknown[0]
        raise file.error(f"{message}{and_more(len(unknown) - 1)}; add it or remove the judgement", first.number)
    return qrels


def _check_header(file: TextFile, line: Line | None) -> None:
    expected = "expected the header " + "<TAB>".join(HEADER)
    if line is None:
        raise file.error(f"the file is empty; {expected} and then one judgement a line", 1)
    columns = tuple(column.strip() for column in line.text.split("\t"))
    if columns == HEADER:
        return
    hint = ""
    if len(columns) == len(HEADER) and _INTEGER.fullmatch(columns[2]):
        hint = "; the line looks like a judgement, so put the header above it"
    elif len(columns) == 1 and len(line.text.split()) == 4:
        hint = "; the line looks like TREC qrels (query 0 document grade), which have other columns"
    raise file.error(f"{expected}, found {_shortened(line.text)!r}{hint}", line.number)


def _judgement(file: TextFile, line: Line, tally: Tally) -> tuple[str, str, int]:
    columns = line.text.split("\t")
    if len(columns) != len(HEADER):
        found = f"{len(columns)} column{'s' if len(columns) > 1 else ''} parted by tabs"
        message = f"{found} where there should be 3, {', '.join(HEADER)}: {_shortened(line.text)!r}"
        raise file.error(message, line.number)
    query_id, document_id = (check_identifier(file, line, column) for column in columns[:2])
    return query_id, document_id, _grade(file, line, columns[2].strip(), tally)


def _grade(file: TextFile, line: Line, text: str, tally: Tally) -> int:
    if match := _INTEGER_VALUED.fullmatch(text):
        tally.add("grade is written with a decimal point, read as a whole number", line.place)
        text = match[1]
    if not _INTEGER.fullmatch(text):
        raise file.error(f"the grade {_shortened(text)!r} is not a whole number", line.number)
    grade = int(text)
    if not 0 <= grade <= MAX_GRADE:
        raise file.error(f"the grade {grade} is not from 0 (judged, not relevant) to {MAX_GRADE}", line.number)
    return grade


def _shortened(text: str, length: int = 80) -> str:
    return text if len(text) <= length else text[:length] + "…"
