"""Mutations that know the form of lines of JSON and of lines of cells, so that what is behind the parser is reached."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 2.5, 1e300, 10**40, "", " ", "\t", "a b", "d1", "q1", "1", "\0", "\x1b[2J", "\u2028",
    "\u202e", "\ud800", "\ufeff", "中文", "👩\u200d👧", "e\u0301" * 40, "x" * 3000, "<|im_end|>", "=1+1", "a,b;c|d",
    '"', [], {}, ["d1"], ["d1", "d1"], [["d1"]], [None, 1], {"a": {"b": []}}, {"candidates": ["d3"]}, [[[[]]]],
)  # fmt: skip
CELLS = (
    b"", b" ", b"0", b"1", b"2.0", b"2.5", b"-1", b"+1", b"1001", b"1e400", b"nan", b"inf", b"d1", b"d2", b"q1", b"a b",
    b"\x00", b"\x1b[2J", b"\xc2\x85", b"\xe2\x80\xa8", b"\xff", b"\xed\xa0\x80", b'"', b'""', b"'", b"a,b", b"9" * 5000,
    b"x" * 3000, "１".encode(), "中文".encode(), b"+-5", b"0x1F", b"1_0", b"True", b"#", b"Q0",
)  # fmt: skip


def fresh(seed: bytes, change: Mutation) -> Mutation:
    """The mutation of ``seed`` in the place of what came before it: most inputs of a corpus are refused at once."""
    return lambda rng, data, tokens: change(rng, seed, tokens)


def value_changed(rng: random.Random, data: bytes, tokens: Sequence[bytes]) -> bytes:
    """One field of one line has another value, is gone, is another field, or is there in two lines."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    at = rng.randrange(len(lines))
    try:
        record = json.loads(lines[at])
    except (ValueError, RecursionError):
        return data
    if not isinstance(record, dict) or not record:
        return data
    name = rng.choice(sorted(record))
    kind = rng.randrange(6)
    if kind == 0:
        del record[name]
    elif kind == 1:
        record[rng.choice(("_id", "id", "text", "title", "metadata", "candidates", "x", ""))] = record.pop(name)
    elif kind == 2:
        record[rng.choice(("title", "metadata", "candidates", "x", "kind"))] = rng.choice(VALUES)
    else:
        record[name] = rng.choice(VALUES)
    lines[at] = json.dumps(record, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass") + b"\n"
    if kind == 5 and rng.random() < 0.5:
        lines.insert(rng.randint(0, len(lines)), lines[at])
    return b"".join(lines)


def cell_changed(rng: random.Random, data: bytes, tokens: Sequence[bytes]) -> bytes:
    """One cell of one line, between tabs, commas or spaces, is another one."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    at = rng.randrange(len(lines))
    mark = rng.choice([mark for mark in (b"\t", b",", b" ") if mark in lines[at]] or [b"\t"])
    cells = lines[at].rstrip(b"\r\n").split(mark)
    others = [cell for line in lines for cell in line.rstrip(b"\r\n").split(mark)]
    cells[rng.randrange(len(cells))] = rng.choice(rng.choice((CELLS, CELLS, others, tuple(tokens) or CELLS)))
    lines[at] = mark.join(cells) + rng.choice((b"\n", b"\n", b"\n", b"\r\n"))
    return b"".join(lines)
