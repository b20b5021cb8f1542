import io
import re

import pytest
from rich.console import Console

from bench.report import words
from bench.report.markdown import render_markdown
from bench.report.terminal import print_table


def printed(results, width):
    out = io.StringIO()
    print_table(results, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_terminal_table_fits_and_keeps_the_main_figures(results, chinese_results, width):
    text = printed([*results, *chinese_results], width)
    assert max(words.width(line) for line in text.splitlines()) <= width
    for part in ("nDCG@10", "0.653", "p95", "Reranking raises", "中文问答"):
        assert part in text
    assert "…" not in text


def test_a_wide_terminal_shows_every_measure(results):
    text = printed(results, 160)
    assert all(name in text for name in ("Recall@10", "MRR@10", "Pairs/s", "memory"))


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_terminal_has_the_sign_and_says_what_it_means(results, width):
    text = printed(results, width)
    assert re.search(r"embedding \+ reranker +0\.653 ▲ ", text) and text.count("▲") == 2
    assert "▲ higher: “embedding + reranker”" in " ".join(text.split())
    assert "▲" not in printed(results[:2], width)


def test_markup_in_names_is_text_in_the_terminal(make):
    text = printed([make["result"](make["trial"]("[red]x[/red] [/]"), 0.5, 0.1)], 120)
    assert "[red]x[/red] [/]" in text


def test_the_terminal_says_when_there_is_nothing(make):
    assert "no results" in printed([], 80)
    assert "No trial finished" in printed([make["failed"](make["trial"]("a"))], 80)


def test_markdown_links_the_figures_and_marks_the_best(results, chinese_results):
    text = render_markdown([*results, *chinese_results], "a: 1", "rerankbench run")
    assert "](figures/quality-scifact.png)" in text and "](figures/stages-dataset-2.png)" in text
    assert "**0.653** (▲ 0.609–0.696)" in text and "**0.687** (0.644–0.729)" in text
    assert text.count("# ") == len(re.findall(r"^#+ ", text, re.MULTILINE))


def test_markdown_shows_hostile_names_as_they_are(make):
    name = "<script>|x|*y*`z` [a](http://b)"
    text = render_markdown([make["result"](make["trial"](name), 0.5, 0.1, name=name)], "```\nend", "run")
    assert "\\<script\\>\\|x\\|\\*y\\*\\`z\\` \\[a\\](http://b)" in text
    assert "````text\n```\nend\n````" in text
    tables = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("| ")]
    rows = {line.count("|") for line in tables}
    assert "<script>" not in text.replace("\\<script\\>", "") and rows


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "–"), (0.0, "0 s"), (2.5e-6, "2.50 µs"), (0.0412, "41.2 ms"), (0.9999, "1.00 s"), (1.84, "1.84 s"),
     (1234.5, "1,234 s")],
)  # fmt: skip
def test_seconds(value, written):
    assert words.seconds(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "–"), (0, "0 B"), (512, "512 B"), (2**20, "1.00 MiB"), (3.5 * 2**30, "3.50 GiB"), (2**50, "1,024 TiB")],
)
def test_sizes(value, written):
    assert words.size(value) == written


def test_small_words():
    assert words.signed(-0.0314) == "−0.031"
    assert words.p_value(0.00001) == "p < 0.0001" and words.p_value(0.034) == "p = 0.034"
    assert words.plural(1, "query") == "1 query" and words.plural(3, "query") == "3 queries"
    assert words.measure_title("ndcg@10") == "nDCG@10" and words.measure_title("map") == "MAP"
    assert words.listed(["a"]) == "a" and words.listed(["a", "b", "c"]) == "a, b and c" and words.listed([]) == ""
    assert words.flops(4.12e11) == "412 GFLOP/s" and words.flops(1.3e16) == "13.0 PFLOP/s"
    assert words.share(0.0004) == "under 0.1%" and words.figure3(0.0421) == "0.0421"


@pytest.mark.parametrize(("text", "columns"), [("abcdefghij", 6), ("稠密检索与重排序流水线", 9), ("abc", 3)])
def test_shortened_text_fits(text, columns):
    short = words.shorten(text, columns)
    assert words.width(short) <= columns
    assert ("…" in short) == (words.width(text) > columns)
