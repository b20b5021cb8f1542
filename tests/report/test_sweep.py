"""Which cells of a sweep are shown, what is computed of them, and what is said of each."""

from dataclasses import replace

import pytest

from bench import derived
from bench.report import (
    fonts,
    plot_heat,
    plot_load,
    plot_memory,
    plot_padding,
    plot_quality,
    plot_roofline,
    style,
    sweep,
)
from bench.report.facts import unmeasured
from bench.report.figures import PLOTS, figures
from bench.report.groups import by_dataset, variants
from bench.report.plot_latency import strokes
from bench.report.plot_tradeoff import LATENCY, MEMORY, Point, front, points
from bench.report.tables import status
from bench.report.tiers import tiers
from bench.types import Interval, Work


def group_of(results):
    (group,) = by_dataset(results)
    return group


def cell(results, batch, length, dtype):
    (found,) = [
        r for r in results
        if r.trial.reranker and (r.trial.batch_size, r.trial.max_length, r.trial.dtype) == (batch, length, dtype)
    ]  # fmt: skip
    return found


# ------------------------------------------------------------------------------------------- which cells are shown


def test_few_cells_are_all_shown(results):
    choice = sweep.choose(results, "ndcg@10")
    assert choice.results == tuple(results) and choice.left_out == 0 and sweep.sentence(choice) == ""


def test_of_many_cells_the_best_are_shown_and_it_is_said_which_and_why(swept):
    choice = sweep.choose(swept, "ndcg@10")
    assert choice.of == 25 and 3 < len(choice.results) <= sweep.MANY
    finished = [r for r in swept if r.trial.reranker and r.status == "ok"]
    for dtype in ("fp32", "bf16"):
        mine = [r for r in finished if r.trial.dtype == dtype]
        assert "highest throughput" in choice.reasons[max(mine, key=derived.throughput).trial.id]
        assert "least memory" in choice.reasons[min(mine, key=derived.memory_bytes).trial.id]
        (named,) = [r for r in mine if "highest nDCG@10" in choice.reasons.get(r.trial.id, "")]
        best = max(r.quality.means["ndcg@10"].mean for r in mine)
        assert named.quality.means["ndcg@10"].mean == best
    text = sweep.sentence(choice)
    assert f"{len(choice.results)} of 25 cells" in text and "least memory" in text and "highest nDCG@10" in text
    assert "energy" not in text


def test_no_pipeline_is_left_out_of_the_choice(swept):
    lost = [r for r in swept if r.status != "ok"]
    renamed = [replace(r, trial=replace(r.trial, pipeline="hopeless")) for r in lost]
    shown = {r.trial.pipeline for r in sweep.choose([*swept, *renamed], "ndcg@10").results}
    assert shown == {"embedding", "embedding + reranker", "hopeless"}


def test_of_equal_cells_the_faster_one_is_best(swept):
    choice = sweep.choose(swept, "ndcg@10")
    named = next(r for r in swept if "highest nDCG@10" in choice.reasons.get(r.trial.id, ""))
    alike = [r for r in swept if r.quality is named.quality and r.status == "ok"]
    assert derived.throughput(named) == max(derived.throughput(r) for r in alike)


def test_each_device_has_its_best_cells(swept, swept_cuda):
    choice = sweep.choose([*swept, *swept_cuda], "ndcg@10")
    assert {r.trial.device for r in choice.results if r.trial.reranker} == {"cpu", "cuda:0"}


def test_parts_are_one_per_device_and_format_and_have_names_of_their_own(swept, swept_cuda):
    parts = sweep.parts(group_of([*swept, *swept_cuda]))
    assert [part.part for part in parts] == [
        ("cpu", "fp32"), ("cpu", "bf16"), ("cuda:0", "fp32"), ("cuda:0", "bf16"),
    ]  # fmt: skip
    assert len({part.slug for part in parts}) == len(parts)
    assert all("--" in part.slug for part in parts) and "--" not in group_of(swept).slug


def test_what_sets_cells_apart_is_named_in_words(swept):
    said = variants(swept)
    assert said[cell(swept, 4, 512, "bf16").trial.id] == "batch 4 · length 512 · bf16"


@pytest.mark.parametrize(
    ("field", "values", "words"),
    [
        ("quantisation", ("none", "int8"), ["not quantised", "int8"]),
        ("deterministic", (True, False), ["deterministic", "not deterministic"]),
        ("token_budget", (None, 4096), ["default token budget", "4096 tokens a pass"]),
        ("batch_size", ("max", 4), ["batch max", "batch 4"]),
        ("memory_limit_mb", (None, 512), ["no memory limit", "limit 512 MB"]),
        ("server_qps", ((), (1.0, 2.0)), ["default server qps", "server qps 1.0, 2.0"]),
    ],
)
def test_every_axis_has_words(make, field, values, words):
    trials = [make["trial"]("p", reranker="m", **{field: value}) for value in values]
    assert list(variants([make["failed"](t) for t in trials]).values()) == words


# --------------------------------------------------------------------------------------------- how a trial ended


@pytest.mark.parametrize(
    ("ended", "implied_by", "words"),
    [("oom", None, "out of memory"), ("oom", "0123456789abcdef", "out of memory (implied)"),
     ("timeout", None, "over the time limit"), ("unsupported", None, "not supported here"), ("failed", None, "failed")],
)  # fmt: skip
def test_how_a_trial_ended_is_said_in_words(make, ended, implied_by, words):
    lost = make["failed"](make["trial"]("p"), ended)
    assert status(replace(lost, implied_by=implied_by)) == words


def test_a_map_tells_apart_why_a_cell_has_no_figure(swept, make):
    part = sweep.parts(group_of(swept))
    fp32, bf16 = ({place: plot_heat.kind(r) for place, r in plot_heat.grid(p.results).cells.items() if r.cost is None}
                  for p in part)  # fmt: skip
    assert fp32 == {(16, 8192): "oom", (64, 2048): "oom", (64, 8192): "implied"}
    assert bf16 == {(1, 8192): "timeout", (64, 8192): "oom"}
    assert plot_heat.kind(make["failed"](make["trial"]("p"), "unsupported")) == "other"


def test_a_map_needs_both_axes(swept):
    one_length = [r for r in swept if r.trial.max_length == 512]
    part = sweep.parts(group_of(one_length))
    assert not any(plot_heat.draws(p, "ndcg@10") for p in part)


def test_of_cells_in_one_place_of_a_map_the_fastest_counts_and_any_figure_before_none(swept):
    fast, slow = cell(swept, 4, 512, "fp32"), cell(swept, 4, 8192, "fp32")
    slow = replace(slow, trial=replace(slow.trial, max_length=512, threads=1))
    lost = replace(cell(swept, 16, 8192, "fp32"), trial=replace(fast.trial, threads=2))
    for order in ([fast, slow, lost], [lost, slow, fast]):
        assert plot_heat.grid(order).cells[4, 512] is fast


def test_text_on_every_colour_of_the_map_can_be_read():
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        light = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]

    last = 0.0
    for step in range(101):
        fill, ink = style.heat(step / 100)
        a, b = sorted((luminance(fill), luminance(ink)))
        assert (b + 0.05) / (a + 0.05) >= 4.5
        assert luminance(fill) >= last
        last = luminance(fill)


# ------------------------------------------------------------------------------------------------ what is computed


def test_the_front_holds_what_nothing_else_beats(swept):
    def point(x, y):
        return Point(swept[0], x, Interval(y, y, y))

    a, b, c, same = point(1, 0.5), point(2, 0.6), point(3, 0.6), point(2, 0.6)
    worse = point(2.5, 0.55)
    assert front([c, worse, same, b, a]) == [a, same, b]


def test_memory_is_the_process_and_on_a_device_what_is_kept_there(swept, swept_cuda):
    on_cpu, on_cuda = swept[1], swept_cuda[1]
    assert derived.memory_bytes(on_cpu) == on_cpu.cost.peak_rss_bytes
    assert derived.memory_bytes(on_cuda) == on_cuda.cost.peak_rss_bytes + on_cuda.cost.reserved_device_bytes
    unknown = replace(on_cuda.cost, peak_device_bytes=None, reserved_device_bytes=None)
    assert derived.memory_bytes(replace(on_cuda, cost=unknown)) is None


def test_an_engine_that_shares_prefixes_may_exceed_the_peak(swept):
    result = cell(swept, 16, 512, "fp32")
    above = replace(result, cost=replace(result.cost, model_flops=1.3 * 2.4e12 * result.cost.offline_s[0]))
    assert derived.share_of_peak(above) == pytest.approx(1.3)
    assert "130% of 2.40 TFLOP/s" in plot_roofline.value(above)
    assert "peak not measured" in plot_roofline.value(replace(above, cost=replace(above.cost, peak_flops_per_s=None)))
    assert "can exceed 100%" in PLOTS["roofline"].caption("ndcg@10")


@pytest.mark.parametrize("kept", [(), (2.0,)])
def test_what_needs_rounds_is_unknown_without_them(swept, kept):
    result = swept[1]
    bare = replace(result, cost=replace(result.cost, offline_s=kept, energy_j=4.0))
    assert derived.offline_variation(bare) is None
    assert (derived.model_flops_per_s(bare) is None) == (not kept)
    assert (derived.joules_per_query(bare) is None) == (not kept)


def test_counts_that_an_engine_cannot_know_are_unknown():
    assert derived.padding_share(Work(4, 2, None, None, None)) is None
    assert derived.padding_share(Work(4, 2, 40, 0, 0)) is None
    assert derived.padding_share(Work(4, 2, 40, 40, 0)) == 0


def test_few_strokes_are_all_drawn_and_many_keep_their_ends():
    assert strokes([3.0, 1.0, 2.0]) == [1.0, 2.0, 3.0]
    many = strokes([i / 7 for i in range(5000)])
    assert len(many) == 300 and (many[0], many[-1]) == (0, 4999 / 7)


def test_memory_lines_are_by_length_on_a_cpu_and_by_account_on_a_device(swept, swept_cuda):
    cpu = next(p for p in sweep.parts(group_of(swept)) if p.part == ("cpu", "bf16"))
    drawn, length = plot_memory.curves(cpu)
    assert [line.label for line in drawn] == ["length 512", "length 2,048", "length 8,192"] and length is None
    cuda = next(p for p in sweep.parts(group_of(swept_cuda)) if p.part == ("cuda:0", "bf16"))
    drawn, length = plot_memory.curves(cuda)
    assert [line.label for line in drawn] == ["process", "allocated", "reserved", "driver"] and length == 2048


def test_lengths_that_pad_alike_share_a_line(swept):
    (line,) = plot_padding.curves(group_of([r for r in swept if r.trial.dtype == "bf16"]))
    assert (
        line.lengths == (512, 2048, 8192) and line.points[0] == (1, 0) and [b for b, _ in line.points] == [1, 4, 16, 64]
    )


def test_a_load_point_with_too_few_answers_was_given_up(swept):
    result = cell(swept, 4, 512, "bf16")
    assert [plot_load.given_up(result, point) for point in result.cost.load_points] == [False] * 4 + [True]
    text = plot_load.alt(plot_load.parts(group_of(swept))[0], "ndcg@10")
    assert text.count("(given up)") == 1 and "p99 ≤ 12.0 s: up to" in text


def test_cells_under_load_are_drawn_best_first_and_at_most_six(swept):
    group = group_of(swept)
    rates = [derived.server_qps(part.results[0]) for part in plot_load.parts(group)]
    assert len(rates) == 3 and rates == sorted(rates, reverse=True) and plot_load.note(group, "ndcg@10") == ""
    points_ = cell(swept, 4, 512, "bf16").cost.load_points
    many = [replace(r, cost=replace(r.cost, load_points=points_)) if r.trial.reranker and r.cost else r for r in swept]
    assert len(plot_load.parts(group_of(many))) == 6
    assert "Of 19 cells so measured, the 6" in plot_load.note(group_of(many), "ndcg@10")


def test_what_was_not_measured_is_said_once_with_its_reason(swept):
    assert unmeasured(swept) == ("Not measured: energy: no RAPL counter is readable (19 of 20 trials)",)
    assert unmeasured(swept[1:]) == ("Not measured: energy: no RAPL counter is readable",)


# --------------------------------------------------------------------------------------------------------- figures


def test_a_sweep_has_every_figure_and_a_plain_run_none_of_them(swept, results):
    kinds = {name.rsplit(".", 1)[0].split("-scifact")[0] for name in figures(swept, ("svg",))}
    assert kinds == set(PLOTS)
    assert {name.split("-scifact")[0] for name in figures(results, ("svg",))} == {"quality", "tradeoff", "stages"}


def test_a_sweep_on_a_device_and_one_of_random_weights_draw(swept_cuda, swept_random):
    assert figures(swept_cuda, ("svg",))
    drawn = figures(swept_random, ("svg",))
    assert not any(name.startswith(("quality", "tradeoff")) for name in drawn)
    assert {"heat-drawn-workload--cpu-fp32.svg", "memory-drawn-workload--cpu-bf16.svg"} <= set(drawn)


def test_the_front_is_on_both_axes(swept):
    for across in (LATENCY, MEMORY):
        best = front(points(group_of(swept), "ndcg@10", across))
        assert 2 <= len(best) < 12
        assert best[0].result.trial.pipeline == "embedding"


def test_bars_of_quality_name_what_quality_depends_on_and_no_batch_size(swept):
    assert [bar.variant for bar in plot_quality.bars(group_of(swept), "ndcg@10")] == [
        "", "length 512 · fp32", "length 2048 · fp32", "length 8192 · fp32",
        "length 512 · bf16", "length 2048 · bf16", "length 8192 · bf16",
    ]  # fmt: skip


def test_maps_of_one_device_share_a_scale_and_those_of_another_do_not(swept, swept_cuda):
    fp32, bf16, *on_cuda = (plot_heat.scale(part) for part in sweep.parts(group_of([*swept, *swept_cuda])))
    assert fp32 == bf16 and on_cuda[0] == on_cuda[1] and on_cuda[0][0] > fp32[1]


def test_names_without_a_font_draw_in_every_figure_of_a_sweep(swept, monkeypatch):
    monkeypatch.setattr(fonts, "families", lambda: (fonts.LATIN,))
    named = [
        replace(r, trial=replace(r.trial, pipeline="重排", instruction="找出" if r.trial.dtype == "fp32" else "判断"))
        for r in swept if r.trial.reranker
    ]  # fmt: skip
    figures(named, ("svg",))  # a missing glyph would be a warning, and a warning an error


def test_sizes_that_are_not_numbers_stay_off_the_axes(swept):
    sizes = {1: None, 4: "max", 16: 16, 64: 64}
    mixed = [replace(r, trial=replace(r.trial, batch_size=sizes[r.trial.batch_size])) if r.trial.reranker else r
             for r in swept]  # fmt: skip
    part = sweep.parts(group_of(mixed))[0]
    assert plot_heat.grid(part.results).batches == (16, 64, None, "max")
    drawn, _ = plot_memory.curves(part)
    assert {batch for curve in drawn for batch, _ in curve.points} == {16, 64}
    assert figures(mixed, ("svg",))


# ----------------------------------------------------------------------------------------------------------- tiers


def test_each_tier_names_its_best_cell_with_figures_and_settings(swept, swept_cuda):
    said = dict(tiers([*swept, *swept_cuda]))
    fp32 = [r for r in swept if r.status == "ok" and r.trial.reranker and r.trial.dtype == "fp32"]
    best = max(fp32, key=derived.throughput)
    assert f"(cpu, fp32, batch {best.trial.batch_size}, length {best.trial.max_length})" in said["Development"]
    assert "pairs/s, the most of 9 cells on a CPU in fp32" in said["Development"]
    assert "cuda:0" in said["Production"] and "99% of them answered within 12.0 s" in said["Production"]
    assert "of memory at its peak, the least of" in said["Edge"] and "nDCG@10" in said["Edge"]


def test_a_tier_that_was_not_measured_is_said_to_be_missing(swept, swept_cuda):
    assert dict(tiers(swept))["Production"] == "No CUDA device was measured."
    assert dict(tiers(swept_cuda))["Development"] == "No CPU was measured."
    bare = [replace(r, cost=replace(r.cost, peak_rss_bytes=None)) for r in swept if r.cost]
    assert dict(tiers(bare))["Edge"] == "Memory was not measured."


def test_production_goes_by_the_bound_and_says_when_no_cell_keeps_it(swept_cuda):
    results = swept_cuda
    loaded = [r for r in results if r.cost and r.cost.load_points]
    best = max(loaded, key=derived.server_qps)
    fastest = max((r for r in results if r.status == "ok" and r.trial.reranker), key=derived.throughput)
    assert best is not fastest
    text = dict(tiers(results))["Production"]
    assert f"batch {best.trial.batch_size}, length {best.trial.max_length}" in text
    strict = [replace(r, trial=replace(r.trial, server_p99_s=1e-6)) for r in results]
    text = dict(tiers(strict))["Production"]
    assert "No cell keeps p99 within 1.00 µs" in text and f"batch {fastest.trial.batch_size}" in text
    silent = [replace(r, cost=replace(r.cost, load_points=())) for r in results if r.cost]
    assert "No cell was measured under load" in dict(tiers(silent))["Production"]


def test_the_edge_names_the_least_energy_where_it_was_measured(swept_cuda):
    text = dict(tiers(swept_cuda))["Edge"]
    assert "Least energy:" in text and "6.00 J for a query" in text
