"""The report of a sweep, in all its forms, and of random weights: what is on it, and what a plain run is spared."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from bench.report import words
from bench.report.blocks import Code, Paragraph, Report, Table
from bench.report.html import render_html
from bench.report.markdown import render_markdown
from bench.report.sections import build
from bench.report.terminal import print_table

NEW = {"tiers", "tradeoff-memory", "heat", "latency", "load", "memory", "padding", "roofline", "agreement", "cells"}


def sections(results):
    return {section.id: section for section in build(Report(results))}


def table(section):
    return next(block for block in section.blocks if isinstance(block, Table))


def text_of(section):
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


@pytest.fixture(scope="module")
def page(swept):
    return sections(swept)


@pytest.fixture(scope="module")
def cuda_page(swept_cuda):
    return sections(swept_cuda)


@pytest.fixture(scope="module")
def html(swept):
    return render_html(swept, "a: 1", "rerankbench run")


def printed(results, width):
    out = io.StringIO()
    print_table(results, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


def test_a_sweep_has_every_new_section_and_a_plain_run_none(page, cuda_page, results):
    assert set(page) >= NEW and "energy" not in page
    assert set(cuda_page) >= NEW | {"energy"}
    assert not set(sections(results)) & (NEW | {"energy"})


def test_the_first_table_shows_the_best_cells_and_a_later_one_all(page):
    first, all_of_them = table(page["results"]), table(page["cells"])
    assert len(first.rows) <= 12 and len(all_of_them.rows) == 25
    told = "of each pipeline with more than 3 cells, in each number format, those with the highest throughput"
    assert f"{len(first.rows)} of 25 cells are shown: {told}" in text_of(page["results"])
    assert any("highest throughput" in row[0].note for row in first.rows)
    assert list(page).index("cells") > list(page).index("agreement")


def test_the_whole_table_says_of_each_lost_cell_what_became_of_it(page):
    notes = [row[0].note for row in table(page["cells"]).rows]
    assert sum(note.endswith("· out of memory") for note in notes) == 3
    assert sum(note.endswith("out of memory (implied)") for note in notes) == 1
    assert sum(note.endswith("over the time limit") for note in notes) == 1


def test_implied_cells_are_listed_under_what_implied_them(html, page):
    cause, spared = (f"embedding + reranker · batch {b} · length 8192 · fp32" for b in (16, 64))
    assert f"by {cause}: {spared}" in html
    assert html.count("could not allocate 9.3 GiB") == 1 and "stopped after 600 s" in html
    last_of_three = "batch 64 · length 8192 · bf16 on SciFact: out of memory"  # which ended alike
    assert any(isinstance(b, Code) and b.label.endswith(last_of_three) for b in page["problems"].blocks)


def test_agreement_tells_difference_changes_and_that_the_axis_took_effect(page):
    found = table(page["agreement"])
    assert "those with the largest differences" in found.caption and len(found.rows) == 12
    first = [cell.text for cell in found.rows[0][1:]]
    assert first[:3] == ["50", "0.004", "2"] and first[3] == "16"


def test_energy_is_a_table_where_measured_and_a_reason_where_not(html, cuda_page):
    assert html.count("Not measured: energy: no RAPL counter is readable") == 1
    found = table(cuda_page["energy"])
    assert all(row[1].text == "6.00" for row in found.rows)
    assert "J/query" in table(cuda_page["results"]).columns


def test_load_names_bound_and_highest_rate(page):
    found = table(page["load"])
    assert len(found.rows) == 3
    assert all(row[1].text == "12.0 s" for row in found.rows)
    assert all(re.fullmatch(r"none|[\d.]+/s", row[2].text) for row in found.rows)
    assert "Server queries/s" in table(page["cells"]).columns


def test_the_page_of_a_sweep_loads_nothing_and_has_an_alternative_for_every_figure(html):
    assert not re.search(r"(src|href)=\"(?!#)", html) and "data:image" not in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    targets = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html))
    assert {a or b for a, b in targets} <= set(ids)
    alternatives = re.findall(r'<svg role="img" aria-label="([^"]+)"', html)
    assert len(alternatives) == html.count("<figure>") and min(map(len, alternatives)) > 40
    (heat,) = [text for text in alternatives if text.startswith("Heat map") and "fp32" in text]
    assert "batch 64: length 512 " in heat and "length 8192 out of memory (implied)" in heat


def test_markdown_links_every_figure_of_a_sweep(swept):
    text = render_markdown(swept)
    for name in ("heat-scifact--cpu-fp32", "latency-scifact", "roofline-scifact--cpu", "tradeoff-memory-scifact"):
        assert f"](figures/{name}.png)" in text
    assert "## Best settings" in text and "No CUDA device was measured." in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_terminal_shows_the_best_cells_the_choice_and_the_tiers(swept, swept_random, width):
    text = printed([*swept, *swept_random], width)
    assert max(words.width(line) for line in text.splitlines()) <= width
    flat = " ".join(text.split())
    assert "of 25 cells are shown" in flat and "SciFact, development:" in flat
    assert "drawn workload, production: No CUDA device was measured." in flat
    assert "Nothing about quality is claimed" in flat


def test_random_weights_claim_nothing_about_quality(swept_random):
    page = sections(swept_random)
    assert "Random weights: no quality. Nothing about quality is claimed" in text_of(page["verdict"])
    assert text_of(page["quality"]) == "Random weights: no quality (drawn workload)."
    assert not {"tradeoff", "tradeoff-memory"} & set(page)
    for name in ("results", "cells"):
        found = table(page[name])
        assert "random weights: no quality" in found.caption
        assert not any("nDCG" in column or "Recall" in column for column in found.columns)
        assert "Pairs/s" in found.columns and "Process memory" in found.columns
    assert all("random weights: no quality" in row[2].note for row in table(page["audit"]).rows)
    assert "nDCG" not in text_of(page["tiers"]) and "pairs/s" in text_of(page["tiers"])


def test_random_weights_beside_judged_pipelines_are_owned_up_to(results, sweep_on):
    judged, random = results, sweep_on(reranker="shape:qwen3-0.6b")[:2]
    random = [type(r)(r.trial, "ok", dataset=r.dataset, cost=r.cost) for r in random]
    page = sections([*judged, *random])
    assert "Reranking raises" in text_of(page["verdict"])
    assert "“embedding + reranker”" in text_of(page["verdict"])
    assert "nothing about quality is claimed" in text_of(page["verdict"])
    notes = [row[1].note for row in table(page["results"]).rows]
    assert notes.count("random weights: no quality") == 2
    assert "Random weights: no quality (embedding + reranker on SciFact)." in text_of(page["quality"])


def test_cells_that_share_a_quality_pass_have_one_row_of_audit(page):
    first_stage, reranked = table(page["audit"]).rows
    assert first_stage[0].text == "embedding"
    assert [cell.text for cell in reranked[6:]] == ["9,600", "41", "1,344,000", "5,120", "10.4%"]


def test_each_section_of_a_sweep_over_devices_says_which_cells_it_shows(swept, swept_cuda):
    page = sections([*swept, *swept_cuda])
    assert "on each device, those with" in text_of(page["results"])
    stages = page["stages"].blocks[0]
    assert [item.caption for item in stages.items] == ["SciFact, cpu", "SciFact, cuda:0"]
    assert "SciFact, cuda:0: 7 of 20 cells are shown" in stages.caption
    assert "12 of 38 cells, those with the largest differences" in table(page["agreement"]).caption


def test_an_axis_that_changed_nothing_is_said_to_be_no_measurement(swept):
    assert not any(block.label == "Not a measurement:" for block in paragraphs(sections(swept)))
    ok = next(result for result in swept if result.status == "ok" and isinstance(result.trial.batch_size, int))
    twin = replace(ok, trial=replace(ok.trial, batch_size=ok.trial.batch_size + 1))
    said = [block for block in paragraphs(sections([ok, twin])) if block.label == "Not a measurement:"]
    assert len(said) == 1
    assert f"batch_size {ok.trial.batch_size} and {twin.trial.batch_size}" in said[0].text


def paragraphs(page):
    return [block for block in page["problems"].blocks if isinstance(block, Paragraph)] if "problems" in page else []
