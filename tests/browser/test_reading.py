"""What a reader has of every kind of report: on any screen, in two themes and languages, on paper, without script."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

GRAVE = {"serious", "critical"}
WIDE_TABLES = (
    "[...document.querySelectorAll('table')].filter((t) => t.offsetWidth > t.parentElement.clientWidth).length"
)
PAGE_WIDTH = "document.documentElement.scrollWidth"


def shown(page: Any, selector: str) -> int:
    return int(page.locator(f"{selector} >> visible=true").count())


def test_a_report_opens_without_a_word_and_loads_nothing(opened: Any, quiet: Any, kind: str) -> None:
    with quiet(opened(kind)) as page:
        page.locator("main > section").last.scroll_into_view_if_needed()
        page.wait_for_timeout(50)
        assert page.evaluate("window.pwned") is None
        assert page.locator("main > section").count() >= 2


def test_the_explorer_is_a_section_like_the_others(opened: Any, quiet: Any) -> None:
    with quiet(opened("quickstart", locale="zh-CN")) as page:
        link = page.locator("nav a[href='#explorer']")
        assert link.inner_text() == page.locator("#explorer h2").inner_text() == "逐条查询"
        link.click()
        page.locator("#explorer .query").first.wait_for()


@pytest.mark.parametrize(("theme", "language"), [("light", "en-GB"), ("dark", "zh-CN")])
def test_nothing_grave_stands_between_a_page_and_assistive_technology(
    opened: Any, kind: str, theme: str, language: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = opened(kind, color_scheme=theme, locale=language).page
    assert page.evaluate("document.documentElement.dataset.lang") == language[:2]
    apart = {"exclude": [["figure svg > *"]]}  # a figure is one image to these rules
    found = axe.Axe().run(page, apart, {"resultTypes": ["violations"]}).response["violations"]
    told = [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in GRAVE]
    assert told == []


def test_a_phone_scrolls_tables_and_never_the_page(opened: Any, quiet: Any, kind: str) -> None:
    for language in ("en-GB", "zh-CN"):
        with quiet(opened(kind, width=360, height=740, locale=language)) as page:
            assert page.evaluate(PAGE_WIDTH) <= 360
            assert page.evaluate(WIDE_TABLES) > 0
    page.locator("nav summary").click()
    assert page.evaluate(PAGE_WIDTH) <= 360


def test_no_line_of_text_is_too_long_to_read(opened: Any, kind: str) -> None:
    page = opened(kind, width=1920, height=1080).page
    assert page.evaluate(PAGE_WIDTH) <= 1920
    widest = """Math.max(...[...document.querySelectorAll('main p, main li')]
      .map((p) => p.getBoundingClientRect().width / parseFloat(getComputedStyle(p).fontSize)))"""
    assert page.evaluate(widest) < 55  # em: about 95 letters, or 55 Chinese characters


def test_the_first_screen_has_the_verdict_and_the_main_table(opened: Any) -> None:
    page = opened("quickstart").page
    for part in (".verdict", "#results table"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= 800


def test_paper_has_every_section_in_light_and_no_controls(opened: Any, kind: str) -> None:
    page = opened(kind, width=1032, color_scheme="dark").page  # A4 across, less its margins
    page.emulate_media(media="print", color_scheme="dark")
    for gone in ("nav", ".controls", "button.copy", ".skip"):
        assert shown(page, gone) == 0, gone
    assert shown(page, "main > section") == page.locator("main > section").count()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(31, 35, 40)"
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every((e) => e.scrollWidth <= innerWidth + 1)")
    assert page.evaluate("[...document.querySelectorAll('pre')].every((e) => e.scrollHeight <= e.clientHeight + 1)")
    assert shown(page, "th > button") == page.locator("th > button").count() > 0


def test_without_scripts_a_page_reads_and_shows_no_dead_controls(opened: Any, kind: str) -> None:
    page = opened(kind, java_script_enabled=False, locale="zh-CN").page
    assert page.locator("h1").inner_text() == "RerankBench report"
    assert shown(page, "button") == shown(page, "span[lang=zh]") == 0
    assert shown(page, "nav a") == shown(page, "main > section")


def test_without_scripts_a_page_is_in_the_language_that_was_asked_for(opened: Any) -> None:
    page = opened("quickstart", width=360, java_script_enabled=False, language="zh").page
    assert page.locator("h1").inner_text() == "RerankBench 报告"
    assert shown(page, "span[lang=en]") == 0
    assert shown(page, "nav a") == shown(page, "main > section")


def test_a_switched_theme_reaches_the_figures(opened: Any) -> None:
    page = opened("quickstart").page
    colours = "[...document.querySelectorAll('figure svg path')].map((p) => getComputedStyle(p).fill)"
    light = set(page.evaluate(colours))
    page.get_by_role("button", name="Dark").click()
    dark = set(page.evaluate(colours))
    assert "rgb(0, 114, 178)" in light
    assert "rgb(0, 114, 178)" not in dark
    assert "rgb(86, 168, 224)" in dark
