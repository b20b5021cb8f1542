import html.parser
import re
from dataclasses import replace

import pytest

from bench.report.html import render_html

HOSTILE = "<script>alert(\"1\")</script> & 'x' <img src=http://evil.example/a.png onerror=alert(1)>"
VOID = {"meta", "img", "br"}


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.ids, self.attributes = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def hostile(make):
    trial = make["trial"](HOSTILE, 'datasets/<b>"x"', reranker=f"asset:{HOSTILE}", instruction=HOSTILE)
    good = make["result"](trial, 0.5, 0.1, name=HOSTILE, warnings=(HOSTILE,), environment={HOSTILE: {HOSTILE: HOSTILE}})
    lost = make["failed"](replace(trial, seed=2), "failed", HOSTILE, name=HOSTILE)
    return [good, lost]


def test_the_page_is_well_formed_and_its_ids_are_unique(results, chinese_results):
    page = Page(render_html([*results, *chinese_results], "a: 1", "rerankbench run"))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    targets = {value.removeprefix("#") for name, value in page.attributes if name == "href"}
    assert targets and targets <= set(page.ids)


def test_every_string_from_data_is_escaped(hostile):
    text = render_html(hostile, HOSTILE, HOSTILE)
    assert HOSTILE not in text and "&lt;script&gt;" in text
    page = Page(text)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "iframe", "object", "link"})
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_nothing_is_loaded_from_anywhere(hostile):
    text = render_html(hostile, HOSTILE, HOSTILE)
    for name, value in Page(text).attributes:
        if name in ("src", "href", "xlink:href", "srcset", "data", "poster"):
            assert value.startswith("#")
    outside_text = "".join(re.findall(r"<style.*?</style>|<[^>]*>", text, re.DOTALL))
    assert not re.search(r"@import|url\((?!#)", outside_text)
    assert not re.search(r'(src|href|xmlns[:\w]*)="https?:', outside_text)


def test_the_policy_forbids_all_but_inline_style(results):
    metas = Page(render_html(results)).all("meta")
    (policy,) = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_every_figure_says_in_words_what_it_shows(results, chinese_results):
    page = Page(render_html([*results, *chinese_results]))
    labelled = [svg for svg in page.all("svg") if svg["role"] == "img"]
    assert len(page.all("figure")) == len(labelled) == 6
    assert all(len(svg["aria-label"]) > 40 for svg in labelled)
    assert sum("稠密检索" in svg["aria-label"] for svg in labelled) == 3


def test_tables_have_captions_and_scopes(results):
    page = Page(render_html(results))
    assert len(page.all("table")) == len(page.all("caption")) >= 4
    assert {attrs.get("scope") for attrs in page.all("th")} == {"row", "col"}


def test_figures_take_the_colours_of_the_page(results):
    text = render_html(results)
    svgs = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "currentColor" in svgs and "var(--series-0)" in svgs
    assert "#1f2328" not in svgs and "#ffffff" not in svgs
    used, known = set(re.findall(r"var\((--[\w-]+)\)", text)), set(re.findall(r"(--[\w-]+):", text))
    assert used <= known


def test_the_best_of_each_column_is_bold_and_a_lone_trial_is_not(results):
    text = render_html(results)
    row = text[text.index("<strong>2.") - 1600 :]
    assert re.search(r'<td class="best"><strong>0\.653</strong> <small>', text)
    assert "<strong>" in row
    assert "<strong>" not in render_html(results[:1])


def test_same_results_same_bytes(results):
    assert render_html(results, "a: 1") == render_html(results, "a: 1")


def test_tracer_models_are_owned_up_to_once(results):
    assert render_html(results).count("prove nothing about Qwen3-Reranker-0.6B") == 1
    own = [replace(r, trial=replace(r.trial, embedder=r.trial.embedder and "org/e", reranker=None)) for r in results]
    assert "prove nothing" not in render_html(own)


def test_failures_warnings_notices_and_setup_are_in_the_page(results, make):
    lost = make["failed"](make["trial"]("too big", reranker="org/m", batch_size=512))
    text = render_html([*results, lost], "depth: 100", "rerankbench run c.yaml")
    for part in (
        "could not allocate 9.3 GiB", "out of memory", "41 pairs were cut to 8192 tokens", "documents with empty text",
        "depth: 100", "rerankbench run c.yaml", "0f3c9a1d", "Example CPU", "CC BY-NC 2.0", "32.0 GiB",
    ):  # fmt: skip
        assert part in text


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_few_or_no_trials_still_make_a_page(results, keep):
    assert Page(render_html(results[:keep])).open == []


def test_nothing_but_failures_still_makes_a_page(make):
    text = render_html([make["failed"](make["trial"]("a"), name="中文")])
    assert "No trial finished" in text and "<svg" not in text


def test_missing_memory_is_a_dash_and_not_a_zero(make):
    text = render_html([make["result"](make["trial"]("a"), 0.5, 0.1, cost={"memory": None})])
    assert "0 B" not in text and "Process memory" not in text


def test_control_characters_and_lone_surrogates_do_not_reach_the_page(make):
    text = render_html([make["result"](make["trial"]("a\x00bc\nd"), 0.5, 0.1, name="\ud800")], "x\x00y\ud800")
    text.encode()
    assert "\x00" not in text and "abc d" in text
