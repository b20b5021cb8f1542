"""What the page is made of beside its sections: its own words, texts in two languages, controls, contents, policy."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.report.say import LANGUAGES, speaking, t

_UNITS = {
    "%": 0.01, "ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0,
    "B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
    "KFLOP/s": 1e3, "MFLOP/s": 1e6, "GFLOP/s": 1e9, "TFLOP/s": 1e12, "PFLOP/s": 1e15,
}  # fmt: skip
_FIGURE = re.compile(r"(?:under |over |[<>≤≥] ?)?([+−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?) ?([%µ\w/]*)")


@dataclass(frozen=True, slots=True)
class Said:
    """A text in English and in Chinese."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Words:
    """What the page says of itself."""

    title: str
    skip: str
    sections: str
    theme: str
    automatic: str
    light: str
    dark: str
    language: str
    explorer: str
    copy: str
    copied: str


def words() -> Words:
    """In the language being spoken."""
    return Words(
        title=t("RerankBench report"),
        skip=t("Skip to the content"),
        sections=t("Sections"),
        theme=t("Theme"),
        automatic=t("Auto"),
        light=t("Light"),
        dark=t("Dark"),
        language=t("Language"),
        explorer=t("Query by query"),
        copy=t("Copy"),
        copied=t("Copied"),
    )


def page_words() -> dict[str, Said]:
    """Every field of ``Words`` in both languages."""
    told = []
    for language in LANGUAGES:
        with speaking(language):
            told.append(words())
    return {name: Said(getattr(told[0], name), getattr(told[1], name)) for name in Words.__dataclass_fields__}


def both(en: str, zh: str) -> str:
    """Text for an element, once where the languages agree; the page shows one of the two."""
    if en == zh:
        return escape(en)
    return f'<span lang="en">{escape(en)}</span><span lang="zh">{escape(zh)}</span>'


def named(en: str, zh: str, language: str, attribute: str = "aria-label") -> str:
    """An attribute in the initial language, and beside it what the script exchanges it for; led by a space."""
    first = f' {attribute}="{escape(zh if language == "zh" else en, quote=True)}"'
    return first if en == zh else first + alternatives(en, zh)


def alternatives(en: str, zh: str) -> str:
    return f' data-en="{escape(en, quote=True)}" data-zh="{escape(zh, quote=True)}"'


def controls(said: dict[str, Said], language: str) -> str:
    """The switches, which the page shows where scripts run."""
    themes = [("auto", said["automatic"]), ("light", said["light"]), ("dark", said["dark"])]
    looks = "".join(
        f'<button type="button" value="{value}" aria-pressed="{"true" if value == "auto" else "false"}">'
        f"{both(name.en, name.zh)}</button>"
        for value, name in themes
    )
    tongues = "".join(
        f'<button type="button" value="{value}" lang="{value}"'
        f' aria-pressed="{"true" if value == language else "false"}">{name}</button>'
        for value, name in (("en", "English"), ("zh", "中文"))
    )
    return (
        '<div class="controls scripted">\n'
        f'<div class="switch" role="group" data-choice="theme"{_named(said["theme"], language)}>{looks}</div>\n'
        f'<div class="switch" role="group" data-choice="language"{_named(said["language"], language)}>{tongues}</div>\n'
        "</div>"
    )


def contents(links: Sequence[tuple[str, str]], said: dict[str, Said], language: str) -> str:
    """The list of sections: (id, what is written there) each."""
    items = "".join(f'<li><a href="#{place}">{text}</a></li>' for place, text in links)
    title = said["sections"]
    return (
        f"<nav{_named(title, language)}>\n<details open><summary>{both(title.en, title.zh)}</summary>\n"
        f"<ul>{items}</ul></details>\n</nav>"
    )


def copier() -> str:
    """The button beside a block of code, and where it says that it did."""
    said = page_words()
    done = both(said["copied"].en, said["copied"].zh)
    return (
        f'<span class="copied" role="status"><span hidden>{done}</span></span>'
        f'<button type="button" class="copy scripted">{both(said["copy"].en, said["copy"].zh)}</button>'
    )


def _named(said: Said, language: str) -> str:
    return named(said.en, said.zh, language)


def policy(style: str, scripts: Sequence[str]) -> str:
    """What the page may do: apply its own style, run its own scripts, and nothing beyond its own file."""
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {allowed}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def sort_value(text: str) -> float | None:
    """The number that a cell is sorted by, in seconds, bytes, shares; None where it has none."""
    found = _FIGURE.match(text)
    if found is None:
        return None
    return float(found[1].replace(",", "").replace("−", "-")) * _UNITS.get(found[2], 1.0)
