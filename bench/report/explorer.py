"""The explorer of single queries as a part of the page: its section with the data in it, its script, its style."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from bench.explorer.data import Head, read_head
from bench.report.explorer_css import SHEET
from bench.report.page_parts import both
from bench.report.say import LANGUAGES, speaking, t
from bench.report.words import clean, measure_title

MOST_BYTES = 8_500_000
"""Of all data of a page together, compressed; what is beyond is left out, and the page says so."""


def embed(folder_or_payloads: Path | Sequence[bytes]) -> str:
    """``section`` of what a results folder holds in ``explorer/``, or of data that were read already."""
    if isinstance(folder_or_payloads, Path):
        found = sorted((folder_or_payloads / "explorer").glob("*.json.gz"))
        return section([path.read_bytes() for path in found])
    return section(folder_or_payloads)


def section(payloads: Sequence[bytes]) -> str:
    """The section, with the data as inert scripts in it; empty without data.

    Without JavaScript it is a few sentences that say what would be here. Raises ValueError for bytes that are no data
    of an explorer.
    """
    heads = [read_head(payload) for payload in payloads]
    kept, left = list[int](), MOST_BYTES
    for place, payload in enumerate(payloads):
        if len(payload) <= left:
            kept.append(place)
            left -= len(payload)
    if not payloads:
        return ""
    data = "\n".join(_data(number, heads[place], payloads[place]) for number, place in enumerate(kept))
    names = ", ".join(_name(head) for place, head in enumerate(heads) if place not in kept)
    told = []
    for language in LANGUAGES:
        with speaking(language):
            told.append(_sentences(any(head.study for head in heads), names))
    title, missing, *about = (both(en, zh) for en, zh in zip(*told, strict=True))
    return "\n".join([
        '<section id="explorer" aria-labelledby="explorer-title">',
        f'<h2 id="explorer-title">{title}</h2>',
        *(f'<p class="small">{sentence}</p>' for sentence in about),
        f'<p class="note without-script">{missing}</p>',
        '<div class="explorer" hidden></div>',
        data,
        "</section>",
    ])  # fmt: skip


def script() -> str:
    """For the end of the page: it looks for the section when it runs."""
    return files("bench.report").joinpath("explorer.js").read_text(encoding="utf-8")


def css() -> str:
    """It takes its colours from the page's variables."""
    return SHEET


def _data(number: int, head: Head, payload: bytes) -> str:
    """Base64 has no character that could end the element."""
    name, measure = (escape(text, quote=True) for text in (_name(head), measure_title(head.measure)))
    return (
        f'<script type="application/octet-stream" id="explorer-data-{number}" data-name="{name}" '
        f'data-measure="{measure}">{base64.b64encode(payload).decode()}</script>'
    )


def _sentences(study: bool, left_out: str) -> list[str]:
    """In the language being spoken: the title, what stands there without JavaScript, and what the section is."""
    said = [
        t("Query by query"),
        t("Without JavaScript the single queries cannot be shown. All else in this report can be read."),
        t(
            "Every query with its documents: their labels, and where each pipeline ranks them. Texts are in this file, "
            "so whoever gets the report gets them too."
        ),
    ]
    if study:
        said.append(t("Queries of dev alone: a test query that somebody has read is no test any more."))
    if left_out:
        said.append(t("Left out to keep the page small: {names}.", names=left_out))
    return said


def _name(head: Head) -> str:
    return f"{clean(head.set)} ({clean(head.split)})"
