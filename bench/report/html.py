"""The report as one HTML file that loads nothing: style, figures and a small script are in it, and both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Literal, TypeVar, assert_never

from bench.claims.words import Ruling
from bench.report import explorer as single_queries
from bench.report import style
from bench.report.blocks import Block, Bullets, Cell, Code, Paragraph, Pictures, Report, Section, Table
from bench.report.css import SHEET
from bench.report.figures import figures
from bench.report.page_parts import (
    alternatives,
    both,
    contents,
    controls,
    copier,
    named,
    page_words,
    policy,
    sort_value,
)
from bench.report.say import Language, speaking
from bench.report.sections import build, summary
from bench.report.words import width
from bench.study.study import Study
from bench.types import TrialResult

_COLOURS = {
    style.INK: "currentColor",
    style.MUTED: "var(--muted)",
    style.RULE: "var(--rule)",
    style.CARD: "var(--card)",
    **{colour: f"var(--series-{i})" for i, colour in enumerate(style.SERIES)},
}
_AnyBlock = TypeVar("_AnyBlock", Table, Paragraph, Bullets, Code, Pictures)
_WORTH_SORTING = 3
"""A table of fewer rows is taken in at a glance."""
_WORD = 9
"""A word of more characters than these is broken only where it must be."""
_PROSE = 60
"""A text of more columns than these has a column of its own width."""
_EXPLORER_AFTER = ("queries", "results")
"""The explorer of single queries follows the first of these sections that there is."""


def render_html(
    results: Sequence[TrialResult],
    config_text: str = "",
    command: str = "",
    rulings: Sequence[Ruling] = (),
    study: Study | None = None,
    *,
    language: Language | Literal["auto"] = "auto",
    explorer: Sequence[bytes] = (),
) -> str:
    """The whole page. Every string that comes from data is escaped.

    ``language`` is the one it opens in, which the reader can change; ``auto`` is the browser's, and English without
    scripts. ``explorer`` holds the data of single queries, as ``bench.explorer`` packs them.
    """
    first: Language = "zh" if language == "zh" else "en"
    report, said = Report(results, config_text, command, rulings, study), page_words()
    drawn = {name.removesuffix(".svg"): svg.decode() for name, svg in figures(results, ("svg",), study).items()}
    with speaking("en"):
        english, lead = build(report), summary(report)
    with speaking("zh"):
        chinese, lead_zh = {section.id: section for section in build(report)}, summary(report)
    parts = []
    for section in english:
        other = chinese.get(section.id, section)
        parts.append((section.id, both(section.title, other.title), _section(section, drawn, other, first)))
    sheet, scripts = SHEET, [_script()]
    if explorer:
        place = next((i + 1 for name in _EXPLORER_AFTER for i, part in enumerate(parts) if part[0] == name), len(parts))
        title = said["explorer"]
        parts.insert(place, ("explorer", both(title.en, title.zh), single_queries.section(explorer)))
        sheet, scripts = sheet + single_queries.css(), [*scripts, single_queries.script()]
    title = said["title"]
    main = "\n".join(part for _, _, part in parts)
    last = "".join(f"<script>{script}</script>\n" for script in scripts[1:])
    return f"""<!doctype html>
<html lang="{first}" data-lang="{first}" data-theme="auto"{" data-lang-auto" if language == "auto" else ""}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy(sheet, scripts)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title{alternatives(title.en, title.zh)}>{escape(title.zh if first == "zh" else title.en)}</title>
<style>{sheet}</style>
<script>{scripts[0]}</script>
</head>
<body>
<a class="skip" href="#content">{both(said["skip"].en, said["skip"].zh)}</a>
<header>
<div>
<h1>{both(title.en, title.zh)}</h1>
<p class="summary">{both(lead, lead_zh)}</p>
</div>
{controls(said, first)}
</header>
<div class="page">
{contents([(place, text) for place, text, _ in parts], said, first)}
<main id="content" tabindex="-1">
{main}
</main>
</div>
{last}</body>
</html>
"""


def _section(
    section: Section, drawn: Mapping[str, str], other: Section | None = None, language: Language = "en"
) -> str:
    """``other`` is the same section in Chinese. What has another shape there, by a mistake, is shown in English."""
    others = other.blocks if other and len(other.blocks) == len(section.blocks) else section.blocks
    blocks = "\n".join(
        _block(block, twin, drawn, f"{section.id}-{place}", language)
        for place, (block, twin) in enumerate(zip(section.blocks, others, strict=True), 1)
    )
    heading = f"{section.id}-title"
    alone = all(isinstance(block, Pictures) and len(block.items) == 1 for block in section.blocks)
    return (
        f'<section id="{section.id}" aria-labelledby="{heading}"{_class("half" if alone else "")}>\n'
        f'<h2 id="{heading}">{both(section.title, other.title if other else section.title)}</h2>\n'
        f"{blocks}\n</section>"
    )


def _block(block: Block, other: Block, drawn: Mapping[str, str], place: str, language: Language) -> str:
    """``place`` is an id for what needs one."""
    match block:
        case Table():
            return _table(block, _twin(block, other), place)
        case Paragraph():
            return _paragraph(block, _twin(block, other))
        case Bullets():
            items = zip(block.items, _twin(block, other).items, strict=True)
            return f'<ul class="list">{"".join(f"<li>{both(en, zh)}</li>" for en, zh in items)}</ul>'
        case Code():
            label = both(block.label, _twin(block, other).label)
            return (
                f'<div class="code">\n<div class="bar"><p class="label">{label}</p>{copier()}</div>\n'
                f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>\n</div>'
            )
        case Pictures():
            return _pictures(block, _twin(block, other), drawn, language)
        case _:
            assert_never(block)


def _twin(block: _AnyBlock, other: Block) -> _AnyBlock:
    """``other`` if it is ``block`` in another language, else ``block`` itself."""
    return other if isinstance(other, type(block)) and _shape(other) == _shape(block) else block


def _shape(block: Block) -> tuple[object, ...]:
    """What two languages have in common."""
    match block:
        case Table():
            return len(block.columns), block.text_columns, *(len(row) for row in block.rows)
        case Paragraph():
            return block.kind, bool(block.label)
        case Bullets():
            return (len(block.items),)
        case Code():
            return (block.text,)
        case Pictures():
            return tuple(item.name for item in block.items)
        case _:
            assert_never(block)


def _paragraph(block: Paragraph, twin: Paragraph) -> str:
    kind = {"plain": "small", "verdict": "verdict", "note": "note"}[block.kind]
    bold = f"<b>{both(block.label, twin.label)}</b> " if block.label else ""
    return f'<p class="{kind}">{bold}{both(block.text, twin.text)}</p>'


def _pictures(block: Pictures, twin: Pictures, drawn: Mapping[str, str], language: Language) -> str:
    panels = "\n".join(
        f"<figure>{inline_svg(drawn[item.name], item.name, item.alt, zh.alt, language)}"
        f"<figcaption>{both(item.caption, zh.caption)}</figcaption></figure>"
        for item, zh in zip(block.items, twin.items, strict=True)
    )
    return f'<p class="small lead-in">{both(block.caption, twin.caption)}</p>\n<div class="panels">\n{panels}\n</div>'


def _table(table: Table, twin: Table, place: str) -> str:
    sorts = len(table.rows) >= _WORTH_SORTING and len(table.text_columns) < len(table.columns)
    head = ""
    for i, (en, zh) in enumerate(zip(table.columns, twin.columns, strict=True)):
        words = i in table.text_columns
        order = f' data-sort="{"text" if words else "number"}"' if sorts else ""
        head += f'<th scope="col"{_class("text" if words else "")}{order}>{both(en, zh)}</th>'
    body = "\n".join(
        "<tr>" + "".join(_cell(*cells, i, i in table.text_columns, sorts) for i, cells in enumerate(row)) + "</tr>"
        for row in (zip(*rows, strict=True) for rows in zip(table.rows, twin.rows, strict=True))
    )
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-labelledby="{place}">\n<table>\n'
        f'<caption><span id="{place}">{both(table.caption, twin.caption)}</span></caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _cell(cell: Cell, twin: Cell, place: int, is_text: bool, sorts: bool) -> str:
    text = both(cell.text, twin.text)
    if cell.code:
        text = f"<code>{text}</code>"
    if cell.best:
        text = f"<strong>{text}</strong>"
    if cell.note or twin.note:
        text += f" <small>{both(cell.note, twin.note)}</small>"
    if place == 0:
        return f'<th scope="row">{text}</th>'
    value = sort_value(cell.text) if sorts and not is_text else None
    key = "" if value is None else f' data-value="{value:.12g}"'
    prose = is_text and width(cell.text) > _PROSE
    long = is_text and not prose and max(map(len, cell.text.split()), default=0) > _WORD
    names = {"text": is_text, "long": long, "prose": prose, "best": cell.best, "missing": cell.missing}
    return f"<td{_class(*(name for name, is_so in names.items() if is_so))}{key}>{text}</td>"


def _class(*names: str) -> str:
    kept = " ".join(name for name in names if name)
    return f' class="{kept}"' if kept else ""


def inline_svg(svg: str, name: str, alt: str, alt_zh: str | None = None, language: Language = "en") -> str:
    """Matplotlib's file as an element of the page: the page's colours, ids of its own, our text alternative.

    Its styles become attributes, so that the page need not allow any style but its own sheet.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    view_box = re.search(r'viewBox="[-0-9. ]+"', svg)
    inner = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    inner = inner.replace("xlink:href=", "href=")
    inner = re.sub(r' style="([^"]*)"', lambda found: _attributes(found[1]), inner)
    inner = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", inner)
    inner = re.sub(r"#[0-9a-f]{6}\b", lambda found: _COLOURS.get(found[0], found[0]), inner)
    label = named(alt, alt if alt_zh is None else alt_zh, language)
    return f'<svg role="img"{label} {view_box[0] if view_box else ""}>{inner}</svg>'


def _attributes(declarations: str) -> str:
    pairs = (each.partition(":") for each in declarations.split(";") if each.strip())
    return "".join(f' {key.strip()}="{value.strip()}"' for key, _, value in pairs)


def _script() -> str:
    return files("bench.report").joinpath("page.js").read_text(encoding="utf-8")
