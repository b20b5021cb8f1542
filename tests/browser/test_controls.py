"""What a reader can do with a report: change theme and language, sort, move about, copy, all without a mouse too."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

REFUSED = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
ACTIVE = "document.activeElement"


def pressed(page: Any, group: str) -> list[str]:
    return list(page.locator(f"[data-choice={group}] [aria-pressed=true]").all_inner_texts())


def column(page: Any, table: Any, place: int) -> list[str]:
    return [
        row.split("\n")[0].split("  ")[0] for row in table.locator(f"tbody tr > :nth-child({place})").all_inner_texts()
    ]


def background(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_language_is_the_browsers_until_the_reader_chooses(opened: Any, quiet: Any) -> None:
    with quiet(opened("quickstart", locale="zh-CN")) as page:
        assert page.locator("h1").inner_text() == page.title() == "RerankBench 报告"
        assert pressed(page, "language") == ["中文"]
        page.evaluate("document.addEventListener('languagechange-report', (e) => { window.heard = e.detail; })")
        page.get_by_role("button", name="English").click()
        assert page.locator("h1").inner_text() == page.title() == "RerankBench report"
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.evaluate("window.heard") == "en"
        assert pressed(page, "language") == ["English"]
        assert page.get_by_role("navigation", name="Sections").count() == 1
        page.reload()
        assert page.locator("h1").inner_text() == "RerankBench report"


def test_a_report_can_ask_to_open_in_one_language(opened: Any) -> None:
    page = opened("quickstart", language="zh", locale="en-GB").page
    assert page.locator("h1").inner_text() == "RerankBench 报告"
    assert page.get_by_role("navigation", name="目录").count() == 1
    assert opened("quickstart", language="en", locale="zh-CN").page.title() == "RerankBench report"


def test_the_theme_is_the_systems_until_the_reader_chooses(opened: Any, quiet: Any) -> None:
    with quiet(opened("quickstart", color_scheme="dark")) as page:
        dark = background(page)
        assert pressed(page, "theme") == ["Auto"]
        page.get_by_role("button", name="Light").click()
        light = background(page)
        assert light != dark
        assert pressed(page, "theme") == ["Light"]
        page.reload()
        assert background(page) == light
        page.get_by_role("button", name="Dark").click()
        page.emulate_media(color_scheme="light")
        assert background(page) == dark
        page.get_by_role("button", name="Auto").click()
        assert background(page) == light


def test_a_page_that_may_store_nothing_works_all_the_same(opened: Any, quiet: Any) -> None:
    with quiet(opened("quickstart", before=REFUSED)) as page:
        page.get_by_role("button", name="中文").click()
        page.get_by_role("button", name="深色").click()
        assert page.locator("h1").inner_text() == "RerankBench 报告"
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_nonsense_in_the_store_is_passed_over(opened: Any, quiet: Any) -> None:
    before = "localStorage.setItem('rerankbench-theme', '<b>'); localStorage.setItem('rerankbench-language', 'xx');"
    with quiet(opened("quickstart", before=before)) as page:
        assert pressed(page, "theme") == ["Auto"]
        assert page.locator("h1").inner_text() == "RerankBench report"


def test_figures_sort_as_quantities_and_a_third_time_brings_back_the_order(opened: Any, quiet: Any) -> None:
    with quiet(opened("sweep")) as page:
        table = page.locator("#cells table").first
        heading = table.locator("thead th", has_text="Latency p50")
        place = 1 + heading.evaluate("(th) => th.cellIndex")
        came = column(page, table, place)
        assert "–" in came
        assert {text.split()[-1] for text in came} >= {"ms", "s"}

        def seconds(text: str) -> float:
            number, unit = text.split()
            return float(number) * {"ms": 1e-3, "s": 1.0}[unit]

        measured = [text for text in came if text != "–"]
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
        up = column(page, table, place)
        assert up == [*sorted(measured, key=seconds), *["–"] * (len(came) - len(measured))]
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == "descending"
        down = column(page, table, place)
        assert down == [*sorted(measured, key=seconds, reverse=True), *["–"] * (len(came) - len(measured))]
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") is None
        assert column(page, table, place) == came


def test_names_sort_as_names_and_one_column_at_a_time(opened: Any, quiet: Any) -> None:
    with quiet(opened("quickstart")) as page:
        table = page.locator("#results table")
        table.get_by_role("button", name="nDCG@10").click()
        table.get_by_role("button", name="Pipeline").click()
        table.get_by_role("button", name="Pipeline").click()
        assert column(page, table, 1) == ["embedding + reranker", "embedding", "BM25"]
        assert table.locator("[aria-sort]").count() == 1


def test_equal_rows_keep_the_order_in_which_they_came(opened: Any) -> None:
    page = opened("sweep").page
    table = page.locator("#agreement table")
    rows = """(table) => [...table.tBodies[0].rows].map((row, i) => {
      row.dataset.came ??= i;
      return [Number(row.dataset.came), Number(row.cells[2].dataset.value)];
    })"""
    came = table.evaluate(rows)
    assert len({value for _, value in came}) < len(came)
    for sign in (1, -1):
        table.locator("thead button").nth(2).click()
        assert table.evaluate(rows) == sorted(came, key=lambda row: sign * row[1])


def test_the_keyboard_reaches_everything(opened: Any, quiet: Any) -> None:
    with quiet(opened("quickstart")) as page:
        page.keyboard.press("Tab")
        assert page.evaluate(f"{ACTIVE}.className") == "skip"
        assert page.evaluate(f"{ACTIVE}.getBoundingClientRect().top") >= 0
        page.keyboard.press("Tab")
        assert page.evaluate(f"getComputedStyle({ACTIVE}).outlineStyle") == "solid"
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert pressed(page, "theme") == ["Dark"]
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert pressed(page, "language") == ["中文"]
        page.keyboard.press("Tab")
        assert page.evaluate(f"{ACTIVE}.closest('nav') !== null")
        page.evaluate("document.querySelector('.skip').focus()")
        page.keyboard.press("Enter")
        assert page.evaluate(f"{ACTIVE}.id") == "content"
        while page.evaluate(f"{ACTIVE}.closest('thead') === null"):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate(f"{ACTIVE}.closest('th').getAttribute('aria-sort')") == "ascending"
        scroll = page.locator(".scroll").first
        assert scroll.evaluate("(box) => box.tabIndex") == 0


def test_the_contents_lie_open_beside_the_text_and_mark_the_section_being_read(opened: Any, quiet: Any) -> None:
    with quiet(opened("sweep")) as page:
        assert page.locator("nav [aria-current]").get_attribute("href") == "#verdict"
        page.locator("nav a[href='#audit']").click()
        page.wait_for_selector("nav a[href='#audit'][aria-current=location]")
        assert page.locator("nav [aria-current]").count() == 1
        assert 0 <= page.locator("#audit").bounding_box()["y"] < 100
        assert page.locator("nav").bounding_box()["y"] >= 0


def test_the_contents_fold_on_a_phone(opened: Any, quiet: Any) -> None:
    with quiet(opened("sweep", width=360, height=740)) as page:
        link, summary = page.locator("nav a[href='#audit']"), page.locator("nav summary")
        assert not link.is_visible()
        summary.click()
        assert link.is_visible()
        page.keyboard.press("Escape")
        assert not link.is_visible()
        summary.press("Enter")
        link.click()
        assert not link.is_visible()
        page.wait_for_selector("nav a[href='#audit'][aria-current=location]", state="attached")
        bar = page.locator("nav").bounding_box()
        assert bar["y"] + bar["height"] <= page.locator("#audit h2").bounding_box()["y"]


def test_a_block_of_code_is_copied_whole(opened: Any, quiet: Any) -> None:
    with quiet(opened("quickstart", permissions=["clipboard-read", "clipboard-write"])) as page:
        block = page.locator(".code").first
        assert not block.get_by_text("Copied").is_visible()
        block.get_by_role("button", name="Copy").click()
        block.get_by_text("Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == "rerankbench run configs/quickstart.yaml"


def test_where_the_clipboard_is_refused_the_code_is_selected(opened: Any, quiet: Any) -> None:
    before = "navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError'));"
    with quiet(opened("quickstart", before=before)) as page:
        page.locator(".code").first.get_by_role("button", name="Copy").click()
        page.wait_for_function("getSelection().toString() === 'rerankbench run configs/quickstart.yaml'")
