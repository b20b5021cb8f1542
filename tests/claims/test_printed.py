"""Figures as they stand in print: value, precision, unit, and what they look like beside a measured one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.claims.printed import UNITS, parse_amount, parse_printed
from bench.types import ConfigError


@pytest.mark.parametrize(
    ("text", "value", "half_step", "relation"),
    [
        ("96.5%", 0.965, 0.0005, "="),
        ("82%", 0.82, 0.005, "="),
        ("69.72 points", 0.6972, 0.00005, "="),
        ("0.665", 0.665, 0.0005, "="),
        ("≈ 1.2 GB", 1.2e9, 0.05e9, "="),
        ("~0.3 s", 0.3, 0.05, "="),
        ("< 150 ms", 0.15, 0.0005, "<"),
        ("<= 15 W", 15.0, 0.5, "<"),
        ("≥ 120 QPS", 120.0, 0.5, ">"),
        ("+5 points", 0.05, 0.005, "="),
        ("−2.39 points", -0.0239, 0.00005, "="),
        ("-2.39 points", -0.0239, 0.00005, "="),
        ("3 GiB", 3 * 2.0**30, 2.0**29, "="),
    ],
)
def test_a_printed_figure_has_a_value_and_a_precision(text: str, value: float, half_step: float, relation: str) -> None:
    printed = parse_printed(text)
    assert (printed.value, printed.half_step) == pytest.approx((value, half_step))
    assert (printed.relation, printed.text) == (relation, text)


@pytest.mark.parametrize("text", ["", "many", "96,5%", "1e3", "12 parsecs", "5% of it", "<", "٣%", "1.", ".5"])
def test_what_is_no_figure_is_refused_with_the_units_that_are_known(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^here: .*is not a figure as printed.*points.*GiB"):
        parse_printed(text, "here")


@pytest.mark.parametrize("text", ["< 5%", "-1 points"])
def test_an_amount_has_neither_relation_nor_sign(text: str) -> None:
    with pytest.raises(ConfigError, match="plain amount"):
        parse_amount(text, "tolerance")


def test_a_figure_is_shown_in_the_unit_of_print_with_a_digit_more() -> None:
    assert parse_printed("96.5%").shown(0.96543) == "96.54%"
    assert parse_printed("< 150 ms").shown(0.0123) == "12.3 ms"
    assert parse_printed("120 QPS").shown(0.0042) == "0.0042 QPS"  # two digits that count
    assert parse_printed("5 points").shown(-0.012) == "−1.2 points"


def test_between_two_percentages_lie_points() -> None:
    assert parse_printed("96.5%").distance(0.9) == "6.50 points"
    assert parse_printed("3.2 GB").distance(3.0e9) == "0.20 GB"


@given(
    st.decimals(min_value=0, max_value=10_000, places=3, allow_nan=False),
    st.sampled_from(sorted(UNITS)),
    st.sampled_from(["", "<", "≥ ", "≈ "]),
)
def test_whatever_rounds_to_the_printed_digits_lies_within_its_precision(
    number: object, unit: str, relation: str
) -> None:
    printed = parse_printed(f"{relation}{number} {unit}")
    assert printed.value == pytest.approx(float(str(number)) * UNITS[unit])
    assert printed.half_step == pytest.approx(0.0005 * UNITS[unit])
