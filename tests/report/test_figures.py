from dataclasses import replace

import pytest

from bench.report import fonts
from bench.report.figures import figures, font_warnings
from bench.report.groups import by_dataset, variants
from bench.report.labels import Anchor, Label, place_labels
from bench.report.plot_stages import stage_means
from bench.report.plot_tradeoff import points


def test_one_file_of_each_kind_and_format_per_dataset(results, chinese_results):
    kinds, slugs = ("quality", "tradeoff", "stages"), ("scifact", "dataset-2")
    expected = {f"{k}-{s}.{f}" for k in kinds for s in slugs for f in ("svg", "png")}
    drawn = figures([*results, *chinese_results])
    assert set(drawn) == expected
    assert all(data.startswith(b"\x89PNG") for name, data in drawn.items() if name.endswith("png"))


def test_same_results_same_bytes(results):
    assert figures(results) == figures(results)


def test_settings_do_not_leak(results):
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures(results)
    assert dict(matplotlib.rcParams) == before


def test_no_text_needs_a_font_of_the_reader(results):
    assert all(b"<text" not in svg for name, svg in figures(results).items() if name.endswith("svg"))


def test_without_a_chinese_font_names_become_ascii_and_the_report_says_so(chinese_results, monkeypatch):
    monkeypatch.setattr(fonts, "families", lambda: (fonts.LATIN,))
    figures(chinese_results)  # a missing glyph would be a warning, and a warning an error
    (warning,) = font_warnings(chinese_results)
    assert "“dataset 1” for 中文问答" in warning and "“pipeline 2” for 稠密检索;" in warning


def test_names_that_can_be_drawn_need_no_warning(results):
    assert font_warnings(results) == []


@pytest.mark.parametrize(
    "name", ["$x_1$ and 5 $", "a" * 200, "emoji 🙂 \U000e0041", "עברית", "\\frac{1}{2}", " ", "%d {}"]
)
def test_odd_names_draw_without_a_warning(make, name):
    assert figures([make["result"](make["trial"](name), 0.5, 0.1, name=name)])


def test_many_trials_of_one_pipeline_draw(make):
    many = [make["result"](make["trial"]("p", reranker="m", batch_size=b, depth=d), 0.5, 0.01 * d + b / 1e4)
            for b in (1, 2, 4, 8, 16) for d in (10, 50, 100)]  # fmt: skip
    kinds = {name.split("-scifact")[0] for name in figures(many)}
    assert kinds == {"quality", "tradeoff", "tradeoff-memory", "latency", "stages", "memory"}  # one length: no map


def test_a_label_that_must_stand_does_and_one_without_room_does_not():
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_subplot()
    everywhere = [(0.0, 0.0, 1e4, 1e4)]
    places = [Anchor(0.5, 0.5, 7, 0, "left"), Anchor(0.5, 0.5, -7, 0, "right")]
    place_labels(figure, axes, [Label("name", places, "k", True), Label("variant", places, "k", False)], everywhere)
    assert [text.get_text() for text in axes.texts] == ["name"]
    place_labels(figure, axes, [Label("variant", places, "k", False)], [])
    assert [text.get_text() for text in axes.texts] == ["name", "variant"]


def test_more_pipelines_than_colours_draw(make):
    assert figures([make["result"](make["trial"](f"p{i}"), 0.5, 0.01 * (i + 1)) for i in range(9)])


def test_stage_means_add_up_to_the_latency(results):
    cost = results[2].cost
    means = stage_means(results[2])
    assert list(means) == ["embed", "search", "tokenise", "rerank", "rank", "other"]
    assert sum(means.values()) == pytest.approx(sum(cost.latency_s) / len(cost.latency_s))


def test_a_trial_without_latency_has_no_point_and_no_bar(results):
    bare = replace(results[0], cost=replace(results[0].cost, latency_s=(), stages_s={}))
    (group,) = by_dataset([bare])
    assert points(group, "ndcg@10") == [] and stage_means(bare) == {}
    assert {name.split("-")[0] for name in figures([bare])} == {"quality"}


def test_datasets_that_share_a_name_are_told_apart(results):
    other = [replace(r, trial=replace(r.trial, split="dev")) for r in results]
    groups = by_dataset([*results, *other])
    assert [g.label for g in groups] == ["SciFact (test)", "SciFact (dev)"]
    assert len({g.slug for g in groups}) == 2


def test_no_two_datasets_share_a_file(make):
    names = ("dataset 2", "中文", "Sci/Fact", "sci fact")
    results = [make["result"](make["trial"]("p", f"d/{i}"), 0.5, 0.1, name=name) for i, name in enumerate(names)]
    slugs = [group.slug for group in by_dataset(results)]
    assert slugs == ["dataset-2", "dataset-2-2", "sci-fact", "sci-fact-4"]


def test_variants_name_only_what_differs_and_ignore_what_plays_no_part(make):
    trials = [make["trial"]("p", reranker="m", batch_size=8), make["trial"]("p", reranker="m", batch_size=16),
              make["trial"]("q", batch_size=8), make["trial"]("q", batch_size=16)]  # fmt: skip
    said = variants([make["result"](t, 0.5, 0.1) for t in trials])
    assert list(said.values()) == ["batch 8", "batch 16", "", ""]
