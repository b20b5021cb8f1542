"""What the report says, in the reader's language: English as it is written in the code, or Chinese by a catalogue.

``t("{n} of {total} queries", n=3, total=8)`` is the English sentence with its values in place, or, while Chinese is
being spoken (``speaking("zh")``), the catalogue's sentence for it. The English text is the key, so code reads as the
report does; the catalogues are ``zh/*.yaml``, lists of ``{en: …, zh: …}``. What is no literal in the code (data, names,
stored messages) is never translated. A sentence without a translation stays English; a test finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
_SPOKEN: ContextVar[Language] = ContextVar("spoken", default="en")


def t(text: str, **values: object) -> str:
    """``text`` in the language being spoken, its ``{placeholders}`` filled; ``{{`` and ``}}`` are braces."""
    said = catalogue().get(text, text) if _SPOKEN.get() == "zh" else text
    return said.format(**values)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """While it lasts, ``t`` answers in that language."""
    token = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def spoken() -> Language:
    return _SPOKEN.get()


@cache
def catalogue() -> dict[str, str]:
    """English -> Chinese, of all catalogues. Raises ValueError for a sentence that is translated twice, otherwise."""
    found: dict[str, str] = {}
    for file in sorted(files("bench.report").joinpath("zh").iterdir(), key=lambda each: each.name):
        for entry in yaml.safe_load(file.read_text(encoding="utf-8")) or ():
            if found.setdefault(entry["en"], entry["zh"]) != entry["zh"]:
                raise ValueError(f"{file.name}: {entry['en']!r} has two translations")
    return found
