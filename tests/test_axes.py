"""Sweeps: every combination once, in a stable order, less what is taken out, plus what is added."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config.axes import asks_for_all, combinations
from bench.config.plan import Expansion, expand
from bench.types import ConfigError, Trial

DEVICES = ("cpu", "cuda:0", "cuda:1")
BOTH = {"BM25": {"retriever": "bm25"}, "Reranked": {"retriever": "bm25", "reranker": "./model"}}


def swept(forced: dict[str, Any] | None = None, devices: tuple[str, ...] = DEVICES, **keys: Any) -> Expansion:
    tree = {"name": "sweep", "datasets": ["set"], "pipelines": {"P": {"reranker": "./model"}}, **keys}
    return expand(tree, forced or {}, "sweep.yaml", devices)


def values(expansion: Expansion, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(trial, name) for name in names) for trial in expansion.trials]


VALUES = {
    "batch_size": st.one_of(st.integers(1, 512), st.just("max")),
    "max_length": st.integers(1, 40_000),
    "depth": st.integers(1, 1000),
    "dtype": st.sampled_from(["auto", "fp32", "fp16", "bf16"]),
    "device": st.sampled_from(["auto", "cpu", "mps", "cuda:0"]),
    "seed": st.integers(0, 99),
    "threads": st.one_of(st.none(), st.integers(1, 64)),
    "split": st.sampled_from(["dev", "test"]),
    "engine": st.sampled_from(["packed", "transformers"]),
    "scenarios": st.sampled_from([["offline"], ["single_stream"], ["single_stream", "offline"]]),
}


@st.composite
def grids(draw: st.DrawFn) -> dict[str, list[Any]]:
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4, unique=True))
    return {name: draw(st.lists(VALUES[name], min_size=1, max_size=3, unique_by=repr)) for name in names}


# ------------------------------------------------------------------------------------------------------ the grid


@given(grids())
def test_where_all_fields_play_a_part_there_are_as_many_cells_as_combinations(axes: dict[str, list[Any]]) -> None:
    assert len(swept(axes=axes).trials) == prod(len(options) for options in axes.values())


@given(grids())
def test_the_first_axis_varies_slowest_and_the_last_fastest(axes: dict[str, list[Any]]) -> None:
    as_tuples = [[tuple(each) if isinstance(each, list) else each for each in options] for options in axes.values()]
    assert values(swept(axes=axes), *axes) == list(product(*as_tuples))


@given(grids(), st.data())
def test_what_is_taken_out_and_what_is_left_are_the_grid(axes: dict[str, list[Any]], data: st.DataObject) -> None:
    whole = swept(axes=axes)
    chosen = data.draw(st.sampled_from(whole.trials))
    names = data.draw(st.lists(st.sampled_from(sorted(axes)), min_size=1, unique=True))
    rule = {name: _written(getattr(chosen, name)) for name in names}

    def is_out(trial: Trial) -> bool:
        return all(getattr(trial, name) == getattr(chosen, name) for name in names)

    left = [trial for trial in whole.trials if not is_out(trial)]
    if not left:
        with pytest.raises(ConfigError, match="takes out every cell"):
            swept(axes=axes, exclude=[rule])
        return
    assert swept(axes=axes, exclude=[rule]).trials == tuple(left)
    back = swept(axes=axes, exclude=[rule], include=[rule])
    assert set(back.trials) == set(whole.trials)
    assert back.trials[: len(left)] == tuple(left)


def _written(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@given(grids())
def test_what_varies_is_told_in_the_order_written(axes: dict[str, list[Any]]) -> None:
    assert swept(axes=axes).axes == tuple(name for name, options in axes.items() if len(options) > 1)


def test_no_options_are_one_empty_cell() -> None:
    assert combinations({}) == [{}]


def test_a_value_that_is_no_list_is_an_axis_of_one() -> None:
    found = swept(axes={"batch_size": 4, "dtype": ["fp32", "bf16"]})
    assert values(found, "batch_size", "dtype") == [(4, "fp32"), (4, "bf16")]
    assert found.axes == ("dtype",)


def test_a_field_that_plays_no_part_in_a_pipeline_makes_no_cells_of_it() -> None:
    found = swept(pipelines=BOTH, axes={"batch_size": [1, 4], "dtype": ["fp32", "bf16"]})
    assert [trial.pipeline for trial in found.trials] == ["BM25", *["Reranked"] * 4]
    assert found.trials[0].batch_size is None


def test_server_fields_vary_where_the_server_scenario_is_asked_for() -> None:
    axes = {"scenarios": [["offline"], ["offline", "server"]], "server_batch": [1, 8]}
    assert values(swept(axes=axes), "scenarios", "server_batch") == [
        (("offline",), 8),
        (("offline", "server"), 1),
        (("offline", "server"), 8),
    ]


def test_one_value_of_a_list_field_is_a_list() -> None:
    axes = {"server_qps": [[1.0, 2.0], [5.0]], "scenarios": [["server"]]}
    assert values(swept(axes=axes), "server_qps") == [((1.0, 2.0),), ((5.0,),)]
    with pytest.raises(ConfigError, match="a list of lists"):
        swept(axes={"scenarios": ["offline", "server"]})


def test_scenarios_in_another_order_are_the_same_trial() -> None:
    one, two = (swept(trial={"scenarios": names}) for names in (["offline", "server"], ["server", "offline"]))
    assert one.trials == two.trials


# ------------------------------------------------------------------------------------------------------- devices


@pytest.mark.parametrize("value", [{"h": 1}, [["cpu"]], None, 3, ["cpu", {}]])
def test_a_device_that_is_no_text_is_one_of_our_errors(value: Any) -> None:
    with pytest.raises(ConfigError, match="device"):
        swept(axes={"device": value})


@pytest.mark.parametrize("where", ["trial", "axes", "pipeline", "include", "forced"])
def test_all_is_every_device_of_this_machine_wherever_it_is_said(where: str) -> None:
    said = {"device": "all"}
    keys: dict[str, dict[str, Any]] = {
        "trial": {"trial": said},
        "axes": {"axes": said},
        "pipeline": {"pipelines": {"P": {"reranker": "./model", **said}}},
        "include": {"include": [said]},
        "forced": {"forced": said},
    }
    found = swept(**keys[where])
    assert values(found, "device") == [(device,) for device in DEVICES]
    assert found.axes == ("device",)


def test_a_list_of_devices_is_an_axis_and_all_brings_none_twice() -> None:
    assert values(swept(axes={"device": ["cuda:1", "all"]}), "device") == [("cuda:1",), ("cpu",), ("cuda:0",)]


def test_a_device_given_beside_all_wins_where_it_is_said_later() -> None:
    found = swept(
        trial={"device": "all"}, pipelines={"P": {"reranker": "./m", "device": "cpu"}, "Q": {"reranker": "./m"}}
    )
    assert values(found, "pipeline", "device") == [("P", "cpu"), *(("Q", device) for device in DEVICES)]
    assert values(swept({"device": "cpu"}, axes={"device": "all"}), "device") == [("cpu",)]


def test_the_devices_are_asked_for_only_where_all_is_said() -> None:
    assert asks_for_all({"axes": {"device": ["cpu", "all"]}})
    assert asks_for_all({"include": [{"device": "all"}]})
    assert asks_for_all({"pipelines": {"device": {"device": "all"}}})
    assert not asks_for_all({"trial": {"device": "auto", "instruction": "all"}, "pipelines": {"all": {}}})


# --------------------------------------------------------------------------------------------------------- rules


def test_a_list_in_a_rule_is_any_of_its_values() -> None:
    found = swept(axes={"batch_size": [1, 4, 16]}, exclude=[{"batch_size": [4, 16]}])
    assert values(found, "batch_size") == [(1,)]
    found = swept(axes={"batch_size": [1]}, include=[{"batch_size": [4, "max"], "dtype": "bf16"}])
    assert values(found, "batch_size", "dtype") == [(1, "auto"), (4, "bf16"), ("max", "bf16")]


def test_an_included_cell_varies_with_the_axes_that_it_does_not_name() -> None:
    found = swept(axes={"dtype": ["fp32", "bf16"], "batch_size": [1, 4]}, include=[{"batch_size": 64}])
    assert values(found, "dtype", "batch_size")[4:] == [("fp32", 64), ("bf16", 64)]
    assert found.axes == ("dtype", "batch_size")


def test_without_axes_the_included_cells_are_the_list() -> None:
    cells = [{"batch_size": 1, "max_length": 512}, {"batch_size": 8, "max_length": 128}]
    found = swept(include=cells)
    assert values(found, "batch_size", "max_length") == [(1, 512), (8, 128)]
    assert found.axes == ("batch_size", "max_length")


def test_a_pipeline_that_no_listed_cell_concerns_runs_as_it_is() -> None:
    found = swept(pipelines=BOTH, include=[{"pipeline": "Reranked", "batch_size": [1, 4]}])
    assert values(found, "pipeline", "batch_size") == [("BM25", None), ("Reranked", 1), ("Reranked", 4)]


def test_a_rule_can_be_limited_to_pipelines() -> None:
    two = {"P": {"reranker": "./p"}, "Q": {"reranker": "./q"}}
    rule = {"pipeline": "Q", "batch_size": 4}
    found = swept(pipelines=two, axes={"batch_size": [1, 4]}, exclude=[rule])
    assert values(found, "pipeline", "batch_size") == [("P", 1), ("P", 4), ("Q", 1)]
    assert swept(pipelines=two, axes={"batch_size": [1, 4]}, exclude=[{**rule, "pipeline": ["Q"]}]) == found


def test_a_rule_does_not_match_a_field_that_decides_nothing() -> None:
    found = swept(pipelines=BOTH, axes={"dtype": ["auto", "bf16"]}, exclude=[{"dtype": "auto"}])
    assert [trial.pipeline for trial in found.trials] == ["BM25", "Reranked"]


def test_cuda_in_a_rule_is_every_cuda_device() -> None:
    found = swept(axes={"device": "all", "dtype": ["fp32", "fp16"]}, exclude=[{"device": "cuda", "dtype": "fp32"}])
    assert values(found, "device", "dtype") == [
        ("cpu", "fp32"),
        ("cpu", "fp16"),
        ("cuda:0", "fp16"),
        ("cuda:1", "fp16"),
    ]


def test_a_rule_for_a_device_that_this_machine_lacks_is_no_mistake() -> None:
    axes = {"device": "all", "dtype": ["fp32", "bf16"]}
    assert len(swept(axes=axes, exclude=[{"device": "mps", "dtype": "bf16"}], devices=("cpu",)).trials) == 2
    with pytest.raises(ConfigError, match="no cell has all of device gpu"):
        swept(axes=axes, exclude=[{"device": "gpu", "dtype": "bf16"}], devices=("cpu",))
    with pytest.raises(ConfigError, match="no cell has all of device mps"):
        swept(axes={"device": ["cpu"]}, exclude=[{"device": "mps"}])


def test_true_is_not_one() -> None:
    with pytest.raises(ConfigError, match="no cell has"):
        swept(axes={"seed": [0, 1]}, exclude=[{"seed": True}])
    found = swept(axes={"deterministic": [True, False]}, exclude=[{"deterministic": True}])
    assert values(found, "deterministic") == [(False,)]


# ---------------------------------------------------------------------------------------------------- precedence


def test_what_is_said_later_wins() -> None:
    keys: dict[str, Any] = {"trial": {"batch_size": 1, "dtype": "fp32"}}
    assert values(swept(**keys), "batch_size") == [(1,)]
    keys["pipelines"] = {"P": {"reranker": "./model", "batch_size": 2}}
    assert values(swept(**keys), "batch_size") == [(2,)]
    keys["axes"] = {"batch_size": [3], "max_length": [128, 256]}
    assert values(swept(**keys), "batch_size") == [(3,), (3,)]
    keys["include"] = [{"batch_size": 4}]
    assert values(swept(**keys), "batch_size", "max_length") == [(3, 128), (3, 256), (4, 128), (4, 256)]
    assert values(swept({"batch_size": 5}, **keys), "batch_size", "max_length") == [(5, 128), (5, 256)]
    assert {trial.dtype for trial in swept(**keys).trials} == {"fp32"}


def test_a_forced_list_is_an_axis_in_place_of_the_one_written() -> None:
    keys: dict[str, Any] = {"axes": {"batch_size": [1, 4], "dtype": ["fp32", "bf16"]}}
    found = swept({"batch_size": [8, 16]}, **keys)
    assert values(found, "batch_size", "dtype") == [(8, "fp32"), (8, "bf16"), (16, "fp32"), (16, "bf16")]
    assert swept({"batch_size": 8}, **keys).axes == ("dtype",)


def test_a_forced_list_multiplies_listed_cells() -> None:
    keys: dict[str, Any] = {"include": [{"batch_size": 1, "max_length": 128}, {"batch_size": 4, "max_length": 512}]}
    found = swept({"dtype": ["fp32", "bf16"], "batch_size": 2}, **keys)
    assert values(found, "dtype", "batch_size", "max_length") == [
        ("fp32", 2, 128), ("bf16", 2, 128), ("fp32", 2, 512), ("bf16", 2, 512),
    ]  # fmt: skip


def test_a_rule_about_a_forced_field_may_have_nothing_to_do() -> None:
    keys: dict[str, Any] = {"axes": {"batch_size": [1, 4]}, "exclude": [{"batch_size": 4}]}
    assert values(swept({"batch_size": 8}, **keys), "batch_size") == [(8,)]
    with pytest.raises(ConfigError, match="takes out every cell"):
        swept({"batch_size": 4}, **keys)


def test_a_split_may_be_an_axis_and_wins_over_the_dataset_s() -> None:
    found = swept(datasets=[{"path": "set", "split": "dev"}], axes={"split": ["test", "train"]})
    assert values(found, "split") == [("test",), ("train",)]


# ------------------------------------------------------------------------------------------------------ use_fp16


@pytest.mark.parametrize(("said", "meant"), [(True, "fp16"), (False, "fp32")])
@pytest.mark.parametrize("where", ["trial", "axes", "pipeline", "include", "forced"])
def test_use_fp16_is_a_dtype_wherever_a_field_may_stand(where: str, said: bool, meant: str) -> None:
    keys: dict[str, dict[str, Any]] = {
        "trial": {"trial": {"use_fp16": said}},
        "axes": {"axes": {"use_fp16": [said]}},
        "pipeline": {"pipelines": {"P": {"reranker": "./model", "use_fp16": said}}, "trial": {"dtype": "bf16"}},
        "include": {"include": [{"use_fp16": said}], "trial": {"dtype": "bf16"}},
        "forced": {"forced": {"dtype": meant}, "trial": {"use_fp16": not said}},
    }
    assert values(swept(**keys[where]), "dtype") == [(meant,)]


def test_use_fp16_as_an_axis_and_in_a_rule() -> None:
    found = swept(axes={"use_fp16": [True, False], "batch_size": [1, 4]}, exclude=[{"use_fp16": True, "batch_size": 1}])
    assert values(found, "dtype", "batch_size") == [("fp16", 4), ("fp32", 1), ("fp32", 4)]
    assert found.axes == ("dtype", "batch_size")


# -------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"axes": {"batchsize": [1]}}, "sweep.yaml: axes: unknown field 'batchsize'. Did you mean 'batch_size'"),
        ({"axes": {"pipeline": ["P"]}}, "unknown field 'pipeline'"),
        ({"axes": {"dataset": ["x"]}}, "unknown field 'dataset'"),
        ({"axes": {"batch_size": []}}, "batch_size has an empty list"),
        ({"axes": {"batch_size": [4, 4]}}, "batch_size has 4 twice"),
        ({"axes": {"batch_size": [1, 0]}}, "batch_size is 0; it must be at least 1"),
        ({"axes": {"dtype": ["fp8"]}}, "dtype"),
        ({"axes": [{"batch_size": 1}]}, "axes: Input should be"),
        ({"axes": {"depth": list(range(1, 102)), "seed": list(range(100))}}, "10,100 cells, and 10,000 are the most"),
        ({"axes": {"url": ["a", "b"]}, "pipelines": {"BM25": {}}}, "the axis url decides nothing in any pipeline"),
        ({"axes": {"batch_size": 4}, "pipelines": {"BM25": {}}}, "the axis batch_size decides nothing in any pipeline"),
        ({"axes": {"server_batch": [1, 8]}}, "the axis server_batch decides nothing"),
        ({"include": [{}]}, "include rule 1: names no field"),
        ({"include": [{"pipeline": "P"}]}, "include rule 1: names no field"),
        ({"include": [{"pipeline": "R", "batch_size": 1}]}, "include rule 1: unknown pipeline 'R'"),
        ({"include": [{"batch_size": 1}, {"bath_size": 1}]}, "include rule 2: unknown field 'bath_size'"),
        ({"include": [{"server_batch": 2}]}, "include rule 1: server_batch decides nothing"),
        ({"exclude": [{"batch_size": 4}]}, "exclude rule 1: no cell has all of batch_size 4, so nothing is left out"),
        ({"axes": {"batch_size": [1, 4]}, "exclude": [{"batch_size": [5, 6]}]}, "no cell has all of batch_size 5 or 6"),
        ({"axes": {"batch_size": [1, 4]}, "exclude": [{"batch_size": [1, 4]}]}, "exclude takes out every cell"),
        ({"axes": {"dtype": ["bf16"], "use_fp16": [True]}}, "say one of them"),
        ({"trial": {"use_fp16": True, "dtype": "fp32"}}, "use_fp16 True means dtype fp16, and dtype is fp32"),
        ({"trial": {"use_fp16": "yes"}}, "use_fp16 is 'yes'; it can be true (fp16) or false (fp32)"),
        ({"trial": {"batch_size": [1, 4]}}, "put lists under axes, as in axes: {batch_size: [1, 4]}"),
        ({"trial": {"use_fp16": [True, False]}}, "put lists under axes, as in axes: {use_fp16: [True, False]}"),
        ({"pipelines": {"P": {"device": ["cpu", "mps"]}}}, "pipeline 'P': device is the list"),
    ],
)
def test_what_is_wrong_is_said(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        swept(**keys)
    assert said in str(caught.value)
    assert str(caught.value).startswith("sweep.yaml: ")
