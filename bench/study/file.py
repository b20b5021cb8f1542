"""A study file -> its arms and, for every set, the trials of both sides. Strict, as every config is.

::

    name: instructions
    datasets: [path/to/set, {path: other, split: {of: test, dev_share: 0.3}}]
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

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.config.plan import expand, read_overrides, read_tree
from bench.data import splits
from bench.data.parts import HALF, Part
from bench.measures import check_measure
from bench.reading import as_json, first_problem, unknown
from bench.rerankers.template import TEMPLATES
from bench.sources import default_split
from bench.sources.spec import is_name, label
from bench.study.library import LIBRARY
from bench.study.words import Arm
from bench.synthetic import is_drawn
from bench.types import ConfigError, DataError, Trial

_VARIED = ("instruction", "instruction_field", "template")


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
    split: _Sides | _Drawn | None = None
    looks: int = Field(default=1, ge=1)
    effect: float = Field(default=0.02, gt=0, lt=1)
    sd: float = Field(default=0.2, gt=0, le=1)
    calibration: Calibrating = Calibrating()


class _File(_Strict):
    name: str
    baseline: str
    instructions: list[str | _Arm] = Field(min_length=2)
    datasets: list[Any] = Field(min_length=1)
    description: str = ""
    trial: dict[str, Any] = {}
    study: _Study = _Study()
    time_limit_s: float | None = Field(default=None, gt=0)


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
    """Read a study file; ``overrides`` are Trial fields of all arms, ``datasets`` or ``time_limit_s``. Raises
    ConfigError, and DataError for a folder whose splits cannot be listed."""
    text, tree = read_tree(path)
    base, source = path.resolve().parent, str(path)
    said = read_overrides(overrides, base)
    tree |= said.top
    for name in said.fields:
        if name in _VARIED or name == "split":
            raise ConfigError(
                f"{name} is what a study varies or chooses by; change it in {path}, not behind the command"
            )
    for key in tree:
        if key not in _File.model_fields:
            raise ConfigError(f"{source}: {unknown('key', str(key), tuple(_File.model_fields))}")
    try:
        file = _File.model_validate_json(as_json(tree, source))
    except ValidationError as error:
        raise ConfigError(f"{source}: {first_problem(error)}") from error
    measures = _measures(file, source)
    arms = tuple(_arm(each, source) for each in file.instructions)
    _check_arms(arms, file.baseline, source)
    sets = tuple(_set(entry, file, arms, said.fields, base, source) for entry in file.datasets)
    _check_sets(sets, arms, file.baseline, source)
    note = "".join(f"# override: {item}\n" for item in overrides)
    return StudyFile(
        name=file.name,
        description=file.description,
        arms=arms,
        baseline=file.baseline,
        sets=sets,
        measures=measures,
        looks=file.study.looks,
        effect=file.study.effect,
        sd=file.study.sd,
        calibration=file.study.calibration,
        base=base,
        text=note + text,
        time_limit_s=file.time_limit_s,
    )


def _measures(file: _File, source: str) -> tuple[str, ...]:
    for name in file.study.compare:
        try:
            check_measure(name)
        except ConfigError as error:
            raise ConfigError(f"{source}: study.compare: {error}") from error
    return tuple(dict.fromkeys(file.study.compare))


# ------------------------------------------------------------------------------------------------------- arms


def _arm(said: str | _Arm, source: str) -> Arm:
    if isinstance(said, str):
        if said not in LIBRARY:
            raise ConfigError(
                f"{source}: instructions: {unknown('instruction', said, tuple(LIBRARY))}. Write a text of your own as "
                "{name: …, text: …}"
            )
        return Arm(said, LIBRARY[said].text, known_as=said)
    where = f"{source}: instruction {said.name!r}"
    if not said.name.strip():
        raise ConfigError(f"{source}: an instruction has no name; give it a short one, as tables are to show it")
    if said.template is not None and said.template not in TEMPLATES:
        raise ConfigError(f"{where}: {unknown('template', said.template, tuple(TEMPLATES))}")
    if said.text is None and said.template is None and said.query_field is None:
        raise ConfigError(f"{where}: it says nothing; give a text, a field of the queries, or another template")
    by_dataset = said.text if isinstance(said.text, dict) else {}
    known_as = said.text if isinstance(said.text, str) and said.text in LIBRARY else ""
    text = LIBRARY[known_as].text if known_as else said.text if isinstance(said.text, str) else None
    wordless = said.template is not None and not TEMPLATES[said.template].takes_instruction
    if wordless and not (said.text is None and said.query_field is None):
        raise ConfigError(f"{where}: the template {said.template!r} has no place for an instruction; leave it out")
    own = {name: LIBRARY[value].text if value in LIBRARY else value for name, value in by_dataset.items()}
    return Arm(said.name, text, said.template, said.query_field, own, known_as)


def _check_arms(arms: Sequence[Arm], baseline: str, source: str) -> None:
    names = [arm.name for arm in arms]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{source}: two instructions have the name {name!r}; names are unique")
    if baseline not in names:
        raise ConfigError(f"{source}: baseline: {unknown('instruction', baseline, names)}")


# ------------------------------------------------------------------------------------------------------- sets


def _set(entry: Any, file: _File, arms: Sequence[Arm], forced: Mapping[str, Any], base: Path, source: str) -> StudySet:
    where = f"{source}: datasets"
    asked, plain = file.study.split, entry
    if isinstance(entry, dict) and isinstance(entry.get("split"), dict):
        plain = {key: value for key, value in entry.items() if key != "split"}
        asked = _sides(entry["split"], where)
    whole = _trials(plain, arms[:1], file, forced, source, "")[arms[0].name]
    if is_drawn(whole.dataset):
        raise ConfigError(f"{where}: drawn pairs have no judgements, so no instruction can be better on them")
    dev, test = _split_names(whole, asked, isinstance(entry, dict) and isinstance(entry.get("split"), str), base)
    name = label(whole.dataset)
    mine = [arm for arm in arms if not arm.by_dataset or name in arm.by_dataset or arm.text is not None]
    trials = _trials(plain, mine, file, forced, source, name)
    on_dev, on_test = ({arm: replace(trial, split=split) for arm, trial in trials.items()} for split in (dev, test))
    return StudySet(name, dev, test, on_dev, on_test)


def _sides(said: Mapping[str, Any], where: str) -> _Sides | _Drawn:
    kind = _Sides if "dev" in said or "test" in said else _Drawn
    try:
        return kind.model_validate_json(as_json(said, where))
    except ValidationError as error:
        raise ConfigError(f"{where}: split.{first_problem(error)}") from error


def _split_names(trial: Trial, asked: _Sides | _Drawn | None, is_given: bool, base: Path) -> tuple[str, str]:
    """The names of both sides. A split that a set's entry names itself is drawn from."""
    if isinstance(asked, _Sides):
        if asked.dev == asked.test:
            raise ConfigError(f"split: dev and test are both {asked.dev!r}; what chooses must not judge")
        return asked.dev, asked.test
    if asked is None and not is_given and {"dev", "test"} <= set(_known_splits(trial, base)):
        return "dev", "test"
    drawn = asked or _Drawn()
    of = drawn.of or (trial.split if is_given else default_split(trial.dataset))
    dev, test = (Part(of, side, drawn.dev_share, drawn.seed).name for side in ("dev", "test"))
    return dev, test


def _known_splits(trial: Trial, base: Path) -> tuple[str, ...]:
    """Of a folder in BEIR layout; nothing is known of another before it is read."""
    if is_name(trial.dataset):
        return ()
    try:
        return splits((base / Path(trial.dataset).expanduser()).resolve())
    except DataError:
        return ()


def _trials(
    entry: Any, arms: Sequence[Arm], file: _File, forced: Mapping[str, Any], source: str, name: str
) -> dict[str, Trial]:
    """The trial of each arm on the set of that name, by the arm's."""
    shared = {"scenarios": [], **file.trial}
    shared["measures"] = list(dict.fromkeys([*file.study.compare, *shared.get("measures", [])]))
    for key in _VARIED:
        if key in shared:
            raise ConfigError(f"{source}: trial: {key} is what the arms vary; say it in the list of instructions")
    tree = {
        "name": file.name,
        "datasets": [entry],
        "trial": shared,
        "pipelines": {arm.name: _fields(arm, name) for arm in arms},
    }
    trials = expand(tree, forced, source).trials
    if any(trial.reranker is None for trial in trials):
        raise ConfigError(f"{source}: trial: a study is of a reranker's instructions, and none is named")
    if len(trials) > len(arms):
        raise ConfigError(f"{source}: a study varies the instruction alone; give one value for every other field")
    return {trial.pipeline: trial for trial in trials}


def _fields(arm: Arm, dataset: str) -> dict[str, Any]:
    template = {} if arm.template is None else {"template": arm.template}
    return {
        "instruction": arm.by_dataset.get(dataset, arm.text),
        "instruction_field": arm.query_field,
        **template,
    }


def _check_sets(sets: Sequence[StudySet], arms: Sequence[Arm], baseline: str, source: str) -> None:
    labels = [each.label for each in sets]
    for name in labels:
        if labels.count(name) > 1:
            raise ConfigError(f"{source}: two datasets are called {name!r}, so that nobody could tell them apart")
    for arm in arms:
        for name in arm.by_dataset:
            if name not in labels:
                raise ConfigError(f"{source}: instruction {arm.name!r}: {unknown('dataset', name, labels)}")
    for each in sets:
        if baseline not in each.dev:
            raise ConfigError(f"{source}: the baseline {baseline!r} has no text for {each.label}")
        if len(each.dev) < 2:
            raise ConfigError(
                f"{source}: {each.label} has no other instruction than the baseline; there is nothing to compare"
            )
