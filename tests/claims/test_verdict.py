"""Verdicts: each case of the table, values on either side of each boundary, and how often a verdict is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.claims.printed import parse_printed
from bench.claims.verdict import DETECTABLE, LEVEL, band, decide, queries_needed, weakest
from bench.claims.words import Evidence, Figure, Finding, Missing, Population, Verdict
from bench.stats import bootstrap_mean
from bench.types import Interval

REPETITIONS = 1_000
QUERIES = 300


def figure(expected: str) -> Figure:
    return Figure("f", "ndcg@10", parse_printed(expected))


def found(value: float, half_width: float = 0.0, population: Population = "same", samples: int = 300) -> Evidence:
    return Evidence(value, value - half_width, value + half_width, samples, population)


def verdict(expected: str, evidence: Evidence | Missing, **bounds: float) -> Verdict:
    return decide(figure(expected), evidence, **bounds).verdict


# ---------------------------------------------------------------------------------------------- the cases, one by one


@pytest.mark.parametrize(
    ("expected", "evidence", "ruled"),
    [
        ("66.5%", found(0.665, 0.04), "reproduced"),
        ("66.5%", found(0.655, 0.04), "consistent"),  # covered, but not the same figure
        ("66.5%", found(0.635, 0.04), "refuted"),  # covered, and nearer to five points off than to none
        ("66.5%", found(0.60, 0.04), "refuted"),  # excluded
        ("66.5%", found(0.6650, 0.0), "reproduced"),
        ("66.5%", found(0.655, 0.005, "subset"), "refuted"),
        ("66.5%", found(0.655, 0.03, "subset"), "consistent"),
        ("66.5%", found(0.655, 0.08, "subset"), "underpowered"),
        ("66.5%", found(0.655, 0.03, "proxy"), "consistent"),
        ("66.5%", found(0.665, 0.08, "proxy"), "underpowered"),
        ("66.5%", found(0.40, 0.03, "proxy"), "not testable here"),  # other data refute nothing
        ("< 150 ms", found(0.10, 0.02), "reproduced"),
        ("< 150 ms", found(0.14, 0.02), "underpowered"),
        ("< 150 ms", found(0.19, 0.02), "refuted"),
        ("< 150 ms", found(0.10, 0.02, "subset"), "consistent"),
        ("< 150 ms", found(0.19, 0.02, "proxy"), "not testable here"),
        ("> 120 QPS", found(130, 5), "reproduced"),
        ("> 120 QPS", found(100, 5), "refuted"),
        ("66.5%", Missing("the weights are not here"), "not testable here"),
    ],
)
def test_a_verdict_for_each_kind_of_evidence(expected: str, evidence: Evidence | Missing, ruled: Verdict) -> None:
    assert verdict(expected, evidence) == ruled


def test_other_hardware_decides_nothing_and_its_figure_is_kept() -> None:
    evidence = Evidence(0.3, 0.3, 0.3, 5, "same", "samples", elsewhere="it is about an RTX 4090")
    ruled = decide(figure("0.3 s"), evidence)
    assert (ruled.verdict, ruled.reason, ruled.evidence) == ("not testable here", "it is about an RTX 4090", evidence)


@pytest.mark.parametrize(("value", "ruled"), [(0.66451, "reproduced"), (0.66449, "consistent")])
def test_the_printed_precision_is_half_a_step_of_the_last_digit(value: float, ruled: Verdict) -> None:
    assert verdict("66.5%", found(value, 0.04)) == ruled


@pytest.mark.parametrize("value", [0.6645, 0.6655])
def test_a_figure_just_on_the_edge_of_its_precision_is_reproduced(value: float) -> None:
    assert verdict("66.5%", found(value, 0.04)) == "reproduced"


@pytest.mark.parametrize(("value", "ruled"), [(0.6556, "reproduced"), (0.6544, "consistent")])
def test_a_stated_tolerance_widens_the_precision(value: float, ruled: Verdict) -> None:
    assert verdict("66.5%", found(value, 0.04), tolerance=0.01) == ruled


def test_a_tolerance_narrower_than_print_leaves_the_precision() -> None:
    assert band(figure("66.5%"), 1e-6) == pytest.approx((0.6645, 0.6655))


@pytest.mark.parametrize(("high", "ruled"), [(0.6646, "consistent"), (0.6644, "refuted")])
def test_an_interval_that_touches_the_precision_covers_the_figure(high: float, ruled: Verdict) -> None:
    evidence = Evidence(high - 0.01, high - 0.02, high, 300, "subset")
    assert verdict("66.5%", evidence) == ruled


@pytest.mark.parametrize(("off", "ruled"), [(0.0254, "consistent"), (0.0256, "refuted")])
def test_the_same_data_may_be_off_by_half_the_resolution(off: float, ruled: Verdict) -> None:
    """Half of 5 points, beyond the half step of print."""
    assert verdict("66.5%", found(0.665 - off, 0.04)) == ruled


@pytest.mark.parametrize(("half_width", "ruled"), [(0.0360, "consistent"), (0.0361, "underpowered")])
def test_an_interval_that_could_not_have_told_five_points_is_too_wide(half_width: float, ruled: Verdict) -> None:
    assert pytest.approx(0.05 / DETECTABLE, abs=5e-5) == 0.03603
    assert verdict("66.5%", found(0.665, half_width, "subset")) == ruled


def test_underpowered_says_how_many_queries_would_do_and_so_many_do() -> None:
    reason = decide(figure("66.5%"), found(0.665, 0.08, "subset")).reason
    needed = queries_needed(300, 0.08, 0.05)
    assert f"{needed:,} would do" in reason
    assert "5.00 points off" in reason
    enough = 0.08 * (300 / needed) ** 0.5  # a half width shrinks with the root of the number
    assert verdict("66.5%", found(0.665, enough, "subset", needed)) == "consistent"
    assert verdict("66.5%", found(0.665, 0.08 * (300 / (needed - 2)) ** 0.5, "subset")) == "underpowered"


def test_the_weakest_figure_decides_a_claim_of_several() -> None:
    findings = [Finding(figure("1%"), ruled, ruled) for ruled in ("reproduced", "consistent", "not testable here")]  # type: ignore[arg-type]
    assert weakest(findings).verdict == "not testable here"
    findings.append(Finding(figure("1%"), "refuted", ""))
    assert weakest(findings).verdict == "refuted"


_shares = st.floats(0, 1)


@given(_shares, _shares, st.floats(0, 0.5), st.sampled_from(["same", "subset", "proxy"]))
def test_no_verdict_contradicts_its_interval(
    claimed: float, value: float, half_width: float, population: Population
) -> None:
    expected = figure(f"{claimed:.3f}")
    ruled = decide(expected, found(value, half_width, population))
    low, high = band(expected, None)
    covers = value - half_width <= high and value + half_width >= low
    if ruled.verdict in ("consistent", "underpowered", "reproduced"):
        assert covers
    if ruled.verdict == "reproduced":
        assert low <= value <= high
        assert population == "same"
    if population == "proxy":
        assert ruled.verdict != "refuted"
    if not covers:
        assert ruled.verdict == ("not testable here" if population == "proxy" else "refuted")


# ------------------------------------------------------------------------------------------- how often it is mistaken

Draw = Callable[[np.random.Generator], npt.NDArray[np.float64]]


def gains(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """What a reranker adds to each query's nDCG: most queries hardly move, some a lot. Mean 0.04, sd 0.22."""
    moved = rng.random(QUERIES) < 0.5
    return np.where(moved, rng.normal(0.08, 0.30, QUERIES), 0.0)


def hits(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Found or not: 95 of 100."""
    return (rng.random(QUERIES) < 0.95).astype(np.float64)


def gradings(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """nDCG itself: many queries at 0 and at 1. Mean 0.65, sd 0.38."""
    kind = rng.random(QUERIES)
    between = rng.beta(2.0, 1.4, QUERIES)
    return np.where(kind < 0.17, 0.0, np.where(kind < 0.47, 1.0, between))


MEANS: dict[Draw, float] = {gains: 0.04, hits: 0.95, gradings: 0.30 + 0.53 * 2.0 / 3.4}


@cache
def repeated(draw: Draw) -> tuple[Interval, ...]:
    """The mean and its interval in each repetition, of fresh queries."""
    rng = np.random.default_rng(1)
    return tuple(bootstrap_mean(draw(rng), level=LEVEL, resamples=1_000) for _ in range(REPETITIONS))


def simulated(draw: Draw, off: float, population: Population) -> Counter[Verdict]:
    """The verdicts on a claim that is ``off`` from the truth.

    The truth is the mean of all queries that there could be; for the same data it is the mean of these very queries.
    """
    ruled: Counter[Verdict] = Counter()
    for interval in repeated(draw):
        truth = interval.mean if population == "same" else MEANS[draw]
        evidence = Evidence(interval.mean, interval.low, interval.high, QUERIES, population)
        ruled[verdict(f"{100 * (truth - off):.1f}%", evidence)] += 1
    return ruled


@pytest.mark.parametrize("population", ["same", "subset"])
@pytest.mark.parametrize("draw", [gains, hits, gradings], ids=lambda draw: draw.__name__)
def test_a_true_claim_is_refuted_in_at_most_five_of_a_hundred_repetitions(draw: Draw, population: Population) -> None:
    ruled = simulated(draw, 0.0, population)
    assert ruled["refuted"] <= 0.05 * REPETITIONS
    if population == "same":
        assert ruled["reproduced"] == REPETITIONS


@pytest.mark.parametrize(
    ("draw", "population"), [(gains, "same"), (hits, "same"), (gradings, "same"), (gains, "subset"), (hits, "subset")]
)
def test_a_claim_off_by_five_points_is_refuted_on_300_queries(draw: Draw, population: Population) -> None:
    assert simulated(draw, 0.05, population)["refuted"] >= 0.8 * REPETITIONS


def test_where_300_queries_cannot_tell_five_points_no_verdict_pretends_to() -> None:
    """A sample of nDCG itself, with its spread of 0.38, needs more queries: what is not refuted is underpowered."""
    ruled = simulated(gradings, 0.05, "subset")
    assert ruled["refuted"] + ruled["underpowered"] == REPETITIONS
    assert ruled["refuted"] >= 0.4 * REPETITIONS
