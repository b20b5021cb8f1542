"""The report as one HTML file that loads nothing: style and figures are in it, and there is no script."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import assert_never

from bench.claims.words import Ruling
from bench.report import style
from bench.report.blocks import Block, Bullets, Cell, Code, Paragraph, Pictures, Report, Section, Table
from bench.report.css import SHEET
from bench.report.figures import figures
from bench.report.sections import build, summary
from bench.study.study import Study
from bench.types import TrialResult

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_COLOURS = {
    style.INK: "currentColor",
    style.MUTED: "var(--muted)",
    style.RULE: "var(--rule)",
    style.CARD: "var(--card)",
    **{colour: f"var(--series-{i})" for i, colour in enumerate(style.SERIES)},
}


def render_html(
    results: Sequence[TrialResult],
    config_text: str = "",
    command: str = "",
    rulings: Sequence[Ruling] = (),
    study: Study | None = None,
) -> str:
    """The whole page. Every string that comes from data is escaped."""
    report = Report(results, config_text, command, rulings, study)
    drawn = {name.removesuffix(".svg"): svg.decode() for name, svg in figures(results, ("svg",), study).items()}
    sections = build(report)
    links = "".join(f'<li><a href="#{s.id}">{escape(s.title)}</a></li>' for s in sections)
    body = "\n".join(_section(section, drawn) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>RerankBench report</title>
<style>{SHEET}</style>
</head>
<body>
<header>
<h1>RerankBench report</h1>
<p class="summary">{escape(summary(report))}</p>
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
</body>
</html>
"""


def _section(section: Section, drawn: Mapping[str, str]) -> str:
    blocks = "\n".join(_block(block, drawn) for block in section.blocks)
    heading = f"{section.id}-title"
    return (
        f'<section id="{section.id}" aria-labelledby="{heading}">\n'
        f'<h2 id="{heading}">{escape(section.title)}</h2>\n{blocks}\n</section>'
    )


def _block(block: Block, drawn: Mapping[str, str]) -> str:
    match block:
        case Table():
            return _table(block)
        case Paragraph():
            kind = {"plain": "small", "verdict": "verdict", "note": "note"}[block.kind]
            bold = f"<b>{escape(block.label)}</b> " if block.label else ""
            return f'<p class="{kind}">{bold}{escape(block.text)}</p>'
        case Bullets():
            return f'<ul class="list">{"".join(f"<li>{escape(item)}</li>" for item in block.items)}</ul>'
        case Code():
            label = f'<p class="label">{escape(block.label)}</p>'
            return f'{label}\n<pre tabindex="0"><code>{escape(block.text)}</code></pre>'
        case Pictures():
            panels = "\n".join(
                f"<figure>{inline_svg(drawn[item.name], item.name, item.alt)}"
                f"<figcaption>{escape(item.caption)}</figcaption></figure>"
                for item in block.items
            )
            return f'<p class="small lead-in">{escape(block.caption)}</p>\n<div class="panels">\n{panels}\n</div>'
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"{_class("text" if i in table.text_columns else "")}>{escape(title)}</th>'
        for i, title in enumerate(table.columns)
    )
    body = "\n".join(
        "<tr>" + "".join(_cell(cell, i, i in table.text_columns) for i, cell in enumerate(row)) + "</tr>"
        for row in table.rows
    )
    label = escape(table.caption, quote=True)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">\n<table>\n'
        f"<caption><span>{label}</span></caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _cell(cell: Cell, place: int, is_text: bool) -> str:
    text = escape(cell.text)
    if cell.code:
        text = f"<code>{text}</code>"
    if cell.best:
        text = f"<strong>{text}</strong>"
    if cell.note:
        text += f" <small>{escape(cell.note)}</small>"
    if place == 0:
        return f'<th scope="row">{text}</th>'
    names = ("text" if is_text else "", "best" if cell.best else "", "missing" if cell.missing else "")
    return f"<td{_class(*names)}>{text}</td>"


def _class(*names: str) -> str:
    kept = " ".join(name for name in names if name)
    return f' class="{kept}"' if kept else ""


def inline_svg(svg: str, name: str, alt: str) -> str:
    """Matplotlib's file as an element of the page: the page's colours, ids of its own, our text alternative."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    view_box = re.search(r'viewBox="[-0-9. ]+"', svg)
    inner = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    inner = inner.replace("xlink:href=", "href=")
    inner = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", inner)
    inner = re.sub(r"#[0-9a-f]{6}\b", lambda found: _COLOURS.get(found[0], found[0]), inner)
    return f'<svg role="img" aria-label="{escape(alt, quote=True)}" {view_box[0] if view_box else ""}>{inner}</svg>'
