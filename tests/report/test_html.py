import base64
import hashlib
import html.parser
import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.report import html as page_of_report
from bench.report import words
from bench.report.blocks import Bullets, Cell, Code, Paragraph, Section, Table
from bench.report.html import render_html
from bench.report.page_parts import both, named, page_words, sort_value
from bench.report.say import spoken

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
    assert {tag for tag, _ in page.tags}.isdisjoint({"img", "iframe", "object", "link"})
    assert len(page.all("script")) == 1
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_nothing_is_loaded_from_anywhere(hostile):
    text = render_html(hostile, HOSTILE, HOSTILE)
    for name, value in Page(text).attributes:
        if name in ("src", "href", "xlink:href", "srcset", "data", "poster"):
            assert value.startswith("#")
    outside_text = "".join(
        re.findall(r"<style.*?</style>|<[^>]*>", re.sub(r"<script>.*?</script>", "", text, flags=re.S), re.S)
    )
    assert not re.search(r"@import|url\((?!#)", outside_text)
    assert not re.search(r'(src|href|xmlns[:\w]*)="https?:', outside_text)


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(results):
    text = render_html(results)
    page = Page(text)
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert policy == (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert text.index("Content-Security-Policy") < text.index("<style>") < text.index("<script>")
    assert not [name for name, _ in page.attributes if name == "style"]


def test_the_script_writes_no_markup_and_ends_no_element():
    script = page_of_report._script()
    assert script.startswith("/*") and "'use strict';" in script
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval", "fetch", "</", "<!--"):
        assert word not in script


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
    assert re.search(r'<td class="best" data-value="0\.653"><strong>0\.653</strong> <small>', text)
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


def in_two(en, zh):
    """``build`` of a report whose sections are these in English and in Chinese."""
    return lambda report: zh if spoken() == "zh" else en


def body(monkeypatch, en, zh, language="auto"):
    monkeypatch.setattr(page_of_report, "build", in_two(en, zh))
    text = render_html([], language=language)
    assert Page(text).open == []
    return text[text.index("<main") : text.index("</main>")]


ROWS = ((Cell("BM25"), Cell("0.5", "one")), (Cell("dense"), Cell("0.6")), (Cell("both"), Cell(words.MISSING)))
ZH_ROWS = ((Cell("BM25"), Cell("0.5", "一")), (Cell("dense"), Cell("0.6")), (Cell("both"), Cell(words.MISSING)))


def test_texts_that_differ_are_there_in_both_languages_and_others_once(monkeypatch):
    en = [
        Section("a", "First", (Table("Set", ("Name", "Score"), ROWS), Bullets(("x", "two & more")), Code("Run", "ls")))
    ]
    zh = [Section("a", "其一", (Table("Set", ("名称", "分数"), ZH_ROWS), Bullets(("x", "两个")), Code("运行", "ls")))]
    text = body(monkeypatch, en, zh)
    for pair in (
        ("First", "其一"),
        ("Name", "名称"),
        ("Score", "分数"),
        ("one", "一"),
        ("two &amp; more", "两个"),
        ("Run", "运行"),
    ):
        assert '<span lang="en">{}</span><span lang="zh">{}</span>'.format(*pair) in text
    assert text.count("BM25") == text.count(">Set<") == text.count("<li>x</li>") == text.count("<code>ls</code>") == 1


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (Table("A table", ("Name", "Score"), ROWS), Table("一张表", ("名称", "分数"), ZH_ROWS[:2])),
        (Table("A table", ("Name", "Score"), ROWS), Table("一张表", ("名称",), ZH_ROWS)),
        (Table("A table", ("Name", "Score"), ROWS), Paragraph("不是表")),
        (Bullets(("a bullet", "another")), Bullets(("一点",))),
        (Paragraph("a paragraph", "note"), Paragraph("一段", "plain")),
        (Paragraph("a paragraph", label="One"), Paragraph("一段")),
        (Code("a command", "ls"), Code("命令", "dir")),
    ],
)
def test_a_block_that_has_another_shape_in_chinese_stays_english(monkeypatch, english, chinese):
    whole = (Paragraph("fine"), english), (Paragraph("好"), chinese)
    text = body(monkeypatch, *([Section("a", "Title", blocks)] for blocks in whole))
    main = text[text.index("</h2>") :]
    assert '<span lang="zh">好</span>' in main
    assert not re.search("不是表|一张表|一段|一点|命令|名称", main)


def test_a_section_with_other_blocks_in_chinese_or_none_stays_english(monkeypatch):
    en = [Section("a", "First", (Paragraph("one"), Paragraph("two"))), Section("b", "Second", (Paragraph("three"),))]
    text = body(monkeypatch, en, [Section("a", "其一", (Paragraph("一"),))])
    assert "其一" in text and "一</span></p>" not in text
    assert [word for word in ("one", "two", "Second", "three") if f">{word}<" not in text] == []


def test_attributes_are_in_the_initial_language_and_can_be_exchanged(results):
    sections = page_words()["sections"]
    assert sections.en != sections.zh
    for language, initial in (("auto", "en"), ("en", "en"), ("zh", "zh")):
        page = Page(render_html(results, language=language))
        (root,), (nav,) = page.all("html"), page.all("nav")
        assert (root["lang"], root["data-lang"], root["data-theme"]) == (initial, initial, "auto")
        assert ("data-lang-auto" in root) == (language == "auto")
        assert nav == {"aria-label": getattr(sections, initial), "data-en": sections.en, "data-zh": sections.zh}


def test_every_figure_is_there_once(results):
    text = render_html(results)
    assert text.count("<svg") == text.count("<figure>") == 3


@given(st.text(), st.text(), st.sampled_from(["en", "zh"]))
def test_no_text_escapes_from_its_place(en, zh, language):
    page = Page(f"<i{named(en, zh, language)}>{both(en, zh)}</i>")
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= {"i", "span"}
    (attributes,) = page.all("i")
    assert attributes["aria-label"] == (zh if language == "zh" else en)
    assert len(page.all("span")) == (0 if en == zh else 2)


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("851 µs", "26.3 ms"), ("999 ms", "1.02 s"), ("521 MiB", "2.84 GiB"), ("9,999 B", "1.2 TiB"),
        ("under 0.1%", "17.5%"), ("< 0.0001", "0.0004"), ("−0.004", "+0.003"), ("over 0.999", "1.000"),
        ("0.0916", "1,344,000"), ("14 / 136 / 10", "58 / 99 / 3"), ("488 GFLOP/s", "1.1 TFLOP/s"),
        ("0.148 → 0.130", "0.2 → 0.1"), ("3.2/s", "12/s"),
    ],
)  # fmt: skip
def test_figures_are_compared_as_quantities(smaller, larger):
    assert sort_value(smaller) < sort_value(larger)


@given(st.floats(1e-9, 1e9))
@example(0.0)
def test_a_figures_place_is_that_of_its_value(value):
    assert sort_value(words.seconds(value)) == pytest.approx(value, rel=6e-3, abs=1e-9) or value < 1e-6
    assert sort_value(words.size(value)) == pytest.approx(value, rel=6e-3) or value < 1e-3


@pytest.mark.parametrize("text", [words.MISSING, "none", "", "measured on dev", "differs by trial"])
def test_words_have_no_place_among_figures(text):
    assert sort_value(text) is None


def test_only_tables_worth_it_sort(monkeypatch):
    facts = Table("Facts", ("Fact", "Value"), tuple((Cell(name), Cell("1")) for name in "abcd"), (0, 1))
    blocks = (Table("Long", ("Name", "Score"), ROWS), Table("Short", ("Name", "Score"), ROWS[:2]), facts)
    text = body(monkeypatch, [Section("a", "A", blocks)], [Section("a", "A", blocks)])
    assert text.count("data-sort=") == 2
    assert re.findall(r'data-value="([^"]*)"', text) == ["0.5", "0.6"]
