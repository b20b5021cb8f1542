"""What the explorer of single queries adds to the page's style sheet, in the page's own colours."""

from __future__ import annotations

SHEET = """
#explorer .explorer { --row: 2.75rem; font-size: .875rem; line-height: 1.4; }
#explorer .explorer[hidden] { display: none; }
#explorer .bar { display: flex; flex-wrap: wrap; align-items: end; gap: .6rem .75rem; margin: 0 0 .75rem; }
#explorer .field { display: flex; flex-direction: column; gap: .15rem; min-width: 0; max-width: 100%; }
#explorer .field > label { color: var(--muted); font-size: .8125rem; }
#explorer .field.wide { flex: 1 1 16rem; }
#explorer .tick { display: flex; align-items: center; gap: .4rem; min-height: 2.25rem; }
#explorer .bar input[type=search], #explorer .bar select { font: inherit; color: var(--ink); background: var(--card);
  border: 1px solid var(--control, var(--muted)); border-radius: .35rem; padding: .3rem .5rem; min-height: 2.25rem;
  min-width: 0; max-width: 100%; width: 100%; }
#explorer .bar select { max-width: 18rem; text-overflow: ellipsis; }
#explorer .bar input[type=checkbox] { width: 1.1rem; height: 1.1rem; margin: 0; accent-color: var(--accent); }
#explorer .status { color: var(--muted); font-size: .8125rem; margin: 0 0 .3rem; }
#explorer .empty { margin: 0; padding: 1rem 0; border-top: 1px solid var(--rule); }
#explorer .box { position: relative; overflow: auto; max-height: min(78vh, 60rem); border: 1px solid var(--rule);
  border-radius: .4rem; overflow-anchor: none; }
#explorer .space { position: relative; min-height: var(--row); }
#explorer .item { position: absolute; left: 0; right: 0; background: var(--card); }
#explorer .query { display: grid; grid-template-columns: 1.1rem minmax(0, 1fr) minmax(6rem, max-content) 13rem;
  align-items: center; gap: 0 .75rem; width: 100%; height: var(--row); padding: 0 .75rem; margin: 0; border: 0;
  border-bottom: 1px solid var(--rule); border-radius: 0; font: inherit; color: inherit; background: var(--card);
  text-align: start; cursor: pointer; }
#explorer .query:hover { background: var(--hover, var(--page)); }
#explorer .query:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
#explorer .open > .query { position: sticky; top: 0; z-index: 3;
  background: linear-gradient(var(--best), var(--best)), var(--card); }
#explorer .sign::before { content: "\\25b8"; color: var(--muted); }
#explorer .open > .query .sign::before { content: "\\25be"; }
#explorer .query .text { overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
#explorer .id { color: var(--muted); font-size: .8125rem; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis; }
#explorer .query .id { max-width: 14rem; text-align: end; }
#explorer .trap { padding: .05rem .4rem; border-radius: .25rem; color: var(--ink); background: var(--note);
  border: 1px solid var(--note-edge); font-size: .75rem; }
#explorer .numbers { display: grid; grid-template-columns: 1fr 4.5rem; gap: .75rem; text-align: end;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
#explorer .numbers > :only-child { grid-column: 2; }
#explorer .values { color: var(--muted); }
#explorer .change { font-weight: 600; }
#explorer .wins { color: var(--series-0); }
#explorer .losses { color: var(--series-1); color: color-mix(in srgb, var(--series-1) 75%, var(--ink)); }
#explorer .ties { color: var(--muted); font-weight: 400; }
#explorer .panel { padding: .75rem .75rem 1rem; border-bottom: 1px solid var(--rule); }
#explorer .asked { font-size: 1rem; font-weight: 600; margin: 0 0 .25rem; max-width: none; }
#explorer .facts { color: var(--muted); font-size: .8125rem; margin: 0 0 .6rem; max-width: none; }
#explorer .panel > :last-child { margin-bottom: 0; }
#explorer .panel .scroll { overflow-x: auto; margin: 0 0 .6rem; }
#explorer table { width: 100%; border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
#explorer th, #explorer td { position: static; padding: .45rem .6rem; border-bottom: 1px solid var(--rule);
  text-align: start; vertical-align: top; white-space: normal; font-weight: 400; min-width: 0; max-width: none;
  background: none; }
#explorer thead th { color: var(--muted); font-weight: 500; vertical-align: bottom; font-size: .8125rem; }
#explorer thead small, #explorer td small { display: block; color: var(--muted); font-size: .8125rem; }
#explorer thead small b { font-weight: 600; color: var(--ink); }
#explorer thead .name { color: var(--ink); overflow-wrap: anywhere; }
#explorer .letter { display: inline-block; margin-inline-end: .35rem; padding: 0 .35rem; border-radius: .2rem;
  color: var(--card); background: var(--accent); font-size: .75rem; }
#explorer thead th:nth-child(n+3), #explorer tbody td:nth-child(n+3) { min-width: 5.5rem;
  width: clamp(5.5rem, calc(55vw / var(--pipelines, 3)), 9rem); }
#explorer thead th:first-child, #explorer .judged { width: 7rem; min-width: 6.5rem; padding-left: 0; }
#explorer tbody th { min-width: 16rem; }
#explorer tbody td b { font-size: 1rem; }
#explorer td.chosen { background: var(--hover, var(--page)); }
#explorer .judged span { display: inline-block; white-space: nowrap;
  padding: .05rem .45rem; border-radius: .25rem; font-size: .8125rem;
  border: 1px solid var(--rule); color: var(--muted); }
#explorer tr.relevant .judged span { border-color: var(--series-2); color: var(--ink); font-weight: 600;
  box-shadow: inset .25rem 0 var(--series-2); padding-left: .6rem; }
#explorer tr.wrong .judged span { border-color: var(--series-1); color: var(--ink);
  box-shadow: inset .25rem 0 var(--series-1); padding-left: .6rem; }
#explorer .words { overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3;
  overflow-wrap: anywhere; max-width: 90ch; }
#explorer .whole .words, #explorer .words.all { display: block; overflow: visible; }
#explorer .words .title { font-weight: 600; }
#explorer mark { color: inherit; background: var(--note); box-shadow: inset 0 -.12em var(--note-edge); }
#explorer .unread { color: var(--muted); text-decoration: line-through 1px; }
#explorer .unread mark { background: none; box-shadow: none; }
#explorer .stop { margin: 0 .35rem; padding: 0 .35rem; border: 1px dashed var(--muted); border-radius: .25rem;
  color: var(--muted); font-size: .75rem; white-space: nowrap; }
#explorer .about { margin-top: .75rem; font-size: .8125rem; color: var(--muted); }
#explorer .about summary { cursor: pointer; width: max-content; }
#explorer .about ul { margin: .4rem 0 0; padding-left: 1.2rem; max-width: 75ch; }
#explorer .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
@media (max-width: 60rem) {
  #explorer .query { grid-template-columns: 1.1rem minmax(0, 1fr) max-content; grid-template-rows: auto auto;
    align-content: center; gap: .1rem .6rem; }
  #explorer .explorer { --row: 3.75rem; }
  #explorer .query .sign { grid-row: 1 / 3; }
  #explorer .query .text { grid-column: 2 / 4; }
  #explorer .query .id { grid-area: 2 / 2; text-align: start; max-width: none; }
  #explorer .query .numbers { grid-area: 2 / 3; grid-template-columns: auto auto; }
  #explorer .numbers > :only-child { grid-column: auto; }
}
@media (max-width: 40rem) {
  #explorer .field { flex: 1 1 9rem; }
  #explorer .field.wide { flex-basis: 100%; }
  #explorer .bar select { max-width: none; }
  #explorer .query, #explorer .panel { padding-left: .5rem; padding-right: .5rem; }
  #explorer table, #explorer tbody, #explorer tr, #explorer tbody th, #explorer tbody td { display: block;
    width: auto; min-width: 0; }
  #explorer thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  #explorer tbody tr { border: 1px solid var(--rule); border-radius: .4rem; padding: .5rem .6rem; margin: 0 0 .6rem; }
  #explorer tbody th, #explorer tbody td { padding: .2rem 0; border: 0; }
  #explorer tbody td:nth-child(n+3) { display: flex; align-items: baseline; gap: .5rem; width: auto; }
  #explorer tbody td:nth-child(n+3)::before { content: attr(data-label); flex: 1 1 auto; color: var(--muted);
    overflow-wrap: anywhere; }
  #explorer td.chosen { background: none; }
  #explorer td.chosen::before { color: var(--ink) !important; }
  #explorer tbody td small { display: inline; min-width: 4.5rem; text-align: end; }
}
@media print { #explorer .explorer { display: none; } }
"""
