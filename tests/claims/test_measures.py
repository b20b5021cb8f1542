"""What is read from finished trials: shares and errors worked out by hand, and what is said where nothing can be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.claims.gather import brief
from bench.claims.measures import calibration_error, share_of
from bench.claims.printed import parse_printed
from bench.claims.setup import deviations
from bench.claims.table import COLUMNS, claims_csv
from bench.claims.verdict import decide
from bench.claims.words import Claim, Evidence, Figure, Missing, Ruling, Source
from bench.publish import publish, read_rulings
from bench.stats import bootstrap_means, wilson
from bench.store import Store
from bench.types import ModelError, Trial


def test_a_share_is_over_all_candidates_and_its_interval_over_queries() -> None:
    interval = share_of([(1.0, 1.0), (0.0, 3.0)] * 20)
    assert interval.mean == pytest.approx(0.25)
    low, high = wilson(0.25, 80)  # had the 80 candidates been independent
    assert interval.low < low
    assert interval.high > high


def test_a_share_on_which_all_queries_agree_still_has_a_width() -> None:
    interval = share_of([(1.0, 1.0)] * 10)
    assert interval.mean == 1.0
    assert interval.low < 0.9
    assert interval.high == 1.0


def test_calibration_error_by_hand() -> None:
    """One bin is right on average, the other 0.3 too sure; it holds half of the candidates."""
    queries = [[(0.05, False), (0.85, True)], [(0.05, False), (0.85, False)]]
    error = calibration_error(queries)
    assert error.mean == pytest.approx((abs(0.1) + abs(1.7 - 1)) / 4)
    assert calibration_error([[(1.0, True), (0.0, False)]] * 5).mean == 0.0


@given(st.lists(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=4), min_size=1, max_size=8))
def test_calibration_error_is_a_share(queries: list[list[tuple[float, bool]]]) -> None:
    error = calibration_error(queries)
    assert 0.0 <= error.mean <= 1.0
    assert 0.0 <= error.low <= error.high <= 1.0


def test_a_mean_over_sets_counts_each_set_alike() -> None:
    interval = bootstrap_means([[0.0] * 90, [1.0] * 10])
    assert interval.mean == 0.5


def test_an_error_is_told_in_one_short_line() -> None:
    error = ModelError(
        "model 'Q/R' cannot be had from x: no answer (ConnectError: no route). The cache has none (at y)\nmore"
    )
    assert brief(error) == "model 'Q/R' cannot be had from x: no answer"


# ------------------------------------------------------------------------------------- how it was set up otherwise


def claim(**changes: object) -> Claim:
    figures = (Figure("all", "ndcg@10", parse_printed("66.5%"), "BM25"),)
    return Claim("c", "It is so.", Source("A paper"), figures, **changes)  # type: ignore[arg-type]


RERANKED = Trial("s", "p", reranker="asset:tracer-reranker", dtype="fp32", template="qwen3")


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        ({"dtype": "fp16"}, "dtype fp32, where it was fp16"),
        ({"dtype": "fp32"}, None),
        ({"template": "qwen3-eval"}, "template qwen3, where it was qwen3-eval"),
        ({"vllm-of-old": "0.8"}, "vllm-of-old 0.8 is not used here"),
        ({"pytest": "0.1"}, "where it was 0.1"),
    ],
)
def test_what_the_source_states_is_held_against_what_ran(setup: dict[str, str], said: str | None) -> None:
    found = deviations(claim(setup=setup), [RERANKED], [RERANKED], {}, [])
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_overrides_samples_and_known_deviations_are_named() -> None:
    from dataclasses import replace

    ran = replace(RERANKED, max_queries=50, max_length=64)
    found = deviations(claim(deviations=("Another tokeniser.",)), [ran], [RERANKED], {"max_length": 64}, [])
    assert found == (
        f"max_length 64 instead of {RERANKED.max_length}", "a sample of 50 queries of each set", "Another tokeniser.",
    )  # fmt: skip


def test_nothing_that_ran_has_only_what_was_known_beforehand() -> None:
    found = deviations(claim(setup={"dtype": "fp16"}, deviations=("Known.",)), [], [RERANKED], {}, [])
    assert found == ("Known.",)


# ----------------------------------------------------------------------------------------------------- claims.csv


def test_a_row_has_the_figures_in_the_unit_of_print() -> None:
    figure = Figure("all", "ndcg@10", parse_printed("66.5%"), "BM25")
    finding = decide(figure, Evidence(0.66512, 0.62, 0.71, 300, "same"))
    (head, row) = claims_csv([Ruling(claim(), finding.verdict, finding.reason, (finding,))]).splitlines()
    assert tuple(head.split(",")) == COLUMNS
    assert row.startswith("c,reproduced,66.5%,66.512,62.000,71.000,")


def test_a_row_of_several_figures_holds_all_and_nothing_measured_is_empty() -> None:
    known = decide(Figure("a", "load_s", parse_printed("1.8 s")), Evidence(2, 2, 2, 1, "same", elsewhere="elsewhere"))
    absent = decide(Figure("b", "load_s", parse_printed("3 s")), Missing("no"))
    both = claims_csv([Ruling(claim(), known.verdict, "why", (known, absent))]).splitlines()[1]
    assert both == "c,not testable here,1.8 s; 3 s,2.000; ,2.000; ,2.000; ,why"
    none = claims_csv([Ruling(claim(), absent.verdict, "why", (absent, absent))]).splitlines()[1]
    assert none == "c,not testable here,3 s; 3 s,,,,why"


def test_rulings_are_kept_and_read_again_an_open_end_too(tmp_path: Path) -> None:
    figure = Figure("rate", "server_qps_at_p99", parse_printed("≥ 120 QPS"))
    finding = decide(figure, Evidence(130.0, 130.0, math.inf, 3, "same", "rates"))
    ruling = Ruling(claim(setup={"dtype": "fp16"}), finding.verdict, finding.reason, (finding,), ("Another dtype.",))
    store = Store(tmp_path)
    publish(store, (), "", "", (ruling,))
    assert read_rulings(tmp_path) == (ruling,)
    assert "130.0 QPS or more" in (tmp_path / "report.md").read_text(encoding="utf-8")
