"""The blocks of a report and its figure: what they say, and that anything can be drawn."""

from __future__ import annotations

import io
from dataclasses import replace

import matplotlib as mpl
import pytest

from bench.calibration import calibrate
from bench.calibration.words import ArmCalibration, Bin, Reliability
from bench.report import fonts, style
from bench.report.blocks import Bullets, Paragraph, Pictures, Section, Table
from bench.report.calibration import answer, blocks
from bench.report.html import inline_svg
from bench.report.markdown import document
from bench.report.plot_reliability import alt, draw, draws, short_count
from bench.types import Interval


@pytest.fixture(scope="module")
def arm(draw_run) -> ArmCalibration:
    return calibrate("scifact", "baseline", *draw_run(60, 20, 1, 0.5), *draw_run(50, 20, 2, 0.5), "logit")


def with_top(each: Bin, relevant_from: int = 1) -> ArmCalibration:
    """A calibration with nothing but one bin that is filled."""
    empty = tuple(Bin(i / 10, (i + 1) / 10, 0, None, None, None, None) for i in range(9))
    half = Interval(0.1, 0.1, 0.1)
    found = Reliability(each.pairs or 5, 3, 1, 0.25, half, 0.1, half, 0.2, (*empty, each))
    return ArmCalibration(
        "s", "own", "logits", relevant_from, "not relevant", found, None, (), None, None, None, "test: none was given"
    )


def top(share: float, low: float, high: float) -> Bin:
    return Bin(0.9, 1.0, 200, 0.95, share, low, high)


@pytest.mark.parametrize(
    ("each", "said"),
    [
        (
            top(0.95, 0.91, 0.99),
            "own: yes, to within 5 points; of the 200 pairs on dev scored 0.9 to 1, on average 95.0%",
        ),
        (top(0.93, 0.91, 0.94), "own: yes, to within 5 points"),
        (top(0.90, 0.80, 0.96), "own: it may, but these queries are too few to tell"),
        (top(0.91, 0.87, 0.93), "own: nearly, but less than that"),
        (top(0.70, 0.60, 0.80), "own: no, less than that"),
        (replace(top(0.99, 0.97, 1.00), mean_score=0.92), "own: no, more than that"),
        (Bin(0.9, 1.0, 0, None, None, None, None), "own: cannot be told; of 5 pairs on dev none is scored 0.9 to 1."),
    ],
)
def test_the_answer(each: Bin, said: str) -> None:
    found = answer(with_top(each))
    assert found.startswith(said)
    assert ("what nobody judged counts as not relevant" in found) == (each.pairs > 0)


def test_the_answer_looks_at_test_where_there_is_one(arm: ArmCalibration) -> None:
    assert "on test scored" in answer(arm)
    assert f"{arm.test.bins[-1].relevant_share:.1%} are relevant" in answer(arm)


def test_the_blocks_hold_every_part(arm: ArmCalibration) -> None:
    names = {("scifact", "baseline", "dev"): "reliability-dev", ("other", "x", "dev"): "not-drawn"}
    found = blocks([arm, replace(with_top(top(0.7, 0.6, 0.8)), dataset="scifact")], names)
    answers = [
        block for block in found if isinstance(block, Paragraph) and block.text.startswith("Does 0.94 mean 94%?")
    ]
    assert [each.label for each in answers] == ["scifact"]
    assert "baseline: " in answers[0].text
    assert "own: no, less than that" in answers[0].text
    tables = [block for block in found if isinstance(block, Table)]
    assert [len(row) for table in tables for row in table.rows] == [
        len(table.columns) for table in tables for _ in table.rows
    ]
    captions = " / ".join(table.caption for table in tables)
    for part in ("Scores as probabilities", "scifact, baseline: what is kept", "wanted precision", "Temperature"):
        assert part in captions
    (pictures,) = (block for block in found if isinstance(block, Pictures))
    assert [item.name for item in pictures.items] == ["reliability-dev"]
    assert Bullets(("scifact, own: test: none was given.",)) in found
    text = document("T", "l", [Section("c", "Calibration", found)])
    assert "nan" not in text
    assert "None" not in text


def test_nothing_measured_is_told_without_tables(draw_run) -> None:
    nothing = calibrate("s", "a", *draw_run(3, 3, 1), None, None, "score")
    found = blocks([nothing], {})
    assert not any(isinstance(block, Table | Pictures) for block in found)
    assert "cannot be told, see below" in found[0].text
    assert "unit of its own" in found[-1].items[0]
    assert blocks([], {}) == ()


def test_one_side_has_its_own_columns_alone(draw_run) -> None:
    found = blocks([calibrate("s", "a", *draw_run(20, 10, 1), None, None, "logit")], {})
    (kept,) = (block for block in found if isinstance(block, Table) and "what is kept" in block.caption)
    assert kept.columns == ("Score from", "Precision, dev", "Recall, dev", "Kept, dev")
    assert [row[0].text for row in kept.rows] == ["0.1", "0.25", "0.5", "0.75", "0.9", "0.94", "0.95", "0.99"]


def test_the_figure_draws_the_same_bytes_in_the_pages_colours(arm: ArmCalibration) -> None:
    def svg() -> str:
        out = io.BytesIO()
        with mpl.rc_context(style.settings(fonts.families())):
            draw(arm, "test", "scifact: reliability").savefig(
                out, format="svg", metadata={"Date": None, "Creator": None}
            )
        return out.getvalue().decode()

    assert svg() == svg()
    page = inline_svg(svg(), "reliability", alt(arm, "test"))
    assert "var(--series-0)" in page
    assert style.CARD not in page


@pytest.mark.parametrize("title", ["$x_1$ and 5 $", "a" * 200, " ", "%d {}"])
def test_odd_figures_draw(title: str) -> None:
    one = with_top(Bin(0.9, 1.0, 1, 1.0, 1.0, 0.2, 1.0))
    with mpl.rc_context(style.settings(fonts.families())):
        draw(one, "dev", title).savefig(io.BytesIO(), format="png")


def test_a_side_that_is_not_there_is_not_drawn(arm: ArmCalibration) -> None:
    one = with_top(top(0.7, 0.6, 0.8))
    assert draws(one, "dev")
    assert not draws(one, "test")
    with pytest.raises(ValueError, match="none was given"):
        draw(one, "test", "t")


def test_the_text_alternative_tells_every_bin() -> None:
    said = alt(with_top(top(0.7, 0.6, 0.8)), "dev")
    assert said.startswith(
        "Reliability diagram of own on s, dev. Relevant share by score: 0.9 to 1.0 70.0% of 200 pairs."
    )
    assert said.endswith("0.7 to 0.8 and 0.8 to 0.9.")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [(0, "0"), (999, "999"), (1_000, "1.0k"), (9_949, "9.9k"), (9_950, "10k"), (999_499, "999k"), (999_500, "1.0M"),
     (12_345_678, "12M")],
)  # fmt: skip
def test_counts_are_short(pairs: int, said: str) -> None:
    assert short_count(pairs) == said
