"""All of one arm: what is there, what is not and why, and that it goes to JSON and back."""

from __future__ import annotations

import math

import pytest
from pydantic import TypeAdapter

from bench.calibration import calibrate
from bench.calibration.words import ArmCalibration

JSON = TypeAdapter(ArmCalibration)


def test_everything_is_there_and_comes_back_from_json(draw_run) -> None:
    found = calibrate("set", "arm", *draw_run(40, 20, 1, 0.5), *draw_run(30, 20, 2, 0.5), "logit")
    assert JSON.validate_json(JSON.dump_json(found)) == found
    assert b"NaN" not in JSON.dump_json(found)
    assert (found.dataset, found.arm, found.relevant_from, found.unjudged) == ("set", "arm", 1, "left out")
    assert (found.dev.queries, found.test.queries) == (40, 30)
    assert len(found.thresholds_dev) == len(found.thresholds_test) == 21
    assert found.wanted.precision == 0.9
    assert found.temperature.value == pytest.approx(2, rel=0.3)
    assert found.note == ""
    assert "sigmoid" in found.unit


def test_the_same_input_gives_the_same(draw_run) -> None:
    sides = (*draw_run(10, 8, 1), *draw_run(10, 8, 2))
    assert calibrate("s", "a", *sides, "logit", seed=4) == calibrate("s", "a", *sides, "logit", seed=4)


def test_a_score_of_its_own_unit_is_told_and_nothing_else(draw_run) -> None:
    sides = (*draw_run(5, 5, 1), *draw_run(5, 5, 2))
    found = calibrate("s", "a", *sides, "score")
    assert (found.dev, found.test, found.wanted, found.temperature, found.unjudged) == (None,) * 5
    assert (found.thresholds_dev, found.thresholds_test) == ((), None)
    assert "unit of its own" in found.note
    assert JSON.validate_json(JSON.dump_json(found)) == found


def test_without_test_dev_is_told(draw_run) -> None:
    found = calibrate("s", "a", *draw_run(20, 10, 1), None, None, "logit")
    assert found.dev is not None
    assert (found.test, found.thresholds_test) == (None, None)
    assert found.note == "test: none was given"
    assert "No test side was measured" in found.wanted.said
    assert found.temperature.test_nll_after is None


def test_an_empty_dev_leaves_test(draw_run) -> None:
    run, qrels = draw_run(20, 10, 1)
    found = calibrate("s", "a", {}, qrels, run, qrels, "logit")
    assert found.dev is None
    assert found.test.queries == 20
    assert (found.wanted, found.temperature) == (None, None)
    assert found.note == "dev: no judged query has candidates"


def test_test_is_treated_as_dev_is(draw_run) -> None:
    """Dev has judged others and test has none: what nobody judged is left out of both all the same."""
    run, qrels = draw_run(20, 10, 1)
    relevant_only = {query: {doc: 1 for doc, grade in judged.items() if grade} for query, judged in qrels.items()}
    found = calibrate("s", "a", run, qrels, run, relevant_only, "logit")
    assert found.unjudged == "left out"
    assert found.test.relevant == found.test.pairs < found.dev.pairs
    swapped = calibrate("s", "a", run, relevant_only, run, qrels, "logit")
    assert swapped.unjudged == "not relevant"
    assert swapped.dev.pairs == swapped.test.pairs == 200
    assert swapped.dev.unjudged_share > 0.5
    assert calibrate("s", "a", run, relevant_only, None, None, "logit", unjudged="left out").dev.relevant_share == 1


def test_labels_all_alike_have_no_temperature_and_the_rest(draw_run) -> None:
    run, qrels = draw_run(4, 5, 1)
    nothing = {query: dict.fromkeys(judged, 0) for query, judged in qrels.items()}
    found = calibrate("s", "a", run, nothing, run, nothing, "logit")
    assert found.temperature is None
    assert found.note.startswith("temperature: all pairs are not relevant")
    assert found.dev.brier_of_base_rate == 0
    assert {row.recall for row in found.thresholds_dev} == {None}
    assert found.wanted.threshold is None
    assert JSON.validate_json(JSON.dump_json(found)) == found


def test_probabilities_give_what_their_logits_give(draw_run) -> None:
    from bench.rerankers.scores import sigmoid
    from bench.types import rank

    run, qrels = draw_run(20, 10, 3)
    squeezed = {query: rank((doc.doc_id, sigmoid(doc.score)) for doc in ranking) for query, ranking in run.items()}
    a = calibrate("s", "a", run, qrels, None, None, "logit")
    b = calibrate("s", "a", squeezed, qrels, None, None, "probability")
    assert b.dev.ece.mean == pytest.approx(a.dev.ece.mean, abs=1e-6)
    assert b.dev.brier.high == pytest.approx(a.dev.brier.high, abs=1e-6)
    assert b.temperature.value == pytest.approx(a.temperature.value, rel=1e-3)


@pytest.mark.parametrize("wanted", [0.0, 1.5, math.nan])
def test_a_wish_that_is_no_precision_is_refused(wanted: float) -> None:
    with pytest.raises(ValueError, match="wanted precision"):
        calibrate("s", "a", {}, {}, None, None, "logit", wanted_precision=wanted)
