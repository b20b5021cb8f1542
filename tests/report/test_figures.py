import math
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations

import pytest

from bench.report import fonts, plot_load, plot_memory, plot_padding, plot_stages, style, sweep
from bench.report.beside import Named, name_lines
from bench.report.canvas import Names, log_subs
from bench.report.css import SHEET
from bench.report.figures import PLOTS, figures, font_warnings, pictures
from bench.report.groups import by_dataset, variants
from bench.report.labels import Anchor, Label, place_labels
from bench.report.plot_stages import stage_means
from bench.report.plot_tradeoff import LATENCY, points
from bench.report.plot_tradeoff import alt as tradeoff_alt
from bench.report.say import speaking

MEASURE = "ndcg@10"
# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SEEN_BY = {
    "everyone": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
APART = 15
"""The least CIE 1976 difference between two pipelines' colours; one of about 2 is just seen side by side."""


def linear(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def lab(rgb):
    """CIELAB under D65."""
    to_xyz = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.072175), (0.0193339, 0.119192, 0.9503041))
    x, y, z = (
        v ** (1 / 3) if v > (6 / 29) ** 3 else v / (3 * (6 / 29) ** 2) + 4 / 29
        for v in (sum(a * c for a, c in zip(row, rgb, strict=True)) / white
                  for row, white in zip(to_xyz, (0.95047, 1, 1.08883), strict=True))
    )  # fmt: skip
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen(colour, matrix):
    rgb = linear(colour)
    return lab([min(1, max(0, sum(a * c for a, c in zip(row, rgb, strict=True)))) for row in matrix])


def contrast(a, b):
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b_ for r, g, b_ in (linear(a), linear(b)))
    return (light + 0.05) / (dark + 0.05)


@contextmanager
def drawing():
    import matplotlib

    with matplotlib.rc_context(style.settings(fonts.families())):
        yield


def drawn_by(plot, results):
    """Every figure of a kind, before it is a file."""
    names = Names.of(results)
    return [plot.draw(part, MEASURE, names) for _, parts in plot.drawn(results, MEASURE) for part in parts]


def words_of(figure):
    """All texts that are drawn, with their extents: those of ticks beyond the axes are not."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        found += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in found if text.get_text()]


@pytest.mark.parametrize("vision", SEEN_BY)
@pytest.mark.parametrize("colours", [style.SERIES, style.SERIES_DARK], ids=["light", "dark"])
def test_pipelines_colours_are_told_apart_by_every_reader(colours, vision):
    for a, b in combinations(colours, 2):
        assert math.dist(seen(a, SEEN_BY[vision]), seen(b, SEEN_BY[vision])) >= APART, (a, b)


def test_pipelines_colours_stand_out_from_the_card():
    dark_card = SHEET.split("--card:")[2].split(";")[0]
    assert min(contrast(colour, style.CARD) for colour in style.SERIES) >= 3
    assert min(contrast(colour, dark_card) for colour in style.SERIES_DARK) >= 4.5


def test_a_colour_that_comes_again_has_another_marker():
    looks = [style.series(place) for place in range(len(style.SERIES) * len(style.MARKERS))]
    assert len(set(looks)) == len(looks) and looks[0].colour == looks[7].colour


def test_no_word_of_a_figure_is_cut_off_at_its_edge_and_axes_have_titles_or_units(chinese_results, swept):
    with drawing():
        for those in (chinese_results, swept):
            for kind, plot in PLOTS.items():
                for figure in drawn_by(plot, those):
                    for text, extent in words_of(figure):
                        assert extent.x0 >= -1 and extent.x1 <= figure.bbox.width + 1, (kind, text)
                        assert extent.y0 >= -1 and extent.y1 <= figure.bbox.height + 1, (kind, text)
                    axes = figure.axes[0]
                    ticks = " ".join(text.get_text() for text in axes.get_yticklabels())
                    assert axes.get_xlabel(), kind
                    assert axes.get_ylabel() or not ticks or "%" in ticks or "GiB" in ticks, kind


def test_lines_of_a_pipeline_have_its_colour_and_their_names_beside_them(swept_cuda):
    look = Names.of(swept_cuda).series("embedding + reranker")
    named = {
        plot_memory: {"process", "allocated", "reserved", "driver"}, plot_load: {"p50", "p95", "p99"},
        plot_padding: {"length 512, 2,048 and 8,192"},
    }  # fmt: skip
    with drawing():
        for module, names in named.items():
            (plot,) = (plot for plot in PLOTS.values() if plot.draw is module.draw)
            for figure in drawn_by(plot, swept_cuda):
                (axes,) = figure.axes
                assert {line.get_color() for line in axes.lines} <= {look.colour, style.INK}
                assert names <= {text.get_text() for text in axes.texts} and not figure.legends


def test_names_without_room_beside_their_lines_are_left_to_a_legend():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    axes = figure.add_subplot()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    crowd = [Named(f"a line of a long name {i}", [(0, i / 8), (1, i / 8)], "#000000") for i in range(9)]
    assert not name_lines(figure, axes, crowd) and not axes.texts
    figure.set_size_inches(8, 8)
    assert name_lines(figure, axes, crowd[3:5]) and len(axes.texts) == 2


def test_bars_of_stages_are_shares_where_most_would_not_be_seen(results, swept):
    (group,), (of_sweep,) = by_dataset(results), by_dataset(swept)
    assert plot_stages.as_shares(group.results) and "below 4% of the highest" in plot_stages.note(group, MEASURE)
    assert not plot_stages.as_shares(sweep.choose(of_sweep.finished, MEASURE).results)
    assert "%" not in plot_stages.note(of_sweep, MEASURE)
    with drawing():
        (figure,) = drawn_by(PLOTS["stages"], results)
    (axes,) = figure.axes
    ends = {}
    for bar in axes.patches:
        ends[round(bar.get_y(), 3)] = bar.get_x() + bar.get_width()
    assert list(ends.values()) == pytest.approx([1, 1, 1])


def test_pareto_efficient_pipelines_are_named_and_the_others_pale(make):
    figures_of = {"good": (0.5, 0.01), "beaten": (0.4, 0.1), "best": (0.6, 1.0)}
    good, beaten, best = (make["result"](make["trial"](name), *two) for name, two in figures_of.items())
    (group,) = by_dataset([good, beaten, best])
    assert tradeoff_alt(LATENCY, group, MEASURE).endswith(" On the Pareto front: good and best.")
    with drawing():
        (figure,) = drawn_by(PLOTS["tradeoff"], [good, beaten, best])
    pale = {line.get_color() for line in figure.axes[0].lines if (line.get_alpha() or 1) < 1}
    assert pale == {style.series(1).colour}
    (group,) = by_dataset([good, best])
    assert tradeoff_alt(LATENCY, group, MEASURE).endswith(" All are on the Pareto front.")
    (group,) = by_dataset([good])
    assert "Pareto" not in tradeoff_alt(LATENCY, group, MEASURE)
    assert "Pareto" not in pictures([good], "tradeoff").caption


def test_a_logarithmic_axis_has_more_ticks_the_fewer_decades_it_spans():
    assert log_subs(1, 20) == (1, 2, 5) and log_subs(1, 500) == (1, 3) and log_subs(1, 1e5) == (1,)


def test_what_is_drawn_is_the_same_in_every_language(results, make, monkeypatch):
    many = [make["result"](make["trial"]("p", reranker="m", batch_size=b), 0.5, 0.1 * b) for b in (1, 2, 4)]
    english = figures([*results, *many], ("svg",))
    with speaking("zh"):
        assert figures([*results, *many], ("svg",)) == english
        monkeypatch.setattr(fonts, "families", lambda: (fonts.LATIN,))
        assert font_warnings(results) == []


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
