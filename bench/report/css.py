"""The page's one style sheet: light and dark, phone to wide screen, and paper."""

from __future__ import annotations

from bench.report import style

_LIGHT = {
    "ink": style.INK, "muted": style.MUTED, "rule": style.RULE, "card": style.CARD, "page": "#f6f7f8",
    "accent": "#0b5fa5", "note": "#fff8e5", "note-edge": "#b07a00", "best": "#eaf3fb",
}  # fmt: skip
_DARK = {
    "ink": "#e4e8ec", "muted": "#9ba6b1", "rule": "#343c45", "card": "#1a1f25", "page": "#12161b",
    "accent": "#7db9ec", "note": "#2a2415", "note-edge": "#e9b33f", "best": "#1d2c3a",
}  # fmt: skip


def _variables(values: dict[str, str], series: tuple[str, ...]) -> str:
    named = {**values, **{f"series-{i}": colour for i, colour in enumerate(series)}}
    return "".join(f"--{name}:{value};" for name, value in named.items())


SHEET = f"""
:root {{ color-scheme: light dark; {_variables(_LIGHT, style.SERIES)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(_DARK, style.SERIES_DARK)} }} }}
* {{ box-sizing: border-box; }}
html {{ -webkit-text-size-adjust: 100%; }}
body {{ margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
  "Microsoft YaHei", sans-serif; }}
header, main {{ max-width: 78rem; margin: 0 auto; padding: 0 clamp(1rem, 3vw, 2.5rem); }}
header {{ padding-top: 2rem; }}
h1 {{ font-size: 1.6rem; line-height: 1.2; margin: 0; }}
h2 {{ font-size: 1.2rem; line-height: 1.3; margin: 0 0 .75rem; }}
p {{ margin: 0 0 .75rem; max-width: 72ch; overflow-wrap: anywhere; }}
.summary, .small {{ color: var(--muted); font-size: .875rem; }}
nav ul {{ list-style: none; display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; margin: .75rem 0 0; padding: 0;
  font-size: .875rem; }}
a {{ color: var(--accent); text-underline-offset: .15em; }}
a:focus-visible, .scroll:focus-visible, pre:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px; }}
section > :last-child {{ margin-bottom: 0; }}
section {{ margin: 1.75rem 0; padding: clamp(1rem, 2.5vw, 1.75rem); background: var(--card);
  border: 1px solid var(--rule); border-radius: .6rem; }}
.verdict {{ font-size: 1.05rem; }}
.verdict b {{ display: block; font-size: .875rem; font-weight: 600; color: var(--muted); }}
.note {{ background: var(--note); border-left: 3px solid var(--note-edge); padding: .6rem .9rem; font-size: .925rem;
  border-radius: 0 .3rem .3rem 0; }}
.scroll {{ overflow-x: auto; margin: 0 0 1.1rem; }}
table {{ border-collapse: collapse; font-size: .875rem; line-height: 1.35; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; padding: 0 0 .4rem; font-size: .9rem; }}
caption span {{ display: block; position: sticky; left: 0; max-width: calc(100vw - 3.5rem); }}
th, td {{ padding: .4rem .7rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }}
thead th {{ color: var(--muted); font-weight: 500; vertical-align: bottom;
  border-bottom: 1.5px solid var(--muted); }}
tbody tr:last-child > * {{ border-bottom-width: 1.5px; border-bottom-color: var(--muted); }}
th.text, td.text {{ text-align: left; }}
td.text {{ white-space: normal; min-width: 4.5rem; max-width: 34rem; overflow-wrap: anywhere; }}
td.text.best {{ overflow-wrap: normal; }}
th[scope=row] {{ text-align: left; font-weight: 500; position: sticky; left: 0; background: var(--card);
  white-space: normal; min-width: 12rem; max-width: 18rem; overflow-wrap: break-word; z-index: 1; }}
th:first-child, td:first-child {{ padding-left: 0; }}
td small, th small {{ display: block; color: var(--muted); font-size: .89em; font-weight: 400; }}
td strong {{ font-weight: 700; }}
td.best {{ background: var(--best); }}
td.missing {{ color: var(--muted); }}
code, pre {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono CJK SC", monospace; }}
td code {{ font-size: .92em; }}
pre {{ margin: 0 0 1.1rem; padding: .8rem 1rem; overflow-x: auto; background: var(--page); font-size: .8rem;
  border: 1px solid var(--rule); border-radius: .4rem; tab-size: 2; }}
.label {{ margin: 0 0 .3rem; font-size: .9rem; font-weight: 600; }}
ul.list {{ margin: 0 0 .9rem; padding-left: 1.2rem; max-width: 72ch; }}
ul.list li {{ overflow-wrap: anywhere; margin-bottom: .3rem; }}
.panels {{ display: grid; gap: 1.25rem 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); }}
.panels + .scroll {{ margin-top: 1.5rem; }}
figure {{ margin: 0; max-width: 36rem; }}
figure svg {{ display: block; width: 100%; height: auto; }}
figure svg * {{ stroke-linejoin: round; stroke-linecap: butt; }}
figcaption {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
@media (max-width: 40rem) {{
  body {{ font-size: 15px; }}
  section {{ margin: 1rem -.5rem; padding: 1rem .75rem; }}
  th[scope=row] {{ max-width: 8.5rem; min-width: 6rem; padding-right: .5rem; }}
  th, td {{ padding: .35rem .5rem; }}
}}
@media print {{
  @page {{ size: A4 landscape; margin: 12mm; }}
  html {{ font-size: 10pt; }}
  body {{ background: none; font-size: 1rem; }}
  header, main {{ max-width: none; padding: 0; }}
  nav {{ display: none; }}
  section {{ border: 0; padding: 0; margin: 0 0 6mm; }}
  .scroll {{ overflow: visible; }}
  table {{ font-size: 7.5pt; }}
  th, td {{ padding: .8mm 1mm; }}
  thead th {{ white-space: normal; }}
  th[scope=row], td.text {{ min-width: 0; }}
  caption span {{ max-width: none; }}
  th[scope=row] {{ position: static; }}
  td.text {{ max-width: 60mm; }}
  pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font-size: 7.5pt; }}
  tr, figure, .note, section:has(.panels) {{ break-inside: avoid; }}
  h2, .label, .lead-in {{ break-after: avoid; }}
  td.best {{ background: none; }}
  .panels {{ grid-template-columns: 1fr 1fr; }}
}}
"""
