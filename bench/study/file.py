"""A study file -> its arms and, for every set, the trials of both sides. Strict, as every config is.

::

    name: instructions
    datasets: [path/to/first, {path: second, split: {of: test, dev_share: 0.3}}]
    trial: {retriever: dense, embedder: …, reranker: …, depth: 50}
    baseline: official                     # one of the arms
    instructions:
      - official                           # by its name in the library
      - {name: mine, text: Retrieve clauses that bind the tenant}
      - {name: by set, text: {first: …, second: …}}
      - {name: by query, field: instruction}             # a field of queries.jsonl
      - {name: other template, text: official, template: qwen3-eval}
    study: {compare: [ndcg@10, precision@1], split: {dev: dev, test: test}, looks: 1}

Where nothing is said of the split, a set with both ``dev`` and ``test`` is taken at that, and of any other a half of
its queries becomes dev (``bench.data.parts``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.config.axes import asks_for_all
from bench.config.fields import TUPLE_FIELDS
from bench.config.plan import expand, read_overrides
from bench.data import splits
from bench.data.parts import HALF, Part, parse_part
from bench.measures import check_measure
from bench.reading import Keys, checked, inside, overridden, read_config, shown, standing_elsewhere, told_at, unknown
from bench.rerankers.template import TEMPLATES
from bench.sources import default_split
from bench.sources.spec import is_name, label
from bench.study.named import LIBRARY
from bench.study.words import Arm
from bench.synthetic import is_drawn
from bench.types import ConfigError, DataError, Trial

_VARIED = ("instruction", "instruction_field", "template")
_ONE_VALUE = "a study varies the instruction alone; give one value for every other field"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class _Arm(_Strict):
    name: str
    text: str | dict[str, str] | None = None
    template: str | None = None
    query_field: str | None = Field(default=None, alias="field")


class _Sides(_Strict):
    dev: str
    test: str


class _Drawn(_Strict):
    of: str | None = None
    dev_share: float = Field(default=HALF, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)


class Calibrating(_Strict):
    """``precision`` is the one for which a threshold is looked for, ``relevant_from`` the lowest grade of a relevant
    document."""

    precision: float = Field(default=0.9, gt=0, lt=1)
    relevant_from: int = Field(default=1, ge=1)
    unjudged: Literal["auto", "left out", "not relevant"] = "auto"


class _Study(_Strict):
    compare: list[str] = Field(default=["ndcg@10", "precision@1"], min_length=1)
    split: dict[str, Any] | None = None
    looks: int = Field(default=1, ge=1)
    effect: float = Field(default=0.02, gt=0, lt=1)
    sd: float = Field(default=0.2, gt=0, le=1)
    calibration: dict[str, Any] = {}


class _File(_Strict):
    name: str
    baseline: str
    instructions: list[Any]
    datasets: list[Any] = Field(min_length=1)
    description: str = ""
    trial: dict[str, Any] = {}
    study: dict[str, Any] = {}
    time_limit_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every set of a study shares. ``forced`` fields are from the command line."""

    name: str
    trial: Mapping[str, Any]
    measures: tuple[str, ...]
    split: _Sides | _Drawn | None
    arms: tuple[Arm, ...]
    forced: Mapping[str, Any]
    base: Path
    source: str


@dataclass(frozen=True, slots=True)
class StudySet:
    """One labelled set. ``dev`` and ``test`` hold the trial of each arm, by the arm's name; an arm may have none here.

    ``dev_split`` and ``test_split`` are splits of the set, or parts of one.
    """

    label: str
    dev_split: str
    test_split: str
    dev: Mapping[str, Trial]
    test: Mapping[str, Trial]


@dataclass(frozen=True, slots=True)
class StudyFile:
    """``measures`` are compared, and the first of them chooses. ``effect`` is the difference worth finding, ``sd`` the
    assumed spread of per-query differences before anything is measured; ``looks`` how often a test set may be used."""

    name: str
    description: str
    arms: tuple[Arm, ...]
    baseline: str
    sets: tuple[StudySet, ...]
    measures: tuple[str, ...]
    looks: int
    effect: float
    sd: float
    calibration: Calibrating
    base: Path
    text: str
    time_limit_s: float | None = None

    @property
    def dev_trials(self) -> tuple[Trial, ...]:
        return tuple(trial for each in self.sets for trial in each.dev.values())


def load_study(path: Path, overrides: Sequence[str] = ()) -> StudyFile:
    """Read a study file; ``overrides`` are Trial fields of all arms, ``datasets`` or ``time_limit_s``.

    No set is read but for the names of its splits: whether they hold queries is found later. Raises ConfigError.
    """
    config, base = read_config(path, "name, datasets, baseline and instructions"), path.resolve().parent
    said = read_overrides(overrides, base)
    source = overridden(config.place, [(key,) for key in said.top])
    for name in said.fields:
        if name in _VARIED or name == "split":
            raise ConfigError(
                f"{name} is what a study varies or chooses by; change it in {path}, not behind the command"
            )
    file = checked(_File, config.tree | said.top, source)
    study = checked(_Study, file.study, inside(source, "study", said="study"))
    arms = tuple(_arm(each, inside(source, "instructions", number)) for number, each in enumerate(file.instructions))
    _check_arms(arms, file.baseline, source)
    asked = _Asked(
        name=file.name,
        trial=file.trial,
        measures=_measures(study, source),
        split=None
        if study.split is None
        else _sides(study.split, inside(source, "study", "split", said="study.split")),
        arms=arms,
        forced=said.fields,
        base=base,
        source=source,
    )
    sets = tuple(_set(number, entry, asked) for number, entry in enumerate(file.datasets))
    _check_sets(sets, arms, file.baseline, source)
    note = "".join(f"# override: {item}\n" for item in overrides)
    return StudyFile(
        name=file.name,
        description=file.description,
        arms=arms,
        baseline=file.baseline,
        sets=sets,
        measures=asked.measures,
        looks=study.looks,
        effect=study.effect,
        sd=study.sd,
        calibration=checked(
            Calibrating, study.calibration, inside(source, "study", "calibration", said="study.calibration")
        ),
        base=base,
        text=note + config.text,
        time_limit_s=file.time_limit_s,
    )


def _measures(study: _Study, source: str) -> tuple[str, ...]:
    for number, name in enumerate(study.compare):
        with told_at(inside(source, "study", "compare", number, said="study.compare")):
            check_measure(name)
    return tuple(dict.fromkeys(study.compare))


# ------------------------------------------------------------------------------------------------------- arms


def _arm(entry: Any, source: str) -> Arm:
    if isinstance(entry, str):
        return _known_arm(entry, source)
    if not isinstance(entry, dict):
        raise ConfigError(
            f"{source}: instructions: {shown(entry)} is no instruction; give a name in the library, or {{name: …, "
            "text: …}"
        )
    named = isinstance(entry.get("name"), str) and entry["name"].strip()
    where = inside(source, said=f"instruction {shown(entry['name'])}" if named else "instructions")
    said = checked(_Arm, entry, where)
    if not named:
        raise ConfigError(f"{source}: an instruction has no name; give it a short one, as tables are to show it")
    if said.template is not None and said.template not in TEMPLATES:
        raise ConfigError(f"{inside(where, 'template')}: {unknown('template', said.template, tuple(TEMPLATES))}")
    if said.text in (None, {}) and said.template is None and said.query_field is None:
        raise ConfigError(f"{where}: it says nothing; give a text, a field of the queries, or another template")
    by_dataset = said.text if isinstance(said.text, dict) else {}
    known_as = said.text if isinstance(said.text, str) and said.text in LIBRARY else ""
    text = LIBRARY[known_as].text if known_as else said.text if isinstance(said.text, str) else None
    wordless = said.template is not None and not TEMPLATES[said.template].takes_instruction
    if wordless and not (said.text is None and said.query_field is None):
        raise ConfigError(f"{where}: the template {said.template!r} has no place for an instruction; leave it out")
    own = {name: LIBRARY[value].text if value in LIBRARY else value for name, value in by_dataset.items()}
    return Arm(said.name, text, said.template, said.query_field, own, known_as)


def _known_arm(name: str, source: str) -> Arm:
    if name not in LIBRARY:
        raise ConfigError(
            f"{source}: instructions: {unknown('instruction', name, tuple(LIBRARY))}. Write a text of your own as "
            "{name: …, text: …}"
        )
    return Arm(name, LIBRARY[name].text, known_as=name)


def _check_arms(arms: Sequence[Arm], baseline: str, source: str) -> None:
    names = [arm.name for arm in arms]
    if len(names) < 2:
        raise ConfigError(
            f"{inside(source, 'instructions')}: instructions: a study compares two instructions or more, and "
            f"{len(names) or 'none'} is named"
        )
    for number, name in enumerate(names):
        if name in names[:number]:
            place = inside(source, "instructions", number)
            raise ConfigError(f"{place}: two instructions have the name {name!r}; names are unique")
    if baseline not in names:
        raise ConfigError(f"{inside(source, 'baseline')}: baseline: {unknown('instruction', baseline, names)}")


# ------------------------------------------------------------------------------------------------------- sets


def _set(number: int, entry: Any, asked: _Asked) -> StudySet:
    where = inside(asked.source, "datasets", number, said="datasets")
    moved: dict[Keys, Keys] = {("pipelines", arm.name): ("instructions", at) for at, arm in enumerate(asked.arms)}
    asked = replace(asked, source=standing_elsewhere(asked.source, {("datasets", 0): ("datasets", number), **moved}))
    sides, plain, own = asked.split, entry, entry.get("split") if isinstance(entry, dict) else None
    if isinstance(own, dict):
        plain = {key: value for key, value in entry.items() if key != "split"}
        sides = _sides(own, inside(where, "split", said="split"))
    if (isinstance(entry, dict) and "drawn" in entry) or (isinstance(entry, str) and is_drawn(entry)):
        raise ConfigError(f"{where}: drawn pairs have no judgements, so no instruction can be better on them")
    whole = _trials(plain, asked.arms[:1], asked, "")[asked.arms[0].name]
    dev, test = _split_names(whole, sides, isinstance(own, str), asked.base, where)
    name = label(whole.dataset)
    mine = [arm for arm in asked.arms if not arm.by_dataset or name in arm.by_dataset or arm.text is not None]
    trials = _trials(plain, mine, asked, name) if mine else {}
    on_dev, on_test = ({arm: replace(trial, split=split) for arm, trial in trials.items()} for split in (dev, test))
    return StudySet(name, dev, test, on_dev, on_test)


def _sides(said: Mapping[str, Any], where: str) -> _Sides | _Drawn:
    return checked(_Sides, said, where) if "dev" in said or "test" in said else checked(_Drawn, said, where)


def _split_names(
    trial: Trial, asked: _Sides | _Drawn | None, is_given: bool, base: Path, where: str
) -> tuple[str, str]:
    """The names of both sides. A split that a set's entry names itself is drawn from."""
    known = _known_splits(trial, base, where)
    if isinstance(asked, _Sides):
        dev, test = asked.dev, asked.test
    elif asked is None and not is_given and {"dev", "test"} <= set(known):
        dev, test = "dev", "test"
    else:
        drawn = asked or _Drawn()
        of = drawn.of or (trial.split if is_given else default_split(trial.dataset))
        if "/" in of:
            raise ConfigError(f"{where}: split {shown(of)} is a part already; name the whole split, or both sides")
        dev, test = (Part(of, side, drawn.dev_share, drawn.seed).name for side in ("dev", "test"))
    with told_at(where):
        for name in (dev, test):
            parse_part(name)
    if dev == test:
        raise ConfigError(f"{where}: split: dev and test are both {dev!r}; what chooses must not judge")
    return dev, test


def _known_splits(trial: Trial, base: Path, where: str) -> tuple[str, ...]:
    """Of a folder in BEIR layout; nothing is known of another before it is read."""
    if is_name(trial.dataset):
        return ()
    try:
        return splits((base / Path(trial.dataset).expanduser()).resolve())
    except DataError:
        return ()
    except (OSError, RuntimeError, ValueError) as error:  # a home that nobody has, a name that no folder can have
        raise ConfigError(f"{where}: {trial.dataset!r} cannot be looked for: {error}") from error


def _trials(entry: Any, arms: Sequence[Arm], asked: _Asked, name: str) -> dict[str, Trial]:
    """The trial of each arm on the set of that name, by the arm's."""
    where = inside(asked.source, "trial", said="trial")
    for key, value in asked.trial.items():
        if key in _VARIED:
            raise ConfigError(f"{inside(where, key)}: {key} is what the arms vary; say it in the list of instructions")
        if isinstance(value, list) and key not in TUPLE_FIELDS:
            raise ConfigError(f"{inside(where, key)}: {key} is the list {shown(value)}; {_ONE_VALUE}")
    if asks_for_all([asked.trial, asked.forced]):
        raise ConfigError(f"{where}: device is all; {_ONE_VALUE}")
    shared = {"scenarios": [], **asked.trial}
    tree = {
        "name": asked.name,
        "datasets": [entry],
        "trial": _with_measures(shared, asked.measures),
        "pipelines": {arm.name: _fields(arm, name) for arm in arms},
    }
    forced = _with_measures(asked.forced, asked.measures) if "measures" in asked.forced else asked.forced
    trials = expand(tree, forced, asked.source).trials
    if any(trial.reranker is None for trial in trials):
        raise ConfigError(f"{where}: a study is of a reranker's instructions, and none is named")
    if len(trials) > len(arms):
        raise ConfigError(f"{asked.source}: {_ONE_VALUE}")
    return {trial.pipeline: trial for trial in trials}


def _with_measures(values: Mapping[str, Any], compared: Sequence[str]) -> dict[str, Any]:
    """The measures that are compared and then those that are asked for beside them; what is no list is left as it is,
    for the check of types to find."""
    beside = values.get("measures", [])
    if not (isinstance(beside, list) and all(isinstance(each, str) for each in beside)):
        return dict(values)
    return {**values, "measures": list(dict.fromkeys([*compared, *beside]))}


def _fields(arm: Arm, dataset: str) -> dict[str, Any]:
    template = {} if arm.template is None else {"template": arm.template}
    return {
        "instruction": arm.by_dataset.get(dataset, arm.text),
        "instruction_field": arm.query_field,
        **template,
    }


def _check_sets(sets: Sequence[StudySet], arms: Sequence[Arm], baseline: str, source: str) -> None:
    labels = [each.label for each in sets]
    for number, name in enumerate(labels):
        if name in labels[:number]:
            place = inside(source, "datasets", number)
            raise ConfigError(f"{place}: two datasets are called {name!r}, so that nobody could tell them apart")
    for number, arm in enumerate(arms):
        for name in arm.by_dataset:
            if name not in labels:
                place = inside(source, "instructions", number, "text", name, said=f"instruction {arm.name!r}")
                raise ConfigError(f"{place}: {unknown('dataset', name, labels)}")
    for each in sets:
        if baseline not in each.dev:
            place = inside(source, "baseline")
            raise ConfigError(f"{place}: the baseline {baseline!r} has no text for {each.label}")
        if len(each.dev) < 2:
            raise ConfigError(
                f"{source}: {each.label} has no other instruction than the baseline; there is nothing to compare"
            )
