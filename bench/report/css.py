"""The page's one style sheet: light and dark, phone to wide screen, and paper."""

from __future__ import annotations

from bench.report import style

_LIGHT = {
    "ink": style.INK, "muted": style.MUTED, "rule": style.RULE, "card": style.CARD, "page": "#f6f7f8",
    "accent": "#0b5fa5", "note": "#fff8e5", "note-edge": "#b07a00", "best": "#eaf3fb", "hover": "#f3f5f7",
    "best-tint": "rgb(11 95 165 / .09)", "hover-tint": "rgb(31 35 40 / .045)", "shade": "rgb(31 35 40 / .22)",
    "control": "#76808b",
}  # fmt: skip
_DARK = {
    "ink": "#e4e8ec", "muted": "#9ba6b1", "rule": "#343c45", "card": "#1a1f25", "page": "#12161b",
    "accent": "#7db9ec", "note": "#2a2415", "note-edge": "#e9b33f", "best": "#1d2c3a", "hover": "#20262d",
    "best-tint": "rgb(125 185 236 / .13)", "hover-tint": "rgb(228 232 236 / .05)", "shade": "rgb(0 0 0 / .6)",
    "control": "#7d8894",
}  # fmt: skip


def _variables(values: dict[str, str], series: tuple[str, ...]) -> str:
    named = {**values, **{f"series-{i}": colour for i, colour in enumerate(series)}}
    return "".join(f"--{name}:{value};" for name, value in named.items())


_BRIGHT, _DIM = _variables(_LIGHT, style.SERIES), _variables(_DARK, style.SERIES_DARK)

_COLOURS = f"""
:root {{ color-scheme: light; {_BRIGHT} }}
@media screen {{ :root[data-theme=dark] {{ color-scheme: dark; {_DIM} }} }}
@media screen and (prefers-color-scheme: dark) {{
  :root:not([data-theme=light]) {{ color-scheme: dark; {_DIM} }}
}}
"""
"""Paper is always light."""

_TEXT = """
* { box-sizing: border-box; }
[hidden], :root:not([data-js]) .scripted { display: none !important; }
:root[data-lang=en] span[lang=zh], :root[data-lang=zh] span[lang=en] { display: none; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei",
  "Noto Sans CJK SC", sans-serif; }
h1 { font-size: 1.3rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 0 0 .6rem; text-wrap: balance; }
p { margin: 0 0 .75rem; max-width: 75ch; overflow-wrap: anywhere; }
:root[data-lang=zh] p, :root[data-lang=zh] li { line-height: 1.65; }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
main:focus { outline: none; }
.summary, .small { color: var(--muted); font-size: .875rem; }
.verdict { font-size: 1.05rem; text-wrap: pretty; }
.verdict b { display: block; font-size: .875rem; font-weight: 600; color: var(--muted); }
.note { background: var(--note); border-left: 3px solid var(--note-edge); padding: .5rem .9rem; font-size: .9rem;
  border-radius: 0 .3rem .3rem 0; }
ul.list { margin: 0 0 .9rem; padding-left: 1.2rem; max-width: 75ch; }
ul.list li { overflow-wrap: anywhere; margin-bottom: .3rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono CJK SC", monospace; }
"""

_FRAME = """
header, .page { max-width: 104rem; margin: 0 auto; padding: 0 clamp(.75rem, 2vw, 2rem); }
header { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1.5rem;
  padding-top: .9rem; padding-bottom: .9rem; }
header p { margin: 0; }
.skip { position: absolute; left: .5rem; top: -4rem; z-index: 9; padding: .5rem .9rem; background: var(--card); }
.skip:focus { top: .5rem; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem .75rem; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
.switch { display: flex; border: 1px solid var(--control); border-radius: .4rem; background: var(--card); }
.switch button { padding: .2rem .65rem; min-height: 1.75rem; font-size: .8125rem; border-radius: .32rem; }
.switch button:hover { text-decoration: underline; text-underline-offset: .2em; }
.switch [aria-pressed=true] { background: var(--accent); color: var(--card); }
main { display: flex; flex-wrap: wrap; gap: 1rem; min-width: 0; padding-bottom: 3rem; }
section { flex: 1 1 100%; min-width: 0; padding: clamp(.9rem, 1.6vw, 1.4rem); background: var(--card);
  border: 1px solid var(--rule); border-radius: .6rem; }
section.half { flex: 1 1 27rem; }
section > :last-child { margin-bottom: 0; }
nav { font-size: .8125rem; line-height: 1.35; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .3rem .6rem; color: var(--muted); text-decoration: none;
  border-left: 2px solid var(--rule); overflow-wrap: anywhere; }
nav a:hover { color: var(--ink); text-decoration: underline; }
nav [aria-current] { color: var(--ink); font-weight: 600; border-left-color: var(--accent); }
nav summary { cursor: pointer; font-weight: 600; padding: .55rem .75rem; }
@media (min-width: 72rem) {
  .page { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); gap: 1.5rem; align-items: start; }
  nav { position: sticky; top: 1rem; max-height: calc(100vh - 2rem); overflow-y: auto; }
  nav summary { display: none; }
}
@media (min-width: 100rem) {
  .page { grid-template-columns: 14rem minmax(0, 1fr); gap: 2rem; }
  nav { font-size: .875rem; }
}
@media (max-width: 71.99rem) {
  nav { margin: 0 0 1rem; background: var(--card); border: 1px solid var(--rule); border-radius: .4rem; }
  nav ul { padding: 0 .75rem .6rem; }
  nav a { padding-top: .4rem; padding-bottom: .4rem; }
  :root[data-js] { scroll-padding-top: 3.5rem; }
  :root[data-js] nav { position: sticky; top: 0; z-index: 5; box-shadow: 0 1px 4px var(--shade); }
  :root[data-js] nav ul { max-height: 70vh; overflow-y: auto; }
}
"""

_TABLES = """
.scroll { overflow-x: auto; margin: 0 0 1rem; border-radius: 2px; background:
  linear-gradient(to left, var(--card) 1.5rem, transparent) right / 3rem 100% no-repeat local,
  linear-gradient(to left, var(--shade), transparent) right / .9rem 100% no-repeat scroll; }
table { border-collapse: separate; border-spacing: 0; font-size: .8125rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0 0 .3rem; font-size: .875rem; }
caption span[id] { display: block; position: sticky; left: 0; width: fit-content;
  max-width: min(75ch, 100vw - 3.5rem); }
th, td { padding: .35rem .55rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
thead th { color: var(--muted); font-weight: 500; vertical-align: bottom; white-space: normal; min-width: 4em;
  border-bottom: 1.5px solid var(--muted); }
thead button { text-align: inherit; position: relative; min-height: 1.5rem; }
thead button:hover { color: var(--ink); text-decoration: underline; text-underline-offset: .2em; }
thead button::after { content: "↕"; position: absolute; right: -.75em; bottom: .1em; opacity: 0; font-size: .9em; }
thead button:hover::after, thead button:focus-visible::after { opacity: .7; }
[aria-sort] button { color: var(--ink); }
[aria-sort] button::after, [aria-sort] button:hover::after { opacity: 1; }
[aria-sort=ascending] button::after { content: "↑"; }
[aria-sort=descending] button::after { content: "↓"; }
tbody tr:last-child > * { border-bottom-width: 1.5px; border-bottom-color: var(--muted); }
th.text, td.text { text-align: left; }
td.text { white-space: normal; min-width: 4.5rem; max-width: 34rem; overflow-wrap: anywhere; }
td.long { min-width: 8.5rem; }
td.prose { min-width: min(18rem, 54vw); }
td.text.best { overflow-wrap: normal; }
th[scope=row] { text-align: left; font-weight: 500; position: sticky; left: 0; background: var(--card);
  white-space: normal; min-width: 8rem; max-width: 18rem; overflow-wrap: break-word; z-index: 1; }
th:first-child, td:first-child { padding-left: 0; }
tbody tr:hover > :not(.best) { background-image: linear-gradient(var(--hover-tint), var(--hover-tint)); }
td small, th small { display: block; color: var(--muted); font-size: .89em; font-weight: 400; }
td strong { font-weight: 700; }
td.best { background: var(--best-tint); }
td.missing { color: var(--muted); }
td code { font-size: .92em; }
"""

_BLOCKS = """
.bar { display: flex; align-items: end; gap: .75rem; margin: 0 0 .3rem; }
.label { margin: 0; font-size: .9rem; font-weight: 600; min-width: 0; }
.copied { margin-left: auto; color: var(--muted); font-size: .8125rem; }
.copy { padding: .1rem .6rem; min-height: 1.5rem; font-size: .8125rem; border: 1px solid var(--control);
  border-radius: .3rem; background: var(--card); }
.copy:hover { border-color: var(--ink); }
pre { margin: 0 0 1rem; padding: .8rem 1rem; overflow: auto; max-height: 32rem; background: var(--page);
  font-size: .8rem; border: 1px solid var(--rule); border-radius: .4rem; tab-size: 2; }
.panels { display: grid; gap: 1.25rem 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); }
.panels + .scroll { margin-top: 1.5rem; }
figure { margin: 0; max-width: 36rem; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; stroke-linejoin: round;
  stroke-linecap: butt; }
figcaption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
"""

_NARROW = """
@media (max-width: 40rem) {
  body { font-size: 15px; }
  section { padding: .9rem .75rem; }
  th[scope=row] { max-width: 8.5rem; min-width: 6rem; padding-right: .5rem; }
  th, td { padding: .35rem .5rem; }
}
@media (prefers-reduced-motion: reduce) {
  * { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
}
@media (forced-colors: active) {
  .switch [aria-pressed=true] { forced-color-adjust: none; background: Highlight; color: HighlightText; }
}
"""

_PAPER = """
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  html { font-size: 10pt; }
  body { background: none; font-size: 1rem; }
  nav, button, .skip, .controls, .copied { display: none !important; }
  thead button { display: inline !important; }
  thead button::after { content: none; }
  header, .page { display: block; max-width: none; padding: 0; }
  header { margin: 0 0 4mm; }
  main { display: block; padding: 0; }
  section { border: 0; padding: 0; margin: 0 0 6mm; }
  .scroll { overflow: visible; background: none; }
  table { font-size: 7.5pt; }
  th, td { padding: .8mm 1mm; }
  thead th, th[scope=row], td.text { min-width: 0; }
  caption span[id] { max-width: none; }
  th[scope=row] { position: static; background: none; }
  td.text { max-width: 60mm; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 7.5pt; max-height: none; }
  p, li { orphans: 3; widows: 3; }
  tr, figure, .note, .scroll:not(:has(tbody tr:nth-child(16))) { break-inside: avoid; }
  h2, .label, .lead-in, caption { break-after: avoid; }
  section.half { display: inline-block; width: 49%; vertical-align: top; }
  section.half .panels { display: block; }
  figure svg { max-height: 150mm; }
  td.best { background: none; }
  .panels { grid-template-columns: 1fr 1fr; }
}
"""

SHEET = "".join([_COLOURS, _TEXT, _FRAME, _TABLES, _BLOCKS, _NARROW, _PAPER])
