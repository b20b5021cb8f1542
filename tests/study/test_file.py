"""The study file: what is read, what is taken where nothing is said, and what is said of every mistake in it."""

from __future__ import annotations

import copy
import datetime
import math
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.data.parts import parse_part
from bench.keys import arms_key, quality_key
from bench.rerankers.template import default_instruction
from bench.study import file as study_file
from bench.study.file import Calibrating, StudyFile, load_study
from bench.study.named import LIBRARY
from bench.types import ConfigError, DataError

Tree = dict[str, Any]

TREE: Tree = {
    "name": "which",
    "datasets": ["first", {"path": "second", "split": {"of": "train", "dev_share": 0.3, "seed": 7}}],
    "trial": {"reranker": "asset:tracer-reranker", "depth": 5},
    "baseline": "official",
    "instructions": [
        "official",
        {"name": "mine", "text": "Find it"},
        {"name": "by set", "text": {"first": "general-zh", "second": "Find that"}},
        {"name": "by query", "field": "instruction"},
        {"name": "other template", "text": "official", "template": "qwen3-eval"},
    ],
    "study": {"compare": ["ndcg@10", "mrr@10"], "looks": 2},
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with two sets, of which ``second`` has a dev split."""
    for name, splits in {"first": ["test"], "second": ["dev", "test", "train"]}.items():
        (tmp_path / name / "qrels").mkdir(parents=True)
        for split in splits:
            (tmp_path / name / "qrels" / f"{split}.tsv").write_text("", encoding="utf-8")
    return tmp_path


def loaded(folder: Path, tree: Any, *overrides: str) -> StudyFile:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_study(path, overrides)


def changed(**keys: Any) -> Tree:
    """The tree with other values under these keys; None takes the key out."""
    tree = {**copy.deepcopy(TREE), **keys}
    return {key: value for key, value in tree.items() if value is not None}


def with_trial(**fields: Any) -> Tree:
    return changed(trial={**TREE["trial"], **fields})


def with_arm(*arms: Any) -> Tree:
    return changed(instructions=["official", *arms])


# ------------------------------------------------------------------------------------------------------ reading


def test_the_example_of_the_docstring_loads(place: Path) -> None:
    _, _, shown = (study_file.__doc__ or "").partition("::\n")
    example = textwrap.dedent(shown.partition("\nWhere nothing is said")[0])
    file = loaded(place, yaml.safe_load(example))
    assert [arm.name for arm in file.arms] == ["official", "mine", "by set", "by query", "other template"]
    assert [(each.label, each.dev_split, each.test_split) for each in file.sets] == [
        ("first", "dev", "test"),
        ("second", "test/dev~0.3", "test/test~0.3"),
    ]
    assert {trial.depth for trial in file.dev_trials} == {50}


def test_the_shipped_study_loads(root: Path) -> None:
    file = load_study(root / "configs" / "instructions.yaml")
    assert all(arm.known_as == arm.name for arm in file.arms)
    assert [each.label for each in file.sets] == ["tracer"]


def test_what_is_not_said(place: Path) -> None:
    file = loaded(place, changed(study=None, instructions=["official", "none"]))
    assert (file.measures, file.looks, file.effect, file.sd) == (("ndcg@10", "precision@1"), 1, 0.02, 0.2)
    assert (file.description, file.time_limit_s, file.calibration) == ("", None, Calibrating(precision=0.9))
    assert file.base == place.resolve()


def test_every_arm_has_a_trial_on_both_sides_which_differ_in_the_split_alone(place: Path) -> None:
    file = loaded(place, TREE)
    for each in file.sets:
        assert list(each.dev) == list(each.test) == [arm.name for arm in file.arms]
        for arm in each.dev:
            dev, test = each.dev[arm], each.test[arm]
            assert (dev.dataset, dev.split, test.split) == (each.label, each.dev_split, each.test_split)
            assert {**dev.said, "split": ""} == {**test.said, "split": ""}
    assert len(file.dev_trials) == 10


def test_the_arms(place: Path) -> None:
    file = loaded(place, TREE)
    arms = {arm.name: arm for arm in file.arms}
    assert (arms["official"].text, arms["official"].known_as) == (default_instruction("qwen3"), "official")
    assert (arms["mine"].text, arms["mine"].known_as) == ("Find it", "")
    assert (arms["other template"].text, arms["other template"].known_as) == (arms["official"].text, "official")
    assert (arms["by query"].text, arms["by query"].query_field) == (None, "instruction")
    assert arms["by set"].by_dataset == {"first": LIBRARY["general-zh"].text, "second": "Find that"}


def test_the_trials_of_the_arms(place: Path) -> None:
    first, second = loaded(place, TREE).sets
    asked = {arm: (trial.instruction, trial.instruction_field, trial.template) for arm, trial in first.dev.items()}
    official = default_instruction("qwen3")
    assert asked == {
        "official": (official, None, "qwen3"),
        "mine": ("Find it", None, "qwen3"),
        "by set": (LIBRARY["general-zh"].text, None, "qwen3"),
        "by query": (None, "instruction", "qwen3"),
        "other template": (official, None, "qwen3-eval"),
    }
    assert second.dev["by set"].instruction == "Find that"


def test_an_empty_instruction_is_one(place: Path) -> None:
    file = loaded(place, with_arm("none", {"name": "empty", "text": ""}))
    assert [trial.instruction for trial in file.sets[0].dev.values()][1:] == ["", ""]


def test_a_template_without_words_is_an_arm(place: Path) -> None:
    trial = loaded(place, with_arm({"name": "bare", "template": "none"})).sets[0].dev["bare"]
    assert (trial.template, trial.instruction) == ("none", None)


def test_an_arm_without_a_text_for_a_set_is_absent_there(place: Path) -> None:
    first, second = loaded(place, with_arm("none", {"name": "only one", "text": {"second": "Find it"}})).sets
    assert list(first.dev) == list(first.test) == ["official", "none"]
    assert list(second.dev) == ["official", "none", "only one"]


def test_arms_that_share_all_but_the_instruction_have_one_key(place: Path) -> None:
    dev = loaded(place, TREE).sets[0].dev
    alike = [dev[arm] for arm in ("official", "mine", "by set", "by query")]
    assert len({arms_key(trial) for trial in alike}) == 1
    assert len({quality_key(trial) for trial in alike}) == 4
    assert arms_key(dev["other template"]) != arms_key(dev["official"])


def test_nothing_is_timed_unless_it_is_asked_for(place: Path) -> None:
    assert {trial.scenarios for trial in loaded(place, TREE).dev_trials} == {()}
    timed = loaded(place, with_trial(scenarios=["offline"]))
    assert {trial.scenarios for trial in timed.dev_trials} == {("offline",)}


def test_measures_are_those_that_are_compared_and_then_those_of_the_trial(place: Path) -> None:
    file = loaded(place, changed(trial={**TREE["trial"], "measures": ["map", "mrr@10"]}))
    assert file.measures == ("ndcg@10", "mrr@10")
    assert {trial.measures for trial in file.dev_trials} == {("ndcg@10", "mrr@10", "map")}
    twice = loaded(place, changed(study={"compare": ["map", "map"]}))
    assert twice.measures == ("map",)


# ------------------------------------------------------------------------------------------------------- splits


def split_names(file: StudyFile) -> list[tuple[str, str]]:
    return [(each.dev_split, each.test_split) for each in file.sets]


@pytest.mark.parametrize(
    ("entry", "whole", "expected"),
    [
        ("second", None, ("dev", "test")),
        ("first", None, ("test/dev", "test/test")),
        ("not there yet", None, ("test/dev", "test/test")),
        ({"path": "second"}, None, ("dev", "test")),
        ({"path": "second", "split": "train"}, None, ("train/dev", "train/test")),
        ({"path": "second", "split": {}}, None, ("test/dev", "test/test")),
        ({"path": "second", "split": {"of": "train"}}, None, ("train/dev", "train/test")),
        ({"path": "first", "split": {"dev_share": 0.25, "seed": 3}}, None, ("test/dev~0.25#3", "test/test~0.25#3")),
        ({"path": "second", "split": {"dev": "train", "test": "dev"}}, None, ("train", "dev")),
        ({"path": "second", "split": {"dev": "test/dev", "test": "test/test"}}, None, ("test/dev", "test/test")),
        ("second", {"of": "dev"}, ("dev/dev", "dev/test")),
        ("second", {"dev": "train", "test": "test"}, ("train", "test")),
        ({"path": "second", "split": "train"}, {"seed": 4}, ("train/dev#4", "train/test#4")),
        ({"path": "second", "split": {"seed": 5}}, {"dev": "train", "test": "test"}, ("test/dev#5", "test/test#5")),
    ],
)
def test_which_queries_choose_and_which_judge(place: Path, entry: Any, whole: Any, expected: tuple[str, str]) -> None:
    file = loaded(place, changed(datasets=[entry], instructions=["official", "none"], study={"split": whole}))
    assert split_names(file) == [expected]


@given(st.floats(0, 1, exclude_min=True, exclude_max=True), st.integers(0, 10**18 - 1))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_share_and_a_seed_survive_in_the_splits_name(place: Path, share: float, seed: int) -> None:
    entry = {"path": "first", "split": {"dev_share": share, "seed": seed}}
    (names,) = split_names(loaded(place, changed(datasets=[entry], instructions=["official", "none"])))
    for name, side in zip(names, ("dev", "test"), strict=True):
        part = parse_part(name)
        assert part is not None
        assert (part.split, part.side, part.dev_share, part.seed) == ("test", side, share, seed)


# ---------------------------------------------------------------------------------------------------- overrides


def test_an_override_is_for_every_arm(place: Path) -> None:
    file = loaded(place, TREE, "depth=3", "time_limit_s=9")
    assert {trial.depth for trial in file.dev_trials} == {3}
    assert file.time_limit_s == 9
    assert file.text.startswith("# override: depth=3\n# override: time_limit_s=9\nname: which\n")


def test_other_sets_from_the_command_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    file = loaded(place, with_arm("none"), "datasets=second,first")
    assert [each.label for each in file.sets] == ["second", "first"]
    assert split_names(file) == [("dev", "test"), ("test/dev", "test/test")]


def test_measures_from_the_command_line_join_those_that_are_compared(place: Path) -> None:
    file = loaded(place, TREE, "measures=map")
    assert {trial.measures for trial in file.dev_trials} == {("ndcg@10", "mrr@10", "map")}


@pytest.mark.parametrize("item", ["instruction=x", "instruction_field=x", "template=none", "split=dev"])
def test_what_a_study_varies_is_not_set_from_the_command_line(place: Path, item: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"{item.partition('=')[0]} is what a study varies .*study\.yaml, not behind"
    ):
        loaded(place, TREE, item)


@pytest.mark.parametrize("item", ["depth=3,4", "device=all", "device=cpu,all", "measures=[[map],[mrr]]"])
def test_a_study_has_no_axes_from_the_command_line_either(place: Path, item: str) -> None:
    with pytest.raises(ConfigError, match="a study varies the instruction alone; give one value"):
        loaded(place, TREE, item)


@pytest.mark.parametrize(
    "item", ["depht=3", "depth", "baseline=mine", "measures=[5]", "datasets={drawn: {queries: 4}}"]
)
def test_an_override_that_is_none(place: Path, item: str) -> None:
    with pytest.raises(ConfigError):
        loaded(place, TREE, item)


# ----------------------------------------------------------------------------------------------------- mistakes

MISTAKES: dict[str, tuple[Tree, str]] = {
    "unknown key": (changed(datasetz=["first"]), r": unknown key 'datasetz'\. Did you mean 'datasets'\?"),
    "no name": (changed(name=None), r": name: Field required"),
    "no sets": (changed(datasets=[]), r": datasets: List should have at least 1 item"),
    "no arms": (changed(instructions=[]), r": instructions: .*two instructions or more, and none is named"),
    "one arm": (changed(instructions=["official"]), r": instructions: .*two instructions or more, and 1 is named"),
    "unknown text": (
        with_arm("generl-zh"),
        r": unknown instruction 'generl-zh'\. Did you mean 'general-zh'\? .* text of your own as \{name: …, text: …\}",
    ),
    "arm of no kind": (with_arm(5), r": instructions: 5 is no instruction"),
    "unknown key of an arm": (
        with_arm({"name": "mine", "txt": "Find it"}),
        r": instruction 'mine': unknown key 'txt'\. Did you mean 'text'\? Known: name, text, template, field$",
    ),
    "text of no kind": (with_arm({"name": "mine", "text": 5}), r": instruction 'mine': text: .*given 5"),
    "field of no kind": (with_arm({"name": "mine", "field": 5}), r"'mine': field: .*given 5 \(for a text"),
    "arm without a name": (with_arm({"text": "Find it"}), r": instructions: name: Field required"),
    "arm with an empty name": (with_arm({"name": " ", "text": "Find it"}), r": an instruction has no name; give it"),
    "two arms of one name": (with_arm("none", {"name": "none", "text": "x"}), r": two instructions have the name"),
    "no such baseline": (
        changed(baseline="ofical"), r": baseline: unknown instruction 'ofical'\. Did you mean 'official'\?",
    ),
    "arm that says nothing": (with_arm({"name": "mine"}), r": instruction 'mine': it says nothing; give a text"),
    "arm with no texts": (with_arm({"name": "mine", "text": {}}), r": instruction 'mine': it says nothing"),
    "unknown template": (
        with_arm({"name": "mine", "template": "qwen-eval"}), r"'mine': unknown template 'qwen-eval'\. Did you mean",
    ),
    "text for a template without words": (
        with_arm({"name": "mine", "text": "Find it", "template": "none"}),
        r"'mine': the template 'none' has no place for an instruction; leave it out",
    ),
    "texts for a template without words": (
        with_arm({"name": "mine", "text": {"first": "Find it"}, "template": "none"}), r": the template 'none' has",
    ),
    "field for a template without words": (
        with_arm({"name": "mine", "field": "instruction", "template": "none"}), r"'mine': the template 'none' has",
    ),
    "text for a set that is not there": (
        with_arm({"name": "mine", "text": {"frist": "Find it"}}),
        r": instruction 'mine': unknown dataset 'frist'\. Did you mean 'first'\? Known: first, second$",
    ),
    "baseline without a text": (
        changed(instructions=[{"name": "official", "text": {"first": "Find it"}}, "none"]),
        r": the baseline 'official' has no text for second",
    ),
    "no arm has a text": (
        changed(instructions=[{"name": name, "text": {"second": name}} for name in ("official", "mine")]),
        r": the baseline 'official' has no text for first",
    ),
    "baseline alone": (
        with_arm({"name": "mine", "text": {"first": "Find it"}}), r": second has no other instruction than the base",
    ),
    "instruction in trial": (with_trial(instruction="Find it"), r": trial: instruction is what the arms vary"),
    "field in trial": (with_trial(instruction_field="x"), r": trial: instruction_field is what the arms vary"),
    "template in trial": (with_trial(template="qwen3"), r": trial: template is what the arms vary; say it in the list"),
    "list in trial": (with_trial(depth=[5, 10]), r": trial: depth is the list \[5, 10\]; a study varies"),
    "split in trial": (with_trial(split="dev"), r": trial: 'split' is set by the datasets list"),
    "every device": (with_trial(device="all"), r": trial: device is all; a study varies the instruction alone"),
    "no reranker": (changed(trial={"depth": 5}), r": trial: a study is of a reranker's instructions, and none"),
    "unknown field": (with_trial(dept=5), r": unknown field 'dept'\. Did you mean 'depth'\?"),
    "field of another kind": (with_trial(depth="5"), r": depth: Input should be a valid integer, given '5'"),
    "measures null": (with_trial(measures=None), r": measures: .*given None"),
    "measures a number": (with_trial(measures=5), r": measures: .*given 5"),
    "measures a text": (with_trial(measures="map"), r": measures: .*given 'map'"),
    "measures in a list": (with_trial(measures=[["map"]]), r": measures\.0: .*given \['map'\]"),
    "no embedder": (with_trial(retriever="dense"), r": retriever 'dense' needs an embedder"),
    "drawn": (
        changed(datasets=[{"drawn": {"queries": 4}}]), r": datasets: drawn pairs have no judgements, so no instruction",
    ),
    "no set": (changed(datasets=[5]), r": datasets: 5 is no folder"),
    "home of nobody": (changed(datasets=["~nobody-at-all/x"]), r": datasets: '~nobody-at-all/x' cannot be looked for"),
    "no folder's name": (changed(datasets=["a\0b"]), r"line 3: a text holds the control character U\+0000"),
    "two sets of one label": (changed(datasets=["a/first", "b/first"]), r": two datasets are called 'first'"),
    "unknown key of a set": (changed(datasets=[{"path": "first", "splt": "dev"}]), r"unknown key 'splt'\. Did"),
    "one split": (
        changed(study={"split": {"dev": "test", "test": "test"}}), r": dev and test are both 'test'; what chooses",
    ),
    "one split of a set": (
        changed(datasets=[{"path": "first", "split": {"dev": "a", "test": "a"}}]), r": datasets: .* are both 'a'",
    ),
    "half a choice of splits": (changed(study={"split": {"dev": "dev"}}), r": study\.split: test: Field required"),
    "unknown key of a split": (
        changed(study={"split": {"dev": "dev", "tset": "test"}}), r": study\.split: unknown key 'tset'\. Did you mean",
    ),
    "unknown key of a set's split": (
        changed(datasets=[{"path": "first", "split": {"fo": "dev"}}]), r": datasets: split: unknown key 'fo'\. Did you",
    ),
    "share": (changed(study={"split": {"dev_share": 1.0}}), r": study\.split: dev_share: .*less than 1, given 1\.0"),
    "seed": (changed(study={"split": {"seed": -1}}), r": study\.split: seed: .*given -1"),
    "seed of very many digits": (changed(study={"split": {"seed": 10**18}}), r": datasets: the split .*is no part"),
    "part of a part": (
        changed(study={"split": {"of": "test/dev"}}), r": datasets: split 'test/dev' is a part already; name the whole",
    ),
    "a set's part of a part": (
        changed(datasets=[{"path": "first", "split": "test/dev"}]), r": datasets: split 'test/dev' is a part already",
    ),
    "part that is none": (
        changed(study={"split": {"dev": "test/train", "test": "test"}}), r": datasets: the split 'test/train' has",
    ),
    "split of no kind": (changed(study={"split": "dev"}), r": study: split: .*given 'dev'"),
    "unknown key of the study": (
        changed(study={"compre": ["map"]}), r": study: unknown key 'compre'\. Did you mean 'compare'\?",
    ),
    "nothing to compare": (changed(study={"compare": []}), r": study: compare: .*at least 1 item"),
    "unknown measure": (changed(study={"compare": ["ndgc@10"]}), r": study\.compare: unknown measure 'ndgc@10'"),
    "no look": (changed(study={"looks": 0}), r": study: looks: .*given 0"),
    "a look and a half": (changed(study={"looks": 1.5}), r": study: looks: .*given 1\.5"),
    "no effect": (changed(study={"effect": 0.0}), r": study: effect: .*given 0\.0"),
    "no spread": (changed(study={"sd": 0.0}), r": study: sd: .*given 0\.0"),
    "precision": (changed(study={"calibration": {"precision": 1.5}}), r": study\.calibration: precision: .*given 1\.5"),
    "unknown key of the calibration": (
        changed(study={"calibration": {"precison": 0.9}}), r": study\.calibration: unknown key 'precison'\. Did",
    ),
    "limit": (changed(time_limit_s=0), r": time_limit_s: .*given 0"),
    "limit without end": (changed(time_limit_s=10**400), r"line 31: the number 1000.* is larger than any that is of"),
    "a number for a name": (changed(name=2026), r": name: .* string, given 2026 \(for a text put it in quotes\)$"),
    "no number": (changed(time_limit_s=math.nan), r"line 31: \.nan is no number that can be worked with"),
}  # fmt: skip


NOWHERE = ("no name", "baseline alone")
"""Mistakes that no line of the file is to blame for."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_error_that_says_where(place: Path, mistake: str) -> None:
    tree, said = MISTAKES[mistake]
    with pytest.raises(ConfigError, match=said) as caught:
        loaded(place, tree)
    place_said = re.match(re.escape(str(place / "study.yaml")) + r"( line \d+)?: ", str(caught.value))
    assert place_said
    assert place_said[1] or mistake in NOWHERE


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "name: [", "just words", "a: 2026-13-01", "5"])
def test_a_file_that_is_no_study(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"study\.yaml"):
        load_study(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config at .*study\.yaml"):
        load_study(tmp_path / "study.yaml")


def test_an_unknown_card(place: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown set 'nfcorpsu'. Did you mean 'nfcorpus'"):
        loaded(place, changed(datasets=["card:nfcorpsu"]))


# ------------------------------------------------------------------------------------------- whatever is written


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value within a tree, the whole aside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield (*path, key)
        yield from places(held, (*path, key))


def without(tree: Any, path: tuple[Any, ...]) -> None:
    *way, last = path
    for key in way:
        tree = tree[key]
    del tree[last]


def put(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    *way, last = path
    for key in way:
        tree = tree[key]
    tree[last] = value


WORDS = [
    "", " ", "official", "none", "qwen3-eval", "mine", "first", "second", "dev", "test", "test/dev", "test/x", "a/b/c",
    "~", "~nobody-at-all", "\0", "..", "/", "card:", "card:x", "ir:x", "tables:{", "trec:{}", "drawn:{", "map", "ndcg@",
    "all", "=", "…", "\ud800", "given", "dense", "null",
]  # fmt: skip
KEYS = ["name", "text", "template", "field", "split", "of", "dev", "test", "dev_share", "seed", "path", "drawn", "trec",
        "corpus", "hf", "reranking", "first", "second", "measures", "device", "scenarios", "candidates", "use_fp16",
        "compare", "calibration", "x", 5, None, True]  # fmt: skip
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS), st.text(max_size=4),
    st.just(datetime.date(2026, 1, 1)), st.just(b"x"),
)  # fmt: skip
junk = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def module_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    (folder / "first" / "qrels").mkdir(parents=True)
    (folder / "first" / "qrels" / "test.tsv").write_text("", encoding="utf-8")
    return folder


@given(st.data())
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_any_yaml_is_a_study_or_one_error(module_place: Path, data: st.DataObject) -> None:
    tree = copy.deepcopy(TREE)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(tree)) or [("name",)]))
        if data.draw(st.booleans()):
            put(tree, path, data.draw(junk))
        elif path[-1] in (tree if len(path) == 1 else ()) or len(path) > 1:
            without(tree, path)
    try:
        file = loaded(module_place, tree)
    except (ConfigError, DataError) as error:
        assert str(error).strip()
    else:
        assert file.baseline in {arm.name for arm in file.arms}
        for each in file.sets:
            assert each.dev_split != each.test_split
            assert len(each.dev) > 1
            assert file.baseline in each.dev
            assert all(set(file.measures) <= set(trial.measures) for trial in each.dev.values())


@given(text=st.text(max_size=40))
@settings(deadline=None, max_examples=100)
def test_any_text_is_one_error(module_place: Path, text: str) -> None:
    path = module_place / "text.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_study(path)


values = st.one_of(st.integers(), st.floats(), st.booleans(), st.sampled_from(WORDS), st.text(max_size=4))
items = st.sampled_from(
    ["depth", "datasets", "measures", "x", "device", "use_fp16", "time_limit_s", "reranker"]
).flatmap(lambda key: values.filter(lambda value: "~" not in str(value)).map(lambda value: f"{key}={value}"))


@given(st.lists(items, max_size=2))
@settings(deadline=None, max_examples=100)
def test_any_override_is_taken_or_one_error(module_place: Path, overrides: list[str]) -> None:
    try:
        loaded(module_place, with_arm("none"), *overrides)
    except (ConfigError, DataError) as error:
        assert str(error).strip()
