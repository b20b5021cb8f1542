"""The explorer in a browser, from a file, under the policy of the page; skipped where there is none."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from html import escape
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench.explorer.build import Pipeline, build
from bench.explorer.data import Cut, Field, Head, Shown, pack
from bench.explorer.reading import Reader
from bench.explorer.text import clean
from bench.report import explorer
from bench.report.css import SHEET
from bench.report.page_parts import policy
from bench.types import Dataset, QualityPass, ScoredDoc, Trial, Work

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium is on the PATH")]
ROW, PANEL = "#explorer .query", "#explorer .panel"


@dataclass
class Opened:
    """A page, and whatever went wrong in it or was asked for by it."""

    page: Any
    wrong: list[str] = field(default_factory=list)

    def texts(self) -> list[str]:
        return [text.strip() for text in self.page.locator(f"{ROW} .text").all_inner_texts()]

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=option)

    def open(self, text: str) -> Any:
        self.page.locator(ROW, has_text=text).click()
        return self.page.locator(PANEL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Write a page with these data and open it; at the end nothing may have gone wrong."""
    shown: list[Opened] = []

    def opened(*payloads: bytes, width: int = 1280, wait: str = ROW) -> Opened:
        path = tmp_path / f"page-{len(shown)}.html"
        path.write_text(page_of(explorer.section(payloads)), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(10_000)
        one = Opened(page)
        page.on("console", lambda message: one.wrong.append(message.text))
        page.on("pageerror", lambda error: one.wrong.append(str(error)))
        page.on("dialog", lambda dialog: one.wrong.append(dialog.message))
        page.on("request", lambda request: request.url == path.as_uri() or one.wrong.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector(wait)
        shown.append(one)
        return one

    yield opened
    for one in shown:
        assert one.wrong == []
        one.page.close()


def page_of(section: str) -> str:
    own = files("bench.report").joinpath("page.js").read_text(encoding="utf-8")
    sheet, script = SHEET + explorer.css(), explorer.script()
    return (
        '<!doctype html><html lang="en" data-lang="en" data-theme="auto"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(sheet, [own, script]))}">'
        '<meta name="viewport" content="width=device-width"><title>Explorer</title>'
        f"<style>{sheet}</style><script>{own}</script></head><body><main>{section}</main>"
        f"<script>{script}</script></body></html>"
    )


@pytest.fixture
def payload(dataset: Dataset, pipelines: list[Pipeline]) -> bytes:
    return build(dataset, "ndcg@10", pipelines, (0, 1))


def test_queries_stand_with_the_largest_change_first(show: Callable[..., Opened], payload: bytes) -> None:
    one = show(payload)
    assert one.texts() == ["protect my server", "Python 读取 CSV 文件", "why does bread rise", "abacus history"]
    assert one.page.locator("#explorer .status").inner_text() == "4 of 4 queries"
    assert one.page.locator(f"{ROW} .change").all_inner_texts() == ["+0.370", "−0.200", "0", "0"]
    assert one.page.locator("#explorer .without-script").is_hidden()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("SERVER", ["protect my server"]),
        ("server my", ["protect my server"]),
        ("q3", ["why does bread rise"]),
        ("读取", ["Python 读取 CSV 文件"]),
        ("ＣＳＶ", ["Python 读取 CSV 文件"]),
        ("(", []),
    ],
)
def test_search_is_by_words_of_the_query_and_by_id(
    show: Callable[..., Opened], payload: bytes, wanted: str, found: list[str]
) -> None:
    one = show(payload)
    one.page.get_by_label("Search queries and ids").fill(wanted)
    assert one.texts() == found
    assert one.page.locator("#explorer .empty").is_visible() == (not found)


def test_queries_are_filtered_by_what_became_of_them(show: Callable[..., Opened], payload: bytes) -> None:
    one = show(payload)
    one.choose("Outcome", "B gains (1)")
    assert one.texts() == ["protect my server"]
    one.choose("Outcome", "B loses (1)")
    assert one.texts() == ["Python 读取 CSV 文件"]
    one.choose("Outcome", "equal (2)")
    assert one.texts() == ["why does bread rise", "abacus history"]
    one.choose("Outcome", "all (4)")
    one.page.get_by_label("Traps of B (1)").check()
    assert one.texts() == ["abacus history"]
    one.choose("with B", "BM25")
    assert one.page.get_by_label("Traps of B (2)").is_checked()
    assert one.texts() == ["protect my server", "abacus history"]


def test_fields_of_the_set_filter_too(show: Callable[..., Opened], payload: bytes) -> None:
    one = show(payload)
    one.choose("language", "zh")
    assert one.texts() == ["Python 读取 CSV 文件"]
    one.choose("language", "any")
    one.choose("domain", "food")
    assert one.texts() == ["why does bread rise", "abacus history"]


def test_the_order_can_be_chosen(show: Callable[..., Opened], payload: bytes) -> None:
    one = show(payload)
    one.choose("Order", "largest loss first")
    assert one.texts()[0] == "Python 读取 CSV 文件"
    one.choose("Order", "nDCG@10 of B, lowest first")
    assert one.texts()[:2] == ["abacus history", "Python 读取 CSV 文件"]
    one.choose("Order", "by id")
    assert one.texts() == ["protect my server", "Python 读取 CSV 文件", "why does bread rise", "abacus history"]


def test_a_query_opens_to_its_documents_in_every_pipeline(show: Callable[..., Opened], payload: bytes) -> None:
    one = show(payload)
    panel = one.open("protect my server")
    assert panel.get_by_role("columnheader").count() == 4
    rows = panel.locator("tbody tr")
    assert [" ".join(text.split()) for text in rows.nth(0).locator("td").all_inner_texts()] == [
        "relevant, 2", "2 7.250", "1 >0.999",
    ]  # fmt: skip
    assert rows.nth(1).get_attribute("class") == "wrong"
    assert rows.nth(2).locator(".judged").inner_text() == "not judged"
    assert rows.nth(0).locator("mark").all_inner_texts() == ["protect", "server"]
    assert rows.nth(0).locator(".title").inner_text() == "Firewalls"
    assert panel.locator("table").get_attribute("role") == "table"


def test_words_are_marked_in_chinese_by_pairs_of_characters(show: Callable[..., Opened], payload: bytes) -> None:
    panel = show(payload).open("读取")
    marked = [row.locator("mark").all_inner_texts() for row in panel.locator("tbody tr").all()]
    assert marked == [["CSV"], ["读取", "Python", "读取CSV文件", "csv"]]


def test_a_document_that_nobody_ranked_says_so(show: Callable[..., Opened], payload: bytes) -> None:
    cells = show(payload).open("abacus").locator("tbody tr").nth(1).locator("td")
    assert cells.nth(1).text_content() == "–not among its first 3"


def test_what_a_reranker_did_not_read_is_grey(
    show: Callable[..., Opened], dataset: Dataset, pipelines: list[Pipeline]
) -> None:
    trial = Trial("small", "any", reranker="asset:tracer-reranker", engine="packed", max_length=120)
    cut = Reader(trial, QualityPass("key", {}, 10, "logit", Work(), cut_pairs={"q3": 1}), Path())
    payload = build(dataset, "ndcg@10", [pipelines[0], replace(pipelines[1], reader=cut)], (0, 1))
    panel = show(payload).open("bread")
    assert panel.locator(".stop").inner_text() == "not read"
    unread = "".join(panel.locator(".unread").all_inner_texts())
    words = panel.locator(".words").inner_text()
    assert words.endswith(unread)
    assert 100 < len(unread) < len(words) - 50
    assert "read " in panel.locator("tbody td").nth(2).inner_text()
    assert "BM25 + reranker" in panel.locator(".facts").last.inner_text()


def test_the_keyboard_goes_through_the_list_and_opens_and_closes(show: Callable[..., Opened], payload: bytes) -> None:
    one = show(payload)
    page = one.page

    def focused() -> str:
        return str(page.evaluate("document.activeElement.querySelector('.text')?.textContent"))

    page.get_by_label("Search queries and ids").press("ArrowDown")
    assert focused() == "protect my server"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused() == "why does bread rise"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert page.locator(PANEL).count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    page.keyboard.press("Escape")
    assert page.locator(PANEL).count() == 0
    assert focused() == "why does bread rise"
    page.keyboard.press("Home")
    assert focused() == "protect my server"
    page.keyboard.press("End")
    assert focused() == "abacus history"
    assert page.locator(f"{ROW}[tabindex='0']").count() == 1


def test_one_query_is_open_at_a_time(show: Callable[..., Opened], payload: bytes) -> None:
    one = show(payload)
    one.open("protect")
    one.open("abacus")
    assert one.page.locator(PANEL).count() == 1
    assert one.page.locator("#explorer .open .text").inner_text() == "abacus history"
    controls = one.page.locator("#explorer .open .query").get_attribute("aria-controls")
    assert one.page.locator(f"#{controls}").count() == 1


def test_words_follow_the_language_of_the_page(show: Callable[..., Opened], payload: bytes) -> None:
    one = show(payload)
    one.open("protect")
    one.page.evaluate(
        "() => { document.documentElement.dataset.lang = 'zh';"
        " document.dispatchEvent(new CustomEvent('languagechange-report')); }"
    )
    assert one.page.locator("#explorer .status").inner_text() == "4 个查询中的 4 个"
    assert one.page.locator("#explorer .judged").first.inner_text() == "相关，2"
    assert one.page.locator("#explorer .field > label").all_inner_texts()[:3] == ["搜索查询或编号", "比较 A", "与 B"]
    assert one.page.locator("#explorer .explorer").get_attribute("lang") == "zh"


EVIL = (
    '</script><script>alert(1)</script>',
    '"><img src="https://example.org/x" onerror="alert(2)">',
    "<!--<script>",
    "javascript:alert(3)",
    "{{constructor}} ${alert(4)} __proto__",
    "\u202eright to left\u202c",
)  # fmt: skip


def test_hostile_texts_do_nothing_but_stand_there(
    show: Callable[..., Opened], make: dict[str, Callable[..., Any]]
) -> None:
    queries = {text: (text, {"lang": text, "__proto__": text[:3]}) for text in EVIL}
    dataset = make["set"]({text: (text, text) for text in EVIL}, queries)
    run = {text: tuple(ScoredDoc(each, -float(n)) for n, each in enumerate(EVIL)) for text in EVIL}
    values = dict.fromkeys(EVIL, 0.5)
    pipelines = [replace(each, name=EVIL[n], run=lambda: run, values=values)
                 for n, each in enumerate(make["pipelines"]())]  # fmt: skip
    one = show(build(replace(dataset, name=EVIL[0]), "ndcg@10", pipelines, (0, 1)))
    assert one.texts() == [clean(text) for text in EVIL], "what turns a line round is left out"
    for place in range(len(EVIL)):
        one.page.locator(ROW).nth(place).click()
        assert one.page.locator(f"{PANEL} tbody tr").count() == len(EVIL)
    assert one.page.locator("#explorer img").count() == 0
    assert one.page.locator("script").count() == 3


def test_data_that_cannot_be_unpacked_are_a_sentence(
    show: Callable[..., Opened], payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a page that was damaged after it was written; what is read to write one is read to its end."""
    head = explorer.read_head(payload)
    monkeypatch.setattr(explorer, "read_head", lambda _: head)
    one = show(payload[:-40] + bytes(40), wait="#explorer .status:has-text('cannot be unpacked')")
    assert one.page.locator(ROW).count() == 0


def test_one_pipeline_is_compared_with_nothing(
    show: Callable[..., Opened], dataset: Dataset, pipelines: list[Pipeline]
) -> None:
    one = show(build(dataset, "ndcg@10", pipelines[:1], (0, 0)))
    assert one.page.get_by_label("Outcome").count() == 0
    assert one.texts()[0] == "abacus history", "the lowest first"
    assert one.open("bread").get_by_role("columnheader").count() == 3


def test_another_set_can_be_chosen(
    show: Callable[..., Opened], make: dict[str, Callable[..., Any]], payload: bytes
) -> None:
    other = make["set"](queries={"q3": ("why does bread rise", {})})
    one = show(payload, build(replace(other, name="other"), "ndcg@10", make["pipelines"](), (0, 1)))
    one.choose("Set", "other (test)")
    one.page.wait_for_selector("#explorer .status:has-text('1 of 1')")
    assert one.texts() == ["why does bread rise"]
    one.choose("Set", "small (test)")
    one.page.wait_for_selector("#explorer .status:has-text('4 of 4')")


def large(queries: int) -> bytes:
    rng = random.Random(3)
    words = [f"{rng.getrandbits(24):x}" for _ in range(3000)]
    documents = [[f"d{n}", 5, 400, "Title " + " ".join(rng.choices(words, k=40))] for n in range(2000)]
    body = [
        [f"q{n:05d}", f"question {n} " + " ".join(rng.choices(words, k=5)), [n % 2],
         [round(rng.random(), 6), round(rng.random(), 6)], rng.randrange(4), 0,
         [[rng.randrange(2000), rng.choice((None, 0, 1)), [k, 11 - k], [20 - k, k / 11]] for k in range(1, 11)]]
        for n in range(queries)
    ]  # fmt: skip
    pipelines = (Shown("BM25", "score", 10, 0.5), Shown("Reranked", "probability", 10, 0.5))
    head = Head("large", "test", "ndcg@10", queries, pipelines, (0, 1), (Field("lang", ("en", "zh")),),
                Cut(5, 10, 220), ("a", "b"))  # fmt: skip
    return pack(head, {"documents": documents, "queries": body})


@pytest.fixture(scope="module")
def ten_thousand() -> bytes:
    return large(10_000)


def test_of_ten_thousand_queries_the_visible_rows_alone_exist(show: Callable[..., Opened], ten_thousand: bytes) -> None:
    one = show(ten_thousand)
    page = one.page
    assert page.locator("#explorer .status").inner_text() == "10,000 of 10,000 queries"
    assert 10 < page.locator(ROW).count() < 50
    page.locator(ROW).first.press("End")
    assert page.locator("#explorer .item").last.get_attribute("aria-posinset") == "10000"
    assert page.locator(ROW).last.evaluate("e => e === document.activeElement")
    assert page.locator(ROW).count() < 50
    page.locator("#explorer .box").evaluate("box => { box.scrollTop = box.scrollHeight / 2; }")
    page.wait_for_selector("#explorer .item[aria-posinset='5001']")
    assert page.locator(ROW).count() < 50
    page.get_by_label("Search queries and ids").fill("question 4711 ")
    assert page.locator(ROW).count() == 1


def test_an_open_query_keeps_its_place_while_the_list_scrolls(show: Callable[..., Opened], ten_thousand: bytes) -> None:
    page = show(ten_thousand).page
    page.locator(ROW).nth(3).click()
    tops = page.locator("#explorer .item").evaluate_all(
        "items => items.map((item) => [item.offsetTop, item.offsetHeight]).sort((a, b) => a[0] - b[0])"
    )
    for (top, height), (following, _) in pairwise(tops):
        assert top + height == following
    page.locator("#explorer .box").evaluate("box => { box.scrollTop = 200000; }")
    page.wait_for_timeout(100)
    assert page.locator(PANEL).count() == 1
    assert page.locator(ROW).count() < 50


@pytest.mark.parametrize("width", [360, 768, 1920])
def test_nothing_is_wider_than_the_page(show: Callable[..., Opened], payload: bytes, width: int) -> None:
    one = show(payload, width=width)
    one.open("protect")
    assert one.page.evaluate("document.documentElement.scrollWidth") == width
    panel = one.page.locator(PANEL).bounding_box()
    assert panel is not None
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= width
    stacked = one.page.locator(f"{PANEL} tbody tr").first.evaluate("row => getComputedStyle(row).display")
    assert stacked == ("block" if width == 360 else "table-row")
